"""Readers find what they look for: links to every cell and tab, search, Markdown, edit links, cards."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit
from xml.etree import ElementTree

import pytest
from bs4 import BeautifulSoup
from PIL import Image

from .conftest import ROOT, Site, build

ADDRESS = "https://docs.example.org/media/"
EDIT = "https://code.example.org/us/project/edit/main/"
KITCHEN_SINK = ("kitchen-sink.html", "notebooks/kitchen-sink.html")
# Pages that Sphinx makes, and the one for addresses that lead nowhere.
MADE = ("404.html", "genindex.html", "py-modindex.html", "search.html")


@pytest.fixture(scope="session")
def published(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The site as it is built where its address is known."""
    folder = tmp_path_factory.mktemp("published")
    done = build(folder, SITE_URL=ADDRESS, SITE_EDIT_URL=EDIT)
    assert done.returncode == 0, done.stdout
    return Site(folder)


def public(site: Site) -> dict[str, BeautifulSoup]:
    """The pages that readers are to find."""
    return {path: page for path, page in site.pages.items() if path not in (*KITCHEN_SINK, *MADE)}


def index_entries(site: Site) -> dict[str, list[list[object]]]:
    """The index entries that the search knows."""
    text = (site.folder / "searchindex.js").read_text(encoding="utf-8")
    entries, _ = json.JSONDecoder().raw_decode(text.partition('"indexentries":')[2])
    return dict(entries)


# -- Start page and kitchen sink ----------------------------------------------------------------------------


def test_start_page_shows_the_file_vanish_and_the_cure(site: Site) -> None:
    before, after = site.pages["index.html"].select(".live-story .sd-col")
    assert "letter.txt" in before.select("svg[role=img] > desc")[0].get_text()
    assert "FileNotFoundError" in before.select(".live-error-message")[0].get_text()
    assert "Bucket media: letter.txt" in after.select("svg[role=img] > desc")[0].get_text()
    assert not after.select(".live-raises")


def test_start_page_leads_to_three_ways_in(site: Site) -> None:
    page = site.pages["index.html"]
    titles = [title.get_text().strip() for title in page.select(".sd-card-title")]
    links = [str(link["href"]) for link in page.select(".sd-card a.sd-stretched-link")]
    assert titles == ["Read", "Run", "Install"]
    assert [urlsplit(link).path or "index.html" for link in links] == [
        "guide/work-media-storage.html",
        "notebooks/index.html",
        "index.html",
    ]
    anchor = urlsplit(links[2]).fragment
    commands = [block.get_text().strip() for block in page.select(f"section:has(> #{anchor}) pre")]
    assert commands == ["python3 noxfile.py", "python3 noxfile.py -s tests"]


def test_kitchen_sink_shows_every_element(site: Site) -> None:
    page = site.pages["kitchen-sink.html"]
    for element in (
        *("h1", "h2", "h3", "h4", "blockquote", "ul ul", "ol", "dl.field-list", "table.docutils th"),
        *(f".admonition.{kind}" for kind in ("note", "tip", "important", "warning", "danger", "seealso")),
        *(".versionadded", ".versionchanged", ".deprecated"),
        *(".highlight-python", ".highlight-shell", ".highlight-text", ".doctest"),
        *(".cell_output .image_svg svg", "img.image_file", ".text_html table", ".stderr"),
        *(".live-cell:not(.jupyter_container)", "details .cell_input", "details.live-folded .cell_output"),
        *(".live-raises", ".live-error-line", ".live-traceback", ".live-tab-broken", ".live-tab-correct"),
        *("[data-environment=default]", "[data-environment=aldryn]", ".sd-card", "dl.py"),
    ):
        assert page.select(element), f"There is no {element} on the kitchen-sink page."


def test_kitchen_sink_is_in_no_list_of_pages(site: Site, published: Site) -> None:
    for path, page in site.pages.items():
        links = {urljoin(path, str(link["href"])).partition("#")[0] for link in page.select("a[href]")}
        assert path in KITCHEN_SINK or not links & set(KITCHEN_SINK), path
    assert "kitchen" not in (published.folder / "sitemap.xml").read_text(encoding="utf-8")
    assert "kitchen" not in (site.folder / "llms.txt").read_text(encoding="utf-8")
    assert not any("zerodivisionerror" in entry for entry in index_entries(site))
    assert '"zerodivisionerror"' not in (site.folder / "searchindex.js").read_text(encoding="utf-8")


