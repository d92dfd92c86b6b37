"""The PDF that Chromium prints holds all pages, with the panels of all tabs."""

import re
import shutil
import subprocess

import pytest

from pages.printing import print_book

from ..site.conftest import Site, build


@pytest.fixture(scope="session")
def printed(site: Site, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The text of the PDF, a form feed behind each page."""
    reader = shutil.which("pdftotext")
    if reader is None:
        pytest.fail("The PDF is read by pdftotext. On Debian, `apt-get install poppler-utils` installs it.")
    folder = tmp_path_factory.mktemp("book")
    options = ("--builder=singlehtml", "--define=html_theme=book", "--define=html_css_files=book.css")
    done = build(folder, *options)
    assert done.returncode == 0, done.stdout
    pdf = folder / "book.pdf"
    print_book(folder, pdf)
    command = [reader, "-layout", str(pdf), "-"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def bare(text: str) -> str:
    """A text without what differs between a page of paper and one on a screen: spaces and line breaks."""
    return re.sub(r"\s+", "", text)


def test_pdf_has_a_title_contents_numbered_pages_and_every_page_of_the_site(site: Site, printed: str) -> None:
    pages = printed.split("\f")
    assert len(pages) > 100
    assert "Media storage, live" in pages[0]
    assert "Contents" in pages[1]
    assert [page.split()[-1] for page in pages[:20]] == [str(number) for number in range(1, 21)]
    begun = [bare(page) for page in pages[2:]]
    start = site.pages["index.html"].select_one("h1")
    assert start
    assert begun[0].startswith(bare(start.get_text().removesuffix("¶"))), begun[0]
    for path, page in site.pages.items():
        title = page.select_one("h1")
        if path.startswith(("guide/", "notebooks/", "reference/")) and "kitchen" not in path and title:
            words = bare(title.get_text().removesuffix("¶"))
            assert bare(title.get_text().removesuffix("¶")) in bare(pages[1]), path
            assert any(page.startswith(words) for page in begun), f"{path} doesn't begin a page"


def test_pdf_prints_all_panels_with_labels_code_and_outputs(site: Site, printed: str) -> None:
    # Page numbers, which may stand between two lines of one cell, are the last line of each page.
    text = bare(re.sub(r"\n\s*\d+\s*\f", "\n", printed))
    panels = site.pages["guide/work-media-storage.html"].select(".sphinx-tabs-panel")
    assert len(panels) > 30
    position = 0
    for panel in panels:
        code = panel.select_one(".cell_input pre, .cell_output > .stream pre")
        assert code is not None
        # In the order of the page, each under its label.
        position = text.find(bare(str(panel["data-label"]) + code.get_text())[:60], position) + 1
        assert position, panel["id"]
