"""Compare what notebooks put out with what was recorded, and record it.

Transcripts (see :mod:`live.transcript`) are kept in a folder for each environment: ``FOLDER/ENVIRONMENT/
NOTEBOOK.txt``. Pages show what other environments than the site's own put out from these records. So for
those, rich outputs are kept too, as files in ``FOLDER/ENVIRONMENT/NOTEBOOK/``.
"""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from nbformat import NotebookNode

from live import transcript
from live.downloads import write_if_changed
from live.execute import Execution, Store
from live.notebook import Notebook, NotebookError
from live.runner import Environment
from live.transcript import RECORD

_COLOURS = {"---": "1", "+++": "1", "@@ ": "36", "-": "31", "+": "32"}


class Afresh(Store):
    """A store that keeps executions and gives none back, so that everything is executed again.

    :param folder: where.
    """

    def load(self, notebook: Notebook, environment: Environment, root: Path) -> None:
        """Give nothing: there is no execution that could spare another one."""


def verify(
    notebooks: Sequence[Notebook],
    executions: Mapping[str, Execution],
    expected: Path,
    environment: str,
    unreadable: Collection[str] = (),
) -> list[NotebookError]:
    """Compare executions with what was recorded.

    :param notebooks: all notebooks that could be read.
    :param executions: executions in the environment by the notebooks' names. A notebook without one, because
        it failed or was not asked for, is not compared.
    :param expected: the folder of the records, which has a folder for each environment.
    :param environment: name of the environment.
    :param unreadable: names of further notebooks, which have faults. Their records are left in peace.
    :returns: what differs, one error for each cell; each notebook that isn't recorded; each record that
        belongs to no notebook of the environment.
    """
    folder = expected / environment
    errors: list[NotebookError] = []
    for notebook in notebooks:
        if notebook.name in executions:
            errors += _compare(notebook, executions[notebook.name], folder)
    known = {notebook.name for notebook in notebooks if environment in notebook.environments}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        name = path.stem if path.suffix == ".txt" else path.name
        if name not in known and name not in unreadable:
            reason = (
                f"No notebook {name} runs in the environment {environment}. Delete this, or name it anew."
            )
            errors.append(NotebookError(path, 1, None, reason))
    return errors


def same(
    notebooks: Sequence[Notebook], kernels: Mapping[str, Execution], forks: Mapping[str, Execution]
) -> list[NotebookError]:
    """Compare executions in ordinary kernels with those in forks of a warm process.

    :param notebooks: the notebooks.
    :param kernels: executions in kernels by the notebooks' names.
    :param forks: executions in forks.
    :returns: what differs in any output, tracebacks with their colours included, but for what
        :data:`live.transcript.RULES` replaces: one error for each cell. A notebook without one of both
        executions is not compared.
    """
    reason = "In a fork of the warm process it puts out something else than in an ordinary kernel."
    errors: list[NotebookError] = []
    for notebook in notebooks:
        if notebook.name in kernels and notebook.name in forks:
            both = zip(kernels[notebook.name].outputs, forks[notebook.name].outputs, strict=True)
            for cell, outputs in zip(notebook.cells, both, strict=True):
                kernel, fork = (_lines(each) for each in outputs)
                if kernel != fork:
                    diff = "\n".join(difflib.unified_diff(kernel, fork, "kernel", "fork", lineterm=""))
                    errors.append(transcript.Difference(notebook, cell.label, reason, diff))
    return errors


def _lines(outputs: Sequence[NotebookNode]) -> list[str]:
    text = json.dumps(outputs, ensure_ascii=False, indent=1, sort_keys=True)
    return transcript.normalise(text).splitlines()


