"""The command that measures, with the one builder that needs no other packages."""

from __future__ import annotations

import json

import pytest

from benchmarks import builds, usage

BARE = "Sphinx, no cells"


@pytest.fixture
def cheap(monkeypatch) -> None:
    """Adopt nothing, and ask for no package that is installed for measuring only."""
    monkeypatch.setattr(usage, "adopt_orphans", lambda: None)
    monkeypatch.setattr(builds, "_PACKAGES", ("Sphinx",))


@pytest.mark.usefixtures("cheap")
def test_results_are_written(tmp_path, capsys):
    output = tmp_path / "speed.json"
    assert builds.main(["--only", BARE, "--runs", "1", "--output", str(output)]) == 0
    results = json.loads(output.read_text())
    used = results["builders"][BARE]
    for kind in ("cpu", "wall"):
        assert list(used[kind]) == list(builds.SCENARIOS)
        assert all(len(runs) == 1 and runs[0] > 0 for runs in used[kind].values())
    assert used["stale"] == 12, "nothing was executed, so nothing is right"
    assert list(results["versions"]) == ["Sphinx"]
    assert f"1/1 {BARE}: CPU seconds cold " in capsys.readouterr().out


@pytest.mark.usefixtures("cheap")
def test_a_build_that_fails_leaves_the_old_results(tmp_path, capsys, monkeypatch):
    output = tmp_path / "speed.json"
    output.write_text("old")

    def broken(folder):
        project = builds.without_cells(folder)
        (project.docs / "conf.py").write_text("raise RuntimeError('out of order')")
        return project

    monkeypatch.setitem(builds.BUILDERS, BARE, broken)
    assert builds.main(["--only", BARE, "--runs", "1", "--output", str(output)]) == 1
    assert "out of order" in capsys.readouterr().err
    assert output.read_text() == "old"


@pytest.mark.parametrize(
    "arguments",
    [["--runs", "2"], ["--runs", "0", "--output", "other.json"], ["--only", BARE], ["--only", "Word"]],
)
def test_a_wrong_command_line_is_refused_before_anything_runs(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        builds.main(arguments)
    assert ended.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_a_builder_that_shows_wrong_outputs_at_first_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(usage, "measure", lambda *_: usage.Usage(1, 1))
    with pytest.raises(RuntimeError, match="page-01"):
        builds.run(builds.jupyter_sphinx(tmp_path), {})
