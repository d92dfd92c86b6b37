"""Run one notebook in a kernel of its own, and say which file, line and cell failed."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from nbformat import NotebookNode

from live import kernel, offline
from live.notebook import Cell, Notebook, NotebookError

#: Folders of a checkout that are not the project: nothing in them makes an execution stale.
NOT_THE_PROJECT = ("build", ".git", ".nox")

# What a kernel inherits of this machine. Everything else could change what a cell prints, or worse: proxies
# and the credentials of a cloud account must never reach an example.
_INHERITED = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "VIRTUAL_ENV", "SYSTEMROOT")

# A pin of a lock file, whose names are in their normal form.
_PIN = re.compile(r"^([a-z0-9][a-z0-9.-]*)==([^\s;\\]+)", re.MULTILINE)

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_CHAINED = re.compile(r"The above exception was the direct cause|During handling of the above exception")


def pinned(lock: str) -> dict[str, str]:
    """Read the versions in a lock file.

    :param lock: text of the file, as pip or uv writes it.
    :returns: exact version of each package by its normalised name.
    """
    return dict(_PIN.findall(lock))


@dataclass(frozen=True)
class Environment:
    """A named set of packages in which notebooks run.

    :param name: the name that notebooks state in ``live.environments``.
    :param python: the interpreter; it needs ipykernel.
    :param paths: folders for ``PYTHONPATH``, relative to the project's root.
    :param variables: further environment variables of the kernels.
    :param lock: lock file of the packages that count: a test runner beside them, say, makes nothing stale. By
        default every installed package counts.
    :param service: script that runs beside each notebook, relative to the project's root (see
        :mod:`live.service`); by default there is none.
    """

    name: str = "default"
    python: str = sys.executable
    paths: tuple[str, ...] = ()
    # Those of a service may be secrets.
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    lock: Path | None = None
    service: str = ""

    @property
    def version(self) -> str:
        """Version of the interpreter, such as ``3.11.9``."""
        return str(self._described["python"])

    @property
    def packages(self) -> dict[str, str]:
        """Exact version of every installed distribution that counts, looked up once."""
        installed: dict[str, str] = self._described["packages"]
        if self.lock is None:
            return dict(installed)
        pins = pinned(self.lock.read_text(encoding="utf-8"))
        return {name: version for name, version in installed.items() if name in pins}

    @cached_property
    def _described(self) -> dict[str, Any]:
        if self.python == sys.executable:
            return kernel.describe()
        command = [self.python, kernel.__file__, "--describe"]
        described = subprocess.run(command, check=True, capture_output=True, env=inherited())
        return dict(json.loads(described.stdout))

    @cached_property
    def settings(self) -> str:
        """Digest of what else decides what a cell prints: paths, variables, the kernels' own scripts, and
        which service there is. The service's code counts as code that the cells used.
        """
        # What a notebook's process may be, what holds it back, and what decides how its outputs are stored.
        names = ("kernel.py", "forkserver.py", "offline.py", "startup/sitecustomize.py", "runner.py")
        scripts = [(Path(kernel.__file__).parent / name).read_text() for name in names]
        variables = [f"{name}={value}" for name, value in sorted(self.variables.items())]
        parts = [*scripts, *self.paths, *variables, self.service]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def kernel_variables(self, root: Path, scratch: Path) -> dict[str, str]:
        """Give all variables of a kernel: the same on every machine, and without any secret of this one.

        :param root: the project's folder.
        :param scratch: a folder of this kernel's own, for its home and its temporary files.
        :returns: the variables.
        """
        home = scratch / "home"
        return {
            **inherited(),
            **offline.variables(*(str(root / path) for path in self.paths)),
            "HOME": str(home),
            "USERPROFILE": str(home),
            "IPYTHONDIR": str(home / "ipython"),
            "TMPDIR": str(scratch / "tmp"),
            "TEMP": str(scratch / "tmp"),
            "TMP": str(scratch / "tmp"),
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "COLUMNS": "80",
            "PYTHONUTF8": "1",
            "PYTHONHASHSEED": "0",
            "AWS_CONFIG_FILE": str(home / "aws-config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(home / "aws-credentials"),
            **self.variables,
        }


@dataclass(frozen=True)
class Run:
    """What running a notebook gave.

    :param outputs: for each code cell its outputs, as nbformat holds them.
    :param used: the project's files that the cells used, relative to the root, each with its state when it
        was first used (see :func:`live.kernel.state`). A listed folder has a slash at its end.
    """

    outputs: tuple[list[NotebookNode], ...]
    used: dict[str, str]


@dataclass(frozen=True)
class Executed:
    """What came of a cell.

    :param outputs: its outputs, as nbformat holds them.
    :param reply: the kernel's reply: ``status`` and, if that is ``error``, ``ename``, ``evalue`` and
        ``traceback``. Some failures, such as SystemExit, are not among the outputs.
    """

    outputs: list[NotebookNode]
    reply: Mapping[str, Any]


class Interpreter(Protocol):
    """A process that runs the cells of one notebook."""

    async def execute(self, cell: Cell, timeout: int) -> Executed:
        """Run a cell.

        :param cell: the cell.
        :param timeout: how long it may take, in seconds.
        :returns: what came of it.
        :raises TimeoutError: if it took longer. The process is of no further use then.
        :raises InterpreterEnded: if the process ended.
        """

    async def ended(self) -> str | None:
        """Say how the process ended, such as ``by SIGKILL``; ``None`` while it is there."""


class InterpreterEnded(Exception):
    """The process of a notebook ended while a cell ran. The message says how, such as ``by SIGKILL``."""


async def run(
    notebook: Notebook, environment: Environment, root: Path, scratch: Path, skip: Iterable[Path]
) -> Run:
    """Run a notebook from top to bottom in an ordinary kernel, in the notebook's own folder.

    :param notebook: the notebook.
    :param environment: the packages to run it with.
    :param root: the project's folder: use and change of files in it is noted.
    :param scratch: a folder for this run, to be made. Those of simultaneous runs are side by side in one.
    :param skip: folders inside the root that are not part of the project.
    :returns: the outputs, and the files that were used.
    :raises NotebookError: if a cell fails, doesn't raise what it must, takes too long or ends the kernel, or
        if the notebook leaves a changed file in the project. The cells behind it are not run.
    """
    # Here, because to import Jupyter takes longer than to find out that nothing is to be run.
    from live.jupyter import kernel_for

    return await run_in(kernel_for(notebook, environment, root, scratch, skip), notebook, root, scratch)


async def run_in(
    process: AbstractAsyncContextManager[Interpreter], notebook: Notebook, root: Path, scratch: Path
) -> Run:
    """Run a notebook from top to bottom in a process of whatever kind.

    :param process: starts it, and kills it with all its children at the end.
    :param notebook: the notebook.
    :param root: the project's folder.
    :param scratch: the run's folder, in which the process notes what it uses: see :func:`run`.
    :returns: the outputs, and the files that were used.
    :raises NotebookError: as :func:`run` does.
    """
    folder = notebook.path.parent
    before = _listing(folder)
    outputs = []
    async with process as interpreter:
        # A kernel that starts up asks a program or two about the machine.
        programs = len(noted(scratch, "started"))
        for cell in notebook.cells:
            try:
                executed = await interpreter.execute(cell, notebook.timeout)
            except InterpreterEnded as end:
                # nbclient says so after Ctrl-C too; then the caller is cancelled and no longer listens.
                raise _died(notebook, cell, str(end)) from None
            except TimeoutError:
                reason = (
                    f"The cell took longer than {notebook.timeout} seconds and was stopped. "
                    "Make it faster, or set live.timeout in the front matter."
                )
                raise NotebookError(notebook.path, cell.line, cell.label, reason) from None
            _check_raised(notebook, cell, executed.reply)
            outputs.append(executed.outputs)
        how = await interpreter.ended()
        if how is not None:
            raise _died(notebook, notebook.cells[-1], how)
    used = dict(noted(scratch, "used"))
    appeared = _listing(folder) - before if len(noted(scratch, "started")) > programs else set()
    _check_leftovers(notebook, root, scratch, appeared)
    shown = (_relative(_settled(each), root) for each in outputs)
    return Run(tuple(_portable(each, scratch / "tmp") for each in shown), used)


def ending(status: int | None) -> str:
    """Say how a process ended.

    :param status: its exit status, negative for a signal, or ``None`` if nobody knows.
    :returns: words that follow “ended”, such as ``by SIGKILL``.
    """
    if status is None:
        return "without a status"
    return f"by {signal.Signals(-status).name}" if status < 0 else f"with exit status {status}"


def _check_raised(notebook: Notebook, cell: Cell, reply: Mapping[str, Any]) -> None:
    """Check that a cell raised what it must, which is mostly nothing."""
    raised = reply["ename"] if reply["status"] == "error" else None
    if raised == cell.raises:
        return
    must = f"It must raise {cell.raises}. " if cell.raises else ""
    if raised is None:
        raise NotebookError(notebook.path, cell.line, cell.label, f"The cell raises nothing. {must}".strip())
    line, source = place(cell, reply)
    where = f" in the line `{source}`" if source else ""
    reason = f"The cell fails{where}. {must}It raised {raised}: {reply['evalue']}"
    raise NotebookError(notebook.path, line, cell.label, reason)


def place(cell: Cell, reply: Mapping[str, Any]) -> tuple[int, str]:
    """Find the line of a cell at which an exception left it.

    :param cell: the cell that raised.
    :param reply: the kernel's reply with the traceback as IPython prints it.
    :returns: the line in the notebook's file and its text; the cell's first line and no text if the traceback
        doesn't tell.
    """
    traceback = _COLOUR.sub("", "\n".join(reply["traceback"]))
    # Of chained exceptions, the last one left the cell. Its outermost frame stands first.
    frame = re.search(rf"Cell In ?\[{cell.index}\], line (\d+)", _CHAINED.split(traceback)[-1])
    lines = cell.source.splitlines()
    if frame is None or int(frame[1]) > len(lines):
        return cell.line, ""
    return cell.source_line + int(frame[1]) - 1, lines[int(frame[1]) - 1].strip()


def _died(notebook: Notebook, cell: Cell, how: str) -> NotebookError:
    """Say of a notebook's process, which nobody ended, that it did."""
    return NotebookError(notebook.path, cell.line, cell.label, f"The kernel ended {how} while the cell ran.")


