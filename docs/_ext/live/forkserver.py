"""A process that has the libraries imported, and forks for each notebook: fast, and as clean as a kernel.

Like :mod:`live.kernel` this file is run as a script, by the interpreter of the environment in which notebooks
execute. It uses the standard library, IPython and ipykernel only. :mod:`live.forked` is the other end.

The server receives requests on one socket: the settings of a notebook's process, and with them a socket of
that process's own. It forks and waits for the next request. The fork becomes what an ordinary kernel would
be: the same environment variables, folder, import path, audit hooks and IPython. On its socket it gets cells,
one JSON line each, and answers each with a line of outputs. When it ends, the server writes how.

Nothing of the project may be imported before the fork, because its modules are to be traced, and are to be
read afresh each time.
"""

from __future__ import annotations

import argparse
import asyncio
import builtins
import contextlib
import gc
import inspect
import io
import json
import os
import random
import runpy
import selectors
import signal
import socket
import sys
import tempfile
import time
from typing import Any, ClassVar

# This file's folder would offer its neighbours as top-level modules, which no notebook asked for.
if __name__ == "__main__":
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120

from ipykernel.compiler import XCachingCompiler
from ipykernel.jsonutil import encode_images, json_clean
from ipykernel.zmqshell import ZMQInteractiveShell
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.error import StdinNotImplementedError
from traitlets.config import Config

from live import kernel, offline

# A request holds environment variables and a few paths.
_REQUEST_SIZE = 1 << 20


class Server:
    """Answers requests for processes, one at a time, until the other end of its socket is closed.

    :param control: the socket on which requests come.
    """

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._children: dict[int, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._woken, self._waker = socket.socketpair()
        for end in (self._woken, self._waker):
            end.setblocking(False)

    def serve(self) -> None:
        """Fork for each request. At the end, kill what still runs."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        self._selector.register(self._control, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        try:
            while True:
                for key, _ in self._selector.select():
                    if key.fileobj is self._woken:
                        self._woken.recv(4096)
                        self._reap()
                    elif not self._accept():
                        return
        finally:
            for pid in self._children:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)

    def _accept(self) -> bool:
        """Fork for one request; tell whether there was one."""
        data, descriptors, _, _ = socket.recv_fds(self._control, _REQUEST_SIZE, 1)
        if not data:
            return False
        connection = socket.socket(fileno=descriptors[0])
        pid = os.fork()
        if pid == 0:
            status = 70
            try:
                self._leave()
                become_interpreter(json.loads(data), connection)
                status = 0
            except BaseException as error:  # of whatever kind, it must not return into the server's loop
                print(f"{type(error).__name__}: {error}", file=sys.__stderr__, flush=True)
            finally:
                os._exit(status)
        self._children[pid] = connection
        return True

    def _leave(self) -> None:
        """Let go, in a fork, of what belongs to the server."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._selector.close()
        for end in (self._control, self._woken, self._waker, *self._children.values()):
            end.close()

    def _reap(self) -> None:
        """Say of each process that has ended how it did."""
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            connection = self._children.pop(pid)
            # The engine no longer listens to a process that it has ended itself.
            with contextlib.suppress(OSError), connection:
                connection.sendall(_line({"ended": os.waitstatus_to_exitcode(status)}))


class _Output:
    """Collects what a cell puts out, in nbformat's shape."""

    def __init__(self) -> None:
        self.outputs: list[dict[str, Any]] = []
        self.updates: list[dict[str, Any]] = []
        self._cleared_later = False

    def append(self, output: dict[str, Any]) -> None:
        if self._cleared_later:
            self.outputs.clear()
            self._cleared_later = False
        self.outputs.append(output)

    def clear(self, wait: bool) -> None:
        if wait:
            self._cleared_later = True
        else:
            self.outputs.clear()

    def take(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        taken = self.outputs, self.updates
        self.outputs, self.updates = [], []
        return taken


class _Stream(io.TextIOBase):
    """Python's standard output or standard error; what it gets becomes an output at once.

    :param name: ``stdout`` or ``stderr``.
    :param output: where to.
    :param descriptor: the file descriptor through which programs write, that the process starts.
    """

    encoding = "UTF-8"
    errors = "strict"

    def __init__(self, name: str, output: _Output, descriptor: int) -> None:
        self.name = name
        self._output = output
        self._descriptor = descriptor
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it lasts as long as the process
        os.dup2(self._file.fileno(), descriptor)

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        return self._descriptor

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text)}")
        if text:
            self._output.append({"output_type": "stream", "name": self.name, "text": text})
        return len(text)

    def collect(self) -> None:
        """Take over what was written past Python, by programs and libraries."""
        size = os.lseek(self._file.fileno(), 0, os.SEEK_END)
        if size:
            written = os.pread(self._file.fileno(), size, 0).decode(errors="replace")
            os.lseek(self._file.fileno(), 0, os.SEEK_SET)
            os.ftruncate(self._file.fileno(), 0)
            self.write(written)


