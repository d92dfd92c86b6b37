"""Every cell that can run in a browser does, and puts out there what was recorded when the site was built."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from live.notebook import read
from tests.browser.conftest import Reader, Served
from tests.site.conftest import ROOT

NOTEBOOKS = sorted(path.stem for path in (ROOT / "examples" / "notebooks").glob("*.md"))

# What the page does with a notebook, without its buttons.
_RUN_ALL = """async ([session, runtime, cells]) => {
  const { Session } = await import(session);
  const python = new Session(runtime.address, { digest: runtime.digest });
  await python.start();
  const results = [];
  for (const cell of cells) {
    const outputs = [];
    const result = await python.run(cell, (output) => outputs.push(output));
    results.push({ label: cell.label, outputs, ...result });
  }
  python.stop();
  return results;
}"""


def run_cells(reader: Reader, site: Served, cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Run cells one after the other in one fresh Python, in a page of the site.

    :returns: for each cell its label, its outputs, and what the comparison says.
    """
    page = reader.open("index.html")
    try:
        results: list[dict[str, Any]] = page.evaluate(
            _RUN_ALL, [f"{site.url}_static/live/session.js", runtime_of(site), cells]
        )
    finally:
        page.close()
    return results


def runtime_of(site: Served) -> dict[str, str]:
    """Find the runtime of a site: its address, and the digest of its manifest."""
    [folder] = (site.folder / "_static/live/runtime").iterdir()
    digest = hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    return {"address": f"{site.url}_static/live/runtime/{folder.name}/", "digest": digest}


def packed(site: Served, name: str) -> dict[str, Any]:
    """What the site knows of a notebook."""
    path = site.folder / "_static/live/notebooks" / f"{name}.json"
    content: dict[str, Any] = json.loads(path.read_bytes())
    return content


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_cells_are_as_recorded(name: str, served: Served, reader: Reader) -> None:
    cells = packed(served, name)["cells"]
    source = read(Path(ROOT, "examples/notebooks", f"{name}.md"))
    assert [cell["label"] for cell in cells] == [cell.label for cell in source.cells]
    for cell in cells:
        # Either it can run, and then there is something to compare with; or it says why not, in a sentence.
        assert (cell["why"] is None and cell["expected"]) or cell["why"].endswith(".")
    can_run = [cell for cell in cells if cell["why"] is None]
    if not can_run:
        return
    results = run_cells(reader, served, can_run)
    assert [result["label"] for result in results] == [cell["label"] for cell in can_run]
    assert "\n".join(result["diff"] for result in results if not result["same"]) == ""


def test_most_cells_can_run(served: Served) -> None:
    """The test above would be content with reasons why nothing can."""
    can_run = {name: [cell["why"] is None for cell in packed(served, name)["cells"]] for name in NOTEBOOKS}
    for name in ("first-bucket", "vanishing-files", "storage-api", "default-storage", "providers"):
        assert all(can_run[name])
    ran = [one for name in NOTEBOOKS for one in can_run[name]]
    assert sum(ran) > 0.6 * len(ran)


def test_comparison_finds_a_difference(served: Served, reader: Reader) -> None:
    cells = [{"label": "one", "source": "print(2 * 3)", "expected": "printed\n| 7"}]
    [result] = run_cells(reader, served, cells)
    assert result["same"] is False
    assert "-| 7\n+| 6" in result["diff"]
