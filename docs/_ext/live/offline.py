"""Keep builds and tests on this machine, and away from the credentials that a person keeps on it.

Nothing that is built or tested needs another machine. So that nothing reaches one even if a cell tries, there
are three fences, one behind the other.

1. **An audit hook** in every Python process: the process of a notebook, the engine's own while it builds, and
   that of the tests. Who looks up another machine, connects or sends to it gets a
   :exc:`ConnectionRefusedError`; who opens the AWS files in the home folder gets a :exc:`PermissionError`.
   Python programs that these processes start install the hook themselves, because ``PYTHONPATH`` leads them
   to ``startup/sitecustomize.py``.
2. **Variables** for all other programs. Those for proxies name a port of this machine at which nobody
   listens. No variable of the machine's own AWS account is handed on, and the metadata service is switched
   off.
3. **A network of their own**, which has loopback only, for the engine and the tests with all that they start:
   on Linux, where the system allows it. No program can leave it, whatever it does. The machine's AWS files
   are covered there as well.

Where there is no such network (macOS, Windows, containers that forbid it; a process that has threads
already), these get past the first two fences: programs that heed no proxies, such as ``ping``; programs that
are started with other variables than their parent's; Python started with ``-I``, ``-E`` or ``-S``; and native
libraries that open sockets or files by themselves. A notebook opened in JupyterLab is not held back at all:
there it is the reader's.

This file is imported by every interpreter that a build starts, which may be older than the site's own. It
uses the standard library only, and little of it, because that costs time at each start.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any

# Audit events that lead to another machine, and which of their arguments say to which.
_REACHES = {
    "socket.connect": 1,
    "socket.sendto": 1,
    "socket.sendmsg": 1,
    "socket.getaddrinfo": 0,
    "socket.gethostbyname": 0,
    "socket.gethostbyaddr": 0,
    "socket.getnameinfo": 0,
}

_LOOKUPS = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"})

# Where proxies are said to be: port 9 is “discard”, which no machine offers any more.
_CLOSED = ("127.0.0.1", 9)

_PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy")

# Folder whose sitecustomize.py every Python imports that finds it in its PYTHONPATH.
_STARTUP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "startup")  # noqa: PTH100, PTH118, PTH120

# Environment variable with the files and folders that nobody may open. It is handed on, because home folders
# are replaced.
_PRIVATE = "LIVE_PRIVATE"

_AWS_FILES = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")

# From <linux/sched.h>, <linux/mount.h>, <linux/sockios.h> and <linux/if.h>; the same on every architecture.
_CLONE_NEWNS, _CLONE_NEWUSER, _CLONE_NEWNET = 0x20000, 0x10000000, 0x40000000
_MS_RDONLY, _MS_BIND, _MS_REC, _MS_SLAVE = 1, 1 << 12, 1 << 14, 1 << 19
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1


# -- The hook ----------------------------------------------------------------------------------------------


def install() -> None:
    """Hold back this process from now on, by an audit hook. A second call does nothing."""
    # The module may be there twice, under its own name and as it was found at the interpreter's start.
    if not getattr(sys, "_live_offline", False):
        sys._live_offline = True  # type: ignore[attr-defined]
        sys.addaudithook(_Hook(private()))


class _Hook:
    """An audit hook that stops what would reach another machine or the machine's AWS files.

    :param paths: files and folders that may not be opened.
    """

    def __init__(self, paths: list[str]) -> None:
        self._paths = {os.path.realpath(path) for path in paths}
        # A quick look that spares most files the slow one.
        self._names = {os.path.basename(path) for path in paths} | {"config", "credentials"}  # noqa: PTH119

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "open":
            self._open(args[0])
        elif event in _REACHES:
            _reach(event, args[_REACHES[event]])

    def _open(self, path: Any) -> None:
        if not isinstance(path, (str, bytes, os.PathLike)):
            return  # a file descriptor
        name = os.fsdecode(path)
        with contextlib.suppress(ValueError):  # a null character, of which Python is about to complain
            known = os.path.basename(name) in self._names or ".aws" in name  # noqa: PTH119
            if not known and not os.path.islink(name):  # noqa: PTH114
                return
            found = os.path.realpath(name)
            if not self._paths.isdisjoint((found, os.path.dirname(found))):  # noqa: PTH120
                raise PermissionError(f"Notebooks, builds and tests may not read AWS credentials: {name}.")


def _reach(event: str, address: Any) -> None:
    host = address[0] if isinstance(address, tuple) else address
    # A socket in the file system has a path, but only "connect" and its like are asked for one.
    if host is None or (isinstance(address, (str, bytes)) and event not in _LOOKUPS):
        return
    if isinstance(address, tuple) and address[:2] == _CLOSED:
        raise ConnectionRefusedError("Notebooks, builds and tests may reach this machine only.")
    import _socket
    import ipaddress

    host = host.decode() if isinstance(host, bytes) else str(host)
    if host in ("", "localhost", _socket.gethostname()):
        return
    with contextlib.suppress(ValueError):
        number = ipaddress.ip_address(host.partition("%")[0])
        if number.is_loopback or number.is_unspecified:
            return
    raise ConnectionRefusedError(
        f"Notebooks, builds and tests may reach this machine only, and this asked for {host}."
    )


# -- Variables ---------------------------------------------------------------------------------------------


def private() -> list[str]:
    """Find this machine's AWS files.

    :returns: files and folders, whether they are there or not.
    """
    noted = os.environ.get(_PRIVATE)
    if noted is not None:
        return noted.split(os.pathsep)
    homes = {os.path.expanduser("~")}  # noqa: PTH111
    with contextlib.suppress(ImportError, KeyError):  # Windows; a user without an entry
        import pwd

        homes.add(pwd.getpwuid(os.getuid()).pw_dir)
    named = {os.environ[name] for name in _AWS_FILES if os.environ.get(name, os.devnull) != os.devnull}
    folders = {os.path.join(home, ".aws") for home in homes}  # noqa: PTH118
    return sorted({os.path.abspath(path) for path in folders | named})  # noqa: PTH100


def variables(*paths: str) -> dict[str, str]:
    """Give the environment variables that hold back a process and what it starts.

    :param paths: further folders for ``PYTHONPATH``.
    :returns: the variables.
    """
    host, port = _CLOSED
    proxies = dict.fromkeys(_PROXIES, f"http://{host}:{port}")
    proxies["no_proxy"] = "localhost,127.0.0.1,::1"
    return {
        **proxies,
        **{name.upper(): value for name, value in proxies.items()},
        **dict.fromkeys(_AWS_FILES, os.devnull),
        "AWS_EC2_METADATA_DISABLED": "true",
        "PYTHONPATH": os.pathsep.join([_STARTUP, *paths]),
        _PRIVATE: os.pathsep.join(private()),
    }


def hold_back() -> None:
    """Hold back this process, and all that it starts from now on: all three fences. There is no way back."""
    install()
    if _STARTUP in os.environ.get("PYTHONPATH", "").split(os.pathsep) and _PRIVATE in os.environ:
        return  # so is the process that started this one
    before = [path for path in [os.environ.get("PYTHONPATH")] if path]
    held_back = variables(*before)
    for name in list(os.environ):
        if name.startswith("AWS_"):
            del os.environ[name]
    os.environ.update(held_back)
    leave_network(private())


# -- A network of their own --------------------------------------------------------------------------------


def leave_network(hidden: list[str]) -> bool:
    """Let this process, and all that it starts from now on, have no network but a loopback of their own.

    :param hidden: files and folders whose content shall no longer be seen.
    :returns: whether that was possible. If not, nothing has changed.
    """
    if not sys.platform.startswith("linux") or len(os.listdir("/proc/self/task")) > 1:  # noqa: PTH208
        return False  # a thread would stay where it is
    # There is no way back from half of it, so a child goes first.
    scout = os.fork()
    if scout == 0:
        status = 1
        try:
            _leave(hidden)
            status = 0
        finally:
            os._exit(status)
    if os.waitpid(scout, 0)[1] != 0:
        return False
    _leave(hidden)
    return True


def _leave(hidden: list[str]) -> None:
    import ctypes
    import fcntl
    import socket
    import struct

    libc = ctypes.CDLL(None, use_errno=True)

    def call(function: str, *arguments: Any) -> None:
        if getattr(libc, function)(*arguments) != 0:
            raise OSError(ctypes.get_errno(), f"{function} is not allowed here")

    user, group = os.geteuid(), os.getegid()
    try:
        call("unshare", _CLONE_NEWNET | _CLONE_NEWNS)
    except OSError:
        if user == 0:
            # Root of a container. In a user namespace it would no longer own other users' files.
            raise
        call("unshare", _CLONE_NEWUSER | _CLONE_NEWNET | _CLONE_NEWNS)
        for name, line in (
            ("setgroups", "deny"),
            ("uid_map", f"{user} {user} 1"),
            ("gid_map", f"{group} {group} 1"),
        ):
            with open(f"/proc/self/{name}", "w") as file:  # noqa: PTH123
                file.write(line)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", _IFF_UP))
    nothing = ctypes.c_void_p()
    call("mount", b"none", b"/", nothing, ctypes.c_ulong(_MS_REC | _MS_SLAVE), nothing)
    for path in map(os.fsencode, hidden):
        if os.path.isdir(path):  # noqa: PTH112
            call("mount", b"none", path, b"tmpfs", ctypes.c_ulong(_MS_RDONLY), nothing)
        elif os.path.isfile(path):  # noqa: PTH113
            call("mount", os.devnull.encode(), path, nothing, ctypes.c_ulong(_MS_BIND), nothing)
