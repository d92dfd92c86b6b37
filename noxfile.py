"""Every way to work on this project, one short session each.

``python3 noxfile.py -l`` lists them. Nothing has to be installed first: run as a script, this file makes
a virtual environment under ``.nox/`` with the pinned nox and hands over to it. Where nox is installed,
``nox`` does the same.
"""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent


def run_pinned_nox(arguments: list[str]) -> int:
    """Install the pinned nox into a virtual environment of its own and run it.

    :param arguments: the command line for nox.
    :returns: nox's exit status.
    """
    if sys.version_info < (3, 11):
        found = ".".join(map(str, sys.version_info[:3]))
        print(f"This project needs Python 3.11 or newer; {sys.executable} is {found}.", file=sys.stderr)
        return 1
    lock = ROOT / "requirements" / "nox.txt"
    # The name holds what would make the environment unusable: the interpreter and the pins.
    key = hashlib.sha256(lock.read_bytes() + sys.version.encode() + sys.base_prefix.encode()).hexdigest()[:12]
    folder = ROOT / ".nox" / f"nox-{key}"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    ready = folder / "ready"
    if not ready.exists():
        print(f"Setting up nox in {folder.relative_to(ROOT)} …", file=sys.stderr)
        # Without pip, because Debian's Python leaves out what venv needs to install it; our own pip serves.
        subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", folder], check=True)
        install = ["install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", lock]
        subprocess.run([sys.executable, "-m", "pip", "--python", python, *install], check=True)
        ready.touch()
    return subprocess.run([python, "-m", "nox", "-f", __file__, *arguments], check=False).returncode


if __name__ == "__main__":
    try:
        sys.exit(run_pinned_nox(sys.argv[1:]))
    except subprocess.CalledProcessError as error:
        sys.exit(f"nox could not be set up: «{' '.join(map(str, error.cmd))}» failed. See its message above.")
    except KeyboardInterrupt:
        sys.exit(130)

import nox

nox.options.sessions = ["serve"]
nox.options.reuse_venv = "yes"
nox.options.default_venv_backend = "virtualenv"
nox.options.error_on_missing_interpreters = True
# The seed wheels that virtualenv brings are enough; it need not look for newer ones behind our back.
os.environ["VIRTUALENV_NO_PERIODIC_UPDATE"] = "1"

# The folders whose code is linted and type-checked.
CODE = ["conf", "docs/_ext", "docs/conf.py", "examples", "noxfile.py", "tests"]
# The import roots of the project, the same as in pyproject.toml for the tests.
IMPORT_ROOTS = os.pathsep.join(str(ROOT / folder) for folder in (".", "examples", "docs/_ext"))

SPHINX = [
    "--fresh-env" if "CI" in os.environ else "--jobs=auto",  # CI reads every page; at the desk, use all cores
    "--doctree-dir=build/doctrees",  # outside build/html, so that the site can be uploaded as it is
]
STRICT = [
    "--nitpicky",  # a reference that leads nowhere is a warning …
    "--fail-on-warning",  # … and a warning fails the build,
    "--keep-going",  # but only at the end, so that you see them all
]


def install(session: nox.Session, *locks: str) -> None:
    """Install lock files from the project's root into the session, each package checked against its hash."""
    arguments = [argument for lock in locks for argument in ("-r", lock)]
    session.install("--quiet", "--require-hashes", *arguments)


@nox.session
def serve(session: nox.Session) -> None:
    """Build the site, serve it on http://127.0.0.1:8000 and rebuild it when a file changes."""
    install(session, "requirements.txt", "requirements/serve.txt")
    session.run(
        "sphinx-autobuild",
        "--host=127.0.0.1",  # this machine only
        "--port=8000",
        "--watch=conf",  # the pages show what these two folders do
        "--watch=examples",
        "--ignore=*/docs/notebooks/*.md",  # written by the build itself
        "--re-ignore=__pycache__|\\.ipynb_checkpoints",
        *SPHINX,
        "docs",
        "build/html",
        *session.posargs,
    )


@nox.session
def site(session: nox.Session) -> None:
    """Execute the notebooks and build the site into build/html; any warning is an error."""
    install(session, "requirements.txt")
    session.run("sphinx-build", *SPHINX, *STRICT, "docs", "build/html", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests; what follows -- goes to pytest, such as -- tests/conf -k secret."""
    install(session, "requirements.txt", "requirements/tests.txt")
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session
def lab(session: nox.Session) -> None:
    """Open the notebooks in JupyterLab; a double click on a notebook's .md opens it as a notebook."""
    install(session, "requirements.txt", "requirements/lab.txt")
    # In this session's environment only: your own JupyterLab stays as it is.
    overrides = Path(session.virtualenv.location, "share/jupyter/lab/settings/overrides.json")
    overrides.parent.mkdir(parents=True, exist_ok=True)
    viewers = {"defaultViewers": {"markdown": "Jupytext Notebook", "myst": "Jupytext Notebook"}}
    overrides.write_text(json.dumps({"@jupyterlab/docmanager-extension:plugin": viewers}), encoding="utf-8")
    session.run("jupyter", "lab", "--notebook-dir=examples", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style (ruff), types (mypy), reST and Markdown (sphinx-lint) and British spelling (typos)."""
    install(session, "requirements.txt", "requirements/tests.txt", "requirements/lint.txt")
    session.run("ruff", "check", *CODE)
    session.run("ruff", "format", "--check", *CODE)
    environment = {"MYPYPATH": IMPORT_ROOTS, "PYTHONPATH": IMPORT_ROOTS}
    session.run("mypy", "conf", "examples/cloud", "examples/gallery", "docs/_ext/live", env=environment)
    prose = ["README.rst", "docs", "examples/notebooks"]
    session.run("sphinx-lint", "--enable=all", "--disable=line-too-long,default-role", *prose)
    session.run("typos", *CODE, *prose)


@nox.session
def links(session: nox.Session) -> None:
    """Check every external link of the site; needs the network, so CI doesn't run it."""
    install(session, "requirements.txt")
    session.run("sphinx-build", *SPHINX, "--builder=linkcheck", "docs", "build/linkcheck", *session.posargs)


@nox.session
def lock(session: nox.Session) -> None:
    """Resolve requirements.in and requirements/*.in into lock files; -- --upgrade takes newer releases."""
    install(session, "requirements/lock.txt")
    # requirements.in first: the other lists are constrained by its lock.
    lists = [Path("requirements.in"), *sorted(Path("requirements").glob("*.in"))]
    for requirements in lists:
        session.run(
            "uv",
            "pip",
            "compile",
            "--quiet",
            "--universal",  # one lock for every platform …
            "--python-version=3.11",  # … and for this Python and all newer ones,
            "--fork-strategy=fewest",  # with the same versions on each of them wherever that is possible
            "--generate-hashes",
            "--no-header",
            "--no-emit-index-url",
            "--no-emit-find-links",
            "--strip-extras",
            *session.posargs,
            f"--output-file={requirements.with_suffix('.txt')}",
            str(requirements),
        )
