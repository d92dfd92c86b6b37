"""After a change of an extension, no page stays as the former one has made it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.site.conftest import ROOT

CONF = "import sys\nsys.path.insert(0, '_ext')\nextensions = ['fresh', 'own']\nexclude_patterns = ['_ext']\n"
OWN = """\
from docutils import nodes

def say(app, doctree):
    doctree[0].append(nodes.paragraph("", "made by the {}"))

def setup(app):
    app.connect("doctree-read", say)
    return {{"parallel_read_safe": True}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A site of one page, with an extension that says something on it."""
    (tmp_path / "_ext").mkdir()
    shutil.copy(ROOT / "docs/_ext/fresh.py", tmp_path / "_ext")
    (tmp_path / "_ext/own.py").write_text(OWN.format("first"))
    (tmp_path / "conf.py").write_text(CONF)
    (tmp_path / "index.rst").write_text("Home\n====\n")
    return tmp_path


def build(folder: Path, builder: str) -> tuple[str, str]:
    """Build the site, and give what Sphinx said and the page."""
    command = [sys.executable, "-B", "-m", "sphinx", "-b", builder, "-d", "trees", ".", builder]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout, (folder / builder / "index.html").read_text(encoding="utf-8")


# Both share what was read, as the site and its book do.
def test_a_changed_extension_makes_all_pages_afresh(folder: Path) -> None:
    for builder in ("html", "singlehtml"):
        assert "made by the first" in build(folder, builder)[1]
    (folder / "_ext/own.py").write_text(OWN.format("second"))
    for builder in ("html", "singlehtml"):
        assert "made by the second" in build(folder, builder)[1]


def test_without_a_change_nothing_is_made(folder: Path) -> None:
    build(folder, "html")
    (folder / "_ext/own.py").touch()
    said, _ = build(folder, "html")
    assert "no targets are out of date" in said
