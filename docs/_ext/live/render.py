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
from pathlib import Path
from typing import Any, cast

from docutils import nodes
from jupyter_sphinx.ast import JupyterCellNode
from nbformat import NotebookNode, from_dict
from sphinx.application import Sphinx
from sphinx.builders import Builder
from sphinx.util.images import get_image_size

from live.downloads import write_if_changed
from live.notebook import Cell
from live.tracebacks import explain, without_colours

#: Suffix of the file that a picture of this type is stored in.
PICTURES = {"image/png": ".png", "image/jpeg": ".jpg"}
SVG = "image/svg+xml"
#: Builders of HTML that is read where nothing can be clicked: in a book.
BOOKS = ("epub", "singlehtml")

_XML_PROLOGUE = re.compile(r"\A\s*(?:<\?xml.*?\?>\s*)?(?:<!DOCTYPE.*?>\s*)?", re.DOTALL)


class CellNode(JupyterCellNode):  # type: ignore[misc]
    """A cell of an executed notebook, which the attributes ``notebook`` and ``cell`` (its number) name.

    ``label`` is its label, ``above`` the number of visible cells above it in its notebook, and ``why`` says
    why it can't run in the reader's browser, if that is so.
    """


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


def depart_cell_html(self: Any, node: CellNode) -> None:
    """End a cell with a link to it."""
    self.add_permalink_ref(node, "Link to this cell")
    self.depart_container(node)


def visit_cell_latex(self: Any, node: nodes.Element) -> None:
    """Begin a cell in LaTeX, whose containers would drop the anchor that quotations link to."""
    for anchor in node["ids"]:
        self.body.append(self.hypertarget(anchor, anchor=False))
    self.visit_container(node)


def visit_cell_html(self: Any, node: CellNode) -> None:
    """Begin a cell in HTML, and say which one it is to the script that runs it."""
    said = {f"data-{name}": str(node[name]) for name in ("notebook", "above")}
    said["data-cell"] = node["label"]
    if node["why"]:
        said["data-why"] = node["why"]
    # Otherwise as docutils begins a container.
    self.body.append(self.starttag(node, "div", CLASS="docutils container", **said))


def visit_folded(self: Any, node: Folded) -> None:
    """Show what only HTML can fold, or leave it out."""
    if node["html_only"]:
        raise nodes.SkipNode
    self.visit_container(node)


def for_browsers(builder: Builder) -> bool:
    """Tell whether a builder writes pages for a browser, where readers click.

    :param builder: any builder.
    """
    return builder.format == "html" and builder.name not in BOOKS


def visit_folded_html(self: Any, node: Folded) -> None:
    """Begin a folded part, which a book shows as any other."""
    if not for_browsers(self.builder):
        visit_folded(self, node)
        return
    self.body.append(self.starttag(node, "details"))
    self.body.append(f"<summary>{html.escape(node['summary'])}</summary>")


def depart_folded_html(self: Any, node: Folded) -> None:
    """End a folded part."""
    if for_browsers(self.builder):
        self.body.append("</details>\n")
    else:
        self.depart_container(node)


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
    cell_in_html = (visit_cell_html, depart_cell_html)
    app.add_node(CellNode, html=cell_in_html, latex=in_latex, text=as_container, man=as_container)
    app.add_node(Folded, html=in_html, latex=as_folded, text=as_folded, man=as_folded)


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


def error_node(output: NotebookNode, source: str, root: Path) -> nodes.Element:
    """Return an exception as the reader needs it: the own line, the last line, and the rest folded away.

    Of chained exceptions the last one raised counts, because that is the one that stopped the cell.

    :param output: an output of type ``error``.
    :param source: the source of the cell that failed.
    :param root: the project's root, to shorten paths.
    :returns: a container of class ``live-error``.
    """
    said = explain(output, source, root)
    error = nodes.container(classes=["output", "live-error"])
    for number, line in said.lines:
        code = nodes.literal_block(line, line, language="ipython3", classes=["live-error-line"])
        code["linenos"] = True
        code["highlight_args"] = {"linenostart": number}
        error += code
    name = nodes.inline("", said.name, classes=["live-error-name"])
    error += nodes.literal_block(
        "", "", name, nodes.Text(said.rest), language="none", classes=["live-error-message"]
    )
    if said.full:
        traceback = nodes.literal_block(
            said.full, said.full, language="ipythontb", classes=["live-traceback"]
        )
        # Nobody searches for the lines of a library that it happens to quote.
        classes = ["live-folded", "no-search"]
        error += Folded("", traceback, summary="Full traceback", html_only=True, classes=classes)
    return error


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
