"""Show executed notebooks in Sphinx: whole as pages, and cell by cell wherever a page quotes them.

Notebooks are executed before Sphinx reads anything. jupyter-sphinx renders; where it would start a kernel it
gets the outputs of that one execution instead, so that a page never executes code, in no builder.
"""

import copy
import difflib
import hashlib
import json
import logging as standard_logging
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any, ClassVar, cast

import jupyter_sphinx
import jupyter_sphinx.execute
import nbformat
from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from jupyter_sphinx.ast import CellInputNode, CellOutputNode, JupyterCell, JupyterCellNode, MimeBundleNode
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.builders import Builder
from sphinx.config import Config
from sphinx.domains import Domain
from sphinx.environment import BuildEnvironment
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode
from sphinx.util.osutil import relative_uri
from sphinx_tabs.tabs import SphinxTabsPanel, SphinxTabsTab

from live import downloads, render
from live.downloads import write_if_changed
from live.execute import Execution, Store, execute_all
from live.notebook import Cell, Notebook, NotebookError, read_all

logger = logging.getLogger(__name__)

# What jupyter-sphinx needs to know of the notebooks' language.
_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {
        "name": "python",
        "file_extension": ".py",
        "pygments_lexer": "ipython3",
        "codemirror_mode": {"name": "ipython"},
    },
}
# jupyter-sphinx links these from every page. Nothing here needs them: there are no widgets and no remote kernels.
# Some are third parties', some don't exist, and the style sheet is unreadable on a dark page.
_UNWANTED = ("jupyter-sphinx.css", "thebelab", "require", "@jupyter-widgets/html-manager")
_LOOK_UP_PRIORITY = cast(int, jupyter_sphinx.execute.ExecuteJupyterCells.default_priority)


class CellNode(JupyterCellNode):  # type: ignore[misc]
    """A cell of an executed notebook, named by its attributes ``notebook`` and ``cell`` (its number)."""


