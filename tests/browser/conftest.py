"""The site, built with what runs its cells, and served below a path as any static host may do."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, BinaryIO

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, Playwright, Request

from publish import cache_control

from ..access.conftest import Handler, browser, playwright  # noqa: F401  (fixtures, by their import)
from ..access.conftest import served as serve
from ..site.conftest import ROOT, build

# A site may lie in a folder of its host.
BELOW = "a/folder"

# What a machine may call its own Firefox. Playwright knows where it is on systems other than Linux.
FIREFOXES = ("firefox-esr", "firefox")
PREFERENCES = {
    # A mouse, which points finely and hovers. A machine without a screen has none.
    "ui.allPointerCapabilities": 2 | 4,
    "ui.primaryPointerCapabilities": 2 | 4,
    # The clipboard is there for scripts without a question to the reader.
    "dom.events.testing.asyncClipboard": True,
}
# Over WebDriver BiDi, which is how Playwright drives Firefox, these do nothing, without a word.
NOT_IN_FIREFOX = {"color_scheme", "has_touch", "is_mobile", "java_script_enabled", "reduced_motion"}
NO_FIREFOX = (
    "There is no Firefox on this machine, so nothing was tried in it. Install it, on Debian by "
    "`apt-get install --no-install-recommends firefox-esr`."
)


def pytest_runtest_setup(item: pytest.Function) -> None:
    """Pass over what Firefox can't be told to do, and say why."""
    mark = item.get_closest_marker("chromium_only")
    if mark and item.callspec.params["engine"] == "firefox":
        pytest.skip(f"not tried in Firefox: {mark.args[0]}")


@dataclass
class Line:
    """What lies between readers and the host. Tests slow it down, or cut it.

    :param fast: clear it, and each piece of a file takes a while.
    :param cut: set it, and the host answers nobody.
    """

    fast: Event = field(default_factory=Event)
    cut: Event = field(default_factory=Event)

    def __post_init__(self) -> None:
        self.mend()

    def mend(self) -> None:
        """Make it fast and whole."""
        self.fast.set()
        self.cut.clear()


class Published(Handler):
    """Lets browsers keep files for as long as ``nox -s publish`` does, and sends them over a line."""

    def __init__(self, *arguments: Any, line: Line, **options: Any) -> None:
        self.line = line
        super().__init__(*arguments, **options)

    def parse_request(self) -> bool:
        if self.line.cut.is_set():
            self.close_connection = True
            return False
        return super().parse_request()

    def end_headers(self) -> None:
        name = self.path.partition("?")[0].removeprefix(f"/{BELOW}/")
        self.send_header("Cache-Control", cache_control(name))
        super().end_headers()

    def copyfile(self, source: BinaryIO, outputfile: BinaryIO) -> None:  # type: ignore[override]
        while piece := source.read(1 << 16):
            outputfile.write(piece)
            self.line.fast.wait(0.05)


@dataclass
class Served:
    """The site, served.

    :param folder: its folder.
    :param url: its address, with a slash at the end.
    :param line: what lies between it and readers.
    """

    folder: Path
    url: str
    line: Line = field(default_factory=Line, kw_only=True)


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

    @property
    def has_firefox(self) -> bool:
        """Whether the browser is Firefox."""
        return self.browser.browser_type.name == "firefox"

    def open(self, path: str = "", **options: Any) -> Page:
        """Open a page, or none yet if ``path`` is empty, in a browser without memory.

        :param path: the page's path in the site.
        :param options: as for Playwright's ``new_context``.
        """
        if self.has_firefox and (ignored := NOT_IN_FIREFOX & set(options)):
            pytest.fail(f"Firefox would pass over {', '.join(ignored)}, and the test prove something else.")
        context = self.browser.new_context(**options)
        if not self.has_firefox:
            context.grant_permissions(["clipboard-read", "clipboard-write"])
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
        self.site.line.mend()
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
    line = Line()
    with serve(host) as server:
        server.RequestHandlerClass = partial(Published, directory=str(host), line=line)
        yield Served(folder, f"{server.address}{BELOW}/", line=line)


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


@pytest.fixture(scope="session")
def firefox(playwright: Playwright) -> Iterator[Browser]:  # noqa: F811
    """The machine's Firefox. Without one, tests that ask for it fail in CI; at the desk they are skipped."""
    found = next(filter(None, map(shutil.which, FIREFOXES)), None)
    try:
        started = playwright.firefox.launch(
            channel="moz-firefox", executable_path=found, firefox_user_prefs=PREFERENCES
        )
    except Error as error:
        if "Cannot find Firefox" not in error.message:
            raise
        (pytest.fail if "CI" in os.environ else pytest.skip)(NO_FIREFOX)
    yield started
    started.close()


@pytest.fixture(scope="session", params=["chromium", "firefox"])
def engine(request: pytest.FixtureRequest) -> Browser:
    """Each of the browsers: a test that asks for this one runs once in each."""
    chosen: Browser = request.getfixturevalue(request.param)
    return chosen


@pytest.fixture
def reader(engine: Browser, served: Served) -> Iterator[Reader]:
    """A reader of the site."""
    reader = Reader(engine, served)
    yield reader
    reader.close()
