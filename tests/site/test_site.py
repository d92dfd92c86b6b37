"""The built site keeps its promises: complete, live, self-contained, and without a broken link."""

import re
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import Tag

from .conftest import ROOT, Site

# The sections of the original guide, in its order, by the words that their titles still share with ours.
ORIGINAL_SECTIONS = (
    "Introduction",
    "Our storage service providers",
    "Working with storage backends in Django",
    "DEFAULT_FILE_STORAGE",
    "Using Easy Thumbnails",
    "Storage speed and performance",
)


def guide(site: Site) -> Tag:
    article = site.pages["guide/work-media-storage.html"].select_one("article")
    assert article is not None
    return article


def test_guide_has_every_section_of_the_original_in_its_order(site: Site) -> None:
    titles = [title.get_text() for title in guide(site).select("h2, h3")]
    places = [next(i for i, title in enumerate(titles) if words in title) for words in ORIGINAL_SECTIONS]
    assert places == sorted(places)


def test_labels_that_other_sites_link_to_exist(site: Site) -> None:
    assert guide(site).select_one("#work-media-storage")
    assert site.pages["guide/interact-storage.html"].select_one("#interact-storage")


def test_every_quoted_cell_shows_its_code_and_leads_to_its_notebook(site: Site) -> None:
    source = (ROOT / "docs" / "guide" / "work-media-storage.rst").read_text(encoding="utf-8")
    quoted = re.findall(r"^ *\.\. live:: (\S+)#(\S+)$", source, flags=re.MULTILINE)
    links = {link["href"] for link in guide(site).select("a[href]")}
    assert len(quoted) > 30
    for notebook, cell in quoted:
        assert f"../notebooks/{notebook}.html#cell-{cell}" in links


def test_guide_shows_what_the_cells_really_did(site: Site) -> None:
    text = guide(site).get_text()
    # One loud failure, one silent one, one picture: each comes from an execution, not from the source.
    assert "NotImplementedError: This backend doesn't support absolute paths." in text
    assert "uses FileSystemStorage" in text
    assert guide(site).select("svg[role=img] > title")


def test_every_notebook_has_a_page_and_its_downloads(site: Site, notebooks: list[str]) -> None:
    for name in notebooks:
        page = site.pages[f"notebooks/{name}.html"]
        hrefs = [str(link["href"]) for link in page.select("a[href]")]
        for suffix in (f"{name}.ipynb", f"{name}.py", ".zip"):
            assert any(href.endswith(suffix) for href in hrefs), f"{name} offers no {suffix}"


def test_every_internal_link_leads_somewhere(site: Site) -> None:
    broken = []
    for path, page in site.pages.items():
        for link in page.select("a[href]"):
            parts = urlsplit(str(link["href"]))
            if parts.scheme or parts.netloc:
                continue
            target = site.file_at(path, str(link["href"])).resolve()
            if not target.is_file():
                broken.append(f"{path}: {link['href']}")
            elif parts.fragment and target.suffix == ".html":
                other = site.pages[target.relative_to(site.folder.resolve()).as_posix()]
                if not other.find(id=unquote(parts.fragment)):
                    broken.append(f"{path}: {link['href']} (no such anchor)")
    assert not broken


def test_no_page_asks_a_third_party_for_anything(site: Site) -> None:
    loading = "script[src], img[src], iframe[src], source[src], link[rel~=stylesheet], link[rel~=icon]"
    for path, page in site.pages.items():
        for tag in page.select(loading):
            address = str(tag.get("src") or tag.get("href"))
            assert not re.match(r"(https?:)?//", address), f"{path} loads {address}"
            if not address.startswith("data:"):
                assert site.file_at(path, address).is_file(), f"{path} loads {address}, which isn't there"
    for sheet in site.folder.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        assert not re.search(r"""(url\(|@import)\s*['"]?(https?:)?//""", text), sheet


def test_no_page_names_a_place_on_this_machine(site: Site) -> None:
    for path in [*site.folder.rglob("*.html"), *site.folder.rglob("*.ipynb")]:
        text = path.read_text(encoding="utf-8")
        for place in (str(ROOT), str(Path.home()) + "/", "site-packages", "/tmp/live-"):
            assert place not in text, f"{path.name} names {place}"


def test_an_unchanged_site_executes_nothing(rebuild: subprocess.CompletedProcess[str]) -> None:
    assert rebuild.returncode == 0, rebuild.stdout
    assert "executing" not in rebuild.stdout
    assert "no targets are out of date" in rebuild.stdout


@pytest.mark.parametrize("words", ["DEFAULT_FILE_STORAGE", "storage_entry", "NotImplementedError"])
def test_search_knows_settings_functions_and_exceptions(site: Site, words: str) -> None:
    index = (site.folder / "searchindex.js").read_text(encoding="utf-8")
    assert words.lower() in index.lower()