class _Hook(DisplayHook):
    """Makes the value of a cell an output."""

    output: ClassVar[_Output]

    def write_output_prompt(self) -> None:
        """Write no prompt: pages have none."""

    def write_format_data(self, format_dict: dict[str, Any], md_dict: dict[str, Any] | None = None) -> None:
        made = {"data": format_dict, "metadata": md_dict or {}, "execution_count": self.prompt_count}
        self.output.append({"output_type": "execute_result", **_clean(made)})

    def finish_displayhook(self) -> None:
        """Write no newline."""


class _Publisher(DisplayPublisher):
    """Makes what a cell displays an output."""

    output: ClassVar[_Output]

    def publish(
        self,
        data: dict[str, Any],
        metadata: dict[str, Any] | None = None,
        source: Any = None,
        *,
        transient: dict[str, Any] | None = None,
        update: bool = False,
        **_: Any,
    ) -> None:
        made = _clean({"data": data, "metadata": metadata or {}})
        name = (transient or {}).get("display_id")
        if update:
            self.output.updates.append({"display_id": name, **made})
        else:
            self.output.append({"output_type": "display_data", "display_id": name, **made})

    def clear_output(self, wait: bool = False) -> None:
        self.output.clear(wait)


class _Shell(ZMQInteractiveShell):
    """The IPython of an ordinary kernel, with outputs that are collected here instead of sent away."""

    displayhook_class = _Hook  # type: ignore[assignment]
    display_pub_class = _Publisher  # type: ignore[assignment]
    output: ClassVar[_Output]
    ended = False

    def ask_exit(self) -> None:
        """End after the cell."""
        self.ended = True

    def _showtraceback(self, etype: type[BaseException], evalue: BaseException, stb: list[str]) -> None:
        self.output.append(
            {
                "output_type": "error",
                "ename": etype.__name__,
                "evalue": str(evalue),
                "traceback": stb,
            }
        )
        self._last_traceback = stb


class Interpreter:
    """Runs cells as an ordinary kernel does.

    :param output: where outputs are collected.
    """

    def __init__(self, output: _Output) -> None:
        self._output = output
        self._streams = [_Stream("stdout", output, 1), _Stream("stderr", output, 2)]
        _Hook.output = _Publisher.output = _Shell.output = output
        config = Config()
        config.HistoryManager.enabled = False
        self.shell = _Shell.instance(config=config, compiler_class=XCachingCompiler)
        sys.stdout, sys.stderr = self._streams
        builtins.input = _no_input

    async def run(self, source: str) -> dict[str, Any]:
        """Run a cell.

        :param source: its code.
        :returns: ``outputs``, of which those that may be updated have a ``display_id``; ``updates`` of
            earlier ones; and ``reply``, the parts of a kernel's reply that tell how the cell ended.
        """
        shell, problem = self.shell, None
        try:
            transformed = shell.transform_cell(source)  # type: ignore[no-untyped-call]
        except Exception:
            transformed, problem = source, sys.exc_info()
        options = {
            "store_history": True,
            "transformed_cell": transformed,
            "preprocessing_exc_tuple": problem,
        }
        if shell.should_run_async(source, transformed_cell=transformed, preprocessing_exc_tuple=problem):
            result = None
            try:
                result = await asyncio.ensure_future(shell.run_cell_async(source, **options))
            finally:
                shell.events.trigger("post_execute")
                shell.events.trigger("post_run_cell", result)
        else:
            # Not as a task, which would have context variables of its own: Django, for one, keeps its
            # connections to databases there from cell to cell.
            result = shell.run_cell(source, store_history=True)  # type: ignore[no-untyped-call]
        for stream in self._streams:
            stream.collect()
        error = result.error_before_exec or result.error_in_exec
        reply: dict[str, Any] = {"status": "ok"}
        outputs, updates = self._output.take()
        if error is not None:
            reply = {
                "status": "error",
                "ename": type(error).__name__,
                "evalue": str(error),
                "traceback": shell._last_traceback or [],
            }
        return {"outputs": outputs, "updates": updates, "reply": reply}


