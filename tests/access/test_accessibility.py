"""Every page can be read and used by everybody: seen by axe, by keyboard, in print and without scripts."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from ..site.conftest import Site
from .conftest import DESKTOP, PHONE, all_tabs_are_shown, shown

GUIDE = "guide/work-media-storage.html"
VERSIONS = "notebooks/versions.html"

OPEN_EVERYTHING = """() => {
  for (const panel of document.querySelectorAll("[role=tabpanel]")) panel.hidden = false;
  for (const folded of document.querySelectorAll("details")) folded.open = true;
}"""


def violations(page: Page) -> list[str]:
    """What axe finds on a page, one line for each element."""
    found = Axe().run(page).response["violations"]
    return [
        f"{rule['id']} ({rule['help']}): {node['html'][:120]} {node.get('failureSummary', '')[:200]}"
        for rule in found
        for node in rule["nodes"]
    ]


# -- Every page ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page(site: Site, address: str, browser: Browser, scheme: str) -> None:
    context = browser.new_context(color_scheme=scheme, reduced_motion="reduce", viewport=DESKTOP)
    page = context.new_page()
    found = []
    for path in site.pages:
        page.goto(address + path)
        page.evaluate(OPEN_EVERYTHING)
        for size in (DESKTOP, PHONE):
            page.set_viewport_size(size)
            found += [f"{path}, {size['width']} px: {violation}" for violation in violations(page)]
    context.close()
    assert found == []


def test_no_page_is_wider_than_a_phone(site: Site, address: str, page: Page) -> None:
    page.set_viewport_size(PHONE)
    wide = []
    for path in site.pages:
        page.goto(address + path)
        width = page.evaluate("document.scrollingElement.scrollWidth")
        wide += [f"{path}: {width}"] if width > PHONE["width"] else []
    assert wide == []


# -- By keyboard --------------------------------------------------------------------------------------------


def focused(page: Page) -> Locator:
    return page.locator(":focus")


def has_visible_focus(page: Page) -> bool:
    """Whether what has the focus is framed."""
    style = "element => getComputedStyle(element).outlineStyle + getComputedStyle(element).outlineWidth"
    return focused(page).evaluate(style) not in ("none0px", "none3px")


def test_tabs_work_by_keyboard(address: str, page: Page) -> None:
    page.goto(address + GUIDE)
    tabs = page.locator("[role=tablist]").first.locator("[role=tab]")
    tabs.first.focus()
    page.keyboard.press("ArrowRight")
    expect(tabs.nth(1)).to_be_focused()
    assert has_visible_focus(page)
    page.keyboard.press("Enter")
    expect(tabs.nth(1)).to_have_attribute("aria-selected", "true")
    expect(page.locator(f"[id='{tabs.nth(1).get_attribute('aria-controls')}']")).to_be_visible()
    expect(page.locator(f"[id='{tabs.first.get_attribute('aria-controls')}']")).to_be_hidden()


def test_folded_outputs_open_by_keyboard(address: str, page: Page) -> None:
    page.goto(address + GUIDE)
    folded = page.locator(".live-folded").filter(visible=True).first
    folded.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(folded).to_have_attribute("open", "")
    page.keyboard.press("Enter")
    expect(folded).not_to_have_attribute("open", "")


def test_the_search_works_by_keyboard(address: str, page: Page) -> None:
    page.goto(address + "index.html")
    for _ in range(30):
        page.keyboard.press("Tab")
        if focused(page).get_attribute("name") == "q":
            break
    assert has_visible_focus(page)
    page.keyboard.type("NotImplementedError")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=NotImplementedError*")
    result = page.locator("#search-results li a").first
    expect(result).to_be_visible()
    leads_to = result.evaluate("link => link.pathname")
    result.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{leads_to}*")


def test_the_keyboard_reaches_everything_and_leaves_it_again(address: str, page: Page) -> None:
    page.goto(address + GUIDE)
    seen = []
    # More stops than the page has, so that a trap would be seen as never coming back to the start.
    for _ in range(page.locator("a, button, summary, input, pre").count() + 50):
        page.keyboard.press("Tab")
        here = page.evaluate(
            "document.activeElement === document.body ? null : document.activeElement.outerHTML"
        )
        if here is None and seen:
            break
        seen.append(here)
    else:
        pytest.fail("The focus never leaves the page.")
    text = "".join(filter(None, seen))
    assert 'role="tab"' in text
    assert "<summary" in text
    assert "skip-to-content" in text


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_keyboard_stops_at_code_that_scrolls_and_at_no_other(
    address: str, page: Page, size: dict[str, int]
) -> None:
    page.set_viewport_size(size)
    page.goto(address + GUIDE)
    code = page.locator("pre").filter(visible=True)
    expect(page.locator("pre[tabindex='0']").filter(visible=True).first).to_be_visible()
    wrong = code.evaluate_all("""(all) => all.filter((pre) => {
        const scrolls = pre.scrollWidth > pre.clientWidth || pre.scrollHeight > pre.clientHeight;
        return scrolls !== (pre.tabIndex === 0);
    }).map((pre) => pre.textContent)""")
    assert wrong == []


# -- As the reader's system asks ----------------------------------------------------------------------------


def test_nothing_moves_for_those_who_ask_for_that(site: Site, address: str, page: Page) -> None:
    moving = """() => [...document.querySelectorAll("*")].filter((element) => {
      const style = getComputedStyle(element);
      return style.transitionDuration.split(", ").some((time) => parseFloat(time) > 0)
        || (style.animationName !== "none" && parseFloat(style.animationDuration) > 0)
        || style.scrollBehavior === "smooth";
    }).map((element) => element.outerHTML.slice(0, 80))"""
    for path in ("index.html", GUIDE, VERSIONS, "search.html"):
        page.goto(address + path)
        page.emulate_media(reduced_motion="reduce")
        assert page.evaluate(moving) == [], path
        page.emulate_media(reduced_motion="no-preference")
        if path == "index.html":
            # So that this test doesn't pass because nothing ever moves.
            assert page.evaluate(moving) != []


def test_the_selected_tab_can_be_told_where_the_system_chooses_colours(address: str, page: Page) -> None:
    page.emulate_media(forced_colors="active")
    page.goto(address + GUIDE)
    line = "tab => getComputedStyle(tab).borderBottomColor"
    tabs = page.locator("[role=tablist]").first.locator("[role=tab]")
    assert tabs.first.evaluate(line) != tabs.nth(1).evaluate(line)
    expect(page.locator(".live-badge").filter(visible=True).first).to_contain_text("raises")
    assert violations(page) == []


# -- Without scripts, and in print --------------------------------------------------------------------------


@pytest.fixture
def without_scripts(browser: Browser):
    context = browser.new_context(java_script_enabled=False, viewport=PHONE)
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("path", [GUIDE, VERSIONS])
def test_without_scripts_nothing_is_lost(address: str, without_scripts: Page, path: str) -> None:
    without_scripts.goto(address + path)
    all_tabs_are_shown(without_scripts)
    # Nothing offers what only a script can do.
    assert [button.inner_html() for button in shown(without_scripts, "button")] == []


def test_without_scripts_folded_outputs_open(address: str, without_scripts: Page) -> None:
    without_scripts.goto(address + GUIDE)
    folded = without_scripts.locator(".live-folded").first
    folded.locator("summary").click()
    expect(folded).to_have_attribute("open", "")


@pytest.mark.parametrize("path", [GUIDE, VERSIONS])
def test_in_print_all_tabs_and_outputs_are_there_and_no_buttons(address: str, page: Page, path: str) -> None:
    page.goto(address + path)
    page.emulate_media(media="print")
    all_tabs_are_shown(page)
    assert [button.evaluate("button => button.outerHTML") for button in shown(page, "button")] == []
    for folded in page.locator(".live-folded > :not(summary)").all():
        expect(folded).to_be_visible()


# What leads somewhere on a screen only.
LINKS = (
    ".live-cell > .headerlink, .sphinx-tabs-panel > .headerlink, .live-downloads, .page-as-markdown, "
    ".skip-to-content"
)


def test_on_paper_nothing_is_cut_off_and_nothing_is_for_clicks(address: str, page: Page) -> None:
    page.set_viewport_size({"width": 660, "height": 940})  # A4 within its margins
    page.goto(address + VERSIONS)
    cut_off = """() => [...document.querySelectorAll("pre")]
      .filter((pre) => pre.scrollWidth > pre.clientWidth).map((pre) => pre.textContent)"""
    assert page.evaluate(cut_off) != []
    assert len(shown(page, LINKS)) > 5
    page.emulate_media(media="print")
    assert page.evaluate(cut_off) == []
    assert shown(page, LINKS) == []
    for cell in page.locator(".live-cell").all():
        expect(cell).to_have_css("break-inside", "avoid")