class LiveDomain(Domain):
    """The executed notebooks, and what each page shows of them.

    ``data["shown"]`` maps a page to what it shows: reference of a cell → digest of all that is visible of it, or
    an empty string if that could not be shown. Sphinx keeps it with its environment; the notebooks and executions
    themselves are attributes, which it doesn't.
    """

    name = "live"
    label = "Notebook cells"
    initial_data: ClassVar[dict[str, Any]] = {"shown": {}}

    #: The folder that paths in executions and in ``live_bundle`` are relative to.
    root: Path
    notebooks: dict[str, Notebook]
    executions: dict[str, Execution]
    #: Names of the notebooks that could not be read.
    unreadable: set[str]
    #: Whether a notebook could not be read or executed.
    failed: bool
    #: The cells of the document being read that the look-up hasn't answered yet, in order.
    pending: list[JupyterCellNode]

    @property
    def shown(self) -> dict[str, dict[str, str]]:
        """What each page shows; see the class."""
        return cast(dict[str, dict[str, str]], self.data["shown"])

    # -- Sphinx's interface ---------------------------------------------------------------------------------

    def clear_doc(self, docname: str) -> None:
        """Forget what a page shows, because it is read again."""
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
        """Return the cell that a reference such as ``first-bucket#settings`` or ``first-bucket#3`` names.

        :param reference: notebook and cell, divided by ``#``; a cell without a name goes by its number.
        :returns: the notebook and its cell.
        :raises LookupError: if there is no such notebook or cell; its sentence lists what there is.
        """
        name, divider, label = reference.partition("#")
        if not divider or not label:
            raise LookupError(f"“{reference}” names no cell. Write it as notebook#cell.")
        if name in self.unreadable:
            raise LookupError(f"The notebook “{name}” can't be read. See the errors in its own file.")
        notebook = self.notebooks.get(name)
        if notebook is None:
            raise LookupError(f"There is no notebook “{name}”. {_suggest(name, sorted(self.notebooks))}")
        try:
            return notebook, notebook.cell(label)
        except NotebookError:
            labels = [cell.label for cell in notebook.cells]
            raise LookupError(f"The notebook “{name}” has no cell “{label}”. {_suggest(label, labels)}") from None

    def outputs(self, node: CellNode) -> list[dict[str, Any]]:
        """Return the outputs of the cell that a node stands for; none if its notebook failed."""
        execution = self.executions.get(node["notebook"])
        return list(execution.outputs[node["cell"] - 1]) if execution else []

    def digest(self, reference: str) -> str:
        """Digest what a page shows of a cell (``notebook#number``), or of a whole execution (``notebook``).

        :param reference: as a page noted it in :attr:`shown`.
        :returns: a hexadecimal digest, or an empty string if there is nothing to show.
        """
        name, divider, number = reference.partition("#")
        notebook, execution = self.notebooks.get(name), self.executions.get(name)
        if notebook is None or execution is None:
            return ""
        visible: list[Any]
        if divider:
            if not number.isdecimal() or not 0 < int(number) <= len(notebook.cells):
                return ""
            cell = notebook.cells[int(number) - 1]
            visible = [notebook.title, cell.name, cell.source, cell.raises, cell.tags]
            visible.append(execution.outputs[cell.index - 1])
        else:
            visible = [execution.python, execution.packages]
        return hashlib.sha256(json.dumps(visible, sort_keys=True).encode()).hexdigest()

    def note_shown(self, reference: str) -> None:
        """Note that the page being read shows a cell or execution, and what that looks like now."""
        docname = self.env.current_document.docname
        self.shown.setdefault(docname, {})[reference] = self.digest(reference)
        execution = self.executions.get(reference.partition("#")[0])
        for used in execution.files if execution else ():
            self.env.note_dependency(self.root / used)

    def outdated(self) -> list[str]:
        """Return the pages that would show something else than when they were read, or that showed nothing."""
        return [
            docname
            for docname, shown in self.shown.items()
            if any(not digest or digest != self.digest(reference) for reference, digest in shown.items())
        ]

    def look_up(self, kernel_name: str, cells: list[Any], options: dict[str, Any]) -> Any:
        """Stand in for :func:`jupyter_sphinx.execute.execute_cells`: answer with what was executed before.

        :param kernel_name: unused; the notebooks say which kernel they need.
        :param cells: the cells of one document between two kernel directives, in order.
        :param options: unused; how a notebook is executed is said in the notebook.
        :returns: a notebook of these cells with their outputs.
        """
        asked, self.pending = self.pending[: len(cells)], self.pending[len(cells) :]
        for cell, node in zip(cells, asked, strict=True):
            if isinstance(node, CellNode):
                cell.outputs = [nbformat.from_dict(render.plain(output)) for output in self.outputs(node)]
        return nbformat.v4.new_notebook(metadata=copy.deepcopy(_METADATA), cells=cells)


def domain_of(env: BuildEnvironment) -> LiveDomain:
    """Return the domain that holds the executed notebooks."""
    return cast(LiveDomain, env.domains["live"])


def page_of(config: Config, notebook: str) -> str:
    """Return the name of the page that shows a whole notebook."""
    return f"{config.live_pages}/{notebook}"


def anchor_of(cell: Cell) -> str:
    """Return the anchor of a cell on the page of its notebook."""
    return f"cell-{cell.label}"


def _suggest(wrong: str, right: list[str]) -> str:
    """Say what may have been meant, and what there is."""
    close = difflib.get_close_matches(wrong, right, n=1)
    question = f"Did you mean “{close[0]}”? " if close else ""
    return f"{question}There is: {', '.join(right) or 'none'}."


# -- Directives -----------------------------------------------------------------------------------------------


class _ExecutedCell(JupyterCell, SphinxDirective):  # type: ignore[misc]
    """What both directives do: make jupyter-sphinx's nodes for a cell of an executed notebook."""

    def show(self, notebook: Notebook, cell: Cell) -> list[nodes.Node]:
        """Return the node for one cell, with its code; its output follows in a transform."""
        self.arguments = []
        self.content = StringList(cell.source.splitlines(), source=str(notebook.path))
        [made] = JupyterCell.run(self)
        if not isinstance(made, JupyterCellNode):
            return [made]  # jupyter-sphinx's own complaint about an option
        node = CellNode("", *made.children, **made.attributes)
        node["notebook"], node["cell"] = notebook.name, cell.index
        # Both were checked against the notebook already, when it was executed.
        node["raises"], node["stderr"] = [], True
        node["classes"].append("live-cell")
        self.set_source_info(node)
        self.set_source_info(node[0][0])
        domain_of(self.env).note_shown(f"{notebook.name}#{cell.index}")
        return [node]

    def fail(self, message: str) -> list[nodes.Node]:
        """Log an error at the directive, and let the page be read again until it is mended."""
        logger.error(message, location=self.get_location())
        docname = self.env.current_document.docname
        domain_of(self.env).shown.setdefault(docname, {})[f"line {self.lineno}"] = ""
        return [nodes.paragraph("", message, classes=["live-missing"])]


