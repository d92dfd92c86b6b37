"""A small project with notebooks, written by a test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from live.notebook import Notebook, read_all

FRONT_MATTER = """\
---
kernelspec: {display_name: Python 3, language: python, name: python3}
live: {environments: [default], timeout: 60}
---
"""


class Project:
    """A folder with notebooks in ``examples/notebooks``.

    :param root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.notebooks = root / "examples/notebooks"
        self.store = root / "build/executed"
        self.notebooks.mkdir(parents=True, exist_ok=True)

    def write(self, name: str, *cells: str, front: str = FRONT_MATTER, title: str = "# A title") -> Path:
        """Write a notebook.

        :param name: its name.
        :param cells: the cells, each with its options before its code.
        :param front: its front matter.
        :param title: its heading.
        :returns: its file.
        """
        fences = [f"```{{code-cell}} python\n{cell}\n```\n" for cell in cells]
        path = self.notebooks / f"{name}.md"
        path.write_text("\n".join([f"{front}\n{title}\n", *fences]), encoding="utf-8")
        return path

    def file(self, path: str, text: str) -> None:
        """Write a file of the project."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")

    def read(self) -> list[Notebook]:
        """Read the notebooks, which must be without fault."""
        notebooks, errors = read_all(self.notebooks)
        assert errors == []
        return notebooks


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Give an empty project."""
    return Project(tmp_path / "project")


@pytest.fixture(scope="module")
def make_project(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Project]:
    """Give a function that makes empty projects, for fixtures that several tests share."""
    return lambda: Project(tmp_path_factory.mktemp("project"))
