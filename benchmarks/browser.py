"""Measure how long a reader waits for Python in the page: ``python -m benchmarks.browser``.

From the click to the first output, in headless Chromium, with empty and with filled caches, as fast as this
machine is and on a line of 20 Mbit/s with round trips of 40 ms:

- this site: a click on Run at the cell of the first lesson that reads back what it saved to S3, with the
  cells above it;
- Pyodide alone, as its own manual says: load it and evaluate ``1+1``;
- JupyterLite, whose page is opened with a ``print`` to be run at once; :mod:`benchmarks.lite` builds it.

All are served by the same server, which compresses, counts what it sends, and is the one that slows down:
so workers wait as well. What is measured is written to a file that a page of the site shows.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import mimetypes
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from playwright.sync_api import Browser, BrowserContext, sync_playwright

from benchmarks import usage
from benchmarks.lite import LiteError, build
from live.execute import write_atomically

ROOT = Path(__file__).resolve().parents[1]
#: Where the results are kept that the site shows.
RESULTS = ROOT / "docs" / "reference" / "speed-browser.json"

#: The lines on which it is measured: bytes a second, and seconds of a round trip.
LINES = {"unthrottled": (0.0, 0.0), "20 Mbit/s": (20e6 / 8, 0.04)}

# The cell of the first lesson that reads back what was saved.
NOTEBOOK, CELL = "first-bucket", "open"

_PIECE = 16 * 1024
_TEXTS = (".css", ".html", ".js", ".json", ".mjs", ".svg", ".txt", ".wasm", ".zip")


# -- Server -------------------------------------------------------------------------------------------------


@dataclass
class Line:
    """What a reader's line lets through, all connections together.

    :param rate: bytes a second; 0 if it doesn't matter.
    :param delay: seconds of a round trip.
    """

    rate: float = 0.0
    delay: float = 0.0
    sent: int = 0
    _free: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, size: int) -> None:
        """Wait until so many bytes are through."""
        with self._lock:
            self.sent += size
            if not self.rate:
                return
            self._free = max(self._free, time.monotonic()) + size / self.rate
            until = self._free
        time.sleep(max(0.0, until - time.monotonic()))


@cache
def _compressed(path: Path) -> bytes:
    return gzip.compress(path.read_bytes(), 6, mtime=0)


class _Handler(BaseHTTPRequestHandler):
    """Serves folders below the names by which they are known."""

    protocol_version = "HTTP/1.1"

    def __init__(self, *arguments: Any, folders: dict[str, Path], line: Line) -> None:
        self.folders = folders
        self.line = line
        super().__init__(*arguments)

    def do_GET(self) -> None:
        """Answer a request."""
        time.sleep(self.line.delay)
        first, _, rest = unquote(urlsplit(self.path).path).lstrip("/").partition("/")
        path = self.folders.get(first, Path()) / rest
        path = path / "index.html" if path.is_dir() else path
        if first not in self.folders or not path.is_file():
            self._answer(404, b"", {})
            return
        tag = f'"{hashlib.sha256(str(path).encode()).hexdigest()[:16]}-{path.stat().st_mtime_ns}"'
        kind = "text/javascript" if path.suffix in (".js", ".mjs") else mimetypes.guess_type(path.name)[0]
        headers = {
            "Content-Type": "application/wasm"
            if path.suffix == ".wasm"
            else kind or "application/octet-stream",
            "Cache-Control": "public, max-age=31536000, immutable",
            "ETag": tag,
        }
        if self.headers.get("If-None-Match") == tag:
            self._answer(304, b"", headers)
        elif path.suffix in _TEXTS:
            self._answer(200, _compressed(path), headers | {"Content-Encoding": "gzip"})
        else:
            self._answer(200, path.read_bytes(), headers)

    def _answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(content))}).items():
            self.send_header(name, value)
        self.end_headers()
        for start in range(0, len(content), _PIECE):
            piece = content[start : start + _PIECE]
            self.line.send(len(piece))
            try:
                self.wfile.write(piece)
            except OSError:
                # The page is gone.
                self.close_connection = True
                return

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""


@contextmanager
def served(folders: dict[str, Path], line: Line) -> Iterator[str]:
    """Serve folders on this machine.

    :param folders: folder by the name below which it is served.
    :param line: what slows the server down, and counts.
    :returns: the address, with a slash at its end.
    """
    handler = partial(_Handler, folders=folders, line=line)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


# -- What is measured ---------------------------------------------------------------------------------------

_OURS = """(label) => new Promise((resolve) => {
  const cell = document.querySelector(`.live-cell[data-cell="${label}"]`);
  const begun = performance.now();
  new MutationObserver(() => {
    if (cell.querySelector(".live-own")) resolve((performance.now() - begun) / 1000);
  }).observe(cell, { childList: true, subtree: true });
  cell.querySelector(".live-run").click();
})"""

_RESTED = """async () => {
  const kept = await (await caches.open("live-runtime")).keys();
  return kept.some(({ url }) => url.endsWith("/later.bin"));
}"""

_BARE = """async ([base]) => {
  const begun = performance.now();
  const { loadPyodide } = await import(`${base}pyodide.mjs`);
  const pyodide = await loadPyodide({ indexURL: base });
  if (pyodide.runPython("1+1") !== 2) throw new Error("Pyodide can't add.");
  return (performance.now() - begun) / 1000;
}"""


def ours(context: BrowserContext, base: str, line: Line) -> float:
    """Measure this site: from a click on Run, in a page that is there, to the cell's own output in the page.

    :returns: seconds. What the line sends before the click isn't counted.
    """
    page = context.new_page()
    page.goto(f"{base}site/notebooks/{NOTEBOOK}.html", wait_until="networkidle")
    line.sent = 0
    seconds: float = page.evaluate(_OURS, CELL)
    state = page.locator(f'.live-cell[data-cell="{CELL}"] .live-state')
    state.filter(has_text="Same as published").wait_for()
    # What nobody waits for is transferred too.
    while not page.evaluate(_RESTED):
        page.wait_for_timeout(100)
    page.close()
    return seconds


def bare(context: BrowserContext, base: str) -> float:
    """Measure Pyodide alone.

    :returns: seconds.
    """
    page = context.new_page()
    page.goto(f"{base}blank/")
    seconds: float = page.evaluate(_BARE, [f"{base}pyodide/"])
    page.close()
    return seconds


def lite(context: BrowserContext, base: str) -> float:
    """Measure JupyterLite: from the address to the printed word.

    :returns: seconds.
    """
    page = context.new_page()
    begun = time.perf_counter()
    page.goto(
        f"{base}lite/repl/index.html?kernel=python&code=print('Hel'%2B'lo')&execute=1", wait_until="commit"
    )
    page.locator(".jp-OutputArea-output", has_text="Hello").first.wait_for(timeout=180_000)
    seconds = time.perf_counter() - begun
    page.close()
    return seconds


def measured(
    browser: Browser, line: Line, once: Callable[[BrowserContext], float], runs: int
) -> dict[str, dict[str, Any]]:
    """Measure something several times, each time in a browser that knows nothing, and again in the same one.

    :param browser: the browser.
    :param line: the line, which counts.
    :param once: measures once.
    :param runs: how often.
    :returns: seconds and bytes, ``cold`` and ``warm``.
    """
    found: dict[str, dict[str, Any]] = {name: {"seconds": [], "bytes": []} for name in ("cold", "warm")}
    for _ in range(runs):
        context = browser.new_context()
        for name in ("cold", "warm"):
            line.sent = 0
            found[name]["seconds"].append(round(once(context), 2))
            found[name]["bytes"].append(line.sent)
        context.close()
    return found


def measure(site: Path, npm: Path, runs: int) -> dict[str, Any]:
    """Measure everything.

    :param site: the built site.
    :param npm: the folder in which npm's packages are installed.
    :param runs: how often.
    :returns: what is written as JSON.
    :raises LiteError: if JupyterLite can't be built.
    """
    results: dict[str, Any] = {}
    pyodide = npm / "node_modules" / "pyodide"
    with tempfile.TemporaryDirectory() as folder:
        blank, lite_site = Path(folder, "blank"), Path(folder, "lite")
        blank.mkdir()
        (blank / "index.html").write_text("<!doctype html><title>Blank</title>", encoding="utf-8")
        build(pyodide, lite_site)
        folders = {"blank": blank, "site": site, "pyodide": pyodide, "lite": lite_site}
        line = Line()
        with served(folders, line) as base, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"),
                args=["--no-sandbox", "--disable-gpu", "--disable-quic"],
            )
            contenders: dict[str, Callable[[BrowserContext], float]] = {
                "This site": partial(ours, base=base, line=line),
                "Pyodide alone": partial(bare, base=base),
                "JupyterLite": partial(lite, base=base),
            }
            for name, (rate, delay) in LINES.items():
                line.rate, line.delay = rate, delay
                for contender, once in contenders.items():
                    print(f"{contender}, {name} …", file=sys.stderr)
                    results.setdefault(contender, {})[name] = measured(browser, line, once, runs)
            chromium = browser.version
            browser.close()
    return {
        "measured": f"{datetime.now(UTC):%Y-%m-%d}",
        "runs": runs,
        "machine": usage.machine(),
        "versions": {"Chromium": chromium, **_versions(pyodide)},
        "results": results,
    }


def _versions(pyodide: Path) -> dict[str, str]:
    package = json.loads((pyodide / "package.json").read_bytes())
    lite_packages = ("jupyterlite-core", "jupyterlite-pyodide-kernel")
    return {"Pyodide": package["version"], **{name: version(name) for name in lite_packages}}


def table(data: dict[str, Any]) -> str:
    """Lay out the medians for a terminal."""
    lines = []
    for contender, by_line in data["results"].items():
        for line, both in by_line.items():
            numbers = [
                f"{name} {statistics.median(one['seconds']):6.2f} s {median_bytes / 1e6:6.2f} MB"
                for name, one in both.items()
                for median_bytes in [statistics.median(one["bytes"])]
            ]
            lines.append(f"{contender:14} {line:12} {'   '.join(numbers)}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    :param arguments: the command line without the program's name; by default this process's own.
    :returns: the exit status.
    """
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.browser", description="Measure Python in the page."
    )
    parser.add_argument("--site", type=Path, default=ROOT / "build" / "html", help="the built site")
    parser.add_argument(
        "--npm", type=Path, required=True, help="folder in which npm's packages are installed"
    )
    parser.add_argument("--runs", type=int, default=5, help="how often each is measured")
    parser.add_argument("--output", type=Path, default=RESULTS, help="file to write")
    options = parser.parse_args(arguments)
    try:
        data = measure(options.site, options.npm, options.runs)
    except LiteError as error:
        print(error, file=sys.stderr)
        return 1
    write_atomically(options.output, (json.dumps(data, indent=1) + "\n").encode())
    print(table(data))
    return 0


if __name__ == "__main__":
    sys.exit(main())
