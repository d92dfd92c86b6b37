"""Processes that end with the one that started them, and leave nothing behind."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from servers import janitor

# How long a condition may take that is met within a second or two on an idle machine.
DEADLINE = 60.0  # seconds

_LOG_LINES = 15


class ServerError(RuntimeError):
    """A server did not start, or ended. The message holds the last lines of its log, without the secret."""


class Process:
    """A running program with a log.

    :param name: what to call it in messages.
    :param popen: the process.
    :param log: the file that takes its standard output and error.
    """

    def __init__(self, name: str, popen: "subprocess.Popen[bytes]", log: Path) -> None:
        self.name = name
        self._popen = popen
        self._log = log

    def __repr__(self) -> str:
        return f"<Process {self.name}: {'running' if self.running else 'ended'}>"

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._popen.pid

    @property
    def running(self) -> bool:
        """Whether the process has not ended."""
        return self._popen.poll() is None

    def printed(self) -> str:
        """:returns: everything that the process wrote so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def kill(self) -> None:
        """Kill the process without warning, as a power cut would, and wait until it is gone."""
        self._popen.kill()
        self._popen.wait()


class Processes:
    """A group of processes with a temporary directory for them.

    All are killed and the directory is removed when the block ends, and also when this Python process ends in
    any way.

    :raises ServerError: on Windows, which has no process groups.
    """

    def __init__(self) -> None:
        if os.name != "posix":
            raise ServerError("Servers need the process groups of Linux or macOS; on Windows, use WSL.")
        self._members: list[Process] = []
        self._janitor = subprocess.Popen(
            [sys.executable, "-I", "-S", janitor.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # Ctrl-C in a terminal reaches the terminal's whole foreground group.
            process_group=0,
        )
        assert self._janitor.stdout
        with self._janitor.stdout as line:
            group, _, folder = line.readline().rstrip("\n").partition(" ")
        self._group = int(group)
        #: The temporary directory, which nobody else can read.
        self.folder = Path(folder)

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(
        self, name: str, command: Sequence[str | Path], environment: Mapping[str, str] | None = None
    ) -> Process:
        """Start a program in a directory of its own, which is also its home and where its temporary files go.

        The directory is there still if the name was used before, and so is the log, to which is added.

        :param name: the name of the directory and of the process in messages.
        :param command: the program and its arguments.
        :param environment: the program's environment variables. It gets none of this process's, where
            credentials of the machine may be, but ``PATH``.
        :returns: the process.
        :raises OSError: if the program can't be started.
        """
        home = self.folder / name
        home.mkdir(exist_ok=True)
        log = self.folder / f"{name}.log"
        with log.open("ab") as output:
            popen = subprocess.Popen(
                command,
                cwd=home,
                env={
                    "PATH": os.environ.get("PATH", os.defpath),
                    "HOME": str(home),
                    "TMPDIR": str(home),
                    **(environment or {}),
                },
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=self._group,
            )
        process = Process(name, popen, log)
        self._members.append(process)
        return process

    def remove_later(self, paths: Sequence[Path]) -> None:
        """Remove files outside the temporary directory when all is over.

        :param paths: absolute paths; a file need not exist.
        """
        with (self.folder / janitor.OUTSIDE).open("a", encoding="utf-8") as outside:
            outside.writelines(f"{path}\n" for path in paths)

    def wait_until(
        self,
        condition: Callable[[], object],
        what: str,
        processes: Sequence[Process],
        *,
        not_yet: tuple[type[Exception], ...] = (OSError,),
        secrets: Sequence[str] = (),
    ) -> None:
        """Ask until a condition is met.

        :param condition: returns something true when it is met.
        :param what: the condition in a few words, for messages.
        :param processes: who must be running for that.
        :param not_yet: errors that mean that the condition isn't met yet.
        :param secrets: texts that no message may hold.
        :raises ServerError: if a process ends, or the condition isn't met in time.
        """
        deadline = time.monotonic() + DEADLINE
        error: Exception | None = None
        while True:
            # Before the condition, which may be met by another program that has the same port.
            ended = [each.name for each in processes if not each.running]
            try:
                if not ended and condition():
                    return
            except not_yet as caught:
                error = caught
            if ended or time.monotonic() > deadline:
                break
            time.sleep(0.02)
        reason = f"because {' and '.join(ended)} ended" if ended else f"within {DEADLINE:.0f} s"
        parts = [f"This did not happen {reason}: {what}."]
        parts += [f"The last attempt failed with: {error}"] if error else []
        parts += [f"The last lines of {each.name}:\n{_last_lines(each)}" for each in processes]
        message = "\n".join(parts)
        for secret in secrets:
            message = message.replace(secret, "***")
        raise ServerError(message)

    def close(self) -> None:
        """Kill all processes and remove the directory. Calling it again does nothing."""
        assert self._janitor.stdin
        self._janitor.stdin.close()
        self._janitor.wait()
        # They are dead already; only the system's record of them is left.
        for process in self._members:
            process.kill()


def free_ports(count: int) -> list[int]:
    """Find ports on which nobody listens, each different.

    Another program may take one before you do: be ready to try again.

    :param count: how many.
    :returns: the ports.
    """
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _last_lines(process: Process) -> str:
    lines = process.printed().splitlines()[-_LOG_LINES:]
    return "\n".join(f"  {line}" for line in lines) or "  (nothing)"
