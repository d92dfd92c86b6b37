"""Show in a page what ``nox -s bench-browser`` measured: a directive that reads it when the site is built.

``.. measured-browser:: speed-browser.json`` shows a part of what is in the file, which is named relative to
the page. Its option ``show`` says which: ``table``, ``chart``, ``aims`` or ``conditions``.
"""

from __future__ import annotations

from statistics import median
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from measured import Shown, bullets, chart, described, met, table

#: What is compared, and on which lines; the names in the file.
OURS, BARE, LITE = "This site", "Pyodide alone", "JupyterLite"
FAST, SLOW = "unthrottled", "20 Mbit/s"

_STATES = {"cold": "empty cache", "warm": "second visit"}


class Results:
    """What was measured.

    :param data: what :mod:`benchmarks.browser` wrote.
    :raises ValueError: if something is missing.
    """

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data
        try:
            self.contenders = list(data["results"])
            self.machine: dict[str, Any] = data["machine"]
            for contender in (OURS, BARE, LITE):
                for line in (FAST, SLOW):
                    self.seconds(contender, line, "cold")
        except (KeyError, TypeError) as missing:
            raise ValueError(f"The results lack {missing}.") from missing

    def seconds(self, contender: str, line: str, state: str) -> float:
        """Give a median in seconds."""
        return float(median(self.data["results"][contender][line][state]["seconds"]))

    def megabytes(self, contender: str, line: str, state: str) -> float:
        """Give a median of what was transferred, in millions of bytes."""
        return float(median(self.data["results"][contender][line][state]["bytes"])) / 1e6

    def table(self) -> list[list[str]]:
        """Give the rows of a table, the first its head."""
        columns = [(line, state) for line in (FAST, SLOW) for state in _STATES]
        rows = [["Contender", *(f"{line}, {_STATES[state]}" for line, state in columns), "transferred"]]
        for contender in self.contenders:
            seconds = [f"{self.seconds(contender, line, state):.1f} s" for line, state in columns]
            rows.append([contender, *seconds, f"{self.megabytes(contender, FAST, 'cold'):.1f} MB"])
        return rows

    def aims(self) -> list[str]:
        """Say of each aim what was measured."""
        said = []
        for state, words in _STATES.items():
            ratio = self.seconds(OURS, FAST, state) / self.seconds(BARE, FAST, state)
            said.append(_aim(f"{FAST}, {words}", ratio, BARE, 0.5))
        slow = self.seconds(OURS, SLOW, "cold")
        said.append(_aim(f"{SLOW}, {_STATES['cold']}", slow / self.seconds(BARE, SLOW, "cold"), BARE, 1.6))
        said.append(_aim(f"{SLOW}, {_STATES['cold']}", slow / self.seconds(LITE, SLOW, "cold"), LITE, 0.4))
        cold, warm = (self.megabytes(OURS, FAST, state) for state in _STATES)
        said.append(f"Transferred: {cold:.1f} MB. The aim is no more than 20 MB: {met(cold <= 20)}.")
        said.append(f"On a second visit: {warm:.1f} MB. The aim is nothing at all: {met(warm == 0)}.")
        return said

    def conditions(self) -> list[str]:
        """Say when it was measured, how often, and with which versions."""
        versions = ", ".join(f"{name} {version}" for name, version in self.data["versions"].items())
        runs = self.data["runs"]
        often = "Each number is from one run" if runs == 1 else f"Each number is the median of {runs} runs"
        return [
            f"{often}, measured on {self.data['measured']}.",
            described(self.machine),
            f"Versions: {versions}.",
        ]


def _aim(what: str, ratio: float, other: str, aim: float) -> str:
    return (
        f"{what[0].upper()}{what[1:]}: {ratio:.2f} times the seconds of {other}. "
        f"The aim is no more than {aim}: {met(ratio <= aim)}."
    )


class MeasuredBrowser(Shown):
    """``measured-browser``: see this module's description."""

    session = "bench-browser"
    parts = ("table", "chart", "aims", "conditions")

    def show(self, data: dict[str, Any], part: str) -> nodes.Node:
        """Return the node of a part."""
        results = Results(data)
        if part == "table":
            return table(results.table())
        if part == "chart":
            seconds = {name: results.seconds(name, SLOW, "cold") for name in results.contenders}
            return chart(f"First visit at {SLOW}", seconds, "seconds")
        return bullets(results.aims() if part == "aims" else results.conditions())


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("measured-browser", MeasuredBrowser)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
