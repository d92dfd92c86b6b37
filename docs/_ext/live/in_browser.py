"""What the page's worker asks of Python. Both speak JSON, so that neither holds objects of the other."""

import errno
import json
import os
import random
import re
import traceback
from collections.abc import Callable
from pathlib import Path

from live.interpreter import Session, chain, compared

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
} | {errno.ENOTCONN: 107, errno.EHOSTUNREACH: 113}

# What speaks to other hosts, for Python and for boto3. The errors of each are others, and none says why.
_CLIENTS = ("http.client", "pyodide.http", "requests.adapters", "urllib3.contrib.emscripten")
# What Chromium, Firefox and Safari say of a request that the page's policy forbids.
_REFUSED = re.compile("Failed to fetch|NetworkError|Load failed")
_THIS_SITE = (
    "Cells in this page reach this site, and no other host: nothing was sent. To reach one, run the notebook "
    "on your own machine."
)

_sessions: list[Session] = []


def on_linux(text: str) -> str:
    """Number errors of the operating system as readers know them.

    :param text: any output.
    :returns: the text with ``[Errno 2]`` in place of ``[Errno 44]``.
    """
    return re.sub(r"\[Errno (\d+)\]", lambda found: f"[Errno {_NUMBERS.get(int(found[1]), found[1])}]", text)


def other_host(error: BaseException) -> str | None:
    """Explain an exception that a cell raises because it can't reach another host.

    :param error: the exception.
    :returns: a sentence; ``None`` if it is about something else.
    """
    return _THIS_SITE if any(_is_unreachable(one) for one, _ in chain(error)) else None


def _is_unreachable(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno in (errno.ENOTCONN, errno.EHOSTUNREACH):
        return True  # a socket, which connects to nothing; Chromium says so late, Firefox at once
    if type(error).__name__ == "JsException":
        return _REFUSED.search(str(error)) is not None
    modules = [frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__)]
    return any(module.startswith(_CLIENTS) for module in modules)


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
    session = Session(lambda output: send(json.dumps(output)), on_linux, other_host)
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
