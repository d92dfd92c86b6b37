"""The table of environments, its lists and locks, and how noxfile.py makes and uses them."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from live import transcript
from live.notebook import read_all
from live.runner import pinned

ROOT = Path(__file__).parents[1]
LISTS = ROOT / "requirements/environments"
TABLE = tomllib.loads((LISTS / "environments.toml").read_text(encoding="utf-8"))
NAMES = sorted(TABLE)
NOTEBOOKS, ERRORS = read_all(ROOT / "examples/notebooks")


# -- Table, lists and locks ---------------------------------------------------------------------------------


def test_each_environment_has_a_list_and_a_lock_and_no_file_is_without_one():
    lists = {path.stem for path in LISTS.glob("*.in")} - {"common"}
    locks = {path.stem for path in LISTS.glob("*.txt")}
    assert lists == locks == set(TABLE) >= {"django-4.2", "django-6.1", "aldryn"}


@pytest.mark.parametrize("name", NAMES)
def test_each_package_is_pinned_with_hashes_and_without_an_address(name):
    lock = (LISTS / f"{name}.txt").read_text(encoding="utf-8")
    blocks = re.split(r"\n(?=\S)", lock.strip())
    assert len(blocks) == len(pinned(lock)) > 40
    assert all(" \\\n    --hash=sha256:" in block for block in blocks)
    assert "://" not in lock
    assert "--index" not in lock


@pytest.mark.parametrize("name", NAMES)
def test_the_lock_answers_the_list(name):
    lock = pinned((LISTS / f"{name}.txt").read_text(encoding="utf-8"))
    listed = "\n".join((LISTS / f"{part}.in").read_text(encoding="utf-8") for part in (name, "common"))
    wanted = re.findall(r"^([a-z0-9-]+)(?:\[\w+\])?(?:==([\d.]+?)(\.\*)?)?$", listed, re.MULTILINE)
    assert len(wanted) >= 7
    for package, version, open_end in wanted:
        assert f"{lock[package]}.".startswith(f"{version}." if version else "")
        assert open_end or not version or lock[package] == version
    assert not lock.keys() & set(TABLE[name].get("without", []))


@pytest.mark.parametrize("name", ["django-4.2", "django-6.1", "aldryn"])
def test_what_the_notebook_printed_is_what_is_locked(name):
    lock = pinned((LISTS / f"{name}.txt").read_text(encoding="utf-8"))
    record = (ROOT / "examples/expected" / name / "versions.txt").read_text(encoding="utf-8")
    [printed] = transcript.read(record)["versions"]
    for line in printed.plain.splitlines():
        package, _, version = line.partition(" ")
        assert version == lock.get(package.lower(), "is not installed")


def test_notebooks_run_in_environments_that_there_are_and_are_recorded_there():
    assert ERRORS == []
    stated = [(name, notebook.name) for notebook in NOTEBOOKS for name in notebook.environments]
    assert {name for name, _ in stated} <= {"default", *TABLE}
    folder = ROOT / "examples/expected"
    assert sorted((path.parent.name, path.stem) for path in folder.glob("*/*.txt")) == sorted(stated)


def test_what_does_not_run_against_a_real_server_too_is_said_with_its_reason():
    index = (ROOT / "docs/notebooks/index.rst").read_text(encoding="utf-8")
    explained = re.findall(r"^:doc:`([a-z-]+)`\n   \w", index, re.MULTILINE)
    others = {notebook.name for notebook in NOTEBOOKS if notebook.environments != ("default", "seaweedfs")}
    others.remove("kitchen-sink")  # no lesson: it shows what cells look like
    assert len(explained) == len(set(explained)) == 5
    assert others == set(explained)


def test_each_service_is_there():
    assert all((ROOT / table["service"]).is_file() for table in TABLE.values() if "service" in table)


# -- Sessions -----------------------------------------------------------------------------------------------


class Aborted(Exception):
    """Stands for nox's end of a session."""


class CommandFailed(Exception):
    """Stands for nox's report of a command that failed."""


class Session:
    """Stands for nox's session, and keeps what it is asked to do."""

    def __init__(self, *posargs: str) -> None:
        self.posargs = list(posargs)
        self.commands: list[tuple[str, ...]] = []
        self.said: list[str] = []
        self.failing = ""
        self.installs = True  # not with -R

    def run(self, *command: str, **options: object) -> None:
        self.commands.append(command)
        if self.failing and f"--environment={self.failing}" in command:
            raise CommandFailed

    def run_install(self, *command: str, **options: object) -> bool | None:
        self.commands.append(command)
        return self.installs or None

    def install(self, *arguments: str) -> None:
        pass

    def chdir(self, folder: Path) -> AbstractContextManager[None]:
        return nullcontext()

    def warn(self, text: str) -> None:
        self.said.append(text)

    def error(self, text: str) -> None:
        raise Aborted(text)

    def verified(self) -> list[str]:
        """Give the environments in which the engine was run."""
        found = (re.search(r"--environment=(\S+)", " ".join(command)) for command in self.commands)
        return [match[1] for match in found if match]


def session(function: Callable[..., None] | None = None, **_: object) -> Callable[..., object]:
    """Stand in for nox's decorator, which may be given options."""
    return function or session


