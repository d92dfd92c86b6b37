from __future__ import annotations

import base64
import io
import json
import os

import pytest
from nbformat import v4
from PIL import Image

from live.__main__ import main
from live.execute import Execution
from live.verify import accept, painted, verify
from tests.live.conftest import FRONT_MATTER, Project

OTHER = "django-4.2"
BOTH = FRONT_MATTER.replace("default", f"default, {OTHER}")


def executions(environment: str = "default", **outputs: list) -> dict[str, Execution]:
    """Make executions of notebooks that have one cell each, with these outputs."""
    return {
        name: Execution(name, environment, (each,), {}, {}, "3.11.9", "", 0.0)
        for name, each in outputs.items()
    }


def printed(text: str) -> list:
    return [v4.new_output("stream", text=text)]


def svg(text: str) -> list:
    return [v4.new_output("execute_result", {"image/svg+xml": f"<svg>{text}</svg>", "text/plain": text})]


def square(colour: tuple[int, int, int]) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (20, 20), colour).save(file, "PNG")
    return file.getvalue()


def png(content: bytes) -> list:
    return [v4.new_output("execute_result", {"image/png": base64.b64encode(content).decode()})]


class Record:
    """Notebooks a and b of one cell each in two environments, and what is recorded of them."""

    def __init__(self, project: Project) -> None:
        for name in ("a", "b"):
            project.write(name, ":name: look\n…", front=BOTH)
        self.notebooks = project.read()
        self.folder = project.root / "expected"

    def accept(self, environment: str = "default", **outputs: list) -> list[str]:
        """Record these outputs and give the files that changed."""
        changed = accept(self.notebooks, executions(environment, **outputs), self.folder, environment)
        return [path.relative_to(self.folder).as_posix() for path in changed]

    def verify(self, environment: str = "default", **outputs: list) -> list[str]:
        """Give the errors for these outputs, without the path of the project's folder."""
        errors = verify(self.notebooks, executions(environment, **outputs), self.folder, environment)
        return [str(error).replace(f"{self.folder.parent}/", "") for error in errors]

    def files(self) -> dict[str, int]:
        """Give all files with what changes whenever they are written."""
        paths = (path for path in self.folder.rglob("*") if path.is_file())
        return {path.relative_to(self.folder).as_posix(): path.stat().st_ino for path in paths}


@pytest.fixture
def record(project) -> Record:
    return Record(project)


def test_what_was_recorded_is_verified(record):
    assert record.accept(a=printed("1\n"), b=printed("2\n")) == ["default/a.txt", "default/b.txt"]
    assert (record.folder / "default/a.txt").read_text() == "a\n\n-- look\nprinted\n| 1\n"
    assert record.verify(a=printed("1\n"), b=printed("2\n")) == []
    [error] = record.verify(a=printed("1\n"), b=printed("3\n"))
    assert error.startswith("examples/notebooks/b.md:8: cell look: It doesn't put out what was recorded.")
    assert error.endswith("-| 2\n+| 3")


def test_a_notebook_that_is_not_recorded_fails(record):
    record.accept(a=printed("1\n"))
    assert record.verify(a=printed("1\n"), b=[]) == [
        "examples/notebooks/b.md:1: What it puts out in the environment default is not recorded. "
        "Look at it, and record it with `nox -s accept`."
    ]
    [error] = record.verify(OTHER, a=printed("1\n"))
    assert "a.md:1: What it puts out in the environment django-4.2 is not recorded." in error


def test_a_record_without_a_notebook_fails(record):
    record.accept(a=printed("1\n"))
    (record.folder / "default/gone.txt").write_text("gone\n")
    (record.folder / "default/lost").mkdir()
    errors = record.verify(a=printed("1\n"))
    assert [error.partition(" Delete")[0] for error in errors] == [
        "expected/default/gone.txt:1: No notebook gone runs in the environment default.",
        "expected/default/lost:1: No notebook lost runs in the environment default.",
    ]


def test_a_record_for_an_environment_that_its_notebook_left_fails(project):
    record = Record(project)
    record.accept(OTHER, a=[], b=[])
    project.write("a", ":name: look\n…")
    record.notebooks = project.read()
    [error] = record.verify(OTHER, b=[])
    assert error.startswith("expected/django-4.2/a.txt:1: No notebook a runs in the environment django-4.2.")