class NotebookCell(_ExecutedCell):
    """``code-cell`` on the page of a notebook: one of its own cells."""

    # What a cell's options mean was read from the notebook; here they need only be accepted.
    option_spec: ClassVar[dict[str, Any]] = {
        name: directives.unchanged for name in ("name", "raises", "tags")
    }

    def run(self) -> list[nodes.Node]:
        """Return the cell's node, or nothing for a cell tagged ``remove-cell``."""
        domain = domain_of(self.env)
        document = self.env.current_document
        name = document.docname.rpartition("/")[2]
        if document.docname != page_of(self.config, name):
            return self.fail("A code-cell belongs in a notebook. To show one here, quote it with the directive “live”.")
        notebook = domain.notebooks.get(name)
        if notebook is None:
            # It can't be read, which was said where that happened.
            domain.note_shown(name)
            return [nodes.literal_block(self.block_text, "\n".join(self.content), language="none")]
        position = document.get("live_position", 0)
        document["live_position"] = position + 1
        if position >= len(notebook.cells) or not _same(notebook.cells[position].source, self.content):
            return self.fail("This code-cell isn't a cell of the notebook. Take it out of what it is nested in.")
        cell = notebook.cells[position]
        if "remove-cell" in cell.tags:
            return []
        made = self.show(notebook, cell)
        cast(nodes.Element, made[0])["ids"].append(anchor_of(cell))
        return made


def _same(source: str, content: StringList) -> bool:
    """Whether a cell's source is what stands in a directive, but for blank lines around it."""
    return source.strip().splitlines() == "\n".join(content).strip().splitlines()


class QuotedCell(_ExecutedCell):
    """``live``: a cell quoted from a notebook, with the output of that notebook's one execution.

    The argument names notebook and cell, as in ``.. live:: first-bucket#settings``. Options: ``hide-code``,
    ``hide-output`` and ``emphasize-lines``.
    """

    required_arguments = 1
    optional_arguments = 0
    final_argument_whitespace = False
    has_content = False
    option_spec: ClassVar[dict[str, Any]] = {
        name: JupyterCell.option_spec[name] for name in ("hide-code", "hide-output", "emphasize-lines")
    }

    def run(self) -> list[nodes.Node]:
        """Return the cell's node, followed by a line that says where it comes from."""
        try:
            notebook, cell = domain_of(self.env).find(self.arguments[0])
        except LookupError as error:
            return self.fail(str(error))
        made = self.show(notebook, cell)
        cast(nodes.Element, made[0])["classes"].append("live-quoted")
        return made


# -- Transforms -----------------------------------------------------------------------------------------------


class PrepareLookUp(SphinxTransform):
    """Note the document's cells in order, because jupyter-sphinx hands the look-up their text only."""

    default_priority = _LOOK_UP_PRIORITY - 1

    def apply(self, **kwargs: Any) -> None:
        """Fill :attr:`LiveDomain.pending`, and refuse what would start a kernel."""
        cells = list(self.document.findall(JupyterCellNode))
        for node in cells:
            if node["execute"] and not isinstance(node, CellNode):
                logger.error(
                    "jupyter-execute would run code while Sphinx reads. Write the code in a notebook, and quote its "
                    "cell with the directive “live”.",
                    location=node,
                )
                shown = domain_of(self.env).shown.setdefault(self.env.current_document.docname, {})
                shown["jupyter-execute"] = ""
        domain_of(self.env).pending = cells


