"""What of a cell goes into the index: what a reader would type into a search."""

from __future__ import annotations

import pytest
from nbformat.v4 import new_output

from live.links import raised, used
from tests.live.conftest import Project


def used_in(project: Project, *cells: str) -> list[str]:
    project.write("lesson", *cells)
    [notebook] = project.read()
    return list(used(notebook, notebook.cells[-1].source))


def test_settings_are_found_in_names_and_in_strings(project):
    assert used_in(project, 'DEFAULT_FILE_STORAGE = 1\nstart(**{"MEDIA_ROOT": "", "Media_Root": ""})') == [
        "DEFAULT_FILE_STORAGE",
        "MEDIA_ROOT",
    ]


def test_calls_are_found_on_what_any_cell_imported(project):
    source = "default_storage.exists(name)\nfile.read()\nos.path.exists(name)\nS3Storage().save(name)"
    imports = "import os.path\nfrom django.core.files.storage import default_storage"
    assert used_in(project, imports, source) == ["default_storage.exists", "os.path.exists"]


@pytest.mark.parametrize("source", ["%timeit pass\nMEDIA_ROOT", "def broken(:\n    MEDIA_ROOT"])
def test_magic_commands_and_broken_code_are_no_obstacle(project, source):
    assert used_in(project, source) == ["MEDIA_ROOT"]


@pytest.mark.parametrize(
    ("name", "value", "entry"),
    [
        ("ValueError", "\x1b[31mno\x1b[0m\nmore", "ValueError: no"),
        ("KeyError", "", "KeyError"),
        ("ValueError", "first; second", "ValueError: first"),
        ("SystemCheckError", "SystemCheckError: some issues", "SystemCheckError: some issues"),
        ("ValueError", "x" * 500, f"ValueError: {'x' * 108}"),
    ],
)
def test_exceptions_are_found_by_the_first_line_of_their_text(name, value, entry):
    assert list(raised([new_output("error", ename=name, evalue=value, traceback=[])])) == [entry]
