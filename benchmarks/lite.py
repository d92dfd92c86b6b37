"""Build the JupyterLite that :mod:`benchmarks.browser` measures, with nothing to load from another host.

JupyterLite takes Pyodide and the packages that its kernel imports from other servers. Here all of it is part
of its site: the Pyodide that this project uses, and the same releases of the packages from the package index.
"""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
#: Pins what the kernel imports.
PINS = ROOT / "requirements" / "jupyterlite" / "kernel.txt"

# What the kernel asks Pyodide for as it starts.
_KERNEL = ("micropip", "ipython", "jedi")
_SETTINGS = {
    "jupyter-lite-schema-version": 0,
    "jupyter-config-data": {
        "litePluginSettings": {
            "@jupyterlite/pyodide-kernel-extension:kernel": {"disablePyPIFallback": True},
        }
    },
}


class LiteError(Exception):
    """Says in sentences why JupyterLite can't be built, and what to do."""


def with_digests(lock: Mapping[str, Any], wheels: Mapping[str, bytes]) -> dict[str, Any]:
    """Have a lock of Pyodide describe other files: its own ones are built anew from the same sources.

    :param lock: Pyodide's lock.
    :param wheels: content of the packages' files by name, as the package index has them.
    :returns: the lock with their digests.
    :raises LiteError: if the kernel needs a package whose file isn't among them.
    """
    packages = copy.deepcopy(lock["packages"])
    waiting, seen = list(_KERNEL), set()
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name in seen:
            continue
        seen.add(name)
        package = packages[name]
        if package["file_name"] not in wheels:
            raise LiteError(
                f"JupyterLite's kernel needs {package['file_name']}, as Pyodide's lock says, and "
                f"{PINS.relative_to(ROOT)} lacks it. Bring {PINS.with_suffix('.in').name} up to date with "
                "Pyodide and run: nox -s lock"
            )
        package["sha256"] = hashlib.sha256(wheels[package["file_name"]]).hexdigest()
        waiting += package["depends"]
    return {**lock, "packages": packages}


def build(pyodide: Path, target: Path) -> None:
    """Build JupyterLite's REPL.

    :param pyodide: the folder of Pyodide's npm package.
    :param target: the folder to make, absolute.
    :raises LiteError: if it can't be built.
    """
    with tempfile.TemporaryDirectory() as folder:
        downloads, source = Path(folder, "downloads"), Path(folder, "source")
        _run(
            folder,
            "pip",
            "download",
            *("--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"),
            # For the Python in the browser, where nothing is ever built.
            *("--only-binary=:all:", "--python-version=3.14"),
            f"--dest={downloads}",
            f"--requirement={PINS}",
        )
        wheels = {path.name: path.read_bytes() for path in downloads.iterdir()}
        lock = json.loads((pyodide / "pyodide-lock.json").read_bytes())
        # JupyterLite finds both folders by their names.
        distribution, others = source / "static" / "pyodide", source / "pypi"
        shutil.copytree(pyodide, distribution)
        others.mkdir()
        (distribution / "pyodide-lock.json").write_text(
            json.dumps(with_digests(lock, wheels)), encoding="utf-8"
        )
        known = {package["file_name"] for package in lock["packages"].values()}
        for name, content in wheels.items():
            ((distribution if name in known else others) / name).write_bytes(content)
        (source / "jupyter-lite.json").write_text(json.dumps(_SETTINGS), encoding="utf-8")
        options = [f"--lite-dir={source}", f"--output-dir={target}", "--apps=repl"]
        _run(folder, "jupyterlite_core", "build", *options)


def _run(folder: str, module: str, *arguments: str) -> None:
    # JupyterLite keeps notes in the folder in which it runs.
    command = [sys.executable, "-m", module, *arguments]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if run.returncode:
        raise LiteError(f"JupyterLite can't be built: {module} failed.\n{run.stdout}{run.stderr}")
