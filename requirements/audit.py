"""Compare all pins with the public lists of known vulnerabilities.

``nox -s audit`` runs this. A known vulnerability fails it, and so does a package that couldn't be looked up.
What can't be mended yet is put off in ``audit.toml``, with a reason and a date after which it fails again::

    [[wait]]
    vulnerability = "GHSA-xxxx-xxxx-xxxx"    # the id, or another name of it
    reason = "There is no release with the fix. We never unpack archives of strangers."
    until = 2027-01-31

    [[wait]]
    lock = "requirements/environments/aldryn.txt"    # everything that this lock file pins
    reason = "…"
    until = 2027-05-31
"""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
NPM_LOCK = "package-lock.json"

#: How far ahead a date may be: then somebody has to think about it again.
LONGEST = datetime.timedelta(days=183)


class AuditError(Exception):
    """Says in a sentence why nothing could be compared, or what is wrong in ``audit.toml``."""


@dataclass(frozen=True)
class Wait:
    """A decision to live with a vulnerability for a time.

    :param concerns: the id of the vulnerability, or the path of a lock file relative to the root.
    :param reason: why.
    :param until: the last day.
    """

    concerns: str
    reason: str
    until: datetime.date


@dataclass(frozen=True)
class Finding:
    """A known vulnerability of a package that is pinned.

    :param lock: the lock file, relative to the root.
    :param package: name and version.
    :param names: its id, and the other names that it goes by.
    :param advice: what is known of it, in a line.
    """

    lock: str
    package: str
    names: tuple[str, ...]
    advice: str

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.lock}: {self.package} has {' = '.join(self.names)}. {self.advice}"


# -- What is put off ----------------------------------------------------------------------------------------


def read_waits(path: Path, root: Path, today: datetime.date) -> list[Wait]:
    """Read what is put off.

    :param path: ``audit.toml``.
    :param root: the project's root.
    :param today: the day of the audit.
    :returns: all entries.
    :raises AuditError: if one has no reason, has expired, or waits for longer than :data:`LONGEST`.
    """
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get("wait", [])
    except tomllib.TOMLDecodeError as error:
        raise AuditError(f"{path.name} is not TOML: {error}.") from error
    return [
        _read_wait(entry, f"{path.name}, entry {number}", root, today)
        for number, entry in enumerate(entries, 1)
    ]


def _read_wait(entry: dict[str, Any], where: str, root: Path, today: datetime.date) -> Wait:
    keys = set(entry)
    if keys not in ({"vulnerability", "reason", "until"}, {"lock", "reason", "until"}):
        raise AuditError(
            f"{where}: give vulnerability or lock, reason and until; there is {', '.join(sorted(keys))}."
        )
    concerns, reason, until = entry.get("vulnerability") or entry["lock"], entry["reason"], entry["until"]
    if not isinstance(reason, str) or len(reason.split()) < 3:
        raise AuditError(f"{where}: the reason for {concerns} must say why, in a sentence.")
    if type(until) is not datetime.date:
        raise AuditError(f"{where}: until must be a date such as {today.isoformat()}, without quotes.")
    if until < today:
        raise AuditError(
            f"{where}: waiting for {concerns} has ended on {until}. Upgrade, or decide anew. It was: {reason}"
        )
    if until > today + LONGEST:
        raise AuditError(f"{where}: {until} is too far ahead. Wait until {today + LONGEST} at most.")
    if "lock" in entry and not (root / concerns).is_file():
        raise AuditError(f"{where}: there is no lock file {concerns}.")
    return Wait(concerns, reason, until)


def judge(findings: Iterable[Finding], waits: Sequence[Wait]) -> tuple[list[Finding], list[Wait]]:
    """Tell what fails, and what need not wait any longer.

    :param findings: all vulnerabilities found.
    :param waits: what is put off.
    :returns: the findings that nobody has put off, and the entries that concern none.
    """
    failing, needed = [], set()
    for finding in findings:
        by = [wait for wait in waits if wait.concerns in (finding.lock, *finding.names)]
        needed.update(by)
        if not by:
            failing.append(finding)
    return failing, [wait for wait in waits if wait not in needed]


# -- What the tools say -------------------------------------------------------------------------------------


