"""Show executed notebooks in Sphinx: whole as pages, and cell by cell wherever a page quotes them.

Notebooks are executed before Sphinx reads anything. jupyter-sphinx renders; where it would start a kernel it
gets the outputs of that one execution instead, so that reading a page never executes code, in no builder.
"""

import logging as standard_logging
from collections.abc import Iterator, Mapping, Set
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, cast

import jupyter_sphinx.execute
from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from jupyter_sphinx.ast import CellInputNode, CellOutputNode, JupyterCell, JupyterCellNode, MimeBundleNode
from nbformat import NotebookNode
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.transforms import SphinxTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.osutil import relative_uri
from sphinx_tabs.tabs import SphinxTabsPanel, SphinxTabsTab  # type: ignore[import-untyped]

from live import downloads, offline, render
from live.domain import LiveDomain, anchor_of, domain_of, notebook_of
from live.execute import Execution, Store, execute_all
from live.forked import runner_for
from live.notebook import CELL_OPTIONS, Cell, Notebook, NotebookError, read_all
from live.records import recorded
from live.runner import Environment, pinned
from live.tracebacks import plain_traceback, without_colours
from live.verify import verify

logger = logging.getLogger(__name__)

# jupyter-sphinx links these from every page, for widgets and remote kernels, which are not used here. Some
# are on third parties' servers, some don't exist, and the style sheet is unreadable on a dark page. The last
# is sphinx-design's script for its own tabs, where sphinx-tabs serves.
_UNWANTED = (
    "jupyter-sphinx.css",
    "thebelab",
    "require.js",
    "@jupyter-widgets/html-manager",
    "design-tabs.js",
)

_LOOK_UP_PRIORITY = cast(int, jupyter_sphinx.execute.ExecuteJupyterCells.default_priority)


# -- Directives ---------------------------------------------------------------------------------------------


class _ExecutedCell(JupyterCell, SphinxDirective):  # type: ignore[misc]
    """What both directives do: make jupyter-sphinx's nodes for a cell of an executed notebook."""

    def show(self, notebook: Notebook, cell: Cell) -> nodes.Element:
        """Return the node of one cell, with its code; its outputs follow in a transform."""
        self.arguments = []
        self.content = StringList(cell.source.splitlines(), source=str(notebook.path))
        [made] = JupyterCell.run(self)
        if not isinstance(made, JupyterCellNode):
            return cast(nodes.Element, made)  # jupyter-sphinx's own complaint about an option
        node = render.CellNode("", *made.children, **made.attributes)
        node["notebook"], node["cell"], node["label"] = notebook.name, cell.index, cell.label
        node["above"] = sum("remove-cell" not in other.tags for other in notebook.cells[: cell.index - 1])
        node["why"] = domain_of(self.env).why_not(notebook, cell)
        # Exceptions and stderr were checked when the notebook was executed.
        node["raises"], node["stderr"] = [], True
        node["classes"].append("live-cell")
        self.set_source_info(node)
        self.set_source_info(node[0][0])
        domain_of(self.env).note_shown(f"{notebook.name}#{cell.index}")
        return node

    def fail(self, message: str) -> list[nodes.Node]:
        """Log an error where the directive stands, and say in the page that something is missing."""
        logger.error("%s", message, location=self.get_location())
        domain_of(self.env).note_missing(f"line {self.lineno}")
        return [nodes.paragraph("", message, classes=["live-missing"])]


class NotebookCell(_ExecutedCell):
    """``code-cell``, on the page of a notebook: one of its own cells."""

    # What a cell's options mean was read from the notebook; here they need only be accepted.
    option_spec: ClassVar[dict[str, Any]] = dict.fromkeys(CELL_OPTIONS, directives.unchanged)

    def run(self) -> list[nodes.Node]:
        """Return the cell's node, or nothing for a cell tagged ``remove-cell``."""
        domain, document = domain_of(self.env), self.env.current_document
        name = notebook_of(self.config, document.docname)
        if name is None:
            return self.fail("A code-cell belongs in a notebook. Quote it here with the directive “live”.")
        notebook = domain.notebooks.get(name)
        if notebook is None:
            # The notebook can't be read, and that has been said. Its page shows at least the code.
            domain.note_missing(name)
            return [nodes.literal_block(self.block_text, "\n".join(self.content), language="none")]
        position: int = document.get("live_position") or 0
        document["live_position"] = position + 1
        written = "\n".join(self.content).strip()
        if position >= len(notebook.cells) or notebook.cells[position].source.strip() != written:
            return self.fail("This code-cell isn't a cell of its own. Take it out of what it is nested in.")
        cell = notebook.cells[position]
        if "remove-cell" in cell.tags:
            return []
        node = self.show(notebook, cell)
        node["ids"].append(anchor_of(cell))
        return [node]