class DressCells(SphinxTransform):
    """Finish the cells that jupyter-sphinx has filled with outputs."""

    default_priority = _LOOK_UP_PRIORITY + 1

    def apply(self, **kwargs: Any) -> None:
        """Dress each cell, and say at the end of a notebook's page what it was executed with."""
        domain = domain_of(self.env)
        for node in list(self.document.findall(CellNode)):
            self.dress(node, domain)
        docname = self.env.current_document.docname
        name = docname.rpartition("/")[2]
        if docname == page_of(self.config, name) and name in domain.executions:
            domain.note_shown(name)
            text = executed_with(domain.executions[name], self.config.live_show_packages)
            self.document += nodes.paragraph("", text, classes=["live-executed"])

    def dress(self, node: CellNode, domain: LiveDomain) -> None:
        """Replace the outputs that jupyter-sphinx leaves rough, and add what surrounds them."""
        notebook = domain.notebooks[node["notebook"]]
        cell = notebook.cells[node["cell"] - 1]
        output_node = next(node.findall(CellOutputNode))
        node.remove(output_node)
        if cell.raises:
            node["classes"].append("live-raises")
            node += nodes.paragraph("", f"raises {cell.raises}", classes=["live-badge"])
        if notebook.name not in domain.executions:
            node += nodes.paragraph("", "No output: the notebook failed.", classes=["live-missing"])
        elif output_node.children:
            self.refine(output_node, domain.outputs(node), cell)
            node += _fold(output_node, "Output") if "hide-output" in cell.tags else output_node
        for code in [child for child in node.children if isinstance(child, CellInputNode)]:
            if "hide-input" in cell.tags:
                node.replace(code, _fold(code.deepcopy(), "Code"))
        if "live-quoted" in node["classes"]:
            node += self.origin(notebook, cell)

    def refine(self, output_node: CellOutputNode, outputs: list[dict[str, Any]], cell: Cell) -> None:
        """Replace exceptions and add pictures, which :func:`live.render.plain` kept from jupyter-sphinx."""
        folder = self.app.doctreedir / "pictures"
        pairs = zip(list(output_node.children), outputs, strict=True)
        for number, (rendered, output) in enumerate(pairs, 1):
            if output["output_type"] == "error":
                error = render.error_node(output, cell.source, domain_of(self.env).root)
                output_node.replace(rendered, error)
            elif isinstance(rendered, MimeBundleNode):
                pictures = render.picture_nodes(output, cell, number, folder, self.app.srcdir)
                rendered += list(pictures.values())
                rendered["mimetypes"] += list(pictures)

    def origin(self, notebook: Notebook, cell: Cell) -> nodes.paragraph:
        """Return the line that says where a quoted cell comes from."""
        label = f"{plain_title(notebook)}, cell {cell.label}"
        link = addnodes.pending_xref(
            "",
            nodes.inline("", label),
            refdomain="live",
            reftype="cell",
            reftarget=f"{notebook.name}#{'' if 'remove-cell' in cell.tags else anchor_of(cell)}",
            refdoc=self.env.current_document.docname,
            refexplicit=True,
            refwarn=True,
        )
        return nodes.paragraph("", "", nodes.Text("From "), link, classes=["live-origin"])


def _fold(node: nodes.Element, summary: str) -> render.Folded:
    return render.Folded("", node, summary=summary, html_only=False, classes=["live-folded"])


def plain_title(notebook: Notebook) -> str:
    """Return a notebook's title without Markdown's signs for code and emphasis."""
    return notebook.title.translate(str.maketrans("", "", "`*"))


def executed_with(execution: Execution, packages: list[str]) -> str:
    """Say with what a notebook was executed.

    :param execution: the execution.
    :param packages: distributions to name, as they are to be written; those not installed are left out.
    :returns: a sentence.
    """
    versions = {name.lower(): version for name, version in execution.packages.items()}
    named = [f"{name} {versions[name.lower()]}" for name in packages if name.lower() in versions]
    python = f"Executed on Python {execution.python}"
    if not named:
        return f"{python}."
    *others, last = named
    return f"{python} with {', '.join(others)} and {last}." if others else f"{python} with {last}."


class LabelTabs(SphinxTransform):
    """Let the style sheet tell tabs apart: broken from correct, and all of them where they stand below each other."""

    default_priority = _LOOK_UP_PRIORITY + 1

    def apply(self, **kwargs: Any) -> None:
        """Give tabs named Broken or Correct a class, and each panel its tab's label."""
        panels = {id_: panel for panel in self.document.findall(SphinxTabsPanel) for id_ in panel["ids"]}
        for tab in self.document.findall(SphinxTabsTab):
            label = tab.astext()
            if label.lower() in ("broken", "correct"):
                tab["classes"].append(f"live-tab-{label.lower()}")
            panels[tab["aria-controls"]]["data-label"] = label


