"""The site, built with what runs its cells, and served below a path as any static host may do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from ..access.conftest import browser, served  # noqa: F401  (a fixture, by its import)
from ..site.conftest import ROOT, build

# A site may lie in a folder of its host.
BELOW = "a/folder"


@dataclass
class Reader:
    """Opens pages of the site in browsers of their own, and notes what they request.

    :param browser: the browser.
    :param folder: the built site.
    :param url: its address, with a slash at the end.
    """

    browser: Browser
    folder: Path
    url: str
    #: Addresses that pages asked for.
    requested: list[str] = field(default_factory=list)
    _contexts: list[BrowserContext] = field(default_factory=list)

    def open(self, path: str = "", **options: Any) -> Page:
        """Open a page, or none yet if ``path`` is empty, in a browser without memory.

        :param path: the page's path in the site.
        :param options: as for Playwright's ``new_context``.
        """
        context = self.browser.new_context(**options)
        context.on("request", lambda request: self.requested.append(request.url))
        self._contexts.append(context)
        page = context.new_page()
        if path:
            page.goto(self.url + path)
        return page

    def close(self) -> None:
        """Close all that was opened, and see that no page asked another host for anything."""
        for context in self._contexts:
            context.close()
        assert [url for url in self.requested if not url.startswith((self.url, "data:", "blob:"))] == []


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the site, with Run in it."""
    done = build()
    assert done.returncode == 0, done.stdout
    folder = ROOT / "build" / "html"
    assert (folder / "_static/live/editor.js").is_file(), (
        "Run these tests by nox -s browser: it installs npm's packages."
    )
    host = tmp_path_factory.mktemp("host")
    (host / BELOW).parent.mkdir()
    (host / BELOW).symlink_to(folder)
    with served(host) as server:
        yield f"{server.address}{BELOW}/"


@pytest.fixture
def reader(browser: Browser, address: str) -> Iterator[Reader]:  # noqa: F811
    """A reader of the site."""
    reader = Reader(browser, ROOT / "build" / "html", address)
    yield reader
    reader.close()
