"""What the page on speed says is what was measured."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

from benchmarks.builds import BUILDERS, SCENARIOS
from measured import BARE, OURS, STOCK, Results


def measured(seconds: float) -> dict[str, Any]:
    """Give results whose median is a number of seconds, for every scenario."""
    runs = {name: [seconds + 1, 0.0, seconds] for name in SCENARIOS}
    return {"cpu": runs, "wall": copy.deepcopy(runs), "stale": 12}


@pytest.fixture
def data() -> dict[str, Any]:
    """Give results in which ours needs 3 seconds, Sphinx alone 2, and the other builders 10."""
    builders = {name: measured(10) for name in BUILDERS}
    builders |= {BARE: measured(2), OURS: {**measured(3), "stale": 0}}
    return {
        "measured": "2026-11-25",
        "machine": {"processor": "Abacus", "cores": 2, "system": "Linux", "python": "3.11.7"},
        "versions": {"Sphinx": "9.0.4"},
        "pages": 12,
        "cells": 8,
        "runs": 3,
        "scenarios": SCENARIOS,
        "builders": builders,
    }


def test_a_table_has_medians_ratios_and_stale_pages(data):
    head, *rows = Results(data).table("cpu")
    assert head == ["Builder", *SCENARIOS.values(), "Stale pages"]
    assert [row[0] for row in rows] == list(BUILDERS)
    by_name = {row[0]: row[1:] for row in rows}
    assert by_name[STOCK] == ["10.0 (1.00)"] * 4 + ["12"]
    assert by_name[OURS] == ["3.0 (0.30)"] * 4 + ["0"]
    assert by_name[BARE][-1] == "–", "what is not executed can't be stale"


def test_the_table_of_the_clock_has_no_stale_pages(data):
    head, *rows = Results(data).table("wall")
    assert head == ["Builder", *SCENARIOS.values()]
    assert rows[-1] == [OURS, *["3.0 (0.30)"] * 4]


def test_aims_are_met_or_missed(data):
    cold, unchanged, stale = Results(data).aims()
    assert cold.startswith("From nothing: 0.30 times the CPU seconds of jupyter-sphinx.")
    assert unchanged.startswith("Nothing changed: 1.50 times")
    assert [aim.endswith(": met.") for aim in (cold, unchanged, stale)] == [True] * 3
    data["builders"][OURS] = measured(3.6)
    assert [aim.endswith(": missed.") for aim in Results(data).aims()] == [True] * 3


def test_conditions_name_machine_and_versions(data):
    text = "\n".join(Results(data).conditions())
    for words in (
        "12 pages of 8 cells",
        "3 runs",
        "2026-11-25",
        "Abacus, 2 cores",
        "Python 3.11.7",
        "Sphinx 9.0.4",
    ):
        assert words in text


def test_results_without_a_builder_are_refused(data):
    del data["builders"][STOCK]
    with pytest.raises(ValueError, match="The results lack 'jupyter-sphinx'"):
        Results(data)


def build(folder: Path) -> tuple[str, str]:
    """Build a page that shows everything, and give its HTML and the warnings."""
    kinds = ("cpu", "wall", "chart", "stale", "aims", "conditions")
    parts = [f".. measured:: speed.json\n   :show: {kind}\n" for kind in kinds]
    (folder / "index.rst").write_text("\n".join(["Speed\n=====\n", *parts]), encoding="utf-8")
    (folder / "conf.py").write_text('extensions = ["measured"]\nhtml_theme = "basic"\n', encoding="utf-8")
    warnings = folder / "warnings"
    with docutils_namespace(), patch_docutils(folder), warnings.open("w", encoding="utf-8") as stream:
        Sphinx(
            folder, folder, folder / "out", folder / "doctrees", "html", status=None, warning=stream
        ).build()
    return (folder / "out/index.html").read_text(encoding="utf-8"), warnings.read_text(encoding="utf-8")


def test_a_page_shows_tables_and_charts_and_follows_the_file(data, tmp_path):
    file = tmp_path / "speed.json"
    file.write_text(json.dumps(data))
    page, warnings = build(tmp_path)
    assert warnings == ""
    assert (page.count("<table"), page.count("<svg")) == (2, 2)
    assert "3.0 (0.30)" in page
    data["builders"][OURS] = measured(4)
    file.write_text(json.dumps(data))
    assert "4.0 (0.40)" in build(tmp_path)[0]


@pytest.mark.parametrize("text", [None, "", "{}", "[]", '{"builders": 1}'])
def test_a_file_that_cannot_be_shown_is_an_error_that_says_what_to_do(text, tmp_path):
    if text is not None:
        (tmp_path / "speed.json").write_text(text)
    _, warnings = build(tmp_path)
    assert "index.rst:4: ERROR: speed.json can't be shown: " in warnings
    assert "Run: nox -s bench" in warnings