@pytest.fixture
def noxfile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """Give noxfile.py as nox loads it, in a project of its own and with a nox that only listens."""
    listening = SimpleNamespace(options=SimpleNamespace(), session=session, Session=Session)
    listening.command = SimpleNamespace(CommandFailed=CommandFailed)
    monkeypatch.setitem(sys.modules, "nox", listening)
    monkeypatch.setenv("VIRTUALENV_NO_PERIODIC_UPDATE", "1")
    monkeypatch.delenv("CI", raising=False)
    spec = importlib.util.spec_from_file_location("noxfile", ROOT / "noxfile.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.ROOT, module.LISTS = tmp_path, tmp_path
    for name in TABLE:
        (tmp_path / f"{name}.txt").write_text("django==1.0")
    return module


@pytest.fixture
def virtualenv(noxfile: ModuleType, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Stand in for virtualenv: it makes an environment, or says what it is told to."""
    fake = SimpleNamespace(commands=[], complaint="")

    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        fake.commands.append(command)
        if fake.complaint:
            return subprocess.CompletedProcess(command, 1, "", fake.complaint)
        python = Path(command[-1], noxfile.PYTHON)
        python.parent.mkdir(parents=True, exist_ok=True)
        python.touch()
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(noxfile.subprocess, "run", run)
    return fake


# What virtualenv says of a version that it doesn't find.
MISSING = "RuntimeError: failed to find interpreter for Builtin discover of python_spec=['cpython3.12']"


def test_all_environments_are_verified_each_with_its_own_interpreter(noxfile, virtualenv, tmp_path):
    session = Session()
    noxfile.verify(session)
    assert session.verified() == ["default", *TABLE]
    engine = [command for command in session.commands if "live" in command]
    assert all(command[3] == "verify" for command in engine)
    pythons = [part for command in engine for part in command if part.startswith("--python=")]
    assert pythons == [f"--python={tmp_path / '.nox/environments' / name / noxfile.PYTHON}" for name in TABLE]
    services = {command[4]: part for command in engine for part in command if part.startswith("--service=")}
    assert services == {"--environment=seaweedfs": "--service=examples/servers/service.py"}


def test_packages_are_installed_from_the_lock_with_their_hashes_only(noxfile, virtualenv, tmp_path):
    session = Session("aldryn")
    noxfile.accept(session)
    [pip, engine] = session.commands
    assert {"--no-deps", "--require-hashes", str(tmp_path / "aldryn.txt")} <= set(pip)
    assert pip[pip.index("--python") + 1] == str(tmp_path / ".nox/environments/aldryn" / noxfile.PYTHON)
    assert engine[3] == "accept"
    assert "--python=cpython3.11" in virtualenv.commands[0]


def test_an_environment_is_kept_until_its_lock_changes(noxfile, virtualenv, tmp_path):
    noxfile.verify(Session("aldryn"))
    session = Session("aldryn")
    noxfile.verify(session)
    assert len(virtualenv.commands) == 1
    assert len(session.commands) == 1
    (tmp_path / "aldryn.txt").write_text("django==2.0")
    noxfile.verify(Session("aldryn"))
    assert len(virtualenv.commands) == 2


def test_an_environment_that_could_not_be_filled_is_made_again(noxfile, virtualenv):
    session = Session("aldryn")
    session.run_install = lambda *command, **options: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        noxfile.verify(session)
    noxfile.verify(Session("aldryn"))
    assert len(virtualenv.commands) == 2


def test_npm_packages_are_installed_with_install_only_too_and_once(noxfile, tmp_path):
    (tmp_path / "requirements/browser").mkdir(parents=True)
    session = Session()
    session.run = lambda *command, **options: None  # as with --install-only
    folder = noxfile.npm_packages(session, "browser")
    assert noxfile.npm_packages(session, "browser") == folder
    [npm] = session.commands
    assert "ci" in npm


def test_what_may_not_be_installed_does_not_count_as_installed(noxfile, virtualenv, tmp_path):
    (tmp_path / "requirements/browser").mkdir(parents=True)
    for need in (lambda session: noxfile.npm_packages(session, "browser"), noxfile.verify):
        session = Session("aldryn")
        session.installs = False
        with pytest.raises(Aborted, match=r"isn't installed yet, and -R installs nothing"):
            need(session)
        session = Session("aldryn")
        need(session)
        assert any({"ci", "install"} & set(command) for command in session.commands)


def test_without_a_fitting_python_an_environment_is_left_out_and_that_is_said(noxfile, virtualenv):
    virtualenv.complaint = MISSING
    session = Session("default", "django-6.1")
    noxfile.verify(session)
    assert session.verified() == ["default"]
    assert session.said == ["django-6.1: not verified here, needs Python 3.12 or 3.13 or 3.14."]


def test_in_ci_a_missing_python_is_an_error(noxfile, virtualenv, monkeypatch):
    monkeypatch.setenv("CI", "true")
    virtualenv.complaint = MISSING
    with pytest.raises(Aborted, match=r"^aldryn: not verified here, needs Python 3\.11\.$"):
        noxfile.verify(Session("aldryn"))


def test_any_other_failure_of_virtualenv_is_an_error_everywhere(noxfile, virtualenv):
    virtualenv.complaint = "No space left on device"
    with pytest.raises(Aborted, match=r"aldryn: its virtual environment can't be made\. No space left"):
        noxfile.verify(Session("aldryn"))


def test_a_difference_in_one_environment_hides_none_in_the_others(noxfile, virtualenv):
    session = Session()
    session.failing = "django-4.2"
    with pytest.raises(Aborted, match=r"^verify failed in django-4\.2; see above\.$"):
        noxfile.verify(session)
    assert session.verified() == ["default", *TABLE]


def test_an_unknown_environment_is_refused_with_those_that_there_are(noxfile, virtualenv):
    session = Session("django-3")
    with pytest.raises(
        Aborted, match=r"no environment django-3\. There are: default, django-4\.2, django-6\.1,"
    ):
        noxfile.verify(session)
    assert session.commands == []
