"""Versions of the site stand side by side, and a reader is led to the newest."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from editions import EditionsError, add_to_branch, editions, main, newest, shelve

TITLE = "Ours & <theirs>"


def built(folder: Path, text: str = "new") -> Path:
    """A built site."""
    (folder / "_static").mkdir(parents=True, exist_ok=True)
    (folder / "index.html").write_text(text)
    (folder / "404.html").write_text(f"not in {text}")
    (folder / "_static/look.css").write_text(text)
    return folder


def make(folder: Path, *names: str) -> Path:
    for name in names:
        built(folder / name, name)
    shelve(folder, TITLE)
    return folder


def parsed(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_bytes(), "html.parser")


def links(path: Path) -> list[str]:
    return [str(link["href"]) for link in parsed(path).select("a")]


def test_releases_are_listed_from_the_newest_and_the_unreleased_last(tmp_path: Path) -> None:
    (tmp_path / "no site").mkdir()
    make(tmp_path, "1.9", "latest", "1.10", "2.0rc1")
    listed = links(tmp_path / "versions.html")
    assert listed == ["2.0rc1/index.html", "1.10/index.html", "1.9/index.html", "latest/index.html"]
    for link in listed:
        assert (tmp_path / link).is_file()
    names = [link.get_text() for link in parsed(tmp_path / "versions.html").select("a")]
    assert names == ["2.0rc1", "1.10, the newest", "1.9", "latest, which is not released yet"]


@pytest.mark.parametrize(("name", "title"), [("index", TITLE), ("versions", f"{TITLE}: all versions")])
def test_the_pages_around_are_whole_and_load_nothing(tmp_path: Path, name: str, title: str) -> None:
    page = parsed(make(tmp_path, "1.0") / f"{name}.html")
    assert [part.get_text() for part in page.select("title, h1")] == [title, title]
    assert page.select("html[lang=en-GB]")
    (policy,) = page.select("meta[http-equiv=Content-Security-Policy]")
    assert str(policy["content"]).startswith("default-src 'none';")


def test_a_reader_who_asks_for_no_version_gets_the_newest_release(tmp_path: Path) -> None:
    make(tmp_path, "1.9", "latest", "1.10", "2.0rc1")
    (refresh,) = parsed(tmp_path / "index.html").select("meta[http-equiv=refresh]")
    assert refresh["content"] == "0; url=1.10/index.html"
    # For those whose browser doesn't follow by itself.
    assert links(tmp_path / "index.html") == ["1.10/index.html", "versions.html"]
    assert (tmp_path / "404.html").read_text() == "not in 1.10"


def test_before_the_first_release_the_last_state_is_shown() -> None:
    assert newest(["latest"]) == "latest"
    assert newest(["1.0b1", "latest"]) == "latest"
    assert newest(["1.0b1"]) == "1.0b1"


def test_a_build_takes_the_place_of_an_older_one_of_its_version(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site, folder = built(tmp_path / "html", "first"), tmp_path / "all"
    assert main([str(site), "latest", "--into", str(folder)]) == 0
    (site / "_static/look.css").rename(site / "_static/other.css")
    assert main([str(site), "latest", "--into", str(folder)]) == 0
    assert main([str(site), "1.0", "--into", str(folder), "--title", TITLE]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "Side by side: 1.0, latest."
    assert parsed(folder / "index.html").select("h1")[0].get_text() == TITLE
    assert editions(folder) == ["1.0", "latest"]
    assert [path.name for path in (folder / "latest/_static").iterdir()] == ["other.css"]
    assert {path.name for path in folder.iterdir()} == {
        ".nojekyll", "1.0", "404.html", "index.html", "latest", "versions.html"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("newer", "'newer' is no version. Write one such as 1.0, or latest."),
        ("../elsewhere", "'../elsewhere' is no version."),
        ("1.0", "There is no built site in "),
    ],
)
def test_what_is_wrong_is_a_sentence(
    tmp_path: Path, version: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    site = tmp_path / "html" if version == "1.0" else built(tmp_path / "html")
    assert main([str(site), version, "--into", str(tmp_path / "all")]) == 1
    assert capsys.readouterr().err.startswith(said)


def test_a_folder_that_is_no_version_is_refused(tmp_path: Path) -> None:
    built(tmp_path / "old stuff")
    with pytest.raises(EditionsError, match="old stuff is not named after a version, such as"):
        editions(tmp_path)


# -- A branch -----------------------------------------------------------------------------------------------


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone of an empty repository, which is its remote origin."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)  # such as those of the hook that runs the tests
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Anna")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "anna@example.com")
    subprocess.run(["git", "init", "--quiet", "--bare", tmp_path / "origin"], check=True)
    subprocess.run(
        ["git", "clone", "--quiet", tmp_path / "origin", tmp_path / "clone"], check=True, capture_output=True
    )
    (tmp_path / "clone/mine.txt").write_text("not committed")
    (tmp_path / "clone/.git/info/exclude").write_text("*.css\n")  # of its author's own files
    monkeypatch.chdir(tmp_path / "clone")
    return tmp_path / "clone"


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def test_a_branch_keeps_all_versions_in_one_commit(tmp_path: Path, clone: Path) -> None:
    site = built(tmp_path / "html", "first")
    assert main([str(site), "1.0", "--remote", "origin"]) == 0
    built(site, "second")
    origin = tmp_path / "origin"
    # A clone that has nothing of that branch, as on each machine that builds the site.
    other = tmp_path / "other"
    git(tmp_path, "init", "--quiet", str(other))
    assert add_to_branch(site, "latest", other, str(origin), "pages", TITLE) == ["1.0", "latest"]
    names = git(origin, "ls-tree", "-r", "--name-only", "pages").split()
    assert {"index.html", "versions.html", ".nojekyll", "1.0/_static/look.css"} <= set(names)
    assert git(origin, "show", "pages:1.0/index.html") == "first"
    assert git(origin, "show", "pages:latest/index.html") == "second"
    assert git(origin, "rev-list", "--count", "pages") == "1\n"
    # The clone itself stays as it was.
    assert git(clone, "status", "--short") == "?? mine.txt\n"


def test_two_that_push_at_once_lose_no_version(
    tmp_path: Path, clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = built(tmp_path / "html")
    real, interrupted = shelve, []

    def meanwhile(folder: Path, title: str) -> list[str]:
        if not interrupted:
            interrupted.append(True)
            add_to_branch(site, "2.0", clone, "origin", "pages", title)
        return real(folder, title)

    monkeypatch.setattr("editions.shelve", meanwhile)
    with pytest.raises(EditionsError, match="git push failed"):
        add_to_branch(site, "1.0", clone, "origin", "pages", TITLE)
    assert "2.0/index.html" in git(tmp_path / "origin", "ls-tree", "-r", "--name-only", "pages")
