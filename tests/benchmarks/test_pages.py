"""The pages that builders are compared by are the same for all, and tell whether they are stale."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path

import jupytext
import pytest

from benchmarks import pages
from benchmarks.builds import BUILDERS, ours
from live.notebook import read_all

CELLS = [code for _, code in pages.cells(7)]
CODE_BLOCK = re.compile(r"^\.\. jupyter-execute::\n\n((?:   .*\n|\n)+)", re.MULTILINE)


def test_each_format_has_the_same_cells():
    blocks = CODE_BLOCK.findall(pages.rst(7))
    assert [re.sub(r"^   ", "", block, flags=re.MULTILINE).strip() for block in blocks] == CELLS
    notebook = json.loads(pages.ipynb(7))
    assert [cell["source"] for cell in notebook["cells"] if cell["cell_type"] == "code"] == CELLS
    text = pages.myst(7, "{code-cell} python", "kernelspec:\n  name: python3\n  display_name: Python 3\n")
    read = jupytext.reads(text, fmt="md:myst")
    assert [cell.source for cell in read.cells if cell.cell_type == "code"] == CELLS
    assert re.findall(r"^```python\n(.*?)\n```", pages.myst(7, "python"), re.MULTILINE | re.DOTALL) == CELLS


def test_there_are_enough_of_them():
    assert pages.COUNT >= 12
    assert len(CELLS) == 8


def test_our_engine_reads_its_pages(tmp_path):
    ours(tmp_path)
    notebooks, errors = read_all(tmp_path / "notebooks")
    assert errors == []
    assert [cell.source for cell in notebooks[6].cells] == CELLS


def test_no_page_has_in_its_code_what_it_prints():
    for edition in (1, 2):
        for text in (pages.rst(7), pages.ipynb(7), pages.myst(7, "python"), pages.shared_module(edition)):
            assert pages.printed(7, edition) not in text


def test_the_module_returns_what_pages_print(tmp_path):
    path = tmp_path / "shared.py"
    path.write_text(pages.shared_module(2))
    assert runpy.run_path(str(path))["told"]("07") == pages.printed(7, 2)


@pytest.mark.parametrize("builder", list(BUILDERS))
def test_stale_pages_are_found(builder, tmp_path):
    project = BUILDERS[builder](tmp_path)
    names = [pages.name(number) for number in range(1, pages.COUNT + 1)]
    assert project.stale(1) == names, "pages that aren't built"
    for number, name in enumerate(names, 1):
        path = project.built / f"{name}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(pages.printed(number, 2 if number < 5 else 1))
    assert project.stale(2) == names[4:]


@pytest.mark.parametrize("builder", list(BUILDERS))
def test_a_sentence_and_the_module_are_really_changed(builder, tmp_path):
    project = BUILDERS[builder](tmp_path)

    def contents() -> dict[Path, str]:
        return {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()}

    before = contents()
    project.change_sentence("Another one.")
    project.change_module(2)
    now = contents()
    changed = {path.name for path in now if now[path] != before[path]}
    assert {name.partition(".")[0] for name in changed} == {"page-01", "shared"}
