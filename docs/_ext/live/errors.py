"""What can be wrong with a notebook, apart from what reads and executes it."""

from __future__ import annotations

from pathlib import Path


class NotebookError(Exception):
    """What is wrong with a notebook, and where.

    :param path: the notebook's file.
    :param line: line in that file, counted from 1.
    :param cell: label of the cell (see :attr:`Cell.label`), or ``None`` if no one cell is concerned.
    :param reason: full sentences: what is wrong, and what to do.
    """

    def __init__(self, path: Path, line: int, cell: str | None, reason: str) -> None:
        super().__init__(path, line, cell, reason)
        self.path = path
        self.line = line
        self.cell = cell
        self.reason = reason

    def __str__(self) -> str:
        path = self.path
        if path.is_absolute() and path.is_relative_to(Path.cwd()):
            path = path.relative_to(Path.cwd())
        cell = f"cell {self.cell}: " if self.cell else ""
        return f"{path.as_posix()}:{self.line}: {cell}{self.reason}"