class QuotedCell(_ExecutedCell):
    """``live``: a cell quoted from a notebook, with the outputs of that notebook's one execution.

    The argument names notebook and cell, as in ``.. live:: first-bucket#settings``.
    """

    required_arguments = 1
    optional_arguments = 0
    final_argument_whitespace = False
    has_content = False
    option_spec: ClassVar[dict[str, Any]] = {
        name: JupyterCell.option_spec[name] for name in ("hide-code", "hide-output", "emphasize-lines")
    }

    def run(self) -> list[nodes.Node]:
        """Return the cell's node, marked as quoted."""
        try:
            notebook, cell = domain_of(self.env).find(self.arguments[0])
        except LookupError as error:
            return self.fail(str(error))
        node = self.show(notebook, cell)
        node["classes"].append("live-quoted")
        return [node]


# -- Transforms ---------------------------------------------------------------------------------------------


class PrepareLookUp(SphinxTransform):
    """Note a document's cells in order, because jupyter-sphinx tells the look-up no more than their text."""

    default_priority = _LOOK_UP_PRIORITY - 1

    def apply(self, **kwargs: Any) -> None:
        """Fill :attr:`live.domain.LiveDomain.pending`, and refuse what would start a kernel."""
        domain = domain_of(self.env)
        domain.pending = list(self.document.findall(JupyterCellNode))
        for node in domain.pending:
            if node["execute"] and not isinstance(node, render.CellNode):
                logger.error(
                    "The directive jupyter-execute would run code while Sphinx reads. Write the code in a "
                    "notebook, and quote its cell with the directive “live”.",
                    location=self.env.current_document.docname,
                )
                domain.note_missing("jupyter-execute")


class DressCells(SphinxTransform):
    """Finish the cells that jupyter-sphinx has filled with outputs, and the pages of notebooks."""

    default_priority = _LOOK_UP_PRIORITY + 1

    def apply(self, **kwargs: Any) -> None:
        """Dress each cell, and say at the end of a page with what its cells were executed."""
        domain = domain_of(self.env)
        for node in list(self.document.findall(render.CellNode)):
            self.dress(node, domain)
        name = notebook_of(self.config, self.env.current_document.docname)
        shown = [name] if name else [node["notebook"] for node in self.document.findall(render.CellNode)]
        executed = [notebook for notebook in dict.fromkeys(shown) if notebook in domain.executions]
        for notebook in executed:
            domain.note_shown(notebook)
        said = [
            executed_with(domain.executions[notebook], self.config.live_show_packages)
            for notebook in executed
        ]
        if said:
            if name:
                said += self.also(domain.notebooks[name], domain.executions[name], domain.locks)
                text = " ".join(said)
            else:  # One page may quote several notebooks, executed in several environments.
                parts = [sentence[0].lower() + sentence[1:].rstrip(".") for sentence in dict.fromkeys(said)]
                text = f"The cells on this page: {'; '.join(parts)}."
            self.document.append(nodes.paragraph("", text, classes=["live-executed"]))

    def also(self, notebook: Notebook, execution: Execution, locks: Mapping[str, Path]) -> Iterator[str]:
        """Yield what ``live_also_executed`` says of the notebook's other environments."""
        for environment, sentence in self.config.live_also_executed.items():
            lock = locks.get(environment)
            if environment not in notebook.environments or environment == execution.environment:
                continue
            if lock is not None and lock.is_file():  # or it is said of the first cell
                self.env.note_dependency(lock)
                try:
                    yield sentence.format_map(pinned(lock.read_text(encoding="utf-8")))
                except KeyError as missing:
                    logger.error(
                        "live_also_executed of “%s” names %s, which is no package of its lock file.",
                        environment,
                        missing,
                    )

    def dress(self, node: render.CellNode, domain: LiveDomain) -> None:
        """Replace what jupyter-sphinx leaves rough in a cell, and add what surrounds code and output."""
        notebook, cell = domain.cell(node)
        for code in [child for child in node.children if isinstance(child, CellInputNode)]:
            if "hide-input" in cell.tags:
                node.replace(code, render.folded(code.deepcopy(), "Code"))
        shown = next(node.findall(CellOutputNode))
        node.remove(shown)
        if cell.raises:
            node["classes"].append("live-raises")
            node.append(nodes.paragraph("", f"raises {cell.raises}", classes=["live-badge"]))
        if notebook.name in domain.faulty:
            text = "No output, because the notebook failed."
            node.append(nodes.paragraph("", text, classes=["live-missing"]))
        if shown.children:
            self.refine(shown, domain.outputs(node), cell)
            node.append(render.folded(shown, "Output") if "hide-output" in cell.tags else shown)
        if "live-quoted" in node["classes"]:
            node.append(self.origin(notebook, cell))

    def refine(self, shown: CellOutputNode, outputs: list[NotebookNode], cell: Cell) -> None:
        """Replace exceptions and add pictures, which :func:`live.render.plain` kept from jupyter-sphinx."""
        root, folder = domain_of(self.env).root, self.env.doctreedir / "pictures"
        for number, (rough, output) in enumerate(zip(list(shown.children), outputs, strict=True), 1):
            if output["output_type"] == "error":
                shown.replace(rough, render.error_node(output, cell.source, root))
            elif isinstance(rough, MimeBundleNode):
                pictures = render.picture_nodes(output, cell, number, folder, self.env.srcdir)
                rough.extend(pictures.values())
                rough["mimetypes"].extend(pictures)

    def origin(self, notebook: Notebook, cell: Cell) -> nodes.paragraph:
        """Return the line that says where a quoted cell comes from."""
        anchor = "" if "remove-cell" in cell.tags else anchor_of(cell)
        link = addnodes.pending_xref(
            "",
            nodes.inline("", f"{render.plain_title(notebook.title)}, cell {cell.label}"),
            refdomain="live",
            reftype="cell",
            reftarget=f"{notebook.name}#{anchor}",
            refdoc=self.env.current_document.docname,
            refexplicit=True,
            refwarn=True,
        )
        return nodes.paragraph("", "", nodes.Text("From "), link, classes=["live-origin"])


