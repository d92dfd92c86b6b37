"""Lighthouse's verdict on the built site: three runs a page, of which the median counts."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from live.browser import node

from ..access.conftest import OPTIONS, SYSTEM_BROWSERS, address, site

__all__ = ["address", "site"]  # fixtures

LIGHTHOUSE = Path(os.environ["LIGHTHOUSE_NPM"], "node_modules/lighthouse/cli/index.js")
# One of each kind: the start, the longest page with all that a cell can show, a notebook, a reference.
PAGES = (
    "index.html",
    "guide/work-media-storage.html",
    "notebooks/vanishing-files.html",
    "reference/dsn.html",
)
RUNS = 3
LEAST = {"performance": 0.95, "accessibility": 1, "best-practices": 1, "seo": 1}


def measured(url: str) -> dict:
    """One run of Lighthouse, as on a phone of the middle class on a slow line."""
    found = next(filter(None, map(shutil.which, SYSTEM_BROWSERS)))
    command = [node(), str(LIGHTHOUSE), url, "--quiet", "--output=json"]
    command += [f"--only-categories={','.join(LEAST)}", f"--chrome-flags=--headless {' '.join(OPTIONS)}"]
    done = subprocess.run(
        command,
        env={**os.environ, "CHROME_PATH": found},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def shortcomings(report: dict, category: str) -> list[str]:
    """The audits that cost points, so that a failure says what to mend."""
    weights = {audit["id"]: audit["weight"] for audit in report["categories"][category]["auditRefs"]}
    return [
        f"{audit['title']} {audit.get('displayValue', '')}".strip()
        for name, audit in report["audits"].items()
        if weights.get(name) and audit["score"] is not None and audit["score"] < 1
    ]


@pytest.mark.parametrize("page", PAGES)
def test_scores(address: str, page: str, capsys: pytest.CaptureFixture[str]) -> None:
    scores: dict[str, list[float]] = defaultdict(list)
    for _ in range(RUNS):
        report = measured(address + page)
        for category in LEAST:
            scores[category].append(report["categories"][category]["score"])
    medians = {category: statistics.median(values) for category, values in scores.items()}
    with capsys.disabled():
        print(f"\n{page}: " + ", ".join(f"{name} {value:.0%}" for name, value in medians.items()))
    missed = {name: shortcomings(report, name) for name, least in LEAST.items() if medians[name] < least}
    assert not missed, missed
