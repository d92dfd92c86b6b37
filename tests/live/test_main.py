from __future__ import annotations

import pytest

from live.__main__ import main


@pytest.fixture
def live(project, monkeypatch):
    """Give a function that runs a command in the project's folder with its default folders."""
    monkeypatch.chdir(project.root)
    return lambda *arguments: main(arguments)


def test_lists_and_executes_what_is_stale(project, live, capsys):
    project.file("conf/storage.py", "A = 1")
    project.write("a", "import sys\nsys.path.append('../../conf')\nimport storage\nstorage.A")
    project.write("b", ":name: show\n1")
    assert live("list") == 0
    assert capsys.readouterr().out == "a: stale: never executed\nb: stale: never executed\n"
    assert live("execute") == 0
    assert capsys.readouterr() == ("2 notebooks are up to date, 0 failed.\n", "executing a\nexecuting b\n")
    assert live("execute") == 0
    assert capsys.readouterr() == ("2 notebooks are up to date, 0 failed.\n", "")
    assert (project.root / "build/executed/default/a.ipynb").exists()
    project.file("conf/storage.py", "A = 2")
    project.write("b", ":name: show\n2")
    assert live("list") == 0
    assert capsys.readouterr().out == "a: stale: conf/storage.py changed\nb: stale: cell show changed\n"
    assert live("list", "b") == 0
    assert capsys.readouterr().out == "b: stale: cell show changed\n"


def test_all_errors_are_printed_and_the_status_is_1(project, live, capsys):
    project.write("a", "1 / 0")
    project.write("b", ":name:\n1")
    assert live("execute") == 1
    out, err = capsys.readouterr()
    assert out == "0 notebooks are up to date, 1 failed.\n"
    assert err.splitlines() == [
        "executing a",
        "examples/notebooks/b.md:8: cell 1: The cell's name is empty. Give it one, or leave the option out.",
        "examples/notebooks/a.md:9: cell 1: The cell fails in the line `1 / 0`. "
        "It raised ZeroDivisionError: division by zero",
    ]


def test_only_named_notebooks_are_executed(project, live, capsys):
    project.write("a", "1 / 0")
    project.write("b", "1")
    project.write("c", ":name:\n1")
    assert live("execute", "b") == 0
    assert capsys.readouterr().err == "executing b\n"


def test_faults_of_notebooks_fail_the_list_too(project, live, capsys):
    project.write("c", ":name:\n1")
    assert live("list") == 1
    assert "c.md:8: cell 1: The cell's name is empty." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["execute", "d"], "There is no notebook d. There are: a."),
        (["execute", "--notebooks=nowhere"], "There is no folder nowhere."),
        (["execute", "--jobs=0"], "0 is less than 1"),
        ([], "COMMAND"),
    ],
)
def test_a_wrong_command_line_is_explained(project, live, capsys, arguments, said):
    project.write("a", "1")
    with pytest.raises(SystemExit) as caught:
        live(*arguments)
    assert caught.value.code == 2
    assert said in capsys.readouterr().err