class LabelTabs(SphinxTransform):
    """Let the style sheet tell broken from correct tabs, and head panels that stand below each other."""

    default_priority = _LOOK_UP_PRIORITY + 1

    def apply(self, **kwargs: Any) -> None:
        """Give tabs named Broken or Correct a class, and each panel its tab's label."""
        panels = {name: panel for panel in self.document.findall(SphinxTabsPanel) for name in panel["ids"]}
        for tab in self.document.findall(SphinxTabsTab):
            label = tab.astext()
            if label in ("Broken", "Correct"):
                tab["classes"].append(f"live-tab-{label.lower()}")
            panels[tab["aria-controls"]]["data-label"] = label


def executed_with(execution: Execution, packages: list[str]) -> str:
    """Say with what a notebook was executed.

    :param execution: the execution.
    :param packages: distributions to name, spelled as they are to be shown; those not installed are left out.
    :returns: a sentence.
    """
    versions = {name.lower(): version for name, version in execution.packages.items()}
    named = [f"{name} {versions[name.lower()]}" for name in packages if name.lower() in versions]
    start = f"Executed on Python {execution.python}"
    if execution.environment != Environment.name:
        start = f"Recorded in the environment {execution.environment}"
    if len(named) < 2:
        return " with ".join([start, *named]) + "."
    return f"{start} with {', '.join(named[:-1])} and {named[-1]}."


# -- Events -------------------------------------------------------------------------------------------------


def use_own_look(app: Sphinx, config: Config) -> None:
    """Leave the look of tabs to our style sheet, and pictures to the builders that can show them."""
    config.sphinx_tabs_disable_css_loading = True
    # sphinx-tabs would tell builders apart as it reads. Ours share what was read: see live.links.PrintTabs.
    config.sphinx_tabs_valid_builders = list(app.registry.builders)
    # No script of either kind is to be on a page. An address of its own spares asking ipywidgets for one.
    config.jupyter_sphinx_require_url, config.jupyter_sphinx_embed_url = "", _UNWANTED[-1]
    # LaTeX can't show an SVG that isn't a file. Each of ours has a text beside it.
    config.render_priority_latex = [kind for kind in config.render_priority_latex if kind != render.SVG]


def hold_back(app: Sphinx) -> None:
    """Keep the build on this machine, unless it is there to ask others whether links lead to them."""
    if app.builder.name != "linkcheck":
        offline.hold_back()


