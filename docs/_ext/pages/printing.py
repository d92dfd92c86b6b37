"""Print the site, all of it on one page of HTML, as a PDF: ``python -m pages.printing FOLDER FILE``.

Chromium prints, because it draws the cells' pictures and their colours as readers see them in the browser.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

#: What machines call the browser.
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

_OPTIONS = (
    "--headless",
    "--no-sandbox",  # it can't run as root otherwise, and opens nothing but our own page
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",  # nothing leaves this machine
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-pdf-header-footer",  # the style sheet numbers the pages
    "--generate-pdf-document-outline",
)
# Seconds. The whole book takes a few.
_TIMEOUT = 300


class PrintingError(Exception):
    """Says in a sentence why there is no PDF."""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing of each request."""


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """Serve a folder on this machine, since browsers trust files less than servers."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def print_book(folder: Path, pdf: Path) -> None:
    """Print the page ``index.html`` of a folder.

    :param folder: what the builder ``singlehtml`` wrote.
    :param pdf: the file to write.
    :raises PrintingError: if there is nothing to print, no browser, or the browser fails.
    """
    if not (folder / "index.html").is_file():
        raise PrintingError(f"There is no index.html in {folder}. Build it with the builder singlehtml.")
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise PrintingError(
            f"A PDF is printed by Chromium, but this machine has none of {', '.join(BROWSERS)}. "
            "On Debian, `apt-get install chromium` installs it."
        )
    pdf.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, _served(folder) as address:
        written = Path(scratch, "book.pdf")
        command = [browser, *_OPTIONS, f"--user-data-dir={scratch}/profile", f"--print-to-pdf={written}"]
        try:
            done = subprocess.run(
                [*command, address], capture_output=True, text=True, timeout=_TIMEOUT, check=False
            )
        except subprocess.TimeoutExpired:
            raise PrintingError(f"{browser} did not finish printing within {_TIMEOUT} seconds.") from None
        if done.returncode or not written.is_file():
            raise PrintingError(f"{browser} could not print the book: {done.stderr.strip()[-1000:]}")
        # On the same file system first, so that the file appears whole.
        whole = pdf.with_name(f".{pdf.name}.whole")
        shutil.copyfile(written, whole)
        whole.replace(pdf)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m pages.printing", description="Print the site as a PDF.")
    parser.add_argument("folder", type=Path, help="what the builder singlehtml wrote")
    parser.add_argument("pdf", type=Path, help="the file to write")
    arguments = parser.parse_args()
    try:
        print_book(arguments.folder, arguments.pdf)
    except PrintingError as error:
        sys.exit(str(error))
