"""A real browser, and the built site, served below a path as any static host may do."""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.site.conftest import ROOT, build

# As the site may lie in a folder of its host.
BELOW = "/a/folder"


@dataclass
class Served:
    """The site on a port of this machine.

    :param folder: the site.
    :param url: its address, with a slash at the end.
    """

    folder: Path
    url: str


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Serves the site below a path, and says nothing."""

    extensions_map = http.server.SimpleHTTPRequestHandler.extensions_map | {
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
    }

    def translate_path(self, path: str) -> str:
        if not path.startswith(f"{BELOW}/"):
            return os.devnull
        return super().translate_path(path.removeprefix(BELOW))

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@pytest.fixture(scope="session")
def served() -> Iterator[Served]:
    """The site, built strictly, with what runs cells in it, and served."""
    done = build()
    assert done.returncode == 0, done.stdout
    folder = ROOT / "build" / "html"
    assert (folder / "_static/live/editor.js").is_file(), "nox -s browser builds the site with Run in it."
    handler = functools.partial(_Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Served(folder, f"http://127.0.0.1:{server.server_port}{BELOW}/")
        server.shutdown()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The system's Chromium, or Playwright's own where it is installed."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=[
                "--no-sandbox",  # a container's root has none
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ],
        )
        yield browser
        browser.close()


@dataclass
class Reader:
    """Opens pages of the site in browsers of their own, and notes what they request.

    :param browser: the browser.
    :param site: the site.
    :param requested: addresses that pages asked for.
    """

    browser: Browser
    site: Served
    requested: list[str] = field(default_factory=list)
    _contexts: list[BrowserContext] = field(default_factory=list)

    def open(self, path: str = "", **options: Any) -> Page:
        """Open a page, or none yet if ``path`` is empty, in a browser without memory.

        :param path: the page's path in the site.
        :param options: as for Playwright's ``new_context``.
        """
        context = self.browser.new_context(**options)
        context.set_default_timeout(30_000)
        context.on("request", lambda request: self.requested.append(request.url))
        self._contexts.append(context)
        page = context.new_page()
        if path:
            page.goto(self.site.url + path)
        return page

    def close(self) -> None:
        """Close all that was opened, and see that no page asked another host for anything."""
        for context in self._contexts:
            context.close()
        allowed = (self.site.url, "data:", "blob:")
        assert [url for url in self.requested if not url.startswith(allowed)] == []


@pytest.fixture
def reader(chromium: Browser, served: Served) -> Iterator[Reader]:
    """A reader of the site."""
    reader = Reader(chromium, served)
    yield reader
    reader.close()


@pytest.fixture(scope="session")
def npm() -> Path:
    """The folder in which npm's packages are installed."""
    return Path(os.environ["LIVE_BROWSER_NPM"])
