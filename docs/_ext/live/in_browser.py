"""What the page's worker asks of Python. Both speak JSON, so that neither holds objects of the other."""

import errno
import json
import os
import random
import re
from collections.abc import Callable
from pathlib import Path

from live.interpreter import Session, compared

#: Files in the packed memory, by path: every session reads them, however much is imported already.
FILES: dict[str, bytes] = {}

#: Generators of random numbers that are in the packed memory, in the same state for every reader.
GENERATORS: list[random.Random] = []

# Errors of the operating system in the order of their numbers on Linux, from 1 on. The system in the browser
# numbers them by the alphabet.
_ON_LINUX = (
    "EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT ENOTBLK EBUSY "
    "EEXIST EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK "
    "EPIPE EDOM ERANGE EDEADLK ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY ELOOP"
)
_NUMBERS = {
    getattr(errno, name): number
    for number, name in enumerate(_ON_LINUX.split(" "), 1)
    if hasattr(errno, name)
}

_sessions: list[Session] = []


def on_linux(text: str) -> str:
    """Number errors of the operating system as readers know them.

    :param text: any output.
    :returns: the text with ``[Errno 2]`` in place of ``[Errno 44]``.
    """
    return re.sub(r"\[Errno (\d+)\]", lambda found: f"[Errno {_NUMBERS.get(int(found[1]), found[1])}]", text)


def begin(send: Callable[[str], object], folder: str) -> None:
    """Make ready for a notebook.

    :param send: takes each output, as JSON.
    :param folder: where the notebook runs.
    """
    for generator in GENERATORS:
        generator.seed()
    for path, content in FILES.items():
        Path(path).write_bytes(content)
    Path(folder).mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    session = Session(lambda output: send(json.dumps(output)), on_linux)
    session.install()
    _sessions[:] = [session]


async def run(source: str, recorded: str | None) -> str:
    """Run a cell and compare what it puts out.

    :param source: its code.
    :param recorded: what was recorded of it, as lines of a transcript; ``None`` if nothing was.
    :returns: as JSON, ``status``, ``same`` and ``diff``.
    """
    [session] = _sessions
    status = await session.run(source)
    return json.dumps({"status": status, **compared(recorded, session.outputs)})
