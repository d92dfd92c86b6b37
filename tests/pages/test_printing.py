"""Printing says what is missing. What it prints is tested where there is a browser, in tests/access."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pages import printing
from pages.printing import PrintingError, print_book


def test_nothing_to_print(tmp_path):
    with pytest.raises(PrintingError, match=r"There is no index\.html in .*singlehtml"):
        print_book(tmp_path, tmp_path / "book.pdf")


def test_no_browser(tmp_path, monkeypatch):
    (tmp_path / "index.html").write_text("<p>page</p>")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(PrintingError, match=r"none of chromium, .* `apt-get install chromium`"):
        print_book(tmp_path, tmp_path / "book.pdf")
    assert not (tmp_path / "book.pdf").exists()


def test_browser_that_fails(tmp_path, monkeypatch):
    (tmp_path / "index.html").write_text("<p>page</p>")
    browser = tmp_path / "chromium"
    browser.write_text("#!/bin/sh\necho 'no display' >&2\nexit 3\n")
    browser.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(browser))
    with pytest.raises(PrintingError, match="could not print the book: no display"):
        print_book(tmp_path, tmp_path / "book.pdf")
    assert not (tmp_path / "book.pdf").exists()


def test_command_line_says_it_in_a_sentence(tmp_path):
    command = [sys.executable, "-m", "pages.printing", str(tmp_path), str(tmp_path / "book.pdf")]
    environment = {**os.environ, "PYTHONPATH": str(Path(printing.__file__).parents[1])}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 1
    assert done.stderr.startswith("There is no index.html")