class AddDownloads(SphinxPostTransform):
    """Offer the downloads at the top of a notebook's page, where there are any: in HTML."""

    default_priority = 800
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        """Insert the bar after the page's title."""
        docname = self.env.current_document.docname
        name = docname.rpartition("/")[2]
        title = next(self.document.findall(nodes.title), None)
        if docname != page_of(self.config, name) or name not in domain_of(self.env).executions or title is None:
            return
        files = [f"{name}.ipynb", f"{name}.py"]
        if self.config.live_bundle:
            files.append(self.config.live_bundle_name)
        here = self.app.builder.get_target_uri(docname)
        bar = nodes.paragraph("", "Download ", classes=["live-downloads"])
        for file in files:
            uri = relative_uri(here, f"{downloads.FOLDER}/{file}")
            link = addnodes.download_reference("", "", nodes.literal("", file), refuri=uri)
            bar += [link, nodes.Text(" ")]
        title.parent.insert(title.parent.index(title) + 1, bar)


# -- Events ---------------------------------------------------------------------------------------------------


def use_own_look(app: Sphinx, config: Config) -> None:
    """Leave the look of tabs and of pictures to our style sheet and to the builders that can show them."""
    config.sphinx_tabs_disable_css_loading = True
    # LaTeX can't show an SVG that isn't a file; each of ours has a text beside it.
    config.render_priority_latex = [kind for kind in config.render_priority_latex if kind != render.SVG]


def execute(app: Sphinx) -> None:
    """Read and execute the notebooks, before Sphinx reads pages, and mirror their text into the source folder."""
    config, domain = app.config, domain_of(app.env)
    folder = (app.confdir / config.live_notebooks).resolve()
    domain.root = (app.confdir / config.live_root).resolve()
    notebooks, errors = read_all(folder)
    domain.unreadable = {error.path.stem for error in errors}
    domain.notebooks = {notebook.name: notebook for notebook in notebooks}
    store = Store((app.confdir / config.live_store).resolve())
    domain.executions, failures = execute_all(notebooks, store, domain.root, progress=not app.quiet)
    errors += failures
    for name, execution in domain.executions.items():
        errors += stderr_errors(domain.notebooks[name], execution)
    for error in errors:
        logger.error("%s", error)
    domain.failed = bool(errors)
    mirror(folder, app.srcdir / config.live_pages)
    jupyter_sphinx.execute.execute_cells = domain.look_up


def stderr_errors(notebook: Notebook, execution: Execution) -> Iterator[NotebookError]:
    """Yield an error for each cell that warns or logs, unless its tag ``stderr`` says that the text speaks of it.

    :param notebook: the notebook.
    :param execution: its execution.
    """
    for cell, outputs in zip(notebook.cells, execution.outputs, strict=True):
        printed = "".join(
            render.text_of(output["text"])
            for output in outputs
            if output["output_type"] == "stream" and output["name"] == "stderr"
        )
        if printed and "stderr" not in cell.tags:
            reason = (
                f"The cell printed to stderr, and the text may not expect that: {render.strip_ansi(printed).strip()!r}. "
                "Keep the cell quiet, or give it the tag stderr and say in the text what is printed."
            )
            yield NotebookError(notebook.path, cell.line, cell.label, reason)


def mirror(source: Path, target: Path) -> None:
    """Copy the notebooks' text to where Sphinx reads it, and remove copies whose notebook is gone.

    Files that haven't changed are left alone, so that Sphinx doesn't read them again.

    :param source: the folder of the notebooks.
    :param target: the folder of their pages; its index is no notebook and is not touched.
    """
    originals = {path.name: path for path in sorted(source.glob("*.md"))}
    target.mkdir(parents=True, exist_ok=True)
    for path in target.glob("*.md"):
        if path.name not in originals:
            path.unlink()
    for name, path in originals.items():
        write_if_changed(target / name, path.read_bytes())


def pages_to_read(
    app: Sphinx, env: BuildEnvironment, added: Set[str], changed: Set[str], removed: Set[str]
) -> list[str]:
    """Have pages read again whose cells would look different now."""
    return domain_of(env).outdated()


