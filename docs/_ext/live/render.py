"""Turn what a cell printed into docutils nodes that read well in every builder.

jupyter-sphinx renders text, HTML and mathematics. What it leaves rough is done here: an exception shows the
reader's own line and its last line and folds the rest away; an SVG stands in the page itself, so that it
follows the page's colours; a picture has a size and an alternative text.
"""

import base64
import hashlib
import html
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imagesize
from docutils import nodes
from nbconvert.filters import strip_ansi

from live.downloads import write_if_changed
from live.notebook import Cell

#: Suffix of the file that a picture of this type is stored in.
PICTURES = {"image/png": ".png", "image/jpeg": ".jpg"}
SVG = "image/svg+xml"

_CHAINED = re.compile(
    r"\n+(?:The above exception was the direct cause of the following exception"
    r"|During handling of the above exception, another exception occurred):\n+"
)
_CELL_FRAME = re.compile(r"^\s*Cell In\s?\[(\d+)\], line (\d+)", re.MULTILINE)
_RULE = re.compile(r"\A-{5,}\n")
_LIBRARY = re.compile(r"^(File )\S*?[\\/](?:site-packages|python3\.\d+)[\\/](?!site-packages)", re.MULTILINE)


class Folded(nodes.container):
    """A part of a cell that HTML folds away behind the words in ``summary``.

    Other builders show it, unless its ``html_only`` is true.
    """


def visit_container(self: Any, node: nodes.Element) -> None:
    """Begin a cell like any container; ``self`` is a builder's translator, here and below."""
    self.visit_container(node)


def depart_container(self: Any, node: nodes.Element) -> None:
    """End a cell."""
    self.depart_container(node)


def visit_anchored_latex(self: Any, node: nodes.Element) -> None:
    """Begin a cell in LaTeX, whose containers would drop the anchor that quotations link to."""
    for anchor in node["ids"]:
        self.body.append(self.hypertarget(anchor, anchor=False))
    self.visit_container(node)


def visit_folded(self: Any, node: Folded) -> None:
    """Show what only HTML can fold, or leave it out."""
    if node["html_only"]:
        raise nodes.SkipNode
    self.visit_container(node)


def depart_folded(self: Any, node: Folded) -> None:
    """End a part that HTML would fold."""
    self.depart_container(node)


def visit_folded_html(self: Any, node: Folded) -> None:
    """Begin a folded part."""
    self.body.append(self.starttag(node, "details"))
    self.body.append(f"<summary>{html.escape(node['summary'])}</summary>")


def depart_folded_html(self: Any, node: Folded) -> None:
    """End a folded part."""
    self.body.append("</details>\n")


def text_of(data: str | list[str]) -> str:
    """Return the text of one entry of a MIME bundle, which nbformat may have split into lines."""
    return data if isinstance(data, str) else "".join(data)


