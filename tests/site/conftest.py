"""Build the site once for all tests in this folder, as ``nox -s site`` does."""

import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote, urlsplit

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

    def file_at(self, page: str, address: str) -> Path:
        """The file that a page means by an address without a host.

        :param page: the page's path. The 404 page begins its addresses at the site's root.
        :param address: the address, with or without query and fragment; empty for the page itself.
        """
        path = unquote(urlsplit(address).path)
        if not path:
            return self.folder / page
        return self.folder / path[1:] if path[0] == "/" else (self.folder / page).parent / path


# What says where a site is published. The site's own tests are of one that may be put anywhere.
ADDRESSES = ("SITE_URL", "SITE_EDIT_URL", "READTHEDOCS_CANONICAL_URL")


def build(
    to: str | Path = "build/html", *options: str, root: Path = ROOT, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Build the site strictly, with executions and pages read shared with the other sessions of
    its checkout.

    :param to: the folder to build into.
    :param options: more options of sphinx-build.
    :param root: the checkout.
    :param variables: variables of the environment that say where the site is published.
    """
    command = [sys.executable, "-m", "sphinx", "--jobs=auto", "--doctree-dir=build/doctrees"]
    command += ["--nitpicky", "--fail-on-warning", "--keep-going", *options, "docs", str(to)]
    environment = {name: value for name, value in os.environ.items() if name not in ADDRESSES}
    return subprocess.run(
        command,
        cwd=root,
        env=environment | variables,
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
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
