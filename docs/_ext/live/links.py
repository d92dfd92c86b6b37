"""Give every cell and every tab a link of its own, and put what cells use and raise into the index.

The links are made of names, not of positions, so that they stay right when a page grows. The index entries
are what a reader types into the search: settings, functions and the texts of exceptions. They lead to the
cell.
"""

import ast
import re
from collections.abc import Iterator
from typing import Any

from docutils import nodes
from IPython.core.inputtransformer2 import TransformerManager
from jupyter_sphinx.ast import CellOutputNode
from nbformat import NotebookNode
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.index_entries import split_index_msg
from sphinx_tabs.tabs import (  # type: ignore[import-untyped]
    SphinxTabsPanel,
    SphinxTabsTab,
    SphinxTabsTablist,
)

from live import render
from live.domain import domain_of
from live.notebook import Notebook
from live.tracebacks import without_colours
from live.versions import ShowVersions

# A setting, as in DEFAULT_FILE_STORAGE: two words at least.
_SETTING = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")
# An exception on a line of its own, as in django.core.exceptions.ImproperlyConfigured: The setting …
_PRINTED = re.compile(r"^(?:\w+\.)*([A-Z]\w*(?:Error|Exception|Warning|Configured): \S.*)$", re.MULTILINE)
# Longer texts are no help in an index, and the search compares lengths.
_LONGEST = 120


# -- Links --------------------------------------------------------------------------------------------------


class LinkCells(SphinxTransform):
    """Give an anchor to each cell that is quoted, and a readable one to each panel of tabs."""

    default_priority = ShowVersions.default_priority + 1

    def apply(self, **kwargs: Any) -> None:
        """Name cells first, because panels are named after them."""
        taken = set(self.document.ids)
        for cell in self.document.findall(render.CellNode):
            if not cell["ids"]:
                notebook, written = domain_of(self.env).cell(cell)
                cell["ids"].append(_free(f"cell-{notebook.name}-{written.label}", taken))
        tabs = {tab["aria-controls"]: tab for tab in self.document.findall(SphinxTabsTab)}
        for panel in self.document.findall(SphinxTabsPanel):
            tab = tabs[panel["ids"][0]]
            anchor = _free(self.name(panel, tab), taken)
            panel["ids"], tab["aria-controls"] = [anchor], anchor
            tab["ids"] = [f"{anchor}-button"]
            panel["aria-labelledby"] = tab["ids"][0]

    def name(self, panel: SphinxTabsPanel, tab: SphinxTabsTab) -> str:
        """Name a panel after the cell or the section that it belongs to, and after its tab."""
        label = nodes.make_id(panel.get("data-environment") or tab.astext())
        around, within = panel, next(panel.findall(render.CellNode), None)
        while within is None and not isinstance(around, nodes.section | render.CellNode | nodes.document):
            around = around.parent
        place = (within or around)["ids"]
        owner = place[0].removeprefix("cell-") if place else "page"
        return f"tab-{owner}" if owner.endswith(f"-{label}") else f"tab-{owner}-{label}"


def _free(wanted: str, taken: set[str]) -> str:
    """Return an anchor that nothing on the page has yet, and take it."""
    number, anchor = 1, wanted
    while anchor in taken:
        number += 1
        anchor = f"{wanted}-{number}"
    taken.add(anchor)
    return anchor


class PrintTabs(SphinxPostTransform):
    """Print all panels below each other, each under its label, where nobody can click a tab."""

    default_priority = 400

    def run(self, **kwargs: Any) -> None:
        """Replace the tabs, unless the builder writes pages for a browser."""
        if render.for_browsers(self.env._app.builder):
            return
        for buttons in list(self.document.findall(SphinxTabsTablist)):
            buttons.parent.remove(buttons)
        for panel in list(self.document.findall(SphinxTabsPanel)):
            label = panel["data-label"]
            kind = label.lower() if label in ("Broken", "Correct") else "other"
            heading = nodes.paragraph("", "", nodes.strong("", label), classes=["live-panel-label"])
            classes = ["live-panel", f"live-panel-{kind}"]
            panel.replace_self(
                nodes.container("", heading, *panel.children, ids=panel["ids"], classes=classes)
            )


def depart_panel_html(self: Any, node: SphinxTabsPanel) -> None:
    """End a panel with a link to it; ``self`` is the translator, here and below."""
    self.add_permalink_ref(node, f"Link to the tab {node['data-label']}")
    self.body.append("</div>")


