"""The page on the wait for Python says what was measured."""

from __future__ import annotations

from typing import Any

import pytest

from measured_browser import BARE, FAST, LITE, OURS, SLOW, Results


def visits(cold: float, warm: float, size: int) -> dict[str, Any]:
    """Give three visits whose medians are these."""
    return {
        "cold": {"seconds": [cold + 1, cold, 0.0], "bytes": [size] * 3},
        "warm": {"seconds": [warm + 1, warm, 0.0], "bytes": [0] * 3},
    }


@pytest.fixture
def data() -> dict[str, Any]:
    """Give results in which all aims are met."""
    results = {
        OURS: {FAST: visits(1, 0.8, 18_000_000), SLOW: visits(8, 0.9, 18_000_000)},
        BARE: {FAST: visits(2, 1.6, 6_000_000), SLOW: visits(5, 1.7, 6_000_000)},
        LITE: {FAST: visits(9, 8, 12_000_000), SLOW: visits(20, 8, 12_000_000)},
    }
    machine = {"processor": "One", "cores": 2, "system": "Linux x86_64", "python": "3.11.7"}
    said = {"measured": "2026-11-25", "runs": 3, "machine": machine, "versions": {"Chromium": "156"}}
    return {**said, "results": results}


def test_it_is_said_when_and_where_it_was_measured(data):
    assert Results(data).conditions() == [
        "Each number is the median of 3 runs, measured on 2026-11-25.",
        "Machine: One, 2 cores, Linux x86_64, Python 3.11.7.",
        "Versions: Chromium 156.",
    ]


def test_the_table_has_medians_and_what_was_transferred(data):
    head, *rows = Results(data).table()
    assert [row[0] for row in rows] == [OURS, BARE, LITE]
    assert rows[0][1:] == ["1.0 s", "0.8 s", "8.0 s", "0.9 s", "18.0 MB"]
    assert len(head) == len(rows[0])


def test_each_aim_is_held_against_its_contender(data):
    aims = Results(data).aims()
    assert [aim.endswith(": met.") for aim in aims] == [True] * 6
    found = [aim.split(": ")[1] for aim in aims[:4]]
    assert [words[:4] for words in found] == ["0.50", "0.50", "1.60", "0.40"]
    assert f"seconds of {LITE}" in aims[3]


def test_aims_are_missed(data):
    data["results"][OURS] = {line: visits(9, 2, 21_000_000) for line in (FAST, SLOW)}
    data["results"][OURS][FAST]["warm"]["bytes"] = [1] * 3
    assert [aim.endswith(": missed.") for aim in Results(data).aims()] == [True] * 6


@pytest.mark.parametrize("contender", [BARE, LITE])
def test_results_without_a_contender_are_refused(data, contender):
    del data["results"][contender]
    with pytest.raises(ValueError, match=f"The results lack '{contender}'"):
        Results(data)