def _check_leftovers(notebook: Notebook, root: Path, scratch: Path, appeared: set[str]) -> None:
    """Raise an error if the project's files are no longer as they were before the run.

    What the kernel's process itself did was noted. What programs did that it started is seen in the
    notebook's folder only. If several running notebooks started programs, a file there may be any one's.

    :param appeared: names that are new in the notebook's folder, if the cells started programs.
    """
    folder = notebook.path.parent.resolve()
    changes = {
        path: before for path, before in noted(scratch, "changed") if kernel.state(str(root / path)) != before
    }
    if folder.is_relative_to(root):
        noted_by_any = {path for run in scratch.parent.iterdir() for path, _ in noted(run, "changed")}
        paths = {(folder / name).relative_to(root).as_posix() for name in appeared}
        changes.update(dict.fromkeys(paths - noted_by_any, kernel.ABSENT))
    if changes:
        listed = ", ".join(
            f"{path} was {'left behind' if before == kernel.ABSENT else 'changed'}"
            for path, before in sorted(changes.items())
        )
        reason = f"The notebook must leave no trace, but {listed}. Let it work in a temporary folder."
        raise NotebookError(notebook.path, 1, None, reason)


def _listing(folder: Path) -> set[str]:
    """Give the names in a folder, but for caches and for what a person may be editing meanwhile."""
    names = (path.name for path in folder.iterdir())
    return {name for name in names if not name.startswith((".", "__")) and not name.endswith(".md")}


