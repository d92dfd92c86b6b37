"""Show what a cell put out in each environment, in tabs that say which versions did.

The outputs of the default environment are those of the site's own execution. Those of the others come from
their recorded transcripts (:mod:`live.transcript`), never from a page. Environments that put out the same
share one tab, and where all do, there are no tabs. A tab is named after the version of a package, or, where
that doesn't tell the environments apart, after the service that they use.
"""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from jupyter_sphinx.ast import CellOutputNode, cell_output_to_nodes
from nbformat import NotebookNode
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms import SphinxTransform
from sphinx.util import logging
from sphinx_tabs.tabs import (  # type: ignore[import-untyped]
    SphinxTabsPanel,
    SphinxTabsTab,
    SphinxTabsTablist,
)

from live import render, transcript
from live.domain import domain_of, notebook_of
from live.notebook import Cell, Notebook
from live.records import RecordError, outputs_of
from live.runner import Environment, pinned
from live.sphinx import DressCells, QuotedCell

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shown:
    """What a cell put out in one environment.

    :param environment: name of the environment.
    :param packages: exact versions of its packages.
    :param entries: the outputs as a transcript has them.
    :param outputs: the outputs as nbformat holds them.
    """

    environment: str
    packages: Mapping[str, str]
    entries: Sequence[transcript.Entry]
    outputs: Sequence[NotebookNode]

    def version(self, package: str) -> str:
        """Return the version of a package, nothing if it isn't there."""
        return self.packages.get(re.sub(r"[-_.]+", "-", package).lower(), "")


# -- Reading ------------------------------------------------------------------------------------------------


def shown_by(env: BuildEnvironment, notebook: Notebook, cell: Cell) -> list[Shown]:
    """Return what a cell put out in each of its notebook's environments, in their order.

    :param env: Sphinx's environment: the page being read will depend on the files that are read here.
    :param notebook: the notebook, which was executed in the default environment.
    :param cell: one of its cells.
    :raises RecordError: if something isn't recorded.
    """
    domain = domain_of(env)
    execution = domain.executions[notebook.name]
    shown = []
    for environment in notebook.environments:
        if environment == execution.environment:
            entries = transcript.read(transcript.transcribe(notebook, execution.outputs))[cell.label]
            outputs = execution.outputs[cell.index - 1]
            shown.append(Shown(environment, execution.packages, entries, outputs))
        else:
            shown.append(_recorded(env, environment, notebook, cell))
    return shown


def _recorded(env: BuildEnvironment, environment: str, notebook: Notebook, cell: Cell) -> Shown:
    domain = domain_of(env)
    lock = domain.locks.get(environment)
    if lock is None or not lock.is_file():
        raise RecordError(
            f"The environment “{environment}” has no lock file. Name it in live_environments in conf.py."
        )
    path = domain.expected / environment / f"{notebook.name}.txt"
    for file in (path, lock):
        env.note_dependency(file)
    try:
        entries = transcript.read(path.read_text(encoding="utf-8"))[cell.label]
    except (FileNotFoundError, KeyError):
        raise RecordError(
            f"What the cell “{cell.label}” of the notebook “{notebook.name}” puts out in the environment "
            f"“{environment}” is not recorded. Record it with `{transcript.RECORD} -- {environment}`."
        ) from None
    except transcript.TranscriptError as error:
        raise RecordError(f"{path.name} of “{environment}”, line {error.line}: {error.reason}") from None
    outputs = outputs_of(cell.label, entries, path.with_suffix(""))
    return Shown(environment, pinned(lock.read_text(encoding="utf-8")), entries, outputs)


def grouped(shown: Sequence[Shown]) -> list[list[Shown]]:
    """Put environments together that put out the same, in the order of the first of each.

    :param shown: what each environment put out.
    :returns: the groups.
    """
    groups: list[list[Shown]] = []
    for one in shown:
        for group in groups:
            if group[0].entries == one.entries:
                group.append(one)
                break
        else:
            groups.append([one])
    return groups


