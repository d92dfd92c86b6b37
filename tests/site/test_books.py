"""The e-book holds all pages, with the panels of all tabs."""

import re
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest
from bs4 import BeautifulSoup

from .conftest import Site, build

XHTML = "{http://www.w3.org/1999/xhtml}"


def built_epub(folder: Path) -> Path:
    done = build(folder, "--builder=epub", SOURCE_DATE_EPOCH="0")
    assert done.returncode == 0, done.stdout
    [epub] = folder.glob("*.epub")
    return epub


@pytest.fixture(scope="session")
def epub(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as an e-book."""
    return built_epub(tmp_path_factory.mktemp("epub"))


@pytest.fixture(scope="session")
def chapters(epub: Path) -> dict[str, BeautifulSoup]:
    """The pages of the e-book, by the path of the web page that each is made of."""
    with zipfile.ZipFile(epub) as archive:
        return {
            name.replace(".xhtml", ".html"): BeautifulSoup(archive.read(name), "html.parser")
            for name in archive.namelist()
            if name.endswith(".xhtml")
        }


def test_epub_is_well_formed_and_holds_what_it_lists(epub: Path) -> None:
    with zipfile.ZipFile(epub) as archive:
        assert archive.namelist()[0] == "mimetype"
        names = set(archive.namelist())
        for name in names:
            if name.endswith((".xhtml", ".opf", ".ncx")):
                ElementTree.fromstring(archive.read(name))
        package = ElementTree.fromstring(archive.read("content.opf"))
        listed = {item.get("href") for item in package.iter("{http://www.idpf.org/2007/opf}item")}
        assert listed <= names
        contents = ElementTree.fromstring(archive.read("nav.xhtml"))
        links = {str(link.get("href")).partition("#")[0] for link in contents.iter(f"{XHTML}a")}
        assert (
            {"guide/work-media-storage.xhtml", "notebooks/cluster.xhtml", "changes.xhtml"} <= links <= names
        )
        assert not any("kitchen-sink" in name or "downloads" in name for name in names)


def test_epub_prints_all_panels_with_their_labels(site: Site, chapters: dict[str, BeautifulSoup]) -> None:
    panels = 0
    for path, chapter in chapters.items():
        if path not in site.pages:
            continue
        expected = site.pages[path].select(".sphinx-tabs-panel")
        found = chapter.select(".live-panel")
        assert len(found) == len(expected), path
        for panel, printed in zip(expected, found, strict=True):
            label = printed.select_one(".live-panel-label")
            assert label is not None
            assert label.get_text() == panel["data-label"]
            for block in panel.select(".cell_input pre, .stream pre"):
                assert re.sub(r"\s", "", block.get_text()) in re.sub(r"\s", "", printed.get_text())
        panels += len(found)
        assert not chapter.select("[hidden], [role=tab], details, button, script"), path
    assert panels > 60


def test_epub_shows_cells_and_pictures(epub: Path, chapters: dict[str, BeautifulSoup]) -> None:
    guide = chapters["guide/work-media-storage.html"]
    assert "This backend doesn't support absolute paths." in guide.get_text()
    assert guide.select("svg > title")
    with zipfile.ZipFile(epub) as archive:
        names = archive.namelist()
        styles = "".join(archive.read(name).decode() for name in names if name.endswith(".css"))
    pictures = [str(image["src"]) for chapter in chapters.values() for image in chapter.select("img[src]")]
    assert pictures
    for picture in pictures:
        assert picture.removeprefix("../") in names
    # Without the theme, each colour and size that the cells use has to be defined.
    used = set(re.findall(r"var\((--(?!sd-)[a-z-]+)\)", styles))
    assert used <= set(re.findall(r"^\s*(--[a-z-]+):", styles, flags=re.MULTILINE)), "an undefined variable"


def test_the_same_pages_give_the_same_book(epub: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(epub) as first, zipfile.ZipFile(built_epub(tmp_path)) as second:
        assert first.namelist() == second.namelist()
        for name in first.namelist():
            assert first.read(name) == second.read(name), name