def _settled(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Join neighbouring streams: in how many pieces and in which order they arrive is a matter of luck.

    Both streams are flushed before any other output. So what stands between two of those may be ordered,
    standard output first.
    """
    settled: list[NotebookNode] = []
    streams: dict[str, NotebookNode] = {}
    for output in outputs:
        if output.output_type != "stream":
            settled += [streams.pop(name) for name in sorted(streams, reverse=True)]
            settled.append(output)
        elif output.name in streams:
            streams[output.name].text += output.text
        else:
            streams[output.name] = output
    return settled + [streams[name] for name in sorted(streams, reverse=True)]


def _relative(outputs: list[NotebookNode], root: Path) -> list[NotebookNode]:
    """Let tracebacks name the project's files relative to it: a project may move, with what it has stored."""
    for output in outputs:
        if output.output_type == "error":
            output.traceback = [line.replace(f"{root}{os.sep}", "") for line in output.traceback]
    return outputs


def _portable(value: Any, temporary: Path) -> Any:
    """Let outputs name the kernel's own temporary folder as most machines call theirs: ``/tmp``."""
    if isinstance(value, str):
        for folder in (temporary.resolve(), temporary):
            value = value.replace(str(folder), "/tmp")
        return value
    if isinstance(value, list):
        return [_portable(item, temporary) for item in value]
    if isinstance(value, dict):
        return type(value)({key: _portable(item, temporary) for key, item in value.items()})
    return value


def inherited() -> dict[str, str]:
    """Give the variables of this process that say where programs are, and no others."""
    return {name: os.environ[name] for name in _INHERITED if name in os.environ}


def make_folders(scratch: Path) -> None:
    """Make a run's folder, with the home and the folder for temporary files that its process gets.

    :param scratch: the folder.
    """
    for name in ("home", "tmp"):
        (scratch / name).mkdir(parents=True)


def log_of(scratch: Path) -> Path:
    """Give the file in which a run's process notes what it uses.

    :param scratch: the run's folder.
    :returns: the file.
    """
    return scratch / "used.jsonl"


def noted(scratch: Path, what: str) -> list[tuple[str, str]]:
    """Read what a run's process noted (see :class:`live.kernel.Tracer`).

    :param scratch: the run's folder.
    :param what: ``used``, ``changed`` or ``started``.
    :returns: each path with its state at the time.
    """
    log = log_of(scratch)
    if not log.exists():
        return []
    lines = (json.loads(line) for line in log.read_bytes().splitlines())
    return [(path, state) for kind, path, state in lines if kind == what]


def skipped(root: Path, skip: Iterable[Path]) -> list[str]:
    """Give the folders of a project's root in which nothing is noted.

    :param root: the project's folder.
    :param skip: those that the caller knows of.
    :returns: those, and the ones that no project counts.
    """
    return [str(folder) for folder in (*(root / name for name in NOT_THE_PROJECT), *skip)]


def last_line(path: Path) -> str:
    """Give the last line of a log.

    :param path: the log.
    :returns: the last line that says anything; nothing if none does, or there is no log.
    """
    if not path.exists():
        return ""
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