def accept(
    notebooks: Sequence[Notebook], executions: Mapping[str, Execution], expected: Path, environment: str
) -> list[Path]:
    """Record what executions put out, in place of what was recorded before.

    What still holds is kept as it is, such as ``...`` that was put there by hand. A notebook that failed has
    no execution, and its record is left alone.

    :param notebooks: the notebooks.
    :param executions: executions in the environment by the notebooks' names.
    :param expected: the folder of the records, made if need be.
    :param environment: name of the environment.
    :returns: the files that were written or removed; those that stay as they are, are not touched.
    """
    folder = expected / environment
    changed: list[Path] = []
    for notebook in notebooks:
        if notebook.name not in executions:
            continue
        outputs = executions[notebook.name].outputs
        path = _path(folder, notebook)
        text = transcript.transcribe(notebook, outputs)
        recorded = _read(path)
        # Of a record that can't be read, nothing is kept.
        with suppress(transcript.TranscriptError):
            text = transcript.retain(recorded or "", text)
        if text != recorded:
            write_if_changed(path, text.encode())
            changed.append(path)
        described = transcript.files(text) if _has_files(environment) else {}
        changed += _record_files(path.with_suffix(""), described, transcript.contents(notebook, outputs))
    return changed


def painted(error: NotebookError, stream: TextIO) -> str:
    """Give the text of an error, with colours in its diff if they are wanted.

    :param error: the error.
    :param stream: where it will be printed: a diff has colours on a terminal only, and not if the environment
        variable ``NO_COLOR`` is set.
    """
    text = str(error)
    if not isinstance(error, transcript.Difference) or not stream.isatty() or os.environ.get("NO_COLOR"):
        return text
    return text.removesuffix(error.diff) + "\n".join(_paint(line) for line in error.diff.split("\n"))


def _paint(line: str) -> str:
    colour = next((code for start, code in _COLOURS.items() if line.startswith(start)), None)
    return f"\x1b[{colour}m{line}\x1b[0m" if colour else line


def _compare(notebook: Notebook, execution: Execution, folder: Path) -> list[NotebookError]:
    path = _path(folder, notebook)
    recorded = _read(path)
    if recorded is None:
        where = f"in the environment {execution.environment}"
        reason = f"What it puts out {where} is not recorded. Look at it, and record it with `{RECORD}`."
        return [NotebookError(notebook.path, 1, None, reason)]
    actual = transcript.transcribe(notebook, execution.outputs)
    try:
        errors = transcript.compare(recorded, actual, notebook)
        if errors or not _has_files(execution.environment):
            return errors
        return list(_wrong_files(path.with_suffix(""), transcript.files(recorded)))
    except transcript.TranscriptError as error:
        reason = f"{error.reason} Restore it, or record it again with `{RECORD}`."
        return [NotebookError(path, error.line, None, reason)]


def _wrong_files(folder: Path, described: Mapping[str, transcript.Entry]) -> Iterator[NotebookError]:
    """Yield what is wrong with the recorded files of a notebook whose transcript is right."""
    for name, entry in described.items():
        path = folder / name
        if not path.is_file():
            yield NotebookError(path, 1, None, f"This output is not recorded. Record it with `{RECORD}`.")
        elif not transcript.describes(entry, path.read_bytes()):
            reason = f"This is not what its transcript describes. Restore it, or record it with `{RECORD}`."
            yield NotebookError(path, 1, None, reason)
    for path in _others(folder, described):
        yield NotebookError(path, 1, None, f"No output is recorded here. Remove this with `{RECORD}`.")


def _record_files(
    folder: Path, described: Mapping[str, transcript.Entry], contents: Mapping[str, bytes]
) -> Iterator[Path]:
    """Make a folder hold the files that a transcript describes, and yield what changes."""
    for name, entry in described.items():
        path = folder / name
        if not path.is_file() or not transcript.describes(entry, path.read_bytes()):
            write_if_changed(path, contents[name])
            yield path
    for path in _others(folder, described):
        path.unlink()
        yield path


def _others(folder: Path, described: Mapping[str, transcript.Entry]) -> list[Path]:
    """Give the files in a folder that don't belong there."""
    return sorted(path for path in folder.glob("*") if path.name not in described)


def _has_files(environment: str) -> bool:
    return environment != Environment.name


def _path(folder: Path, notebook: Notebook) -> Path:
    return folder / f"{notebook.name}.txt"


def _read(path: Path) -> str | None:
    """Read a transcript, with whatever line ends a checkout gave it."""
    return path.read_bytes().decode("utf-8", "replace").replace("\r\n", "\n") if path.is_file() else None
