"""Serve the built site on this machine, and open it in a real browser."""

from __future__ import annotations

import gzip
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Playwright, expect, sync_playwright

from ..site.conftest import ROOT, Site, build

# What a machine may call its own browser. Playwright's is used where there is none.
SYSTEM_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# Without what a browser asks its maker for behind a page's back.
OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking")

# What a web server compresses, by the end of the name.
COMPRESSED = (".css", ".html", ".js", ".json", ".mjs", ".svg", ".txt", ".xml")

PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}


@lru_cache(maxsize=512)
def zipped(path: Path, changed: int) -> bytes:
    """A file as it is sent, compressed once for each time that it has changed."""
    return gzip.compress(path.read_bytes(), 6)


class Handler(SimpleHTTPRequestHandler):
    """Serves files as static hosts do, text compressed, and notes what it was asked for."""

    server: Server
    protocol_version = "HTTP/1.1"

    def send_head(self) -> BytesIO | BinaryIO | None:
        path = Path(self.translate_path(self.path))
        compressed = path.suffix in COMPRESSED and "gzip" in self.headers.get("Accept-Encoding", "")
        if not (compressed and path.is_file()):
            return super().send_head()
        content = zipped(path, path.stat().st_mtime_ns)
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(path))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        return BytesIO(content)

    def log_message(self, *_: object) -> None:
        self.server.asked.append(self.path)


class Server(ThreadingHTTPServer):
    """A static host on this machine, which says nothing and notes the paths that it was asked for."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
        self.asked: list[str] = []
        self.address = f"http://127.0.0.1:{self.server_port}/"

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that has gone needs no answer."""


def shown(within: Page | Locator, selector: str) -> list[Locator]:
    """What a selector finds and a reader sees."""
    return [element for element in within.locator(selector).all() if element.is_visible()]


def all_tabs_are_shown(page: Page) -> None:
    """See that all panels of tabs are shown, each under its label, and no tabs."""
    panels = page.locator("[role=tabpanel]")
    assert panels.count() > 3
    for panel in panels.all():
        expect(panel).to_be_visible()
        label = "(({ content, display }) => [content, display])(getComputedStyle(panel, '::before'))"
        assert panel.evaluate(f"panel => {label}") == [f'"{panel.get_attribute("data-label")}"', "block"]
    assert shown(page, "[role=tab]") == []


@contextmanager
def served(folder: Path) -> Iterator[Server]:
    """Serve a folder."""
    with Server(folder) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="session")
def site() -> Site:
    """The site, built without a warning."""
    done = build()
    assert done.returncode == 0, done.stdout
    return Site(ROOT / "build" / "html")


@pytest.fixture(scope="session")
def address(site: Site) -> Iterator[str]:
    """The address of the built site."""
    with served(site.folder) as server:
        yield server.address


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """What drives browsers; a process can have one only."""
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, SYSTEM_BROWSERS)), None)
    browser = playwright.chromium.launch(executable_path=found, args=OPTIONS)
    yield browser
    browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser without a past: no cache, nothing stored."""
    context = browser.new_context(viewport=DESKTOP, reduced_motion="reduce")
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()
