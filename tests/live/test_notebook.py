from __future__ import annotations

from typing import Any

import nbformat
import pytest

from live.execute import Execution
from live.notebook import NotebookError, read, read_all

TEXT = """\
---
jupytext: {text_representation: {extension: .md, format_name: myst}}
kernelspec: {display_name: Python 3, language: python, name: python3}
live: {environments: [default, django-4.2], timeout: 5}
---

# Small *files*

```{code-cell} python
:tags: [remove-cell]
import os
```

Prose with a list:

- ```python
  not_a_cell()
  ```

````{code-cell} python
---
name: open-by-path
raises: NotImplementedError
tags: [raises-exception, hide-input]
---

def f():
    raise NotImplementedError("```")

f()
````

```{code-cell} python
print("no options")
```
"""


@pytest.fixture
def notebook(tmp_path):
    path = tmp_path / "small-files.md"
    path.write_text(TEXT, encoding="utf-8")
    return read(path)


def execution(*outputs):
    return Execution("small-files", "default", outputs, {}, {}, "3.11.9", "", 1.0)


def test_reads_what_the_front_matter_and_the_heading_say(notebook):
    assert notebook.name == "small-files"
    assert notebook.title == "Small *files*"
    assert notebook.environments == ("default", "django-4.2")
    assert notebook.timeout == 5


def test_reads_cells_with_their_options(notebook):
    assert [(cell.index, cell.name, cell.raises, cell.tags) for cell in notebook.cells] == [
        (1, None, None, ("remove-cell",)),
        (2, "open-by-path", "NotImplementedError", ("raises-exception", "hide-input")),
        (3, None, None, ()),
    ]
    assert notebook.cells[1].source == 'def f():\n    raise NotImplementedError("```")\n\nf()'


def test_knows_the_lines_of_fence_and_code(notebook):
    lines = TEXT.splitlines()
    for cell in notebook.cells:
        assert "{code-cell}" in lines[cell.line - 1]
        assert lines[cell.source_line - 1] == cell.source.splitlines()[0]


def test_lines_are_right_with_line_ends_of_windows(notebook):
    before = [(cell.line, cell.source_line, cell.source) for cell in notebook.cells]
    notebook.path.write_bytes(TEXT.replace("\n", "\r\n").encode())
    assert [(cell.line, cell.source_line, cell.source) for cell in read(notebook.path).cells] == before


def test_timeout_is_a_minute_unless_said(project):
    front = "---\nkernelspec: {display_name: P, name: python3}\nlive: {environments: [default]}\n---\n"
    assert read(project.write("a", "1", front=front)).timeout == 60


def test_finds_cells_by_name_and_number(notebook):
    assert notebook.cell("open-by-path") is notebook.cells[1]
    assert notebook.cell("2") is notebook.cells[1]
    assert [cell.label for cell in notebook.cells] == ["1", "open-by-path", "3"]


@pytest.mark.parametrize("label", ["open-by-pth", "0", "4", ""])
def test_a_missing_cell_is_an_error_that_lists_the_others(notebook, label):
    with pytest.raises(NotebookError, match=r"cells 1 to 3; named cells: open-by-path") as caught:
        notebook.cell(label)
    assert str(caught.value).startswith(f"{notebook.path.as_posix()}:1: There is no cell {label!r}")


def test_errors_name_file_line_and_cell(project, monkeypatch):
    project.write("a", ":name: one\n1", ":name: one\n2")
    monkeypatch.chdir(project.root)
    _, [error] = read_all(project.notebooks)
    assert str(error) == (
        "examples/notebooks/a.md:13: cell one: The cell in line 8 has this name too. "
        "Names must be unique in a notebook."
    )


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        (":name:\n1", "name is empty"),
        (':name: ""\n1', "name is empty"),
        (":name: 12\n1", "'12' must be"),
        (':name: "12"\n1', "'12' must be"),
        (":name: Upload\n1", "'Upload' must be"),
        (":name: up_load\n1", "'up_load' must be"),
        (f":name: {'a' * 65}\n1", "must be 1 to 64"),
        (":raises: KeyError\n{}[1]", 'JupyterLab\'s "Run All" would stop here'),
        (":tags: [raises-exception]\n{}[1]", "needs the option raises"),
        (":raises:\n:tags: [raises-exception]\n{}[1]", "must name one exception class"),
        (":raises: a, b\n:tags: [raises-exception]\n{}[1]", "must name one exception class"),
        (":tags: [hide-imput]\n1", "Unknown tag 'hide-imput'"),
        (":tags: hide-input\n1", "must be a list"),
        (":nane: a\n1", "Unknown option 'nane'. There are: browser, name, raises, tags."),
        (":name: [a\n1", "options are not YAML"),
        (":name\n1", "must be a name and a value"),
        ("", "The cell is empty"),
    ],
)
def test_faults_of_a_cell(project, cell, reason):
    project.write("a", "1", cell)
    notebooks, [error] = read_all(project.notebooks)
    assert notebooks == []
    assert (error.line, reason in error.reason) == (12, True), error