def labels_of(groups: Sequence[Sequence[Shown]], package: str, services: Mapping[str, str]) -> list[str]:
    """Name each group after what tells it from the others.

    That is the versions of a package, unless some are the same as in another group: then it is the service
    that the group's environments use.

    :param groups: the groups, which put out different things.
    :param package: the package; if it is empty, the environments' own names are given.
    :param services: distributions of services by the names to show. An environment uses the first one that it
        has.
    :returns: a label for each group, such as ``Django 5.2.19 and 6.1.3``, or ``moto 5.2.5``.
    """
    if not package:
        return [_listed([one.environment for one in group]) for group in groups]
    versions = [{one.version(package) for one in group} for group in groups]
    labels = []
    for number, group in enumerate(groups):
        others = set[str]().union(*versions[:number], *versions[number + 1 :])
        alone = len(groups) == 1 and len(group) > 1 and len(versions[0]) == 1
        if alone or versions[number] & others:
            used = dict.fromkeys(_service(one, services) for one in group)
            labels.append(_listed([f"{name} {version}".strip() for name, version in used]))
        else:
            labels.append(f"{package} {_listed(sorted(versions[number], key=_by_number))}")
    return labels


def _service(shown: Shown, services: Mapping[str, str]) -> tuple[str, str]:
    """Return name and version of the service that an environment uses, or else its own name."""
    used = ((name, shown.version(package)) for name, package in services.items())
    return next(((name, version) for name, version in used if version), (shown.environment, ""))


def _by_number(version: str) -> list[tuple[int, str]]:
    return [(int(part) if part.isdecimal() else -1, part) for part in version.split(".")]


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


# -- Showing ------------------------------------------------------------------------------------------------


class VersionedCell(QuotedCell):
    """``live-versions``: a cell quoted from a notebook, with what it put out in each environment.

    The argument is that of ``live``. The option ``by`` names the package after whose versions the tabs are
    called; by default it is the first of ``live_show_packages``.
    """

    option_spec: ClassVar[dict[str, Any]] = {
        **QuotedCell.option_spec,
        "by": directives.unchanged_required,
    }

    def run(self) -> list[nodes.Node]:
        """Return the cell's node, marked for :class:`ShowVersions`."""
        package = self.options.pop("by", None) or _first(self.config.live_show_packages)
        made = super().run()
        if isinstance(made[0], render.CellNode):
            made[0]["versions"] = package
        return made