def test_records_of_failed_and_unreadable_notebooks_are_left_in_peace(record):
    record.accept(a=printed("1\n"), b=printed("2\n"))
    before = record.files()
    assert record.accept(a=printed("1\n")) == []
    assert record.files() == before
    assert verify(record.notebooks[1:], {}, record.folder, "default", unreadable={"a"}) == []
    assert len(verify(record.notebooks[1:], {}, record.folder, "default")) == 1


def test_only_what_changed_is_written(record):
    record.accept(a=printed("1\n"), b=printed("2\n"))
    before = record.files()
    assert record.accept(a=printed("1\n"), b=printed("3\n")) == ["default/b.txt"]
    after = record.files()
    assert after["default/a.txt"] == before["default/a.txt"]
    assert after["default/b.txt"] != before["default/b.txt"]
    assert record.verify(a=printed("1\n"), b=printed("3\n")) == []


def test_a_record_is_replaced_in_one_step(record, monkeypatch):
    record.accept(a=printed("1\n"))

    def fail(*_: object) -> None:
        raise OSError("The disk is full.")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="full"):
        record.accept(a=printed("2\n"))
    assert list(record.files()) == ["default/a.txt"]
    assert record.verify(a=printed("1\n")) == []


def test_dots_put_in_by_hand_are_kept(record):
    record.accept(a=printed("took 7 s\n5 files\n"))
    path = record.folder / "default/a.txt"
    path.write_text(path.read_text().replace("7 s", "... s"))
    before = record.files()
    assert record.verify(a=printed("took 8 s\n5 files\n")) == []
    assert record.accept(a=printed("took 8 s\n5 files\n")) == []
    assert record.files() == before
    [error] = record.verify(a=printed("took 8 s\n6 files\n"))
    assert error.endswith(" printed\n | took ... s\n-| 5 files\n+| 6 files")
    assert record.accept(a=printed("took 8 s\n6 files\n")) == ["default/a.txt"]
    assert path.read_text() == "a\n\n-- look\nprinted\n| took ... s\n| 6 files\n"


def test_the_line_ends_of_a_checkout_do_not_matter(record):
    record.accept(a=printed("1\n2\n"))
    path = record.folder / "default/a.txt"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert record.verify(a=printed("1\n2\n")) == []


def test_a_record_that_cannot_be_read_is_an_error_at_its_line_and_can_be_made_anew(record):
    record.accept(a=printed("1\n"))
    path = record.folder / "default/a.txt"
    path.write_text(path.read_text() + "=======\n")
    [error] = record.verify(a=printed("1\n"))
    assert error.startswith("expected/default/a.txt:6: The line '=======' can't be read in a transcript.")
    assert record.accept(a=printed("1\n")) == ["default/a.txt"]
    assert record.verify(a=printed("1\n")) == []


# -- Files of rich outputs ----------------------------------------------------------------------------------


def test_rich_outputs_are_recorded_for_environments_that_the_site_does_not_execute(record):
    assert record.accept(a=svg("x")) == ["default/a.txt"]
    changed = record.accept(OTHER, a=svg("at 0x7f1c2b3a4d50"), b=png(square((9, 9, 9))))
    assert changed == [f"{OTHER}/a.txt", f"{OTHER}/a/look-1.svg", f"{OTHER}/b.txt", f"{OTHER}/b/look-1.png"]
    assert (record.folder / OTHER / "a/look-1.svg").read_text() == "<svg>at 0xADDRESS</svg>"
    assert (record.folder / OTHER / "b/look-1.png").read_bytes() == square((9, 9, 9))
    assert record.verify(OTHER, a=svg("at 0x7f1c2b3a4d51"), b=png(square((9, 9, 9)))) == []


def test_a_picture_that_looks_the_same_is_not_written_again(record):
    record.accept(OTHER, a=png(square((9, 9, 9))))
    before = record.files()
    assert record.accept(OTHER, a=png(square((9, 9, 10)))) == []
    assert record.files() == before
    assert record.accept(OTHER, a=png(square((9, 9, 90)))) == [f"{OTHER}/a.txt", f"{OTHER}/a/look-1.png"]


