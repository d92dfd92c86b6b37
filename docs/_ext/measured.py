"""Show in a page what ``nox -s bench`` measured: a directive that reads the results when the site is built.

``.. measured:: speed.json`` shows a part of the results in the file, which is named relative to the page. Its
option ``show`` says which:

- ``cpu`` and ``wall``: a table of seconds, by builder and by what had changed;
- ``chart``: how much each builder computed to build from nothing;
- ``stale``: a chart of how many pages each left stale;
- ``aims``: this project's aims, and whether they are met;
- ``conditions``: machine and versions.

:mod:`benchmarks.builds` writes the file.
"""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

#: The names of the builders that the others are compared with, and of ours.
STOCK, BARE, OURS = "jupyter-sphinx", "Sphinx, no cells", "This site"

#: What this project aims at: times the CPU seconds of another builder.
COLD_AIM, UNCHANGED_AIM = 0.35, 1.5


class Results:
    """What was measured.

    :param data: what :mod:`benchmarks.builds` wrote.
    :raises ValueError: if a builder is missing with which others are compared, or a number.
    """

    def __init__(self, data: dict[str, Any]) -> None:
        self._data = data
        try:
            for builder in (STOCK, BARE, OURS):
                self.seconds("cpu", builder, "cold")
            self.machine: dict[str, Any] = data["machine"]
            self.scenarios: dict[str, str] = data["scenarios"]
            #: How many pages each builder left stale; code that isn't executed can't be.
            self.stale = {name: one["stale"] for name, one in data["builders"].items() if name != BARE}
        except (KeyError, TypeError) as missing:
            raise ValueError(f"The results lack {missing}.") from missing

    @property
    def builders(self) -> list[str]:
        """The names of all builders, in their order."""
        return list(self._data["builders"])

    def seconds(self, kind: str, builder: str, scenario: str) -> float:
        """Give the median of what was measured.

        :param kind: ``cpu`` or ``wall``.
        :param builder: the builder's name.
        :param scenario: what had changed.
        :returns: seconds.
        """
        return float(median(self._data["builders"][builder][kind][scenario]))

    def ratio(self, kind: str, builder: str, other: str, scenario: str) -> float:
        """Give a builder's median as a multiple of another's."""
        return self.seconds(kind, builder, scenario) / self.seconds(kind, other, scenario)

    def table(self, kind: str) -> list[list[str]]:
        """Give the rows of a table, the first its head. That of CPU seconds counts stale pages too.

        :param kind: ``cpu`` or ``wall``.
        """
        rows = [["Builder", *self.scenarios.values(), *(["Stale pages"] if kind == "cpu" else [])]]
        for builder in self.builders:
            cells = [
                f"{self.seconds(kind, builder, name):.1f} ({self.ratio(kind, builder, STOCK, name):.2f})"
                for name in self.scenarios
            ]
            rows.append([builder, *cells, *([str(self.stale.get(builder, "–"))] if kind == "cpu" else [])])
        return rows

    def aims(self) -> list[str]:
        """Say of each aim what was measured."""
        cold = self.ratio("cpu", OURS, STOCK, "cold")
        unchanged = self.ratio("cpu", OURS, BARE, "unchanged")
        stale = self.stale[OURS]
        return [
            f"From nothing: {cold:.2f} times the CPU seconds of {STOCK}. The aim is no more than {COLD_AIM}: "
            f"{met(cold <= COLD_AIM)}.",
            f"Nothing changed: {unchanged:.2f} times the CPU seconds of Sphinx on the same pages without "
            f"cells. The aim is no more than {UNCHANGED_AIM}: {met(unchanged <= UNCHANGED_AIM)}.",
            f"A shared module changed: {stale} stale pages. The aim is none: {met(stale == 0)}.",
        ]

    def conditions(self) -> list[str]:
        """Say what was measured, where, and with which versions."""
        data = self._data
        versions = ", ".join(f"{name} {version}" for name, version in data["versions"].items())
        return [
            f"{data['pages']} pages of {data['cells']} cells each. Each number is the median of "
            f"{data['runs']} runs, measured on {data['measured']}.",
            described(self.machine),
            f"Versions: {versions}.",
        ]