class ShowVersions(SphinxTransform):
    """Put what every environment put out into the cells that are to show it."""

    default_priority = DressCells.default_priority + 1

    def apply(self, **kwargs: Any) -> None:
        """Complete the cells of ``live-versions``, and all cells on the page of a notebook."""
        domain = domain_of(self.env)
        page = notebook_of(self.config, self.env.current_document.docname)
        for node in list(self.document.findall(render.CellNode)):
            notebook, cell = domain.cell(node)
            quoted = "versions" in node
            if notebook.name not in domain.executions or not (quoted or notebook.name == page):
                continue
            if len(notebook.environments) == 1 and not quoted:
                continue
            package = node["versions"] if quoted else _first(self.config.live_show_packages)
            domain.note_shown(notebook.name)
            try:
                self.show(node, grouped(shown_by(self.env, notebook, cell)), package, cell)
            except RecordError as error:
                logger.error("%s", error, location=node)
                domain.note_missing(f"{notebook.name}#{cell.index} in all environments")
                # What stands between ` must not have its hyphens and quotes made typographic.
                said = enumerate(str(error).split("`"))
                words = [nodes.literal("", part) if odd % 2 else nodes.Text(part) for odd, part in said]
                node.append(nodes.paragraph("", "", *words, classes=["live-missing"]))

    def show(self, node: render.CellNode, groups: list[list[Shown]], package: str, cell: Cell) -> None:
        """Show a cell's outputs by the versions of a package.

        :param node: the cell's node, which shows the outputs of the default environment.
        :param groups: what the environments put out.
        :param package: the package.
        :param cell: the cell.
        :raises RecordError: if two groups would be called the same.
        """
        labels = labels_of(groups, package, self.config.live_show_services)
        if len(set(labels)) < len(labels):
            raise RecordError(
                f"Two tabs would be called the same: {', '.join(labels)}. Name a package whose versions tell "
                "them apart by the option “by”."
            )
        if len(groups) == 1:
            if "versions" in node:
                same = nodes.paragraph("", f"The same with {labels[0]}.", classes=["live-origin"])
                node.insert(len(node) - 1, same)  # above the line that says where the cell comes from
            return
        own = next((child for child in node.children if _is_output(child)), None)
        position = node.index(own) if own else 1
        if own:
            node.remove(own)
        panels = []
        for group in groups:
            panel = SphinxTabsPanel()
            if any(one.environment == Environment.name for one in group):
                panel.extend([own] if own else [])
                panel["classes"].append("live-default")  # where the output of a run belongs
            else:
                panel.extend(self.outputs(group[0], cell))
            if not panel.children:
                panel.append(nodes.paragraph("", "Nothing is printed.", classes=["live-nothing"]))
            panel.extend(self.versions(one) for one in group)
            panel["data-environment"] = group[0].environment
            panels.append(panel)
        node.insert(position, self.tabs(labels, panels))

    def outputs(self, shown: Shown, cell: Cell) -> list[nodes.Node]:
        """Return the nodes of recorded outputs, as those of a live execution."""
        if not shown.outputs:
            return []
        node = CellOutputNode(classes=["cell_output"])
        outputs = list(shown.outputs)
        node.extend(cell_output_to_nodes([render.plain(output) for output in outputs], True, "", None))
        DressCells(self.document).refine(node, outputs, cell)
        return [node]

    def versions(self, shown: Shown) -> nodes.paragraph:
        """Return the line that says with what an environment printed."""
        services = self.config.live_show_services
        # Another service may be installed as well, but has printed nothing.
        used, _ = _service(shown, services)
        names = {package: name if name == used else "" for name, package in services.items()}
        named = [
            (names.get(package, package), shown.version(package))
            for package in self.config.live_show_packages
        ]
        text = ", ".join(f"{name} {version}" for name, version in named if name and version)
        return nodes.paragraph("", f"Printed with {text}.", classes=["live-origin"])

    def tabs(self, labels: Sequence[str], panels: Sequence[SphinxTabsPanel]) -> nodes.container:
        """Return the tabs, made as those of sphinx-tabs, whose script works them.

        Its directives would have their content parsed, as reST or as Markdown. Here there are nodes already.
        """
        document = self.env.current_document
        number = document.get("next_tabs_id") or 0
        document["next_tabs_id"] = number + 1
        buttons = SphinxTabsTablist()
        buttons["role"], buttons["aria-label"] = "tablist", "Versions"
        node = nodes.container("", buttons, classes=["sphinx-tabs"])
        for position, (label, panel) in enumerate(zip(labels, panels, strict=True)):
            # sphinx-tabs selects tabs of the same name together, and calls this a group.
            name = base64.b64encode(label.encode()).decode()
            tab = SphinxTabsTab("", label, classes=["sphinx-tabs-tab", "group-tab"])
            tab["ids"], panel["ids"] = [f"tab-{number}-{name}"], [f"panel-{number}-{name}"]
            tab["role"], panel["role"] = "tab", "tabpanel"
            tab["name"] = panel["name"] = name
            tab["tabindex"], panel["tabindex"] = "0" if position == 0 else "-1", 0
            tab["aria-selected"] = "true" if position == 0 else "false"
            tab["aria-controls"], panel["aria-labelledby"] = panel["ids"][0], tab["ids"][0]
            panel["classes"] += ["sphinx-tabs-panel", "group-tab"]
            panel["data-label"] = label
            if position:
                panel["hidden"] = "true"
            buttons.append(tab)
            node.append(panel)
        return node


def _is_output(node: nodes.Node) -> bool:
    folded = isinstance(node, render.Folded) and node["summary"] == "Output"
    return folded or isinstance(node, CellOutputNode)


def _first(packages: Sequence[str]) -> str:
    return packages[0] if packages else ""


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive and the transform; :func:`live.sphinx.setup` does so."""
    app.add_directive("live-versions", VersionedCell)
    app.add_transform(ShowVersions)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