def execute(app: Sphinx) -> None:
    """Read and execute the notebooks before Sphinx reads pages, and mirror their text into its folder."""
    config, domain = app.config, domain_of(app.env)
    folder = (app.confdir / config.live_notebooks).resolve()
    store = Store((app.confdir / config.live_store).resolve())
    domain.root = (app.confdir / config.live_root).resolve()
    notebooks, errors = read_all(folder)
    domain.notebooks = {notebook.name: notebook for notebook in notebooks}
    lock = (app.confdir / config.live_lock).resolve() if config.live_lock else None
    site = Environment(lock=lock)
    warm_up = (app.confdir / config.live_warm_up).resolve() if config.live_warm_up else None
    with runner_for(site, warm_up, domain.root) as runner:
        domain.executions, failures = execute_all(
            notebooks, store, domain.root, site, progress=not app.quiet, runner=runner
        )
    errors = [*errors, *failures]
    domain.faulty = {error.path.stem for error in errors}
    for name, execution in domain.executions.items():
        errors.extend(unexpected_stderr(domain.notebooks[name], execution))
    domain.expected = (app.confdir / config.live_expected).resolve()
    locks = config.live_environments.items()
    domain.locks = {name: (app.confdir / path).resolve() for name, path in locks}
    if config.live_expected:
        errors += verify(notebooks, domain.executions, domain.expected, Environment.name, domain.faulty)
        for notebook in notebooks:
            if Environment.name not in notebook.environments:
                environment = notebook.environments[0]
                try:
                    domain.executions[notebook.name] = recorded(
                        notebook, environment, domain.expected, domain.locks.get(environment)
                    )
                except NotebookError as missing:
                    errors.append(missing)
    for error in errors:
        logger.error("%s", error)
    domain.failed = bool(errors)
    mirror(folder, app.srcdir / config.live_pages)
    jupyter_sphinx.execute.execute_cells = domain.look_up


def unexpected_stderr(notebook: Notebook, execution: Execution) -> Iterator[NotebookError]:
    """Yield an error for each cell that warns or logs without the tag ``stderr``: the text may not expect it.

    :param notebook: the notebook.
    :param execution: its execution.
    """
    for cell, outputs in zip(notebook.cells, execution.outputs, strict=True):
        printed = "".join(output["text"] for output in outputs if output.get("name") == "stderr")
        if printed and "stderr" not in cell.tags:
            reason = (
                f"The cell printed to stderr: {without_colours(printed).strip()!r}. Keep it quiet, "
                "or give it the tag stderr and say in the text what is printed."
            )
            yield NotebookError(notebook.path, cell.line, cell.label, reason)


def mirror(source: Path, target: Path) -> None:
    """Copy the notebooks' text to where Sphinx reads it, and remove copies whose notebook is gone.

    Copies that wouldn't change are left alone, so that Sphinx doesn't read them again.

    :param source: the folder of the notebooks.
    :param target: the folder of their pages. What isn't Markdown there, such as the index, is not touched.
    """
    originals = {path.name: path for path in sorted(source.glob("*.md"))}
    for path in target.glob("*.md"):
        if path.name not in originals:
            path.unlink()
    for name, path in originals.items():
        downloads.write_if_changed(target / name, path.read_bytes())


def pages_to_read(
    app: Sphinx, env: BuildEnvironment, added: Set[str], changed: Set[str], removed: Set[str]
) -> list[str]:
    """Have those pages read again whose cells would look different now."""
    return domain_of(env).outdated()