@pytest.mark.parametrize(
    ("front", "line", "reason"),
    [
        ("", 1, "front matter, a block between `---` lines, is missing"),
        ("---\nlive: [\n---\n", 2, "not YAML"),
        ("---\n- live\n---\n", 1, "must hold settings"),
        ("---\nlive: {environments: [default]}\n---\n", 1, "needs `kernelspec`"),
        ("---\nkernelspec: {display_name: P, name: p}\n---\n", 1, "needs `live:"),
    ],
)
def test_faults_of_the_front_matter(project, front, line, reason):
    project.write("a", "1", front=front)
    _, [error] = read_all(project.notebooks)
    assert (error.line, reason in error.reason) == (line, True), error


@pytest.mark.parametrize(
    ("live", "reason"),
    [
        ("{timeout: 3}", "live.environments must be a list"),
        ("{environments: []}", "live.environments must be a list"),
        ("{environments: default}", "live.environments must be a list"),
        ("{environments: [default, default]}", "each once"),
        ("{environments: [../default]}", "live.environments must be a list"),
        ("{environments: [default], timeout: 0}", "live.timeout must be a whole number"),
        ("{environments: [default], timeout: 1.5}", "not 1.5"),
        ("{environments: [default], timeout: true}", "not True"),
        ("{environments: [default], time: 3}", "Unknown setting live.time."),
    ],
)
def test_faults_of_the_live_settings(project, live, reason):
    front = f"---\nkernelspec: {{display_name: P, name: python3}}\nlive: {live}\n---\n"
    project.write("a", "1", front=front)
    _, [error] = read_all(project.notebooks)
    assert reason in error.reason


def test_faults_of_the_text(project):
    project.write("no-title", "1", title="A sentence.")
    project.write("no-cell")
    for name, end in {
        "in-list": "- ```{code-cell}\n  1\n  ```\n",
        "open-ended": "```{code-cell}\n1\n",
        "in-bash": "```{code-cell} bash\nls\n```\n",
        "latin": "né\n",
    }.items():
        path = project.write(name, "1")
        path.write_bytes(path.read_bytes() + f"\n{end}".encode("latin-1"))
    project.write("Upper Case", "1")
    notebooks, errors = read_all(project.notebooks)
    assert notebooks == []
    assert [(error.path.stem, error.line, error.cell, error.reason.split(".")[0]) for error in errors] == [
        ("Upper Case", 1, None, "The name 'Upper Case"),
        ("in-bash", 12, "2", "The cell's language is 'bash', but only Python is executed"),
        ("in-list", 12, "2", "A code cell inside a list or a quotation is never executed"),
        ("latin", 12, None, "The file is not UTF-8"),
        ("no-cell", 1, None, "The notebook has no code cell"),
        ("no-title", 1, None, "The notebook has no title"),
        ("open-ended", 12, "2", "The cell is never closed"),
    ]


def test_all_faults_of_all_notebooks_are_collected(project):
    project.write("good", "1")
    project.write("bad", ":name: A\n1", ":name:\n1", title="No title")
    project.write("worse", ":tags: 3\n")
    notebooks, errors = read_all(project.notebooks)
    assert [notebook.name for notebook in notebooks] == ["good"]
    assert [(error.path.stem, error.line) for error in errors] == [
        ("bad", 1),
        ("bad", 8),
        ("bad", 13),
        ("worse", 8),
        ("worse", 8),
    ]


def test_read_raises_the_first_fault(project):
    with pytest.raises(NotebookError, match="name is empty"):
        read(project.write("bad", ":name:\n1", ":nane: x\n1"))


def test_learners_notebook_holds_prose_code_and_outputs(notebook):
    printed = nbformat.v4.new_output("stream", name="stdout", text="no options\n")
    node = notebook.with_outputs(execution([], [], [printed]))
    nbformat.validate(node)
    assert [cell.cell_type for cell in node.cells] == ["markdown", "code", "markdown", "code", "code"]
    assert node.cells[2].source.startswith("Prose with a list:")
    assert [cell.outputs for cell in node.cells if cell.cell_type == "code"] == [[], [], [printed]]
    assert node.cells[3].metadata.tags == ["raises-exception", "hide-input"]


def test_learners_notebook_is_the_same_every_time(notebook):
    def text(of: Any) -> str:
        return nbformat.writes(of.with_outputs(execution([], [], [])))

    assert text(notebook) == text(read(notebook.path))
    assert '"id": "open-by-path"' in text(notebook)


def test_filling_outputs_leaves_source_and_execution_alone(notebook):
    given = execution([], [], [nbformat.v4.new_output("stream", text="a")])
    notebook.with_outputs(given).cells[-1].outputs[0].text = "b"
    assert given.outputs[2][0].text == "a"
    assert notebook.node.cells[-1].outputs == []


def test_outputs_of_another_notebook_are_refused(notebook):
    with pytest.raises(ValueError, match="has 3 code cells, but its execution holds outputs for 1"):
        notebook.with_outputs(execution([]))
