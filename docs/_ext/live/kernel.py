"""An ordinary ipykernel that notes which files its cells use, and lets them reach this machine only.

This file is run as a script, by the interpreter of the environment in which a notebook executes, which may be
older than the site's own and need not have the engine's packages. So it uses the standard library only, and
ipykernel once everything is in place.

What is noted, each file in the state in which the kernel first met it:

* files that are opened for reading, templates and data files as well as modules,
* places where a file was looked for and there was none: an open that failed, a module that would have
  come first on the import path,
* folders that are listed,
* files and folders that are about to be written, moved or deleted, which is a fault unless it is undone
  (see :mod:`live.runner`),
* SQLite's databases, which may be read and written,
* that another program was started, which may write files unnoticed.

What is not: files opened by other programs that a cell starts or by native libraries, databases named by a
URI, and questions that open nothing, such as ``os.path.exists``.

A cell that looks up another machine, connects to it, or opens this machine's AWS files gets an exception
instead, and programs that it starts are held back too. :mod:`live.offline` does that, and says exactly what
holds where and what does not.

An environment's service (:mod:`live.service`) is run by this file too, in place of a kernel: what its script
uses is noted in the same way.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib.machinery
import importlib.metadata
import json
import os
import platform
import re
import runpy
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from types import CodeType
from typing import Any

# This file's folder would offer its neighbours as top-level modules, which no notebook asked for.
if __name__ == "__main__":
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120

from live import offline

#: State of a file that is not there.
ABSENT = "absent"

#: State of a folder whose content was not looked at.
FOLDER = "folder"

# Python's and Jupyter's own folders. They come and go without any meaning for a notebook.
_CACHES = frozenset({"__pycache__", ".ipynb_checkpoints"})

_DISTRIBUTION_FINDERS = frozenset({"importlib.metadata", "importlib_metadata", "pkg_resources"})

_STARTS = frozenset({"os.exec", "os.posix_spawn", "os.system", "subprocess.Popen"})

_NAME = re.compile(r"^Name: *(\S+)", re.MULTILINE)
_VERSION = re.compile(r"^Version: *(\S+)", re.MULTILINE)

# Audit events that change files, and which of their arguments are the files' paths.
_CHANGES = {
    "os.link": (1,),
    "os.mkdir": (0,),
    "os.remove": (0,),
    "os.rename": (0, 1),
    "os.rmdir": (0,),
    "os.symlink": (1,),
    "os.truncate": (0,),
}


def state(path: str) -> str:
    """Tell the state of a file or folder by its content.

    :param path: a path; with a slash at its end, the names in the folder count.
    :returns: the SHA-256 of the file, or of the folder's names, as hexadecimal digits; :data:`ABSENT` if
        there is no such file or it cannot be read; :data:`FOLDER`.
    """
    try:
        if path.endswith("/"):
            names = sorted(name for name in os.listdir(path) if name not in _CACHES)  # noqa: PTH208
            return hashlib.sha256("\n".join(names).encode("utf-8", "surrogateescape")).hexdigest()
        if os.path.isdir(path):  # noqa: PTH112
            return FOLDER
        with open(path, "rb") as file:  # noqa: PTH123
            return hashlib.sha256(file.read()).hexdigest()
    except OSError:
        return ABSENT


def describe() -> dict[str, Any]:
    """Describe this interpreter.

    :returns: its version (``python``), and the exact version of each installed distribution (``packages``) by
        its normalised name.
    """
    packages: dict[str, str] = {}
    for distribution in importlib.metadata.distributions():
        # Only the two lines that count: to parse them all takes longer than to read a page.
        # An old one is a single file, whose name is given already.
        texts = (distribution.read_text(name) for name in ("METADATA", "PKG-INFO", ""))
        metadata = next(filter(None, texts), "")
        name, version = _NAME.search(metadata), _VERSION.search(metadata)
        if name and version:
            # Where a distribution is installed twice, the first on the path is the one that is imported.
            packages.setdefault(re.sub(r"[-_.]+", "-", name[1]).lower(), version[1])
    return {"python": platform.python_version(), "packages": dict(sorted(packages.items()))}


class Tracer:
    """An audit hook that writes to a log which of the project's files are used.

    Each line of the log is a JSON list: ``["used", path, state]``, ``["changed", path, state before]`` or
    ``["started", audit event, ""]``. Paths are relative to the root. However the process ends, the log is
    complete up to that moment.

    :param root: the project's folder; files outside it are not noted.
    :param log: file to append to.
    :param skip: folders inside the root that are not part of the project.
    """

    def __init__(self, root: str, log: str, skip: Sequence[str]) -> None:
        self._roots = tuple({_folder(os.path.abspath(root)), _folder(os.path.realpath(root))})  # noqa: PTH100
        self._skip = tuple(_folder(os.path.abspath(folder)) for folder in skip)  # noqa: PTH100
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._noted: set[tuple[str, str]] = set()
        self._thread = threading.local()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Note nothing that the current thread does meanwhile."""
        before = getattr(self._thread, "paused", False)
        self._thread.paused = True
        try:
            yield
        finally:
            self._thread.paused = before

    def contains(self, path: str) -> bool:
        """Tell whether an absolute path belongs to the project."""
        return self._relative(path) is not None

    def used(self, path: str) -> None:
        """Note a file as it is now, be it there or not."""
        self._note("used", path)

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        """Receive one of Python's audit events."""
        if getattr(self._thread, "paused", False):
            return
        # An error here would stop what the cell is about to do: a current folder that was deleted, or a
        # path with a null character, of which Python itself is about to complain.
        with contextlib.suppress(OSError, ValueError):
            if event == "open":
                path, _, flags = args
                if flags & (os.O_WRONLY | os.O_RDWR):
                    self._note("changed", path)
                if not flags & os.O_WRONLY:
                    self._note("used", path)
            elif event in ("os.listdir", "os.scandir"):
                # Whoever asks for a version or a plug-in lists every folder of the import path to find the
                # installed distributions. Those are known by their versions.
                if sys._getframe(1).f_globals.get("__name__") not in _DISTRIBUTION_FINDERS:
                    self._note("used", "." if args[0] is None else args[0], listing=True)
            elif event == "sqlite3.connect":
                if not os.fsdecode(args[0]).startswith((":memory:", "file:")):
                    self._note("changed", args[0])
                    self._note("used", args[0])
            elif event in _STARTS:
                self._write("started", event, "")
            else:
                for position in _CHANGES.get(event, ()):
                    self._note("changed", args[position])

    def _note(self, what: str, path: Any, listing: bool = False) -> None:
        if not isinstance(path, (str, bytes, os.PathLike)):
            return  # a file descriptor: the file was noted when it was opened
        absolute = os.path.abspath(os.fsdecode(path))  # noqa: PTH100
        relative = self._relative(absolute)
        if relative is None:
            return
        ending = "/" if listing else ""
        if (what, relative + ending) not in self._noted:
            self._noted.add((what, relative + ending))
            with self.paused():
                self._write(what, relative + ending, state(absolute + ending))

    def _write(self, *line: str) -> None:
        os.write(self._log, json.dumps(line).encode() + b"\n")

    def _relative(self, path: str) -> str | None:
        """Give the path below the root with forward slashes, or ``None`` if it is not the project's."""
        for root in self._roots:
            if _folder(path).startswith(root):
                relative = path[len(root) :].replace(os.sep, "/") or "."
                skipped = _folder(path).startswith(self._skip) or not _CACHES.isdisjoint(relative.split("/"))
                return None if skipped else relative
        return None


