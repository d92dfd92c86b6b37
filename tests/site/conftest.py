"""Build the site once for all tests in this folder, as ``nox -s site`` does."""

import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Site:
    """The built site."""

    folder: Path

    @cached_property
    def pages(self) -> dict[str, BeautifulSoup]:
        """Every page by its path relative to the site, parsed."""
        return {
            path.relative_to(self.folder).as_posix(): BeautifulSoup(path.read_bytes(), "html.parser")
            for path in sorted(self.folder.rglob("*.html"))
            if "_static" not in path.parts
        }


def build(root: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Build the site strictly, with executions shared with the other sessions of its checkout."""
    command = [sys.executable, "-m", "sphinx", "--jobs=auto", "--doctree-dir=build/doctrees"]
    command += ["--nitpicky", "--fail-on-warning", "--keep-going", "docs", "build/html"]
    return subprocess.run(
        command, cwd=root, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


@pytest.fixture(scope="session")
def site() -> Site:
    """The site, built without a warning."""
    done = build()
    assert done.returncode == 0, done.stdout
    return Site(ROOT / "build" / "html")


@pytest.fixture
def rebuild(site: Site) -> subprocess.CompletedProcess[str]:
    """What a second build of the unchanged site said."""
    return build()


@pytest.fixture(scope="session")
def notebooks() -> list[str]:
    """The names of all notebooks that the site executes."""
    names = sorted(path.stem for path in (ROOT / "examples" / "notebooks").glob("*.md"))
    assert names, "There is no notebook."
    return names


@pytest.fixture
def bare_environment() -> dict[str, str]:
    """An environment that knows nothing of this checkout."""
    return {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "SYSTEMROOT")}
