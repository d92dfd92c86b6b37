"""A known vulnerability fails the audit, and what is put off fails it again after its date."""

from __future__ import annotations

import datetime
import json
import os
from pathlib import Path

import pytest

from requirements import audit
from requirements.audit import (
    AuditError,
    Finding,
    Wait,
    ask,
    from_npm_audit,
    from_pip_audit,
    judge,
    main,
    read_waits,
)

TODAY = datetime.date(2026, 11, 25)
ROOT = Path(audit.__file__).resolve().parents[1]
WAIT = """
[[wait]]
vulnerability = "CVE-2026-1"
reason = "We never unpack archives of strangers."
until = 2026-12-01
"""
HOLE = Finding("requirements.txt", "django 5.2.1", ("PYSEC-2026-9", "CVE-2026-1"), "Fixed in 5.2.2.")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "requirements/environments").mkdir(parents=True)
    for name in ("requirements", "requirements/lint", "requirements/environments/old"):
        (tmp_path / f"{name}.in").write_text("django")
        (tmp_path / f"{name}.txt").write_text("django==5.2.1")
    (tmp_path / "requirements/notes.txt").write_text("no lock")
    (tmp_path / "requirements/audit.toml").write_text("")
    return tmp_path


def put_off(root: Path, text: str) -> None:
    (root / "requirements/audit.toml").write_text(text)


def looked_up(*findings: Finding):
    return lambda lock, root: [hole for hole in findings if hole.lock == lock.relative_to(root).as_posix()]