def visit_panel_html(self: Any, node: SphinxTabsPanel) -> None:
    """Begin a panel with all its attributes, as sphinx-tabs does."""
    own = ("ids", "classes", "names", "dupnames", "backrefs")
    attributes = {name: value for name, value in node.attributes.items() if name not in own}
    self.body.append(self.starttag(node, "div", **attributes).strip())


# -- Index --------------------------------------------------------------------------------------------------


class IndexCells(SphinxTransform):
    """Put the settings, the functions and the exceptions of a page's cells into the index, each once."""

    default_priority = LinkCells.default_priority + 1

    def apply(self, **kwargs: Any) -> None:
        """Put index entries in front of the cells that first name something."""
        if any(field[0].astext() == "no-search" for field in self.document.findall(nodes.field)):
            return  # Sphinx leaves the words of such a page out of its search, but lists its index entries.
        domain = domain_of(self.env)
        seen: set[str] = set()
        for node in list(self.document.findall(render.CellNode)):
            notebook, cell = domain.cell(node)
            entries = []
            for term in (*used(notebook, cell.source), *raised(domain.outputs(node)), *printed(node)):
                if term not in seen:
                    seen.add(term)
                    # "main" has the search rank them with everything else, not below it.
                    entries.append(("single", term, node["ids"][0], "main", None))
            if entries:
                node.parent.insert(node.parent.index(node), addnodes.index(entries=entries))


def used(notebook: Notebook, source: str) -> Iterator[str]:
    """Yield the settings that code names, and the dotted names that it calls on what the notebook imported.

    :param notebook: the notebook.
    :param source: the code of one of its cells.
    """
    yield from dict.fromkeys(_SETTING.findall(source))
    imported = {
        alias.asname or alias.name.partition(".")[0]
        for cell in notebook.cells
        for node in ast.walk(_parsed(cell.source))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    for node in ast.walk(_parsed(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            dotted = ast.unparse(node.func)
            if re.fullmatch(r"\w+(\.\w+)+", dotted) and dotted.partition(".")[0] in imported:
                yield dotted


def _parsed(source: str) -> ast.Module:
    """Return the syntax tree of a cell, an empty one if the cell is broken on purpose."""
    try:
        plain = TransformerManager().transform_cell(source)  # type: ignore[no-untyped-call]
        return ast.parse(plain)
    except SyntaxError:
        return ast.Module([], [])


def raised(outputs: list[NotebookNode]) -> Iterator[str]:
    """Yield the name and the first line of the text of each exception among a cell's outputs.

    :param outputs: the outputs.
    """
    for output in outputs:
        if output["output_type"] == "error":
            lines = without_colours(output["evalue"]).splitlines()
            text = lines[0] if lines else ""
            # Some exceptions begin their text with their own name.
            yield _shortened(text if text.startswith(f"{output['ename']}:") else f"{output['ename']}: {text}")


def printed(cell: render.CellNode) -> Iterator[str]:
    """Yield the exceptions and the warnings that a cell printed, in whichever environment.

    :param cell: the cell with its outputs.
    """
    for shown in cell.findall(CellOutputNode):
        for block in shown.findall(nodes.literal_block):
            if "live-traceback" not in block["classes"]:
                yield from map(_shortened, _PRINTED.findall(block.astext()))


def _shortened(text: str) -> str:
    """Return a text fit for the index, where a semicolon would begin an entry below this one."""
    return text.partition(";")[0][:_LONGEST].rstrip(": ")


def complete_search(app: Sphinx) -> list[Any]:
    """Have the search know the index entries of the pages that this build doesn't write again.

    Sphinx takes up where the last build left off, but forgets these.
    """
    indexer = getattr(app.builder, "indexer", None)
    if indexer is not None:
        known = indexer._index_entries
        for docname, entries in app.env.domains.index_domain.entries.items():
            if docname not in known:
                known[docname] = sorted(
                    {
                        (text, target, main)
                        for kind, value, target, main, _ in entries
                        for text in split_index_msg(kind, value)
                    }
                )
    return []


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the transforms; :func:`live.sphinx.setup` does so."""
    for transform in (LinkCells, IndexCells):
        app.add_transform(transform)
    app.add_post_transform(PrintTabs)
    app.add_node(SphinxTabsPanel, override=True, html=(visit_panel_html, depart_panel_html))
    app.connect("html-collect-pages", complete_search)
    app.add_js_file("links.js", loading_method="defer")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
