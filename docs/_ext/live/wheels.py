"""Packages of Pyodide's own distribution, which the site can offer in the browser once they are fetched.

A package with machine code has no wheel for the browser on the package index. Pyodide's makers build some.
They are on their server, and Pyodide's npm package holds a lock with the digest of each. :func:`fetch` loads
one and checks it. A build of the site never does that by itself: it takes what lies in the folder.

    python -m live.wheels pillow --npm build/npm/… --folder build/wheels
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import sys
import urllib.error
import urllib.request
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from live.execute import write_atomically

#: Where Pyodide's makers keep the packages of a release.
SERVER = "https://cdn.jsdelivr.net/pyodide/v{version}/full/"

# Seconds without an answer after which loading is given up.
_TIMEOUT = 60


class WheelError(Exception):
    """Says in sentences why a package can't be had, and what to do."""


@dataclass(frozen=True)
class Wheel:
    """A package of Pyodide's distribution.

    :param name: its name in Pyodide's lock, such as ``pillow``.
    :param version: its version.
    :param file_name: the name of its file.
    :param sha256: the digest of its file, in hexadecimal.
    """

    name: str
    version: str
    file_name: str
    sha256: str


def locked(name: str, pyodide: Path) -> Wheel:
    """Look a package up in Pyodide's lock.

    :param name: the package.
    :param pyodide: the folder of Pyodide's npm package.
    :returns: the package.
    :raises WheelError: if Pyodide doesn't have it, or it needs others, which nothing here would load.
    """
    packages = json.loads((pyodide / "pyodide-lock.json").read_bytes())["packages"]
    if name not in packages:
        raise WheelError(f"Pyodide has no package {name}.")
    package = packages[name]
    if package["depends"]:
        raise WheelError(f"{name} needs {', '.join(package['depends'])}, which isn't provided for.")
    return Wheel(name, package["version"], package["file_name"], package["sha256"])


def fetch(name: str, pyodide: Path, folder: Path, server: str = SERVER) -> Path:
    """Load a package and check it, unless it is there.

    :param name: the package.
    :param pyodide: the folder of Pyodide's npm package, whose lock says what is right.
    :param folder: where to keep it.
    :param server: the address of the folder that has it; ``{version}`` stands for Pyodide's version.
    :returns: the file.
    :raises WheelError: if it can't be loaded, or isn't what the lock says. Then nothing is kept.
    """
    wheel = locked(name, pyodide)
    path = folder / wheel.file_name
    if fetched(name, pyodide, folder):
        return path
    version = json.loads((pyodide / "package.json").read_bytes())["version"]
    address = server.format(version=version) + wheel.file_name
    try:
        with urllib.request.urlopen(address, timeout=_TIMEOUT) as answer:
            content = answer.read()
    except (urllib.error.URLError, TimeoutError) as error:
        reason = getattr(error, "reason", error)
        raise WheelError(
            f"{address} can't be loaded: {reason}. Without it the site is built all the same, and cells that "
            f"need {name} say so."
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != wheel.sha256:
        raise WheelError(
            f"{address} is not the file that Pyodide's lock describes, and was thrown away. Its SHA-256 is "
            f"{found}, and should be {wheel.sha256}."
        )
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(path, content)
    return path


def fetched(name: str, pyodide: Path, folder: Path) -> bytes | None:
    """Give a package that was fetched, if it is the one of this release of Pyodide.

    :param name: the package.
    :param pyodide: the folder of Pyodide's npm package.
    :param folder: where packages are kept.
    :returns: the content of its file; ``None`` if it isn't there or isn't right.
    """
    wheel = locked(name, pyodide)
    path = folder / wheel.file_name
    content = path.read_bytes() if path.is_file() else b""
    return content if hashlib.sha256(content).hexdigest() == wheel.sha256 else None


def unpacked(wheel: bytes) -> dict[str, bytes]:
    """Give the files of a wheel.

    :param wheel: its content.
    :returns: content by path below ``site-packages``.
    """
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    :param arguments: the command line without the program's name; by default this process's own.
    :returns: the exit status: 0 if the package is there, 1 if not.
    """
    parser = argparse.ArgumentParser(
        prog="python -m live.wheels", description="Fetch a package for the browser."
    )
    parser.add_argument("name", help="the package's name in Pyodide's lock")
    parser.add_argument(
        "--npm", type=Path, required=True, help="folder in which npm's packages are installed"
    )
    parser.add_argument("--folder", type=Path, required=True, help="folder to keep it in")
    parser.add_argument("--server", default=SERVER, help="address of the folder that has it")
    options = parser.parse_args(arguments)
    try:
        pyodide = options.npm / "node_modules" / "pyodide"
        path = fetch(options.name, pyodide, options.folder, options.server)
    except WheelError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{path.name} is there, and right. The next build of the site offers it in the browser.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
