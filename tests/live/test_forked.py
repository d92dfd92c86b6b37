"""What is special about execution in forks; that it does what kernels do is shown in test_execute.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from nbformat import v4

from live.__main__ import main
from live.execute import Execution, Store, execute_all
from live.forked import runner_for
from live.notebook import read_all
from live.runner import Environment, run
from live.verify import same
from tests.live.conftest import Project


def execute(project: Project, warm_up: str = "import colorsys\n") -> tuple[dict[str, Execution], list]:
    """Execute a project's notebooks in forks."""
    project.file("warm_up.py", warm_up)
    environment = Environment()
    with runner_for(environment, project.root / "warm_up.py", project.root) as runner:
        return execute_all(
            project.read(), Store(project.store), project.root, environment, progress=False, runner=runner
        )


def printed(execution: Execution) -> list[str]:
    return ["".join(output["text"] for output in cell) for cell in execution.outputs]


def test_notebooks_share_what_was_imported_beforehand_and_nothing_else(project):
    code = "import colorsys, os, random\nprint(getattr(colorsys, 'mark', 'clean'))\ncolorsys.mark = 'used'"
    look = "print(os.getppid(), random.random())"
    for name in ("a", "b", "c"):
        project.write(name, "import sys\nprint('colorsys' in sys.modules)", code, look)
    executions, errors = execute(project)
    assert errors == []
    outputs = [printed(executions[name]) for name in ("a", "b", "c")]
    assert [each[:2] for each in outputs] == [["True\n", "clean\n"]] * 3
    parents, numbers = zip(*(each[2].split() for each in outputs), strict=True)
    assert len(set(parents)) == 1, "they don't come from one process"
    assert len(set(numbers)) == 3, "each notebook would draw the same random numbers"


def test_no_process_starts_where_nothing_is_stale(project):
    project.write("a", "print(1)")
    execute(project)
    executions, errors = execute(project, "raise RuntimeError('started')\n")
    assert (list(executions), errors) == (["a"], [])


def test_what_programs_print_past_python_is_an_output(project):
    project.write("a", "import os\nos.system('echo from a program; echo warning >&2')\nprint('python')")
    executions, errors = execute(project)
    assert errors == []
    [outputs] = executions["a"].outputs
    streams = {output["name"]: output["text"] for output in outputs if output["output_type"] == "stream"}
    assert sorted(streams["stdout"].splitlines()) == ["from a program", "python"]
    assert streams["stderr"] == "warning\n"


def test_a_picture_of_pillow_is_shown_as_a_kernel_shows_it(project):
    project.write(
        "a", "from PIL import Image\ndisplay(Image.new('RGB', (4, 4), 'red'))\nImage.new('1', (2, 2))"
    )
    executions, errors = execute(project)
    assert errors == []
    kernels, _ = execute_all(project.read(), Store(project.store / "k"), project.root, progress=False)
    outputs = [
        [output["data"]["image/png"] for cell in each["a"].outputs for output in cell]
        for each in (executions, kernels)
    ]
    assert outputs[0] == outputs[1]
    assert len(outputs[0]) == 2


@pytest.mark.parametrize(
    ("warm_up", "said"),
    [
        (
            "import missing\n",
            "warm_up.py fails: ModuleNotFoundError: No module named 'missing'",
        ),
        (
            "import sys\nsys.path.append('{root}/lib')\nimport prices\n",
            "warm_up.py imports prices, which is the project's own, and would not be seen to change.",
        ),
    ],
)
def test_a_warm_up_that_cannot_be_is_an_error_for_each_notebook(project, warm_up, said):
    project.file("lib/prices.py", "PRICE = 1\n")
    project.write("a", "1")
    project.write("b", "1")
    executions, errors = execute(project, warm_up.format(root=project.root))
    assert executions == {}
    assert [error.path.stem for error in errors] == ["a", "b"]
    for error in errors:
        assert "did not start" in error.reason
        assert error.reason.endswith(said)


def test_a_module_in_the_place_of_an_imported_one_is_imported_as_in_a_kernel(project):
    warm_up = "import tqdm\n"
    project.write("a", "import tqdm\nprint(getattr(tqdm, 'MINE', 'theirs'))")
    executions, _ = execute(project, warm_up)
    assert printed(executions["a"]) == ["theirs\n"]
    # The notebooks' folder comes first on the import path.
    project.file("examples/notebooks/tqdm.py", "MINE = 'mine'\n")
    executions, errors = execute(project, warm_up)
    assert errors == []
    assert printed(executions["a"]) == ["mine\n"]


def test_a_database_in_memory_lasts_from_cell_to_cell(project):
    # Django keeps its connections in context variables.
    project.write(
        "a",
        "import contextvars\nheld = contextvars.ContextVar('held')\ntoken = held.set('kept')",
        "print(held.get('lost'))",
        "import asyncio\nawait asyncio.sleep(0)\nprint(held.get('lost'))",
    )
    executions, errors = execute(project)
    assert errors == []
    assert printed(executions["a"]) == ["", "kept\n", "kept\n"]


def test_the_folder_of_notebooks_may_be_relative(project, monkeypatch):
    project.write("a", "import os\nprint(os.getcwd())")
    project.file("warm_up.py", "")
    monkeypatch.chdir(project.root)
    notebooks, _ = read_all(Path("examples/notebooks"))
    with runner_for(Environment(), Path("warm_up.py"), Path()) as runner:
        executions, errors = execute_all(
            notebooks, Store(Path("store")), Path(), progress=False, runner=runner
        )
    assert errors == []
    assert printed(executions["a"]) == [f"{project.notebooks}\n"]


def test_without_a_warm_up_there_are_kernels(tmp_path):
    with runner_for(Environment(), None, tmp_path) as runner:
        assert runner is run


def test_both_ways_are_compared_with_tracebacks_and_all(project):
    project.write("a", ":name: first\n1", ":name: second\n2")
    traceback = v4.new_output("error", ename="E", evalue="e", traceback=["line 1"])
    other = v4.new_output("error", ename="E", evalue="e", traceback=["line 2"])

    def executed(*outputs) -> dict[str, Execution]:
        return {"a": Execution("a", "default", tuple([output] for output in outputs), {}, {}, "", "", 0.0)}

    kernels = executed(traceback, traceback)
    assert same(project.read(), kernels, executed(traceback, traceback)) == []
    [error] = same(project.read(), kernels, executed(traceback, other))
    assert (error.cell, error.path.stem) == ("second", "a")
    assert '-   "line 1"' in error.diff
    assert '+   "line 2"' in error.diff


def test_verify_executes_both_ways(project, capsys, monkeypatch):
    project.file("warm_up.py", "import json\n")
    project.write("a", ":name: told\nprint('live.kernel' in __import__('sys').modules)")
    options = [f"--{name}={project.root / path}" for name, path in (("root", ""), ("expected", "expected"))]
    options += [f"--notebooks={project.notebooks}", f"--store={project.store}"]
    assert main(["accept", *options]) == 0
    assert main(["verify", *options]) == 0
    capsys.readouterr()
    # This notebook can tell where it is, which is the difference that must be found.
    assert main(["verify", f"--warm-up={project.root}/warm_up.py", *options]) == 1
    said = capsys.readouterr()
    assert "differences: 1" in said.out
    assert "a.md:" in said.err
    assert "cell told: In a fork of the warm process it puts out something else" in said.err
    stored = json.loads((project.store / "default/a.ipynb").read_text())
    assert stored["cells"][0]["outputs"]
