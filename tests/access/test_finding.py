"""In a real browser: links open the tab that they lead to, and the search leads to the cell."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from .conftest import PHONE

GUIDE = "guide/work-media-storage.html"
CORRECT = "tab-storage-api-path-correct"


def top_of(page: Page, anchor: str) -> float:
    """How far below the upper edge of the window an element begins."""
    return float(page.evaluate("id => document.getElementById(id).getBoundingClientRect().top", anchor))


def selected(page: Page, anchor: str) -> str | None:
    """Whether the tab of a panel is selected, as screen readers are told."""
    return page.locator(f"[aria-controls='{anchor}']").get_attribute("aria-selected")


@pytest.mark.parametrize(
    "anchor", [CORRECT, "cell-storage-api-path-correct", "tab-versions-default-file-storage-django-4-2"]
)
def test_link_opens_its_tab_and_goes_there(page: Page, address: str, anchor: str) -> None:
    page.goto(f"{address}{GUIDE}")
    expect(page.locator(f"#{anchor}")).to_be_hidden()
    page.goto(f"{address}notebooks/index.html")
    page.goto(f"{address}{GUIDE}#{anchor}")
    expect(page.locator(f"#{anchor}")).to_be_in_viewport()
    assert 0 <= top_of(page, anchor) < 150
    panel = page.locator(f"#{anchor}").evaluate("e => e.closest('.sphinx-tabs-panel').id")
    assert selected(page, panel) == "true"
    expect(page.locator(f"[aria-labelledby='{panel}-button']")).to_be_visible()


def test_on_a_phone_the_header_covers_nothing_that_a_link_leads_to(page: Page, address: str) -> None:
    page.set_viewport_size(PHONE)
    for anchor, above in (
        ("cell-vanishing-files-redeploy", "#cell-vanishing-files-redeploy"),
        (CORRECT, f"#{CORRECT}-button"),
    ):
        page.goto(f"{address}{GUIDE}#{anchor}")
        expect(page.locator(f"#{anchor}")).to_be_in_viewport()
        header = page.locator(".mobile-header").bounding_box()
        shown = page.locator(above).bounding_box()
        assert header
        assert shown
        assert header["y"] == 0
        assert header["height"] <= shown["y"] < 200


def test_link_opens_one_tab_and_not_all_of_its_name(page: Page, address: str) -> None:
    page.goto(f"{address}{GUIDE}#{CORRECT}")
    expect(page.locator(f"#{CORRECT}")).to_be_visible()
    expect(page.locator("#tab-storage-api-path-broken")).to_be_hidden()
    expect(page.locator("#tab-storage-api-exists-broken")).to_be_visible()
    # Nor does it decide for the rest of the visit.
    page.goto(f"{address}{GUIDE}")
    expect(page.locator(f"#{CORRECT}")).to_be_hidden()


def test_back_and_forward_open_tabs_too(page: Page, address: str) -> None:
    broken = "tab-storage-api-path-broken"
    page.goto(f"{address}{GUIDE}#{CORRECT}")
    expect(page.locator(f"#{CORRECT}")).to_be_visible()
    page.evaluate("anchor => { location.hash = anchor }", broken)
    expect(page.locator(f"#{broken}")).to_be_visible()
    page.go_back()
    expect(page.locator(f"#{CORRECT}")).to_be_in_viewport()
    page.go_forward()
    expect(page.locator(f"#{broken}")).to_be_in_viewport()


def test_same_link_works_a_second_time(page: Page, address: str) -> None:
    page.goto(f"{address}{GUIDE}#{CORRECT}")
    page.locator("#tab-storage-api-path-broken-button").click()
    expect(page.locator(f"#{CORRECT}")).to_be_hidden()
    page.evaluate(
        """anchor => {
            const link = document.createElement("a");
            link.href = `#${anchor}`;
            link.textContent = "again";
            document.querySelector("article").prepend(link);
        }""",
        CORRECT,
    )
    page.get_by_text("again", exact=True).click()
    expect(page.locator(f"#{CORRECT}")).to_be_in_viewport()


def test_link_into_a_fold_opens_it(page: Page, address: str) -> None:
    page.goto(f"{address}kitchen-sink.html")
    fold = page.locator("#cell-kitchen-sink-folded-output details")
    fold.evaluate("fold => { fold.querySelector('pre').id = 'within' }")
    page.evaluate("() => { location.hash = 'within' }")
    expect(page.locator("#within")).to_be_in_viewport()


@pytest.mark.parametrize("anchor", ["nowhere", "%E0%A4%A", "'\"]", ""])
def test_address_that_leads_nowhere_does_no_harm(page: Page, address: str, anchor: str) -> None:
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(f"{address}{GUIDE}#{anchor}")
    expect(page.locator("#tab-storage-api-path-broken")).to_be_visible()
    assert problems == []


def test_link_of_a_cell_shows_to_mouse_and_keyboard(page: Page, address: str) -> None:
    page.goto(f"{address}{GUIDE}")
    cell = page.locator("#cell-vanishing-files-redeploy")
    link = cell.locator("> .headerlink")
    expect(link).to_have_css("opacity", "0")
    cell.hover()
    expect(link).to_have_css("opacity", "1")
    link.click()
    assert page.url.endswith("#cell-vanishing-files-redeploy")
    page.mouse.move(0, 0)
    # From the cell, which the link leads to, through what can be used in it.
    for _ in range(cell.locator("a, button, summary, [tabindex='0']").count()):
        page.keyboard.press("Tab")
        if link.evaluate("link => link === document.activeElement"):
            break
    expect(link).to_be_focused()
    expect(link).to_have_css("opacity", "1")


def found(page: Page, address: str, words: str) -> list[str]:
    """What the search page lists, best first."""
    page.goto(f"{address}search.html?q={quote(words)}")
    summary = page.locator(".search-summary")
    expect(summary).to_have_text(re.compile("finished|did not match"))
    results = page.locator("ul.search > li > a")
    if "did not match" in summary.inner_text():
        return []
    expect(results.first).to_be_visible()
    return [str(link.get_attribute("href")) for link in results.all()]


@pytest.mark.parametrize(
    ("words", "page_and_cell"),
    [
        ("DEFAULT_FILE_STORAGE", "notebooks/default-storage.html#cell-default-file-storage-ignored"),
        ("default_storage.exists", "notebooks/storage-api.html#cell-exists-correct"),
        (
            "NotImplementedError: This backend doesn't support absolute paths",
            "notebooks/storage-api.html#cell-path-broken",
        ),
        ("this backend doesn't support absolute paths.", "notebooks/storage-api.html#cell-path-broken"),
        (
            "ImproperlyConfigured: DEFAULT_FILE_STORAGE/STORAGES are mutually exclusive.",
            "notebooks/versions.html#cell-both-settings",
        ),
        ("conf.storage.parse", "reference/conf.html#conf.storage.parse"),
    ],
)
def test_search_lists_the_very_place_among_the_first(
    page: Page, address: str, words: str, page_and_cell: str
) -> None:
    assert page_and_cell in found(page, address, words)[:4]


@pytest.mark.parametrize("words", ["file_overwrite", "HeadObject", "RemovedInDjango51Warning", "uploads"])
def test_search_finds_words_of_code_outputs_and_text(page: Page, address: str, words: str) -> None:
    assert found(page, address, words)


@pytest.mark.parametrize("words", ["ZeroDivisionError", "xyzzy"])
def test_search_finds_nothing_of_what_is_not_for_readers(page: Page, address: str, words: str) -> None:
    assert found(page, address, words) == []


def test_result_opens_at_the_cell(page: Page, address: str) -> None:
    found(page, address, "default_storage.listdir")
    first = page.locator("ul.search > li > a[href*='#cell-']").first
    anchor = str(first.get_attribute("href")).partition("#")[2]
    first.click()
    expect(page.locator(f"#{anchor}")).to_be_in_viewport()


def test_404_page_searches_from_any_depth(page: Page, address: str) -> None:
    # A static host answers with this page and leaves the address as it was asked for.
    page.route("**/no/such/place", lambda route: route.continue_(url=f"{address}404.html"))
    problems: list[str] = []
    page.on("response", lambda response: problems.append(response.url) if response.status >= 400 else None)
    page.goto(f"{address}no/such/place")
    box = page.get_by_role("main").get_by_role("searchbox", name="Search this site")
    box.fill("file_overwrite")
    box.press("Enter")
    expect(page.locator("ul.search > li > a").first).to_be_visible()
    assert page.url.startswith(f"{address}search.html?")
    assert problems == []
