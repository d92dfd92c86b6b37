"""The page on speed shows what was last measured, with this commit's set of builders."""

from __future__ import annotations

import json

from benchmarks.builds import BUILDERS, RESULTS, SCENARIOS
from measured import Results

from .conftest import Site


def test_the_page_shows_the_recorded_results(site: Site) -> None:
    data = json.loads(RESULTS.read_text(encoding="utf-8"))
    assert list(data["builders"]) == list(BUILDERS)
    assert data["scenarios"] == SCENARIOS
    assert data["pages"] >= 12
    page = site.pages["reference/speed.html"]
    for table, kind in zip(page.select("table.measured"), ("cpu", "wall"), strict=True):
        rows = [[cell.get_text(strip=True) for cell in row.select("th, td")] for row in table.select("tr")]
        assert rows == Results(data).table(kind)
    for chart in page.select("figure.measured svg"):
        assert [label for label in data["builders"] if label in chart.get_text()][-1] == "This site"
    assert str(data["machine"]["processor"]) in page.get_text()
