"""Whoever builds a commit gets the same site, byte by byte, wherever the checkout is."""

from __future__ import annotations

import difflib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from .conftest import ROOT, Site, build

# What may differ between two builds of one commit: files that no page shows, only what the reader starts in
# it. No HTML may ever be added here. Everything else is compared, downloads and search index too. Each is the
# beginning of a path below build/html.
EXEMPT: tuple[str, ...] = ()


def checkout(target: Path) -> None:
    """Copy the files of the commit, with what is changed in them now, but nothing that was built."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        # A file may be deleted in the checkout, and in the index not yet.
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def files(folder: Path) -> set[str]:
    """Give the files below a folder, without those that are exempt."""
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return {name for name in names if not name.startswith(EXEMPT)}


def difference(name: str, one: bytes, other: bytes) -> str:
    """Describe where two files begin to differ, in a few lines."""
    try:
        texts = [data.decode().splitlines() for data in (one, other)]
    except UnicodeDecodeError:
        return f"{name}: {len(one)} and {len(other)} bytes of which some differ"
    changed = difflib.unified_diff(*texts, fromfile=f"one/{name}", tofile=f"other/{name}", lineterm="", n=0)
    return "\n".join(line[:300] for line, _ in zip(changed, range(8), strict=False))


def differences(one: Path, other: Path) -> Iterator[str]:
    """Yield what differs between two folders."""
    for name in sorted(files(one) ^ files(other)):
        yield f"{name} is only in one of both"
    for name in sorted(files(one) & files(other)):
        ours, theirs = (one / name).read_bytes(), (other / name).read_bytes()
        if ours != theirs:
            yield difference(name, ours, theirs)


def test_two_builds_in_two_directories_are_the_same(site: Site, tmp_path: Path) -> None:
    """The one shows what was executed in this checkout, the other executes each notebook again."""
    one, other = tmp_path / "one", tmp_path / "another directory"
    for place in (one, other):
        checkout(place)
    # Not this checkout's own HTML: there may be pages of earlier commits left.
    shutil.copytree(ROOT / "build/executed", one / "build/executed")
    for place in (one, other):
        done = build(root=place)
        assert done.returncode == 0, done.stdout
        assert ("executing" in done.stdout) == (place == other)
    assert "notebooks/vanishing-files.html" in files(other / "build/html")
    assert "\n".join(differences(one / "build/html", other / "build/html")) == ""


def test_a_difference_is_shown_where_it_begins(tmp_path: Path) -> None:
    for folder, texts in (("one", ["a", "same", "b"]), ("other", ["a", "same", "c"])):
        (tmp_path / folder / "sub").mkdir(parents=True)
        (tmp_path / folder / "sub/page.html").write_text("\n".join(texts))
        (tmp_path / folder / "picture").write_bytes(b"\xff" + texts[2].encode())
    (tmp_path / "other/more.html").touch()
    found = list(differences(tmp_path / "one", tmp_path / "other"))
    assert found == [
        "more.html is only in one of both",
        "picture: 2 and 2 bytes of which some differ",
        "--- one/sub/page.html\n+++ other/sub/page.html\n@@ -3 +3 @@\n-b\n+c",
    ]
    assert list(differences(tmp_path / "one", tmp_path / "one")) == []
