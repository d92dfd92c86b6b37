"""Cells run as in an ordinary kernel: the same code, in both, puts out the same."""

from __future__ import annotations

import asyncio
import copy
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from live import interpreter
from live.interpreter import Session, compared

CELLS = {
    "value": "1 + 1",
    "nothing": "x = 1",
    "quiet": "1 + 1;",
    "long": "{'a' * 20: list(range(30)), 'b': ('c', {1, 2}), 'd': {'e': None}}",
    "printed": "import sys\nprint('one')\nprint('two', file=sys.stderr)\nprint('three')",
    "rich": (
        "class Rich:\n    def _repr_svg_(self): return '<svg/>'\n"
        "    def _repr_html_(self): return '<b>b</b>'\n"
        "    def _repr_png_(self): return b'png'\n    def __repr__(self): return 'plain'\nRich()"
    ),
    "display": (
        "from IPython.display import HTML, display\n"
        "display(HTML('<i>i</i>'))\ndisplay(1, metadata={'a': 1})\n2"
    ),
    "image": (
        "from IPython.display import Image\nImage(data=b'\\x89PNG', format='png', width=3, alt='A picture')"
    ),
    "bundle": (
        "class Bundle:\n    def _repr_mimebundle_(self, include=None, exclude=None):\n"
        "        return {'text/plain': 'p', 'text/html': 'h'}\nBundle()"
    ),
    "clear": "from IPython.display import clear_output\nprint('gone')\nclear_output()\nprint('there')",
    "update": (
        "from IPython.display import display, update_display\ndisplay('a', display_id='d')\n"
        "print('between')\nupdate_display('b', display_id='d')"
    ),
    "await": "import asyncio\nawait asyncio.sleep(0)\nawait asyncio.sleep(0, 'slept')",
    "main": "class Here: pass\nHere, __name__",
    "error": "def fail():\n    raise ValueError('why')\nfail()",
    "chained": "try:\n    {}['a']\nexcept KeyError as error:\n    raise RuntimeError('no a') from error",
    "syntax": "x = (",
    "names": "x = 5\n[x for _ in range(2)]",
    "exit": "raise SystemExit",
}


@pytest.fixture(scope="module")
def in_kernel() -> dict[str, list[dict[str, Any]]]:
    """What an ordinary kernel puts out for each cell."""
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS.values()]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    NotebookClient(notebook, allow_errors=True, timeout=60).execute()
    return {name: cell.outputs for name, cell in zip(CELLS, notebook.cells, strict=True)}


def outputs_of(*sources: str) -> list[list[dict[str, Any]]]:
    """Run cells in one session, and return the outputs of each."""

    async def run() -> list[list[dict[str, Any]]]:
        session = Session(lambda output: None)
        session.install()
        kept = []
        for source in sources:
            await session.run(source)
            kept.append(copy.deepcopy(session.outputs))
        return kept

    before = sys.modules.get("IPython.core.interactiveshell")
    try:
        return asyncio.run(run())
    finally:
        if before is not None:
            sys.modules["IPython.core.interactiveshell"] = before


def comparable(output: dict[str, Any]) -> dict[str, Any]:
    """Leave out of an output what no transcript holds."""
    left_out = ("traceback", "explained", "execution_count", "transient")
    return {name: value for name, value in output.items() if name not in left_out}


@pytest.mark.parametrize("name", [name for name in CELLS if name not in ("syntax", "exit")])
def test_outputs_are_those_of_a_kernel(name: str, in_kernel: dict[str, list[dict[str, Any]]]) -> None:
    [outputs] = outputs_of(CELLS[name])
    assert [comparable(one) for one in outputs] == [comparable(one) for one in in_kernel[name]]


@pytest.mark.parametrize("name", ["syntax", "exit"])
def test_errors_that_stop_a_cell(name: str, in_kernel: dict[str, list[dict[str, Any]]]) -> None:
    # A kernel adds a hint to standard error when a cell exits, and the file's name to an error of syntax.
    [output] = [one for one in outputs_of(CELLS[name])[0] if one["output_type"] == "error"]
    [expected] = [one for one in in_kernel[name] if one["output_type"] == "error"]
    assert output["ename"] == expected["ename"]


def test_tracebacks_begin_with_the_readers_line() -> None:
    [[error]] = outputs_of(CELLS["error"])
    assert [line for line in error["traceback"] if line.startswith("Cell In")] == [
        "Cell In[1], line 3",
        "Cell In[1], line 2, in fail(…)",
    ]
    assert error["explained"]["lines"][0] == (3, "fail()")
    assert error["explained"]["name"] == "ValueError"
    assert error["explained"]["rest"] == ": why"


def test_cells_share_names_and_context() -> None:
    counted = "import contextvars\ncounter = contextvars.ContextVar('counter', default=0)\ncounter.set(1)"
    _, [output] = outputs_of(counted, "print(counter.get())")
    assert output["text"] == "1\n"


def test_nothing_can_be_typed_in() -> None:
    [[error]] = outputs_of("input('Name? ')")
    assert error["ename"] == "InputRefused"
    assert "on your own machine" in error["evalue"]


def test_comparison() -> None:
    [outputs] = outputs_of("print('a')")
    assert compared("printed\n| a", outputs) == {"same": True, "diff": ""}
    assert compared("printed\n| ...", outputs)["same"] is True
    assert compared(None, outputs) == {"same": None, "diff": ""}
    different = compared("printed\n| b", outputs)
    assert different["same"] is False
    assert "-| b\n+| a" in different["diff"]


def test_what_runs_in_the_browser_needs_nothing_of_the_build() -> None:
    program = (
        "import sys\nimport live.in_browser\nprint([n for n in sys.modules if n.split('.')[0] in sys.argv])"
    )
    absent = ["nbformat", "jupytext", "PIL", "yaml", "docutils", "sphinx"]
    engine = Path(interpreter.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", program, *absent],
        env={**os.environ, "PYTHONPATH": str(engine)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