# -- Links --------------------------------------------------------------------------------------------------


def test_every_cell_and_tab_of_every_page_has_a_link_of_its_own(site: Site) -> None:
    seen = 0
    for path, page in site.pages.items():
        anchors = [str(tag["id"]) for tag in page.select("[id]")]
        assert len(anchors) == len(set(anchors)), f"{path} has an id twice"
        for target in page.select(".live-cell, .sphinx-tabs-panel"):
            link = target.find("a", class_="headerlink", recursive=False)
            assert link is not None, f"{path}: {target.get('id')} has no link"
            assert link["href"] == f"#{target['id']}"  # type: ignore[index]
            assert re.match(r"(cell|tab)-[a-z0-9-]*[a-z0-9]$", str(target["id"])), target["id"]
            seen += 1
    assert seen > 200


def test_pages_with_cells_say_with_what_they_were_executed(site: Site) -> None:
    for path, page in site.pages.items():
        said = " ".join(line.get_text() for line in page.select(".live-executed"))
        assert bool(said) == bool(page.select(".live-cell")), path
        if said:
            assert re.search(r"\bDjango \d+\.\d+", said), path


def test_next_leads_through_all_pages_in_order(site: Site) -> None:
    def walk(path: str) -> Iterator[str]:
        while True:
            yield path
            link = site.pages[path].select_one("a.next-page")
            if link is None:
                return
            following = urljoin(path, str(link["href"]))
            back = site.pages[following].select_one("a.prev-page")
            assert back is not None
            assert urljoin(following, str(back["href"])) == path
            path = following

    walked = list(walk("index.html"))
    assert sorted(walked) == sorted(public(site))
    # The guide, then the lessons, then the reference, then the changes.
    folders = [path.partition("/")[0] for path in walked]
    assert list(dict.fromkeys(folders)) == ["index.html", "guide", "notebooks", "reference", "changes.html"]


def test_changes_lead_to_cells(site: Site) -> None:
    table = site.pages["changes.html"].select_one("#what-stopped-being-true table")
    assert table is not None
    for row in table.select("tbody tr"):
        assert row.select("a[href*='notebooks/'][href*='#cell-']"), row.get_text()


# -- Search -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "page", "cell"),
    [
        ("DEFAULT_FILE_STORAGE", "versions", "default-file-storage"),
        ("default_storage.exists", "storage-api", "exists-correct"),
        ("NotImplementedError: This backend doesn't support absolute paths.", "storage-api", "path-broken"),
        (
            "ImproperlyConfigured: DEFAULT_FILE_STORAGE/STORAGES are mutually exclusive.",
            "versions",
            "both-settings",
        ),
        ("ValueError: Required parameter name not set", "filer", "dropped-options"),
    ],
)
def test_search_leads_to_the_cell(site: Site, words: str, page: str, cell: str) -> None:
    text = (site.folder / "searchindex.js").read_text(encoding="utf-8")
    names, _ = json.JSONDecoder().raw_decode(text.partition('"docnames":')[2])
    found = {(names[entry[0]], entry[1]) for entry in index_entries(site)[words.lower()]}
    assert (f"notebooks/{page}", f"cell-{cell}") in found


def test_404_page_works_from_any_depth_and_searches(site: Site, published: Site) -> None:
    for built, root in ((site, "/"), (published, "/media/")):
        page = built.pages["404.html"]
        addresses = [
            str(tag.get("href") or tag.get("src") or tag.get("action"))
            for tag in page.select("a[href], link[href], script[src], img[src], form[action]")
        ]
        local = [address for address in addresses if not re.match(r"https?:|#", address)]
        assert len(local) > 20
        for address in local:
            assert address.startswith(root), address
            assert (built.folder / unquote(urlsplit(address).path.removeprefix(root))).is_file(), address
        form = page.select_one("article form[role=search]")
        assert form is not None
        assert form["action"] == f"{root}search.html"
        assert form.select("input[name=q]")


# -- Markdown -----------------------------------------------------------------------------------------------


def markdown(site: Site, path: str) -> str:
    return (site.folder / path).with_suffix(".md").read_text(encoding="utf-8")


def squeezed(text: str) -> str:
    """A text without what only lays it out."""
    return re.sub(r"\s+", "", text)