# -- What every such directive needs ------------------------------------------------------------------------


def met(aim: bool) -> str:
    """Say whether an aim is met."""
    return "met" if aim else "missed"


def described(machine: dict[str, Any]) -> str:
    """Describe the machine on which something was measured.

    :param machine: what :func:`benchmarks.usage.machine` says of it.
    """
    return (
        f"Machine: {machine['processor']}, {machine['cores']} cores, {machine['system']}, "
        f"Python {machine['python']}."
    )


class Shown(SphinxDirective):
    """A directive that shows a part of the results in a file.

    Its argument is the file, relative to the page; its option ``show`` names the part.
    """

    required_arguments = 1
    #: The session of nox that writes the file.
    session: ClassVar[str]
    #: The parts that can be shown, that which is shown by default first.
    parts: ClassVar[tuple[str, ...]]
    option_spec: ClassVar[dict[str, Any]] = {"show": directives.unchanged_required}

    def show(self, data: dict[str, Any], part: str) -> nodes.Node:
        """Return the node of a part.

        :param data: what is in the file.
        :param part: one of :attr:`parts`.
        :raises ValueError: if something is missing in the file.
        """
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        """Return the node of the part that is to be shown."""
        part = self.options.get("show", self.parts[0])
        if part not in self.parts:
            raise self.error(f"“{part}” can't be shown. There are: {', '.join(self.parts)}.")
        _, file = self.env.relfn2path(self.arguments[0])
        self.env.note_dependency(file)
        try:
            return [self.show(json.loads(Path(file).read_text(encoding="utf-8")), part)]
        except (OSError, ValueError) as error:
            reason = f"{error.strerror}." if isinstance(error, OSError) else str(error)
            raise self.error(
                f"{self.arguments[0]} can't be shown: {reason} Run: nox -s {self.session}"
            ) from error


def table(rows: list[list[str]]) -> nodes.table:
    """Make a table.

    :param rows: the texts of its cells, row by row; the first row is its head.
    """
    group = nodes.tgroup("", *(nodes.colspec(colwidth=1) for _ in rows[0]), cols=len(rows[0]))
    written = [
        nodes.row("", *(nodes.entry("", nodes.paragraph("", text)) for text in cells)) for cells in rows
    ]
    group += nodes.thead("", written[0])
    group += nodes.tbody("", *written[1:])
    return nodes.table("", group, classes=["measured"])


def bullets(sentences: list[str]) -> nodes.bullet_list:
    """Make a list of sentences."""
    items = [nodes.list_item("", nodes.paragraph("", sentence)) for sentence in sentences]
    return nodes.bullet_list("", *items, bullet="-")


def chart(title: str, values: dict[str, float], unit: str) -> nodes.raw:
    """Draw a bar chart.

    :param title: what it shows.
    :param values: the length of each bar by its label.
    :param unit: their unit.
    """
    # Here, because it sets Django up, which few pages need.
    from cloud.drawing import BarChart

    drawn = BarChart(title, values, unit)._repr_svg_()
    return nodes.raw("", f'<figure class="measured">{drawn}</figure>', format="html")


# -- Builds -------------------------------------------------------------------------------------------------


class Measured(Shown):
    """``measured``: see this module's description."""

    session = "bench"
    parts = ("cpu", "wall", "chart", "stale", "aims", "conditions")

    def show(self, data: dict[str, Any], part: str) -> nodes.Node:
        """Return the node of a part."""
        results = Results(data)
        if part in ("cpu", "wall"):
            return table(results.table(part))
        if part == "stale":
            return chart("A shared module changed", results.stale, "stale pages")
        if part == "chart":
            seconds = {name: results.seconds("cpu", name, "cold") for name in results.builders}
            return chart("Built from nothing", seconds, "CPU seconds")
        return bullets(results.aims() if part == "aims" else results.conditions())


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("measured", Measured)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
