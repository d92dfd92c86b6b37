"""Run notebooks in forks of one process that has the libraries imported: several times faster than kernels.

:mod:`live.forkserver` is that process. What a notebook puts out is the same as in an ordinary kernel, which
``python -m live verify --both-ways`` shows.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

from nbformat import NotebookNode, from_dict

from live import kernel
from live.execute import Runner
from live.notebook import Cell, Notebook, NotebookError
from live.runner import (
    Environment,
    Executed,
    Interpreter,
    InterpreterEnded,
    Run,
    ending,
    last_line,
    log_of,
    make_folders,
    run,
    run_in,
    skipped,
)

# This file's neighbour isn't imported here, because it is a script for the environment's interpreter.
_SCRIPT = Path(kernel.__file__).with_name("forkserver.py")

# An output may hold a picture, and comes as one line.
_LONGEST_LINE = 1 << 28


@contextmanager
def runner_for(environment: Environment, warm_up: Path | None, root: Path) -> Iterator[Runner]:
    """Give the fastest way to run notebooks here.

    :param environment: the packages to run them with.
    :param warm_up: script that imports beforehand what notebooks use; without one, each notebook gets an
        ordinary kernel. So it does on Windows, where processes can't fork.
    :param root: the project's folder.
    :returns: a context manager. Its block gets what runs a notebook, like :func:`live.runner.run`.
    """
    if warm_up is None or not hasattr(os, "fork"):
        yield run
        return
    server = _ForkServer(environment, warm_up.resolve(), root.resolve())
    try:
        yield server.run
    finally:
        server.close()


class _ForkServer:
    """The process that forks. It starts with the first notebook, if there is any to run."""

    def __init__(self, environment: Environment, warm_up: Path, root: Path) -> None:
        self._environment = environment
        self._warm_up = warm_up
        self._root = root
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="live-", ignore_cleanup_errors=True)
        self._control, self._theirs = socket.socketpair()

    async def run(
        self, notebook: Notebook, environment: Environment, root: Path, scratch: Path, skip: Iterable[Path]
    ) -> Run:
        """Run a notebook in a fork: see :func:`live.runner.run`."""
        make_folders(scratch)
        process = self._fork(notebook, environment, root, scratch, skip)
        try:
            return await run_in(process, notebook, root, scratch)
        except _Shadowed:
            # The project has a module in the place of an installed one, which only a kernel would import.
            return await run(notebook, environment, root, scratch / "kernel", skip)

    def close(self) -> None:
        """End the server, and with it all that it has forked."""
        self._control.close()
        self._theirs.close()
        if self._process is not None:
            self._process.wait()
        self._folder.cleanup()

    @property
    def _log(self) -> Path:
        return Path(self._folder.name, "log")

    def _start(self) -> None:
        home = Path(self._folder.name)
        make_folders(home)
        descriptor = self._theirs.fileno()
        options = [f"--control={descriptor}", f"--root={self._root}", f"--warm-up={self._warm_up}"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [self._environment.python, str(_SCRIPT), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=home,
                env=self._environment.kernel_variables(self._root, home),
                pass_fds=[descriptor],
                start_new_session=True,  # Ctrl-C is for the engine, which then ends the server
            )
        self._theirs.close()

    @asynccontextmanager
    async def _fork(
        self, notebook: Notebook, environment: Environment, root: Path, scratch: Path, skip: Iterable[Path]
    ) -> AsyncIterator[Interpreter]:
        """Get a process for a notebook, and kill it with all its children at the end, whatever happened."""
        request = {
            "variables": environment.kernel_variables(root, scratch),
            "folder": str(notebook.path.parent.resolve()),
            "root": str(root),
            "log": str(log_of(scratch)),
            "skip": skipped(root, skip),
        }
        ours, theirs = socket.socketpair()
        try:
            if self._process is None:
                self._start()
            with theirs:
                socket.send_fds(self._control, [json.dumps(request).encode()], [theirs.fileno()])
            reader, writer = await asyncio.open_connection(sock=ours, limit=_LONGEST_LINE)
        except OSError:
            ours.close()
            raise self._broken(notebook) from None
        pid = None
        try:
            hello = json.loads(await reader.readline() or b"{}")
            pid = hello.get("pid")
            if pid is None:
                raise self._broken(notebook)
            if hello["shadowed"]:
                raise _Shadowed
            yield _Fork(reader, writer)
        finally:
            if pid is not None:
                with suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
            writer.close()

    def _broken(self, notebook: Notebook) -> NotebookError:
        said = last_line(self._log) or "it said nothing"
        reason = f"The process that runs notebooks did not start with {self._environment.python}: {said}"
        return NotebookError(notebook.path, 1, None, reason)


class _Shadowed(Exception):
    """A module of the project has the name of one that was imported beforehand."""


class _Fork:
    """A fork that runs the cells of one notebook."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._ended: str | None = None
        # What a cell displayed under a name, so that a later one may update it.
        self._displayed: dict[str, NotebookNode] = {}

    async def execute(self, cell: Cell, timeout: int) -> Executed:
        self._writer.write(json.dumps(cell.source).encode() + b"\n")
        async with asyncio.timeout(timeout):
            answer = await self._answer()
        if "ended" in answer:
            self._ended = ending(answer["ended"])
            raise InterpreterEnded(self._ended)
        outputs = from_dict(answer["outputs"])  # type: ignore[no-untyped-call]
        for output in outputs:
            name = output.pop("display_id", None)
            if name is not None:
                self._displayed[name] = output
        for update in answer["updates"]:
            if update["display_id"] in self._displayed:
                self._displayed[update.pop("display_id")].update(from_dict(update))  # type: ignore[no-untyped-call]
        return Executed(outputs, answer["reply"])

    async def ended(self) -> str | None:
        return self._ended

    async def _answer(self) -> dict[str, Any]:
        try:
            # Nothing comes if the server itself has gone.
            return dict(json.loads(await self._reader.readline() or b'{"ended": null}'))
        except ConnectionError:
            return {"ended": None}