def test_every_page_has_a_markdown_twin_and_links_to_it(site: Site) -> None:
    for path, page in public(site).items():
        name = Path(path).with_suffix(".md").name
        alternate = page.select_one("link[rel=alternate][type='text/markdown']")
        visible = page.select_one("footer a[type='text/markdown']")
        assert alternate is not None
        assert visible is not None
        assert alternate["href"] == visible["href"] == name
        title = page.select_one("h1")
        assert title is not None
        assert f"# {title.get_text().removesuffix('¶')}"[:12] in markdown(site, path).replace("`", "")


def test_markdown_holds_the_code_and_the_output_of_every_cell_and_every_tab(site: Site) -> None:
    cells = 0
    for path, page in public(site).items():
        text = markdown(site, path)
        bare = squeezed(text)
        for cell in page.select(".live-cell"):
            cells += 1
            for block in cell.select(".cell_input pre, .cell_output > .stream pre, .live-error-message"):
                assert squeezed(block.get_text()) in bare, f"{path}: {cell['id']}"
        for panel in page.select(".sphinx-tabs-panel"):
            assert f"**{panel['data-label']}**" in text, path
    assert cells > 200


def test_links_between_markdown_pages_lead_somewhere(site: Site) -> None:
    links = 0
    for path in public(site):
        for target in re.findall(r"\]\(([^)\s]+)\)", markdown(site, path)):
            parts = urlsplit(target)
            if not parts.scheme and parts.path:
                links += 1
                assert ((site.folder / path).parent / unquote(parts.path)).is_file(), f"{path}: {target}"
                assert not parts.path.endswith(".html"), f"{path}: {target}"
    assert links > 100


def test_llms_txt_lists_every_page_with_a_sentence(site: Site, published: Site) -> None:
    for built, root in ((site, ""), (published, ADDRESS)):
        text = (built.folder / "llms.txt").read_text(encoding="utf-8")
        listed = re.findall(r"^- \[.+?\]\((.+?)\)(: .+)?$", text, flags=re.MULTILINE)
        expected = [
            f"{root}{path.removesuffix('.html')}.md" for path in public(built) if path != "index.html"
        ]
        assert sorted(link for link, _ in listed) == sorted(expected)
        assert all(said for link, said in listed if not link.endswith("guide/index.md"))
        assert text.startswith("# Media storage, live\n\n> ")


# -- Where the address is known -----------------------------------------------------------------------------


def test_every_page_describes_itself(site: Site) -> None:
    for path, page in public(site).items():
        [description] = page.select("meta[name=description]")
        assert 40 < len(str(description["content"])) <= 160, path


def test_without_an_address_no_page_names_one(site: Site) -> None:
    for page in site.pages.values():
        assert not page.select("link[rel=canonical], meta[property^='og:'], [rel=edit]")
    assert not (site.folder / "sitemap.xml").exists()
    assert not (site.folder / "cards").exists()


def test_canonical_links_and_sitemap_name_every_page(published: Site) -> None:
    pages = public(published)
    for path, page in pages.items():
        [link] = page.select("link[rel=canonical]")
        assert link["href"] == f"{ADDRESS}{path}"
    sitemap = ElementTree.parse(published.folder / "sitemap.xml")
    listed = [found.text for found in sitemap.iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")]
    assert listed == sorted(f"{ADDRESS}{path}" for path in pages)


def test_every_page_has_a_card_to_be_shared_with(published: Site) -> None:
    for path, page in public(published).items():
        said = {str(tag["property"]): str(tag["content"]) for tag in page.select("meta[property^='og:']")}
        title = page.select_one("h1")
        assert title is not None
        assert said["og:url"] == f"{ADDRESS}{path}"
        assert said["og:title"] == title.get_text().removesuffix("¶")
        assert said["og:image"].startswith(ADDRESS)
        with Image.open(published.folder / said["og:image"].removeprefix(ADDRESS)) as card:
            assert card.size == (1200, 630)


def test_edit_links_lead_to_the_file_that_is_edited(published: Site) -> None:
    for path, page in public(published).items():
        [link] = page.select("a[rel=edit]")
        source = str(link["href"]).strip().removeprefix(EDIT)
        assert (ROOT / source).is_file(), source
        folder, _, name = path.removesuffix(".html").rpartition("/")
        notebook = folder == "notebooks" and name != "index"
        assert source == (
            f"examples/notebooks/{name}.md" if notebook else f"docs/{path.removesuffix('.html')}.rst"
        )
