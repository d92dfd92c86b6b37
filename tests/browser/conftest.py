"""The site, built with what runs its cells, and served below a path as any static host may do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request

from publish import cache_control

from ..access.conftest import Handler, browser  # noqa: F401  (a fixture, by its import)
from ..access.conftest import served as serve
from ..site.conftest import ROOT, build

# A site may lie in a folder of its host.
BELOW = "a/folder"


class Published(Handler):
    """Lets browsers keep files for as long as ``nox -s publish`` does."""

    def end_headers(self) -> None:
        name = self.path.partition("?")[0].removeprefix(f"/{BELOW}/")
        self.send_header("Cache-Control", cache_control(name))
        super().end_headers()


@dataclass
class Served:
    """The site, served.

    :param folder: its folder.
    :param url: its address, with a slash at the end.
    """

    folder: Path
    url: str


@dataclass
class Reader:
    """Opens pages of the site in browsers of their own, and notes what they request.

    :param browser: the browser.
    :param site: the site.
    """

    browser: Browser
    site: Served
    #: Addresses that pages asked for.
    requested: list[str] = field(default_factory=list)
    _refused: set[str] = field(default_factory=set)
    _contexts: list[BrowserContext] = field(default_factory=list)

    def open(self, path: str = "", **options: Any) -> Page:
        """Open a page, or none yet if ``path`` is empty, in a browser without memory.

        :param path: the page's path in the site.
        :param options: as for Playwright's ``new_context``.
        """
        context = self.browser.new_context(**options)
        context.on("request", lambda request: self.requested.append(request.url))
        context.on("requestfailed", self._note_refusal)
        self._contexts.append(context)
        page = context.new_page()
        if path:
            page.goto(self.site.url + path)
        return page

    def _note_refusal(self, request: Request) -> None:
        if request.failure == "csp":
            self._refused.add(request.url)

    def take_refused(self) -> list[str]:
        """Give the requests that the pages' own policy has refused before anything was sent, and forget them.

        Browsers tell of some requests that they refuse, and of others nothing at all.
        """
        refused = [url for url in self.requested if url in self._refused]
        self.requested = [url for url in self.requested if url not in self._refused]
        return refused

    def close(self) -> None:
        """Close all that was opened, and see that no page asked another host for anything."""
        for context in self._contexts:
            context.close()
        allowed = (self.site.url, "data:", "blob:")
        assert [url for url in self.requested if not url.startswith(allowed)] == []


@contextmanager
def published(folder: Path, host: Path) -> Iterator[Served]:
    """Serve a built site as from a host that has other things too.

    :param folder: the site.
    :param host: an empty folder, which becomes the host's.
    """
    (host / BELOW).parent.mkdir(parents=True)
    (host / BELOW).symlink_to(folder)
    with serve(host) as server:
        server.RequestHandlerClass = partial(Published, directory=str(host))
        yield Served(folder, f"{server.address}{BELOW}/")


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The site, built strictly, with Run in it, and served."""
    done = build()
    assert done.returncode == 0, done.stdout
    folder = ROOT / "build" / "html"
    assert (folder / "_static/live/editor.js").is_file(), "nox -s browser builds the site with Run in it."
    with published(folder, tmp_path_factory.mktemp("host")) as site:
        yield site


@pytest.fixture(scope="session")
def chromium(browser: Browser) -> Browser:  # noqa: F811
    """The machine's Chromium, or Playwright's own."""
    return browser


@pytest.fixture
def reader(chromium: Browser, served: Served) -> Iterator[Reader]:
    """A reader of the site."""
    reader = Reader(chromium, served)
    yield reader
    reader.close()
