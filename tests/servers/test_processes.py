"""Processes that end with the one that started them. The programs here are small ones of the system."""

import os
import shutil
import signal
import stat
from pathlib import Path
from typing import Any

import pytest

from servers import processes
from servers.processes import Processes, ServerError, free_ports

SLEEP = ["sleep", "600"]


def test_block_kills_all_and_removes_the_directory(tmp_path: Path, is_running: Any) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.touch()
    with Processes() as group:
        group.remove_later([elsewhere, tmp_path / "never-made"])
        members = [group.start(name, SLEEP) for name in ("first", "second")]
        assert all(is_running(member.pid) for member in members)
        assert (group.folder / "first").is_dir()
    assert not any(member.running for member in members)
    assert not group.folder.exists()
    assert not elsewhere.exists()
    group.close()


PARENT = """
import sys
from servers.processes import Processes
group = Processes()
print(group.folder, group.start("child", ["sleep", "600"]).pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_death_of_the_parent_kills_all_and_removes_the_directory(
    number: signal.Signals, python: Any, eventually: Any, is_running: Any
) -> None:
    with python(PARENT) as parent:
        folder, child = parent.stdout.readline().split()
        assert is_running(int(child))
        assert Path(folder).is_dir()
        parent.send_signal(number)
    assert eventually(lambda: not is_running(int(child)))
    assert eventually(lambda: not Path(folder).exists())


def test_signals_to_the_terminal_leave_the_cleaning_to_the_parent() -> None:
    with Processes() as group:
        member = group.start("child", SLEEP)
        ours = os.getpgid(0)
        janitor = group._janitor.pid
        assert ours not in {os.getpgid(member.pid), os.getpgid(janitor)}
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(janitor, number)
    assert group._janitor.returncode == 0
    assert not group.folder.exists()


def test_nobody_else_can_read_the_directory() -> None:
    with Processes() as group:
        assert stat.S_IMODE(group.folder.stat().st_mode) == 0o700


def test_program_gets_nothing_of_this_environment_but_the_path(
    monkeypatch: pytest.MonkeyPatch, eventually: Any
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the machine's")
    with Processes() as group:
        member = group.start("child", ["env"], {"GREETING": "hello"})
        assert eventually(lambda: not member.running)
        home = group.folder / "child"
        printed = dict(line.split("=", 1) for line in member.printed().splitlines())
    assert printed == {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TMPDIR": str(home),
        "GREETING": "hello",
    }


def test_killed_process_can_be_started_again_in_its_directory(eventually: Any) -> None:
    script = ["sh", "-c", "echo line; touch file; exec sleep 600"]
    with Processes() as group:
        first = group.start("child", script)
        assert eventually((group.folder / "child" / "file").exists)
        first.kill()
        assert not first.running
        second = group.start("child", script)
        assert eventually(lambda: second.printed() == "line\nline\n")
        assert (group.folder / "child" / "file").exists()


def test_wait_ends_when_the_condition_is_met() -> None:
    answers = iter([False, OSError("not yet"), True])

    def condition() -> bool:
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    with Processes() as group:
        group.wait_until(condition, "the third answer comes", [group.start("child", SLEEP)])
    assert not list(answers)


def test_end_of_a_process_is_told_with_its_last_lines_and_no_secret() -> None:
    script = "seq 1 20; echo the secret is hunter2; exit 1"
    with Processes() as group:
        child = group.start("child", ["sh", "-c", script])
        with pytest.raises(ServerError) as raised:
            group.wait_until(lambda: False, "pigs fly", [child], secrets=["hunter2"])
    message = str(raised.value)
    assert message.startswith("This did not happen because child ended: pigs fly.\n")
    assert message.endswith("\n  19\n  20\n  the secret is ***")
    assert "\n  1\n" not in message


def test_deadline_is_told_with_the_last_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "DEADLINE", 0.1)

    def condition() -> bool:
        raise OSError("hunter2 is busy")

    with Processes() as group:
        child = group.start("child", SLEEP)
        with pytest.raises(ServerError) as raised:
            group.wait_until(condition, "pigs fly", [child], secrets=["hunter2"])
    assert str(raised.value) == (
        "This did not happen within 0 s: pigs fly.\n"
        "The last attempt failed with: *** is busy\n"
        "The last lines of child:\n"
        "  (nothing)"
    )


def test_error_that_means_something_else_is_raised() -> None:
    with Processes() as group, pytest.raises(ZeroDivisionError):
        group.wait_until(lambda: 1 / 0, "pigs fly", [group.start("child", SLEEP)])


def test_program_that_is_missing_leaves_nothing_behind() -> None:
    assert shutil.which("no-such-program") is None
    with Processes() as group, pytest.raises(FileNotFoundError, match="no-such-program"):
        group.start("child", ["no-such-program"])
    assert not group.folder.exists()


def test_free_ports_differ() -> None:
    assert len(set(free_ports(50))) == 50