def test_files_that_miss_differ_or_are_too_many_fail_and_are_put_right(record):
    record.accept(OTHER, a=svg("x"), b=png(square((9, 9, 9))))
    (record.folder / OTHER / "a/look-1.svg").unlink()
    (record.folder / OTHER / "b/look-1.png").write_bytes(square((99, 9, 9)))
    (record.folder / OTHER / "b/old-1.svg").write_text("<svg/>")
    now = {"a": svg("x"), "b": png(square((9, 9, 9)))}
    missing, other, extra = record.verify(OTHER, **now)
    assert missing.startswith(f"expected/{OTHER}/a/look-1.svg:1: This output is not recorded.")
    assert other.startswith(f"expected/{OTHER}/b/look-1.png:1: This is not what its transcript describes.")
    assert extra.startswith(f"expected/{OTHER}/b/old-1.svg:1: No output is recorded here.")
    changed = [f"{OTHER}/a/look-1.svg", f"{OTHER}/b/look-1.png", f"{OTHER}/b/old-1.svg"]
    assert record.accept(OTHER, **now) == changed
    assert record.verify(OTHER, **now) == []
    assert not (record.folder / OTHER / "b/old-1.svg").exists()


# -- Colours ------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def difference(record):
    record.accept(a=printed("1\n"))
    [error] = verify(record.notebooks, executions(a=printed("2\n")), record.folder, "default")
    return error


def test_a_diff_is_coloured_on_a_terminal(difference, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    head, _, diff = painted(difference, Terminal()).partition("\n")
    assert head == str(difference).partition("\n")[0]
    assert diff == (
        "\x1b[1m--- recorded\x1b[0m\n\x1b[1m+++ now\x1b[0m\n\x1b[36m@@ -1,2 +1,2 @@\x1b[0m\n printed\n"
        "\x1b[31m-| 1\x1b[0m\n\x1b[32m+| 2\x1b[0m"
    )


def test_elsewhere_or_if_unwanted_it_is_plain(difference, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert painted(difference, io.StringIO()) == str(difference)
    monkeypatch.setenv("NO_COLOR", "1")
    assert painted(difference, Terminal()) == str(difference)


# -- The command line ---------------------------------------------------------------------------------------


def test_accept_and_verify_execute_afresh_and_compare(project, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(project.root)
    outside = tmp_path / "outside.txt"  # not of the project, so its change makes nothing stale
    outside.write_text("old")
    project.write("a", f":name: look\nprint(open({str(outside)!r}).read())")
    project.write("b", "1 / 0")
    recorded = project.root / "examples/expected/default"

    (tmp_path / "lock.txt").write_text("ipykernel==7\n")
    assert main(["accept", f"--lock={tmp_path / 'lock.txt'}"]) == 1
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "recorded examples/expected/default/a.txt",
        "Executed afresh: 1, failed: 1, differences: 0.",
    ]
    assert "b.md:9: cell 1: The cell fails" in err
    assert [path.name for path in recorded.iterdir()] == ["a.txt"]
    facts = json.loads((project.store / "default/a.ipynb").read_bytes())["metadata"]["live"]
    assert list(facts["packages"]) == ["ipykernel"]

    outside.write_text("new")
    assert main(["verify", "a"]) == 1
    out, err = capsys.readouterr()
    assert out == "Executed afresh: 1, failed: 0, differences: 1.\n"
    assert "examples/notebooks/a.md:8: cell look: It doesn't put out what was recorded." in err
    assert err.endswith("-| old\n+| new\n")

    assert main(["accept", "a"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[-5:] == [
        " printed",
        "-| old",
        "+| new",
        "recorded examples/expected/default/a.txt",
        "Executed afresh: 1, failed: 0, differences: 0.",
    ]
    assert (recorded / "a.txt").read_text() == "a\n\n-- look\nprinted\n| new\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["verify", "--environment=nowhere"], "None of these notebooks runs in an environment nowhere."),
        (["verify", "--python=no-such-python"], "There is no interpreter no-such-python."),
    ],
)
def test_a_wrong_command_line_is_explained(project, monkeypatch, capsys, arguments, said):
    monkeypatch.chdir(project.root)
    project.write("a", "1")
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert said in capsys.readouterr().err