class _SourceLoader(importlib.machinery.SourceFileLoader):
    """Loads a module from its source, always.

    Python trusts a cached ``.pyc`` if the source has the same size and the same second of change, which
    after a quick edit is the wrong code.
    """

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


def import_from(tracer: Tracer) -> Callable[[str], importlib.machinery.FileFinder]:
    """Make the path hook that imports the project's modules.

    :param tracer: receives every file whose appearance, change or loss would change what is imported.
    :returns: a function for ``sys.path_hooks``.
    """

    class Finder(importlib.machinery.FileFinder):
        def find_spec(self, fullname: str, target: Any = None) -> importlib.machinery.ModuleSpec | None:
            with tracer.paused():
                spec = super().find_spec(fullname, target)
            base = os.path.join(self.path, fullname.rpartition(".")[2])  # noqa: PTH118
            package = os.path.join(base, "__init__.py")  # noqa: PTH118
            if os.path.isdir(base):  # noqa: PTH112
                tracer.used(package)
            if spec is None or spec.origin != package:
                tracer.used(base)
                tracer.used(base + ".py")
            return spec

    def hook(path: str) -> importlib.machinery.FileFinder:
        path = os.path.abspath(path)  # noqa: PTH100
        if not tracer.contains(path) or not os.path.isdir(path):  # noqa: PTH112
            raise ImportError("only folders of the project", path=path)
        extensions = (importlib.machinery.ExtensionFileLoader, importlib.machinery.EXTENSION_SUFFIXES)
        return Finder(path, extensions, (_SourceLoader, importlib.machinery.SOURCE_SUFFIXES))

    return hook


def install(tracer: Tracer) -> None:
    """Let a tracer note all that this process uses from now on.

    :param tracer: the tracer.
    """
    sys.addaudithook(tracer)
    sys.path_hooks.insert(0, import_from(tracer))
    sys.path_importer_cache.clear()


def _folder(path: str) -> str:
    """Give a path with one separator at its end."""
    return path.rstrip(os.sep) + os.sep


def main() -> None:
    """Run the script: describe the interpreter, or become a kernel or a service."""
    parser = argparse.ArgumentParser(description="Run an IPython kernel that notes which files it uses.")
    parser.add_argument("--describe", action="store_true", help="print versions as JSON and end")
    parser.add_argument("--service", help="script to run in place of a kernel")
    parser.add_argument("--root", help="folder of the project")
    parser.add_argument("--log", help="file that receives what is used")
    parser.add_argument("--skip", action="append", default=[], help="folder that is not part of the project")
    options, arguments = parser.parse_known_args()
    del sys.path[0]
    for name in ("live", "live.offline"):
        del sys.modules[name]  # a project may have a module of that name
    if options.describe:
        print(json.dumps(describe()))
        return
    tracer = Tracer(options.root, options.log, [*options.skip, sys.prefix])
    offline.install()
    install(tracer)
    if options.service:
        sys.argv[:] = [options.service]
        runpy.run_path(options.service, run_name="__main__")
        return

    # After the hooks, so that a project's module that stands in the way of one of ipykernel's is noted.
    from ipykernel import kernelapp

    sys.argv[1:] = arguments
    kernelapp.launch_new_instance()


if __name__ == "__main__":
    main()