def plain(output: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of an output as jupyter-sphinx is to render it: without pictures and terminal colours.

    :param output: an output of nbformat 4.
    :returns: a new output of the same type.
    """
    copy = dict(output)
    if "text" in copy:
        copy["text"] = strip_ansi(text_of(copy["text"]))
    if "data" in copy:
        copy["data"] = {
            mimetype: text_of(data) if mimetype.startswith("text/") else data
            for mimetype, data in copy["data"].items()
            if not mimetype.startswith("image/")
        }
        if "text/plain" in copy["data"]:
            copy["data"]["text/plain"] = strip_ansi(copy["data"]["text/plain"])
    return copy


def shorten_paths(traceback: str, root: Path) -> str:
    """Shorten the paths of a traceback: the reader's machine has others, and the module's own name is enough.

    :param traceback: text of a traceback as IPython prints it.
    :param root: the project's root; files below it are named relative to it.
    :returns: the text with paths relative to ``root``, to ``site-packages`` or to Python's own library.
    """
    prefixes = [str(root)]
    if root.is_relative_to(Path.home()):
        prefixes.append(os.path.join("~", root.relative_to(Path.home())))
    for prefix in prefixes:
        traceback = traceback.replace(prefix + os.sep, "")
    return _LIBRARY.sub(r"\1", traceback)


def error_node(output: dict[str, Any], source: str, root: Path) -> nodes.Element:
    """Return an exception as the reader needs it: the own line, the last line, and the rest folded away.

    Of chained exceptions the last one raised counts, because that is the one that stopped the cell.

    :param output: an output of type ``error``.
    :param source: the source of the cell that failed.
    :param root: the project's root, to shorten paths.
    :returns: a container of class ``live-error``.
    """
    full = _RULE.sub("", strip_ansi("\n".join(output["traceback"]))).strip("\n")
    full = shorten_paths(full, root)
    last = _CHAINED.split(full)[-1]
    error = nodes.container(classes=["output", "live-error"])
    for number, line in _own_lines(last, source):
        code = nodes.literal_block(line, line, language="ipython3", classes=["live-error-line"])
        code["linenos"] = True
        code["highlight_args"] = {"linenostart": number}
        error += code
    kind, rest = _last_line(last, output)
    error += nodes.literal_block(
        "", "", nodes.strong("", kind), nodes.Text(rest), language="none", classes=["live-error-message"]
    )
    if "File " in last or last != full:
        traceback = nodes.literal_block(full, full, language="ipythontb", classes=["live-traceback"])
        error += Folded("", traceback, summary="Full traceback", html_only=True, classes=["live-folded"])
    return error


def _own_lines(traceback: str, source: str) -> Iterator[tuple[int, str]]:
    """Yield number and text of the lines of the failing cell itself that the traceback passes through."""
    frames = _CELL_FRAME.findall(traceback)
    lines = source.splitlines()
    seen = set()
    for cell, number in frames:
        position = int(number)
        # The outermost frame is the failing cell; later ones may be functions of earlier cells.
        if cell == frames[0][0] and position not in seen and position <= len(lines):
            seen.add(position)
            yield position, lines[position - 1].strip()


def _last_line(traceback: str, output: dict[str, Any]) -> tuple[str, str]:
    """Return the exception's name and the rest of its last line, or lines if its message has several."""
    kind = output["ename"]
    found = re.findall(rf"^{re.escape(kind)}(:.*)?\Z", traceback, re.MULTILINE | re.DOTALL)
    return kind, found[-1].rstrip() if found else f": {strip_ansi(output['evalue'])}"


def picture_nodes(
    output: dict[str, Any], cell: Cell, number: int, folder: Path, srcdir: Path
) -> dict[str, nodes.Element]:
    """Return a node for each picture in an output's MIME bundle.

    :param output: an output with data.
    :param cell: the cell that it comes from, for the alternative text.
    :param number: the position of the output in its cell, from 1 on.
    :param folder: where picture files are stored; a file is named after its content.
    :param srcdir: Sphinx's source folder, to which the addresses of pictures are relative.
    :returns: MIME type to node; empty if the output holds no picture.
    """
    shown: dict[str, nodes.Element] = {}
    for mimetype, data in output.get("data", {}).items():
        if mimetype == SVG:
            svg = re.sub(r"\A\s*(?:<\?xml.*?\?>\s*)?(?:<!DOCTYPE.*?>\s*)?", "", text_of(data), flags=re.DOTALL)
            shown[SVG] = nodes.raw("", svg, format="html", classes=["output", "image_svg"])
        elif mimetype in PICTURES:
            picture = base64.b64decode(text_of(data))
            digest = hashlib.sha256(picture).hexdigest()[:12]
            path = folder / f"cell-{cell.label}-{number}-{digest}{PICTURES[mimetype]}"
            write_if_changed(path, picture)
            metadata = output.get("metadata", {})
            details = {**metadata, **metadata.get(mimetype, {})}
            width, height = imagesize.get(path)
            shown[mimetype] = nodes.image(
                uri="/" + Path(os.path.relpath(path, srcdir)).as_posix(),
                alt=details.get("alt", f"Output of cell {cell.label}"),
                width=str(details.get("width", width)),
                height=str(details.get("height", height)),
                # Sphinx would link every picture that has a size to itself.
                classes=["output", "image_file", "no-scaled-link"],
            )
    return shown
