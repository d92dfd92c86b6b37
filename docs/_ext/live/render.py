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
from typing import Any, cast

from docutils import nodes
from jupyter_sphinx.ast import JupyterCellNode
from nbformat import NotebookNode, from_dict
from sphinx.application import Sphinx
from sphinx.util.images import get_image_size

from live.downloads import write_if_changed
from live.notebook import Cell

#: Suffix of the file that a picture of this type is stored in.
PICTURES = {"image/png": ".png", "image/jpeg": ".jpg"}
SVG = "image/svg+xml"

_CHAINED = re.compile(
    r"\n+(?:The above exception was the direct cause of the following exception"
    r"|During handling of the above exception, another exception occurred):\n+"
)
_FRAME = re.compile(r"^(?:File |\s*Cell In)", re.MULTILINE)
_CELL_FRAME = re.compile(r"^\s*Cell In\s?\[(\d+)\], line (\d+)", re.MULTILINE)
_XML_PROLOGUE = re.compile(r"\A\s*(?:<\?xml.*?\?>\s*)?(?:<!DOCTYPE.*?>\s*)?", re.DOTALL)
_RULE = re.compile(r"\A-{5,}\n")
_LIBRARY = re.compile(r"^(File )\S*?[\\/](?:site-packages|python3\.\d+)[\\/](?!site-packages)", re.MULTILINE)


class CellNode(JupyterCellNode):  # type: ignore[misc]
    """A cell of an executed notebook, which the attributes ``notebook`` and ``cell`` (its number) name."""


class Folded(nodes.container):
    """A part of a cell that HTML folds away behind the words in ``summary``.

    Other builders show it, unless its ``html_only`` is true.
    """


def visit_container(self: Any, node: nodes.Element) -> None:
    """Begin a cell as any container; ``self`` is a builder's translator, here and below."""
    self.visit_container(node)


def depart_container(self: Any, node: nodes.Element) -> None:
    """End what began like a container."""
    self.depart_container(node)


def visit_cell_latex(self: Any, node: nodes.Element) -> None:
    """Begin a cell in LaTeX, whose containers would drop the anchor that quotations link to."""
    for anchor in node["ids"]:
        self.body.append(self.hypertarget(anchor, anchor=False))
    self.visit_container(node)


def visit_folded(self: Any, node: Folded) -> None:
    """Show what only HTML can fold, or leave it out."""
    if node["html_only"]:
        raise nodes.SkipNode
    self.visit_container(node)


def visit_folded_html(self: Any, node: Folded) -> None:
    """Begin a folded part."""
    self.body.append(self.starttag(node, "details"))
    self.body.append(f"<summary>{html.escape(node['summary'])}</summary>")


def depart_folded_html(self: Any, node: Folded) -> None:
    """End a folded part."""
    self.body.append("</details>\n")


def folded(node: nodes.Element, summary: str) -> Folded:
    """Fold a part of a cell away in HTML.

    :param node: the part.
    :param summary: what the reader clicks.
    """
    return Folded("", node, summary=summary, html_only=False, classes=["live-folded"])


def add_nodes(app: Sphinx) -> None:
    """Tell Sphinx how each builder renders our nodes."""
    as_container = (visit_container, depart_container)
    as_folded = (visit_folded, depart_container)
    in_latex = (visit_cell_latex, depart_container)
    in_html = (visit_folded_html, depart_folded_html)
    app.add_node(CellNode, html=as_container, latex=in_latex, text=as_container, man=as_container)
    app.add_node(Folded, html=in_html, latex=as_folded, text=as_folded, man=as_folded)


def without_colours(text: str) -> str:
    """Return a text without a terminal's control codes."""
    from nbconvert.filters import strip_ansi  # here, because it takes a while (see live.lean)

    return cast(str, strip_ansi(text))  # type: ignore[no-untyped-call]


def plain_title(title: str) -> str:
    """Return a title without Markdown's signs for code and emphasis."""
    return title.translate(str.maketrans("", "", "`*"))