def test_a_known_vulnerability_fails(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(root, TODAY, looked_up(HOLE)) == 1
    said = capsys.readouterr().err
    assert "requirements.txt: django 5.2.1 has PYSEC-2026-9 = CVE-2026-1. Fixed in 5.2.2.\n" in said
    assert main(root, TODAY, looked_up()) == 0


def test_every_lock_file_is_looked_up_and_nothing_else(root: Path) -> None:
    (root / "requirements/browser").mkdir()
    (root / "requirements/browser/package-lock.json").write_text("{}")
    seen = []
    main(root, TODAY, lambda lock, root: seen.append(lock.relative_to(root).as_posix()) or [])
    assert seen == [
        "requirements.txt",
        "requirements/environments/old.txt",
        "requirements/lint.txt",
        "requirements/browser/package-lock.json",
    ]


@pytest.mark.parametrize("name", ["CVE-2026-1", "PYSEC-2026-9"])
def test_what_is_put_off_passes_by_any_of_its_names_until_its_last_day(root: Path, name: str) -> None:
    put_off(root, WAIT.replace("CVE-2026-1", name))
    assert main(root, datetime.date(2026, 12, 1), looked_up(HOLE)) == 0


def test_after_its_date_it_fails_again(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put_off(root, WAIT)
    assert main(root, datetime.date(2026, 12, 2), looked_up(HOLE)) == 1
    said = capsys.readouterr().err
    assert said.startswith("audit.toml, entry 1: waiting for CVE-2026-1 has ended on 2026-12-01.")
    assert "We never unpack archives of strangers." in said


@pytest.mark.parametrize(("days", "status"), [(1, 0), (-1, 1)])
def test_by_default_it_is_today(root: Path, days: int, status: int) -> None:
    until = datetime.date.today() + datetime.timedelta(days)
    put_off(root, WAIT.replace("2026-12-01", until.isoformat()))
    assert main(root, look_up=looked_up(HOLE)) == status


def test_a_whole_lock_can_wait(root: Path) -> None:
    lock = "requirements/environments/old.txt"
    put_off(root, WAIT.replace("vulnerability", "lock").replace("CVE-2026-1", lock))
    old = Finding(lock, "django 3.2.25", ("CVE-2025-1",), "No fix is known.")
    assert main(root, TODAY, looked_up(old)) == 0
    assert main(root, TODAY, looked_up(old, HOLE)) == 1


def test_what_waits_for_nothing_must_go(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put_off(root, WAIT)
    assert main(root, TODAY, looked_up()) == 1
    assert "Nothing waits for CVE-2026-1 any longer." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("wrong", "right", "said"),
    [
        ("We never unpack archives of strangers.", "later", "must say why, in a sentence"),
        ("2026-12-01", "2028-01-01", r"2028-01-01 is too far ahead. Wait until 2027-05-27 at most\."),
        ("2026-12-01", '"2026-12-01"', "until must be a date such as 2026-11-25, without quotes"),
        (
            "until = 2026-12-01",
            "",
            "give vulnerability or lock, reason and until; there is reason, vulnerability",
        ),
        ("until =", "end =", "give vulnerability or lock, reason and until"),
        ('vulnerability = "CVE-2026-1"', 'lock = "gone.txt"', r"there is no lock file gone\.txt"),
        ("[[wait]]", "[[wait]", "is not TOML"),
    ],
)
def test_a_wrong_entry_is_a_sentence(root: Path, wrong: str, right: str, said: str) -> None:
    put_off(root, WAIT.replace(wrong, right))
    with pytest.raises(AuditError, match=said):
        read_waits(root / "requirements/audit.toml", root, TODAY)


def test_the_projects_own_list_is_in_order() -> None:
    # On the day on which it was last looked through, so that this test doesn't fail by itself one day.
    for wait in read_waits(ROOT / "requirements/audit.toml", ROOT, TODAY):
        assert wait.concerns


def test_judging_keeps_what_is_needed() -> None:
    needed, unneeded = (Wait(name, "why so", TODAY) for name in ("CVE-2026-1", "CVE-2026-2"))
    assert judge([HOLE], [needed, unneeded]) == ([], [unneeded])


def test_the_report_of_pip_audit_is_read() -> None:
    found = {"id": "PYSEC-2026-9", "fix_versions": ["5.2.2"], "aliases": ["CVE-2026-1"], "description": "…"}
    packages = [
        {"name": "django", "version": "5.2.1", "vulns": [found]},
        {"name": "x", "version": "1", "vulns": []},
        {"name": "y", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": [], "aliases": []}]},
    ]
    report = json.dumps({"dependencies": packages, "fixes": []})
    other = Finding("requirements.txt", "y 2", ("PYSEC-1",), "No fix is known.")
    assert list(from_pip_audit(report, "requirements.txt")) == [HOLE, other]


def test_a_package_that_could_not_be_looked_up_is_no_success() -> None:
    report = json.dumps({"dependencies": [{"name": "django", "skip_reason": "not found on PyPI"}]})
    with pytest.raises(AuditError, match="django could not be looked up: not found on PyPI"):
        list(from_pip_audit(report, "requirements.txt"))
    with pytest.raises(AuditError, match="gave no report"):
        list(from_pip_audit("", "requirements.txt"))


def test_the_report_of_npm_is_read() -> None:
    cause = {
        "name": "left",
        "range": "<1.2.3",
        "title": "Runs what it reads",
        "url": "https://github.com/advisories/GHSA-aaaa-bbbb-cccc",
    }
    report = json.dumps({"vulnerabilities": {"left": {"via": [cause]}, "right": {"via": ["left"]}}})
    (found,) = from_npm_audit(report, "package-lock.json")
    assert str(found) == "package-lock.json: left <1.2.3 has GHSA-aaaa-bbbb-cccc. Runs what it reads."


# Each stands for a tool, and reports how it was asked, and where, as a vulnerability.
PIP_AUDIT = """\
import json, os, sys
found = {"id": os.getcwd(), "fix_versions": [], "aliases": []}
package = {"name": "asked", "version": " ".join(sys.argv[1:]), "vulns": [found]}
print(json.dumps({"dependencies": [package]}))
sys.exit(1)
"""
NPM = """\
#!/bin/sh
asked='"name": "asked", "range": "'"$*"'", "title": "", "url": "'"$PWD"'"'
echo '{"vulnerabilities": {"x": {"via": [{'"$asked"'}]}}}'
exit 1
"""


def test_each_lock_is_looked_up_by_its_own_tool(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = root / "tools"
    tools.mkdir()
    (tools / "pip_audit.py").write_text(PIP_AUDIT)
    (tools / "npm").write_text(NPM)
    (tools / "npm").chmod(0o755)
    monkeypatch.setenv("PYTHONPATH", str(tools))
    monkeypatch.setenv("PATH", str(tools), prepend=os.pathsep)
    [python] = ask(root / "requirements.txt", root)
    options = f"--requirement {root}/requirements.txt --require-hashes --disable-pip --format=json"
    # With the other names of a vulnerability, by any of which it can be put off.
    assert python.package == f"asked --progress-spinner=off --aliases=on {options}"
    assert python.names == (str(root),)
    folder = root / "requirements/browser"
    folder.mkdir()
    [npm] = ask(folder / "package-lock.json", root)
    assert npm.package == "asked audit --json --package-lock-only"
    assert npm.names == (folder.name,)


def test_a_tool_that_is_missing_is_a_sentence(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(root))
    with pytest.raises(AuditError, match=r"^npm is not installed\. Run nox -s audit\.$"):
        ask(root / "requirements/package-lock.json", root)


def test_a_registry_that_refuses_is_no_success() -> None:
    # What npm prints where the registry doesn't take the question.
    report = json.dumps({"message": "405 Method Not Allowed", "statusCode": 405})
    with pytest.raises(AuditError, match="npm's registry could not be asked: 405 Method Not Allowed"):
        list(from_npm_audit(report, "package-lock.json"))