def add_downloads(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Offer the downloads behind the title of a notebook's page, where they are written: in HTML."""
    name = notebook_of(app.config, docname)
    title = next(doctree.findall(nodes.title), None)
    executed = name in domain_of(app.env).executions
    if not render.for_browsers(app.builder) or not executed or title is None:
        return
    files = [f"{name}.ipynb", f"{name}.py"]
    if app.config.live_bundle:
        files.append(app.config.live_bundle_name)
    here = app.builder.get_target_uri(docname)
    bar = nodes.paragraph("", "Download ", classes=["live-downloads"])
    for file in files:
        uri = relative_uri(here, f"{downloads.FOLDER}/{file}")
        bar.append(addnodes.download_reference("", "", nodes.literal("", file), refuri=uri))
        bar.append(nodes.Text(" "))
    title.parent.insert(title.parent.index(title) + 1, bar)


def drop_unwanted_assets(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Take off a page the scripts and style sheets that nothing on it uses."""
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
    files = downloads.of_notebooks(
        domain.notebooks, domain.executions, partial(plain_traceback, root=domain.root)
    )
    if config.live_bundle:
        bundle = downloads.bundled(domain.root, config.live_bundle, config.live_bundle_readme)
        for name in domain.executions:
            source = domain.notebooks[name].path
            path = source.relative_to(domain.root)
            bundle[path.as_posix()] = source.read_bytes()
            bundle[path.with_suffix(".ipynb").as_posix()] = files[f"{name}.ipynb"]
        name = config.live_bundle_name
        files[name] = downloads.archive(Path(name).stem, bundle)
    return files


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Write the downloads, and fail the build if a notebook failed or a page quotes what isn't there."""
    if exception is not None:
        return
    domain = domain_of(app.env)
    if render.for_browsers(app.builder):
        try:
            downloads.write(app.outdir / downloads.FOLDER, files_to_offer(domain, app.config))
        except ValueError as error:
            logger.error("%s", error)
            domain.failed = True
    if domain.failed or any("" in shown.values() for shown in domain.shown.values()):
        # Each error was logged with its place. If this raised, Sphinx would forget all pages that are right.
        app.statuscode = 1


def setup(app: Sphinx) -> dict[str, Any]:
    """Register everything. Paths in ``conf.py`` are relative to its own folder.

    - ``live_notebooks``: the folder of notebooks.
    - ``live_store``: where executions are kept between builds.
    - ``live_root``: the project's root, to which paths in executions and in the bundle are relative.
    - ``live_pages``: the folder in the source folder where each notebook gets a page.
    - ``live_lock``: lock file of the packages that make an execution stale; by default all do.
    - ``live_warm_up``: script that imports beforehand what notebooks use: they are then executed in forks of
      one process (see :mod:`live.forked`); by default in ordinary kernels.
    - ``live_expected``: folder of the records with which executions are compared; by default there is none.
    - ``live_environments``: lock file of each environment other than the default one, by its name; see
      :mod:`live.versions`.
    - ``live_show_packages``: distributions to name, with their versions, at the end of a notebook's page.
    - ``live_show_services``: distributions of services, such as a server that notebooks talk to, by the names
      to show. An environment uses the first one that it has. Tabs are named after them where versions of the
      first of ``live_show_packages`` don't tell environments apart.
    - ``live_also_executed``: a sentence for the end of the page of each notebook that runs in an environment
      too, by the environment's name; ``{package}`` in it stands for the package's version there.
    - ``live_bundle``: files that a learner needs besides the notebooks: paths or globs below ``live_root``.
      Without any there is no archive.
    - ``live_bundle_name``: name of the archive.
    - ``live_bundle_readme``: text of its README.txt.
    """
    app.setup_extension("jupyter_sphinx")
    app.setup_extension("sphinx_tabs.tabs")
    app.add_config_value("live_notebooks", "notebooks", "env", str)
    app.add_config_value("live_store", "_executed", "", str)
    app.add_config_value("live_root", ".", "env", str)
    app.add_config_value("live_pages", "notebooks", "env", str)
    app.add_config_value("live_lock", "", "", str)
    app.add_config_value("live_warm_up", "", "", str)
    app.add_config_value("live_expected", "", "", str)
    app.add_config_value("live_environments", {}, "env", dict)
    app.add_config_value("live_show_packages", [], "env", list)
    app.add_config_value("live_show_services", {}, "env", dict)
    app.add_config_value("live_also_executed", {}, "env", dict)
    app.add_config_value("live_bundle", [], "html", list)
    app.add_config_value("live_bundle_name", "notebooks.zip", "html", str)
    app.add_config_value("live_bundle_readme", "", "", str)
    # Where jupyter-sphinx knows no priority, it would show every form of an output, one after the other.
    for builder in ("text", "man"):
        app.add_config_value(f"render_priority_{builder}", ["text/plain"], "env", list)
    app.add_domain(LiveDomain)
    app.add_directive("code-cell", NotebookCell)
    app.add_directive("live", QuotedCell)
    for transform in (PrepareLookUp, DressCells, LabelTabs):
        app.add_transform(transform)
    app.setup_extension("live.versions")
    app.setup_extension("live.links")
    app.setup_extension("live.browser")
    app.setup_extension("live.interactive")
    render.add_nodes(app)
    app.connect("config-inited", use_own_look)
    app.connect("builder-inited", hold_back, priority=0)  # before anything that other extensions do
    app.connect("builder-inited", execute)
    app.connect("env-get-outdated", pages_to_read)
    app.connect("doctree-resolved", add_downloads)
    # After all others, which may still add what is to be dropped.
    app.connect("html-page-context", drop_unwanted_assets, priority=999)
    app.connect("build-finished", finish)
    # After the theme's style sheets and those of other extensions.
    app.add_css_file("live.css", priority=900)
    # jupyter-sphinx says "executing" of each page that it reads, which is no longer so, and nbconvert names
    # each file that it writes for jupyter-sphinx, which nobody needs.
    standard_logging.getLogger("sphinx.jupyter_sphinx").addFilter(
        lambda record: not str(record.msg).startswith("executing ")
    )
    standard_logging.getLogger("traitlets").setLevel(standard_logging.WARNING)
    return {"version": "1", "env_version": 2, "parallel_read_safe": True, "parallel_write_safe": True}
