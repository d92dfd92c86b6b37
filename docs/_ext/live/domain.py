"""What Sphinx knows of the executed notebooks, and what each page shows of them."""

import difflib
import hashlib
import json
from collections.abc import Mapping, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from docutils import nodes
from jupyter_sphinx.ast import JupyterCellNode
from nbformat import NotebookNode, from_dict
from sphinx import addnodes
from sphinx.builders import Builder
from sphinx.config import Config
from sphinx.domains import Domain
from sphinx.environment import BuildEnvironment
from sphinx.roles import XRefRole
from sphinx.util.nodes import make_refnode

from live import render
from live.execute import Execution
from live.notebook import Cell, Notebook, NotebookError

if TYPE_CHECKING:
    from live.browser import Runtime

# What jupyter-sphinx needs to know of the notebooks' language.
_NOTEBOOK: dict[str, Any] = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {
            "name": "python",
            "file_extension": ".py",
            "pygments_lexer": "ipython3",
            "codemirror_mode": {"name": "ipython"},
        },
    },
}


class LiveDomain(Domain):
    """The executed notebooks, and what each page shows of them.

    The data, which Sphinx keeps with its environment, says only what each page shows; see :attr:`shown`. The
    notebooks and their executions are plain attributes, set anew for each build before Sphinx reads.
    """

    name = "live"
    label = "Notebook cells"
    #: ``:live:see:`words <notebook#anchor>``` leads to a cell on the page of its notebook.
    roles: ClassVar[dict[str, Any]] = {"see": XRefRole(innernodeclass=nodes.inline, warn_dangling=True)}
    initial_data: ClassVar[dict[str, Any]] = {"shown": {}}

    #: The folder to which paths in executions and in ``live_bundle`` are relative.
    root: Path
    #: The notebooks without fault, by name.
    notebooks: dict[str, Notebook]
    #: Their executions, by name.
    executions: dict[str, Execution]
    #: The folder of what is recorded of each environment, and the lock files of those that have one, by name.
    expected: Path
    locks: Mapping[str, Path]
    #: Names of the notebooks that could not be read or executed.
    faulty: Set[str]
    #: Whether anything in the notebooks fails the build.
    failed: bool
    #: Python for the reader's browser, if it is packed.
    runtime: "Runtime | None"
    #: The cells of the document being read that the look-up hasn't answered yet, in order.
    pending: list[JupyterCellNode]

    @property
    def shown(self) -> dict[str, dict[str, str]]:
        """For each page what it shows: a reference → a digest of all that is visible of it.

        A reference is ``notebook#number`` for a cell and ``notebook`` for what is said of its execution. The
        digest is empty if the page asked for something that could not be shown.
        """
        return cast(dict[str, dict[str, str]], self.data["shown"])

    # -- Sphinx's interface ---------------------------------------------------------------------------------

    def clear_doc(self, docname: str) -> None:
        """Forget what a page shows, because it is read again or gone."""
        self.shown.pop(docname, None)

    def merge_domaindata(self, docnames: Set[str], otherdata: dict[str, Any]) -> None:
        """Take over what another process noted about the pages that it read."""
        for docname in docnames:
            if docname in otherdata["shown"]:
                self.shown[docname] = otherdata["shown"][docname]

    def resolve_xref(
        self,
        env: BuildEnvironment,
        fromdocname: str,
        builder: Builder,
        typ: str,
        target: str,
        node: addnodes.pending_xref,
        contnode: nodes.Element,
    ) -> nodes.reference | None:
        """Link to a cell on the page of its notebook."""
        notebook, _, anchor = target.partition("#")
        docname = page_of(env.config, notebook)
        if docname not in env.found_docs:
            return None
        return make_refnode(builder, fromdocname, docname, anchor, contnode)

    def resolve_any_xref(
        self,
        env: BuildEnvironment,
        fromdocname: str,
        builder: Builder,
        target: str,
        node: addnodes.pending_xref,
        contnode: nodes.Element,
    ) -> list[tuple[str, nodes.reference]]:
        """Leave the role ``any`` to other domains: a cell is quoted, not mentioned."""
        return []

    # -- Looking up -----------------------------------------------------------------------------------------

    def find(self, reference: str) -> tuple[Notebook, Cell]:
        """Return the cell that a page names.

        :param reference: notebook and cell, such as ``first-bucket#settings``; a cell without a name goes by
            its number, as in ``first-bucket#3``.
        :returns: the notebook and its cell.
        :raises LookupError: if there is no such notebook or cell. The sentence lists what there is.
        """
        name, _, label = reference.partition("#")
        if not name or not label:
            raise LookupError(
                f"“{reference}” doesn't name a cell. Write notebook#cell, as in first-bucket#settings."
            )
        if name in self.faulty and name not in self.notebooks:
            raise LookupError(f"The notebook “{name}” can't be read. See what is said about its own file.")
        if name not in self.notebooks:
            raise LookupError(f"There is no notebook “{name}”. {_suggest(name, list(self.notebooks))}")
        notebook = self.notebooks[name]
        try:
            return notebook, notebook.cell(label)
        except NotebookError:
            suggestion = _suggest(label, [cell.label for cell in notebook.cells])
            raise LookupError(f"The notebook “{name}” has no cell “{label}”. {suggestion}") from None

    def cell(self, node: render.CellNode) -> tuple[Notebook, Cell]:
        """Return the cell that a node stands for, and its notebook."""
        notebook = self.notebooks[node["notebook"]]
        return notebook, notebook.cells[node["cell"] - 1]

    def outputs(self, node: render.CellNode) -> list[NotebookNode]:
        """Return the outputs of the cell that a node stands for; none if its notebook wasn't executed."""
        execution = self.executions.get(node["notebook"])
        return execution.outputs[node["cell"] - 1] if execution else []

    def why_not(self, notebook: Notebook, cell: Cell) -> str | None:
        """Return a sentence if a cell can't run in the reader's browser, although others can."""
        return self.runtime.why_not(notebook, cell) if self.runtime else None

    def look_up(self, kernel_name: str, cells: list[NotebookNode], options: dict[str, Any]) -> NotebookNode:
        """Stand in for :func:`jupyter_sphinx.execute.execute_cells`: answer with what was executed before.

        :param kernel_name: not used: a notebook names its kernel itself.
        :param cells: the cells of one document between two kernel directives, in order.
        :param options: not used, for the same reason.
        :returns: a notebook of these cells with their outputs.
        """
        asked, self.pending = self.pending[: len(cells)], self.pending[len(cells) :]
        for cell, node in zip(cells, asked, strict=True):
            if isinstance(node, render.CellNode):
                cell.outputs = [render.plain(output) for output in self.outputs(node)]
        return cast(NotebookNode, from_dict({**_NOTEBOOK, "cells": cells}))  # type: ignore[no-untyped-call]

    # -- What is shown where --------------------------------------------------------------------------------

    def digest(self, reference: str) -> str:
        """Digest what is visible of a cell or of an execution.

        :param reference: as in :attr:`shown`.
        :returns: a hexadecimal digest, or an empty string if there is nothing to show.
        """
        name, divider, number = reference.partition("#")
        notebook, execution = self.notebooks.get(name), self.executions.get(name)
        if notebook is None or name in self.faulty:
            return ""
        visible: list[Any]
        if divider:
            if not number.isdecimal() or not 0 < int(number) <= len(notebook.cells):
                return ""
            cell = notebook.cells[int(number) - 1]
            visible = [notebook.title, cell.name, cell.source, cell.raises, cell.tags]
            visible.append(execution and execution.outputs[cell.index - 1])
            visible += [self.runtime and self.runtime.path, self.why_not(notebook, cell)]
        else:
            visible = [execution and (execution.python, execution.packages)]
        return hashlib.sha256(json.dumps(visible, sort_keys=True).encode()).hexdigest()

    def note_shown(self, reference: str) -> None:
        """Note what the page being read shows, what that looks like now, and which files it came of."""
        docname = self.env.current_document.docname
        self.shown.setdefault(docname, {})[reference] = self.digest(reference)
        execution = self.executions.get(reference.partition("#")[0])
        for path in execution.files if execution else ():
            self.env.note_dependency(self.root / path)

    def note_missing(self, what: str) -> None:
        """Note that the page being read asked for something that can't be shown, so that it is read again."""
        self.shown.setdefault(self.env.current_document.docname, {})[what] = ""

    def outdated(self) -> list[str]:
        """Return the pages whose cells have changed since they were read, or that lacked something."""
        return [
            docname
            for docname, shown in self.shown.items()
            if any(not digest or digest != self.digest(reference) for reference, digest in shown.items())
        ]


def domain_of(env: BuildEnvironment) -> LiveDomain:
    """Return the domain that holds the executed notebooks."""
    return cast(LiveDomain, env.domains["live"])


def page_of(config: Config, notebook: str) -> str:
    """Return the name of the page that shows a whole notebook."""
    return f"{config.live_pages}/{notebook}"


def notebook_of(config: Config, docname: str) -> str | None:
    """Return the name of the notebook that a page shows whole, or ``None`` for any other page."""
    folder, _, name = docname.rpartition("/")
    return name if folder == config.live_pages else None


def anchor_of(cell: Cell) -> str:
    """Return the anchor of a cell on the page of its notebook."""
    return f"cell-{cell.label}"


def _suggest(wrong: str, right: list[str]) -> str:
    """Say what may have been meant, and what there is."""
    close = difflib.get_close_matches(wrong, right, n=1)
    question = f"Did you mean “{close[0]}”? " if close else ""
    return f"{question}There are: {', '.join(right) or 'none'}."