def become_interpreter(request: dict[str, Any], connection: socket.socket) -> None:
    """Turn a fresh fork into the process of a notebook, and run the cells that come.

    :param request: environment ``variables``; the ``folder`` to work in; ``root``, ``log`` and ``skip`` as
        for :class:`live.kernel.Tracer`.
    :param connection: the socket for cells and outputs.
    """
    os.setsid()  # so that it can be killed with all programs that it starts
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(request["variables"])
    time.tzset()
    os.chdir(request["folder"])
    sys.path.insert(0, "")
    # Programs look there for options, and find what they would find in an ordinary kernel.
    sys.argv = [kernel.__file__, "-f", request["log"]]
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123
        os.dup2(nothing.fileno(), 0)
    # What was decided, or drawn, before the fork.
    tempfile.tempdir = None
    random.seed()
    interpreter = Interpreter(_Output())
    tracer = kernel.Tracer(request["root"], request["log"], [*request["skip"], sys.prefix])
    answered = _line({"pid": os.getpid(), "shadowed": shadowed(tracer)})
    kernel.install(tracer)
    with connection.makefile("rwb", buffering=0) as stream:
        stream.write(answered)
        asyncio.run(run_cells(interpreter, stream))


async def run_cells(interpreter: Interpreter, stream: socket.SocketIO) -> None:
    """Run the cells that come, until there are no more.

    :param interpreter: runs them.
    :param stream: gives a line of JSON with the code of each cell, and gets a line with what came of it.
    """
    for line in stream:
        stream.write(_line(await interpreter.run(json.loads(line))))
        if interpreter.shell.ended:
            return


def shadowed(tracer: kernel.Tracer) -> list[str]:
    """Find the project's modules that an ordinary kernel would import in place of installed ones.

    Installed modules are imported before the fork, when the project isn't looked at. So where the project
    comes first, note all places in which it could stand in their way.

    :param tracer: receives those places.
    :returns: the files and folders that are there.
    """
    installed = {
        name.partition(".")[0]
        for name, module in tuple(sys.modules.items())
        if f"{os.sep}site-packages{os.sep}" in (getattr(module, "__file__", None) or "")
    }
    found = []
    for folder in dict.fromkeys(os.path.abspath(path) for path in sys.path):  # noqa: PTH100
        if tracer.contains(folder):
            for name in sorted(installed):
                for place in (os.path.join(folder, name), os.path.join(folder, name + ".py")):  # noqa: PTH118
                    tracer.used(place)
                    if os.path.exists(place):  # noqa: PTH110
                        found.append(place)
    return found


def warm_up(script: str, root: str) -> None:
    """Run a script that imports what notebooks use.

    :param script: the script. It should leave nothing behind but modules and their caches.
    :param root: the project's folder.
    :raises SystemExit: if it fails, or imports a module of the project. The message says so.
    """
    try:
        runpy.run_path(script)
    except Exception as error:
        sys.exit(f"{script} fails: {type(error).__name__}: {error}")
    # IPython asks for the module of each frame that it shows. The first answer takes a look at all modules.
    inspect.getmodule(compile("", "<of no module>", "exec"))
    # The folder of this interpreter may lie in the project.
    project = kernel.Tracer(root, os.devnull, [sys.prefix, os.path.dirname(os.path.abspath(__file__))])  # noqa: PTH100, PTH120
    for name, module in tuple(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if path and name != "__main__" and project.contains(os.path.abspath(path)):  # noqa: PTH100
            sys.exit(f"{script} imports {name}, which is the project's own, and would not be seen to change.")


def _clean(value: dict[str, Any]) -> dict[str, Any]:
    """Make an output JSON, with pictures in base64, as ipykernel does."""
    value["data"] = encode_images(value["data"])  # type: ignore[no-untyped-call]
    return dict(json_clean(value))  # type: ignore[no-untyped-call]


def _no_input(prompt: object = "") -> str:
    raise StdinNotImplementedError("raw_input was called, but this frontend does not support input requests.")


def _line(value: Any) -> bytes:
    return json.dumps(value).encode() + b"\n"


def main() -> None:
    """Run the script: warm up, and serve."""
    parser = argparse.ArgumentParser(description="Import what notebooks use, then fork a process for each.")
    parser.add_argument("--control", type=int, required=True, help="descriptor of the socket for requests")
    parser.add_argument("--root", required=True, help="folder of the project")
    parser.add_argument("--warm-up", required=True, help="script to run beforehand")
    options = parser.parse_args()
    del sys.path[0]
    offline.install()
    warm_up(options.warm_up, options.root)
    gc.collect()
    gc.freeze()  # so that forks need not copy what is there already
    Server(socket.socket(fileno=options.control)).serve()


if __name__ == "__main__":
    main()