def from_pip_audit(report: str, lock: str) -> Iterator[Finding]:
    """Read the report of pip-audit.

    :param report: what it printed as JSON.
    :param lock: the lock file that it read.
    :returns: what it found.
    :raises AuditError: if it couldn't look up a package.
    """
    for package in _parsed(report, "pip-audit", lock)["dependencies"]:
        if "skip_reason" in package:
            raise AuditError(f"{lock}: {package['name']} could not be looked up: {package['skip_reason']}.")
        for found in package["vulns"]:
            fixed = (
                f"Fixed in {', '.join(found['fix_versions'])}."
                if found["fix_versions"]
                else "No fix is known."
            )
            names = tuple(dict.fromkeys([found["id"], *found["aliases"]]))
            yield Finding(lock, f"{package['name']} {package['version']}", names, fixed)


def from_npm_audit(report: str, lock: str) -> Iterator[Finding]:
    """Read the report of ``npm audit``.

    :param report: what it printed as JSON.
    :param lock: the lock file that it read.
    :returns: what it found, each vulnerability once.
    :raises AuditError: if the registry couldn't be asked.
    """
    parsed = _parsed(report, "npm audit", lock)
    if "vulnerabilities" not in parsed:
        raise AuditError(
            f"{lock}: npm's registry could not be asked: {parsed.get('message', 'no reason given')}."
        )
    for package in parsed["vulnerabilities"].values():
        # What is vulnerable only through another package names that package, which has an entry of its own.
        for found in (cause for cause in package["via"] if isinstance(cause, dict)):
            names = (str(found["url"]).rsplit("/", 1)[-1],)
            yield Finding(lock, f"{found['name']} {found['range']}", names, f"{found['title']}.")


def _parsed(report: str, tool: str, lock: str) -> dict[str, Any]:
    try:
        parsed = json.loads(report)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise AuditError(f"{lock}: {tool} gave no report. See its message above.")
    return parsed


# -- The command --------------------------------------------------------------------------------------------


def locks(root: Path) -> list[Path]:
    """Return all lock files: Python's and npm's.

    :param root: the project's root.
    """
    folder = root / "requirements"
    python = [path for path in sorted(folder.rglob("*.txt")) if path.with_suffix(".in").is_file()]
    return [root / "requirements.txt", *python, *sorted(folder.rglob(NPM_LOCK))]


def ask(lock: Path, root: Path) -> list[Finding]:
    """Look up everything that a lock file pins.

    :param lock: the lock file.
    :param root: the project's root.
    :returns: the known vulnerabilities.
    :raises AuditError: if something couldn't be looked up.
    """
    name = lock.relative_to(root).as_posix()
    if lock.name == NPM_LOCK:
        return list(
            from_npm_audit(_output(["npm", "audit", "--json", "--package-lock-only"], lock.parent), name)
        )
    options = ["--requirement", str(lock), "--require-hashes", "--disable-pip", "--format=json"]
    command = [sys.executable, "-m", "pip_audit", "--progress-spinner=off", "--aliases=on", *options]
    return list(from_pip_audit(_output(command, root), name))


def _output(command: Sequence[str], folder: Path) -> str:
    # Both tools end with an error if they find something; their report says more.
    try:
        return subprocess.run(command, cwd=folder, check=False, text=True, stdout=subprocess.PIPE).stdout
    except FileNotFoundError as error:
        raise AuditError(f"{command[0]} is not installed. Run nox -s audit.") from error


def main(
    root: Path = ROOT,
    today: datetime.date | None = None,
    look_up: Callable[[Path, Path], list[Finding]] = ask,
) -> int:
    """Audit every lock file, and say what was found.

    :param root: the project's root.
    :param today: the day; by default today.
    :param look_up: what looks up a lock file.
    :returns: the exit status: 0 if nothing is known against any pin but what is put off.
    """
    try:
        waits = read_waits(root / "requirements/audit.toml", root, today or datetime.date.today())
        findings = [finding for lock in locks(root) for finding in look_up(lock, root)]
    except AuditError as error:
        print(error, file=sys.stderr)
        return 1
    failing, unneeded = judge(findings, waits)
    for finding in failing:
        print(finding, file=sys.stderr)
    for wait in unneeded:
        print(f"Nothing waits for {wait.concerns} any longer. Take it out of audit.toml.", file=sys.stderr)
    if failing:
        print("Upgrade, or put it off in requirements/audit.toml with a reason and a date.", file=sys.stderr)
    return 1 if failing or unneeded else 0


if __name__ == "__main__":
    sys.exit(main())