def plain(output: NotebookNode) -> NotebookNode:
    """Return a copy of an output as jupyter-sphinx is to render it: without pictures and terminal colours.

    :param output: an output of nbformat 4.
    :returns: a new output of the same type.
    """
    copy = dict(output)
    if "text" in copy:
        copy["text"] = without_colours(copy["text"])
    if "data" in copy:
        data = {kind: content for kind, content in copy["data"].items() if not kind.startswith("image/")}
        if "text/plain" in data:
            data["text/plain"] = without_colours(data["text/plain"])
        copy["data"] = data
    return cast(NotebookNode, from_dict(copy))  # type: ignore[no-untyped-call]


def plain_traceback(traceback: str, root: Path) -> str:
    """Shorten the paths of a traceback: the reader's machine has others, and the module's own name is enough.

    Colours go too, because they stand in between.

    :param traceback: text of a traceback as IPython prints it.
    :param root: the project's root; files below it are named relative to it.
    :returns: the text with paths relative to ``root``, to ``site-packages`` or to Python's own library.
    """
    return _LIBRARY.sub(r"\1", without_colours(traceback).replace(f"{root}{os.sep}", ""))


def error_node(output: NotebookNode, source: str, root: Path) -> nodes.Element:
    """Return an exception as the reader needs it: the own line, the last line, and the rest folded away.

    Of chained exceptions the last one raised counts, because that is the one that stopped the cell.

    :param output: an output of type ``error``.
    :param source: the source of the cell that failed.
    :param root: the project's root, to shorten paths.
    :returns: a container of class ``live-error``.
    """
    full = _RULE.sub("", plain_traceback("\n".join(output["traceback"]), root)).strip("\n")
    last = _CHAINED.split(full)[-1]
    error = nodes.container(classes=["output", "live-error"])
    own_lines = list(_own_lines(last, source))
    for number, line in own_lines:
        code = nodes.literal_block(line, line, language="ipython3", classes=["live-error-line"])
        code["linenos"] = True
        code["highlight_args"] = {"linenostart": number}
        error += code
    kind, rest = _last_line(last, output)
    name = nodes.inline("", kind, classes=["live-error-name"])
    error += nodes.literal_block(
        "", "", name, nodes.Text(rest), language="none", classes=["live-error-message"]
    )
    if len(_FRAME.findall(full)) > len(own_lines):
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


def _last_line(traceback: str, output: NotebookNode) -> tuple[str, str]:
    """Return the exception's name and the rest of its last line, or lines if its message has several."""
    kind = output["ename"]
    found = re.findall(rf"^{re.escape(kind)}(:.*)?\Z", traceback, re.MULTILINE | re.DOTALL)
    return kind, found[-1].rstrip() if found else f": {without_colours(output['evalue'])}"


def picture_nodes(
    output: NotebookNode, cell: Cell, number: int, folder: Path, srcdir: Path
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
            shown[SVG] = nodes.raw(
                "", _XML_PROLOGUE.sub("", data), format="html", classes=["output", "image_svg"]
            )
        elif mimetype in PICTURES:
            picture = base64.b64decode(data)
            digest = hashlib.sha256(picture).hexdigest()[:12]
            path = folder / f"cell-{cell.label}-{number}-{digest}{PICTURES[mimetype]}"
            write_if_changed(path, picture)
            said = {**output.metadata, **output.metadata.get(mimetype, {})}
            width, height = get_image_size(path) or (None, None)
            size = {"width": said.get("width", width), "height": said.get("height", height)}
            shown[mimetype] = nodes.image(
                uri="/" + Path(os.path.relpath(path, srcdir)).as_posix(),
                alt=said.get("alt", f"Output of cell {cell.label}"),
                # Sphinx would link every picture that has a size to itself.
                classes=["output", "image_file", "no-scaled-link"],
                # Both or neither, so that nothing moves when the picture arrives and it isn't distorted.
                **{name: str(pixels) for name, pixels in size.items() if all(size.values())},
            )
    return shown