def drop_unwanted_assets(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Take jupyter-sphinx's scripts and style sheets off a page."""
    for kind in ("css_files", "script_files"):
        context[kind][:] = [
            asset for asset in context[kind] if not any(part in str(asset.filename) for part in _UNWANTED)
        ]


def files_to_offer(domain: LiveDomain, config: Config) -> dict[str, bytes]:
    """Return all downloads.

    :param domain: the executed notebooks.
    :param config: Sphinx's configuration.
    :returns: file name to content.
    :raises ValueError: if ``live_bundle`` names files that don't exist.
    """
    files = downloads.of_notebooks(domain.notebooks, domain.executions)
    if config.live_bundle:
        bundle = downloads.bundled(domain.root, config.live_bundle, config.live_bundle_readme)
        for name in domain.executions:
            source = domain.notebooks[name].path
            path = source.relative_to(domain.root)
            bundle[path.as_posix()] = source.read_bytes()
            bundle[path.with_suffix(".ipynb").as_posix()] = files[f"{name}.ipynb"]
        files[config.live_bundle_name] = downloads.archive(Path(config.live_bundle_name).stem, bundle)
    return files


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Write the downloads, and fail the build if a notebook failed or a page quotes what isn't there."""
    if exception is not None:
        return
    domain = domain_of(app.env)
    if app.builder.format == "html":
        try:
            downloads.write(app.outdir / downloads.FOLDER, files_to_offer(domain, app.config))
        except ValueError as error:
            logger.error("%s", error)
            domain.failed = True
    if domain.failed or any("" in shown.values() for shown in domain.shown.values()):
        app.statuscode = 1


def setup(app: Sphinx) -> dict[str, Any]:
    """Register everything. Paths in ``conf.py`` are relative to its own folder.

    - ``live_notebooks``: the folder of notebooks.
    - ``live_store``: where executions are kept between builds.
    - ``live_root``: the project's root, to which paths in executions and in the bundle are relative.
    - ``live_pages``: the folder of the source folder in which each notebook gets a page.
    - ``live_show_packages``: distributions to name, with their versions, at the end of a notebook's page.
    - ``live_bundle``: files that a learner needs besides the notebooks, as paths or globs below ``live_root``.
    - ``live_bundle_name``: name of that archive. Empty ``live_bundle`` means no archive.
    - ``live_bundle_readme``: text of the archive's README.txt.
    """
    app.setup_extension("jupyter_sphinx")
    app.setup_extension("sphinx_tabs.tabs")
    app.add_config_value("live_notebooks", "notebooks", "env", str)
    app.add_config_value("live_store", "_executed", "", str)
    app.add_config_value("live_root", "..", "env", str)
    app.add_config_value("live_pages", "notebooks", "env", str)
    app.add_config_value("live_show_packages", [], "env", list)
    app.add_config_value("live_bundle", [], "html", list)
    app.add_config_value("live_bundle_name", "notebooks.zip", "html", str)
    app.add_config_value("live_bundle_readme", "", "", str)
    # Where jupyter-sphinx knows no priority it would show every form of an output at once.
    for builder in ("text", "man", "texinfo"):
        app.add_config_value(f"render_priority_{builder}", ["text/plain"], "env", list)

    app.add_domain(LiveDomain)
    app.add_directive("code-cell", NotebookCell)
    app.add_directive("live", QuotedCell)
    app.add_transform(PrepareLookUp)
    app.add_transform(DressCells)
    app.add_transform(LabelTabs)
    app.add_post_transform(AddDownloads)
    as_container = (render.visit_container, render.depart_container)
    app.add_node(
        CellNode, html=as_container, latex=(render.visit_anchored_latex, render.depart_container),
        text=as_container, man=as_container, texinfo=as_container,
    )
    as_folded = (render.visit_folded, render.depart_folded)
    app.add_node(
        render.Folded, html=(render.visit_folded_html, render.depart_folded_html), latex=as_folded,
        text=as_folded, man=as_folded, texinfo=as_folded,
    )
    app.connect("config-inited", use_own_look)
    app.connect("builder-inited", execute)
    app.connect("env-get-outdated", pages_to_read)
    # After all others, which may add what is to be dropped.
    app.connect("html-page-context", drop_unwanted_assets, priority=999)
    app.connect("build-finished", finish)
    app.add_css_file("live.css", priority=900)
    # It says "executing" of each page, which isn't so any more.
    standard_logging.getLogger("sphinx.jupyter_sphinx").addFilter(
        lambda record: not str(record.msg).startswith("executing ")
    )
    return {"version": "1", "env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
