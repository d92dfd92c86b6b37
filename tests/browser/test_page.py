"""Cells in the page, worked as a reader works them, in a real browser."""

from __future__ import annotations

import gzip
import re
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, Route, expect

from .conftest import BELOW, Reader

NOTEBOOK = "notebooks/vanishing-files.html"
GUIDE = "guide/work-media-storage.html"
# None of its cells can run in a browser.
CLUSTER = "notebooks/cluster.html"
# What says of cells that they run, or why they don't.
OFFERED = ":is(.live-bar, .live-why, .live-run):visible"
NARROW = {"viewport": {"width": 390, "height": 844}}
PHONE = NARROW | {"has_touch": True, "is_mobile": True}
LOUD = ("warning", "error")  # what a script says in the browser's console
# A first run loads and starts Python, on a machine that may be busy.
STARTED = 90_000


def cell(page: Page, label: str, notebook: str = "vanishing-files") -> Locator:
    """Find a cell's card."""
    return page.locator(f'.live-cell[data-notebook="{notebook}"][data-cell="{label}"]').first


def button(card: Locator, action: str) -> Locator:
    """Find one of a cell's buttons by what it does: run, edit, above, link or reset."""
    return card.locator(f".live-bar .live-{action}")


def state(card: Locator) -> Locator:
    """Find the words that say how a cell stands."""
    return card.locator(".live-state")


def write(card: Locator, code: str) -> None:
    """Replace a cell's code, by keys."""
    if button(card, "edit").is_visible():
        button(card, "edit").click()
    editor = card.locator(".cm-content")
    editor.click()
    editor.press("Control+a")
    # From the clipboard, because the editor would indent what is typed.
    card.page.evaluate("(code) => navigator.clipboard.writeText(code)", code)
    editor.press("Control+v")


def run(card: Locator) -> None:
    """Press Run, and wait until the cell has run."""
    button(card, "run").click()
    finished(card)


def finished(card: Locator) -> None:
    """Wait until nothing is going on in a cell."""
    # The button is busy until the script that runs cells is there, then the cell is.
    expect(button(card, "run")).not_to_have_attribute("aria-busy", "true")
    expect(card).not_to_have_attribute("aria-busy", "true", timeout=STARTED)


def run_code(card: Locator, code: str) -> None:
    """Replace a cell's code, and run it."""
    write(card, code)
    run(card)


def said(page: Page) -> Locator:
    """Find what screen readers say."""
    return page.locator(".live-announced")


# -- Before a run -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [NOTEBOOK, GUIDE])
def test_before_run_the_page_loads_little_and_nothing_that_runs_cells(reader: Reader, path: str) -> None:
    page = reader.open(path)
    expect(page.locator(".live-run").first).to_be_visible()
    page.wait_for_load_state("networkidle")
    loaded = [urlsplit(url).path for url in reader.requested]
    scripts = [name for name in loaded if "/_static/live/" in name]
    assert len(scripts) == 1, scripts
    sizes = {
        name: len(gzip.compress((reader.site.folder / name.partition(f"/{BELOW}/")[2]).read_bytes()))
        for name in loaded
        if name.endswith((".js", ".css"))
    }
    assert sum(sizes.values()) <= 60_000, sizes
    assert sizes[scripts[0]] <= 6_000


@pytest.mark.chromium_only("Playwright can't turn its scripts off")
def test_without_javascript_the_page_is_whole_and_promises_nothing(reader: Reader) -> None:
    page = reader.open(NOTEBOOK, java_script_enabled=False)
    card = cell(page, "upload-on-web-1")
    expect(card.locator(".cell_input")).to_contain_text("upload(")
    expect(card.locator(".cell_output")).to_have_text("Dear Grandma, …\n")
    expect(card.locator(".live-bar")).to_be_hidden()
    assert page.locator(OFFERED).count() == 0
    page = reader.open(CLUSTER, java_script_enabled=False)
    assert page.locator(".live-why").count()
    assert page.locator(OFFERED).count() == 0


def test_button_tells_the_size_until_it_is_downloaded(reader: Reader) -> None:
    page = reader.open(NOTEBOOK)
    card = cell(page, "make-cloud")
    size = int(page.locator("script[data-live-bytes]").get_attribute("data-live-bytes") or 0)
    megabytes = f"{round(size / 1e6)} MB"
    expect(card.locator(".live-size")).to_have_text(megabytes)
    expect(button(card, "run")).to_have_accessible_name(f"Run cell make-cloud, downloads {megabytes} once")
    expect(state(card)).to_have_text(f"Runs in your browser. {megabytes} to download, once.")
    run(card)
    expect(page.locator(".live-size, .live-size-note")).to_have_count(0)
    for label in ("make-cloud", "upload-on-web-1"):
        expect(button(cell(page, label), "run")).to_have_accessible_name(f"Run cell {label}")
    page.reload()
    expect(button(card, "run")).to_have_accessible_name("Run cell make-cloud")
    expect(page.locator(".live-size, .live-size-note")).to_have_count(0)


# -- Run ----------------------------------------------------------------------------------------------------


def test_run_shows_progress_in_bytes_then_the_output_and_that_it_is_the_same(reader: Reader) -> None:
    page = reader.open(NOTEBOOK)
    card = cell(page, "upload-on-web-1")
    reader.site.line.fast.clear()
    button(card, "run").click()
    progress = page.get_by_role("progressbar", name="Download of Python")
    expect(progress).to_have_attribute("aria-valuetext", re.compile(r"^[\d.]+ MB of [\d.]+ MB$"))
    expect(button(card, "run")).to_have_accessible_name("Stop cell upload-on-web-1")
    reader.site.line.fast.set()
    finished(card)
    expect(progress).to_have_count(0)
    expect(card.locator(".live-own")).to_have_text("Dear Grandma, …\n")
    expect(state(card)).to_have_text("Same as published")
    expect(card.locator(".live-note")).to_have_text("First, 3 earlier cells of “Files that vanish” were run.")
    expect(said(page)).to_contain_text("Cell upload-on-web-1 has run.")
    expect(said(page)).to_contain_text("The output is the same as published.")


def test_cells_that_have_run_are_not_run_again(reader: Reader) -> None:
    page = reader.open(NOTEBOOK)
    run(cell(page, "upload-on-web-1"))
    following = cell(page, "read-on-web-2")
    run(following)
    # A picture, a check that the page doesn't show; not the upload.
    expect(following.locator(".live-note")).to_have_text(
        "First, 2 earlier cells of “Files that vanish” were run."
    )
    run(following)
    expect(following.locator(".live-note")).to_have_count(0)
    expect(state(following)).to_have_text("Same as published")


def test_a_picture_looks_as_published(reader: Reader) -> None:
    page = reader.open(NOTEBOOK)
    card = cell(page, "picture-after-upload")
    published = card.locator(".cell_output .image_svg svg")
    size = published.bounding_box()
    label = published.locator("title").first.text_content()
    run(card)
    own = card.locator(".live-own .image_svg svg")
    expect(own).to_be_visible()
    assert own.locator("title").first.text_content() == label
    now = own.bounding_box()
    assert size
    assert now
    assert (now["width"], now["height"]) == (size["width"], size["height"])
    expect(state(card)).to_have_text("Same as published")


def test_an_expected_exception_begins_with_the_readers_line_and_folds_the_rest(reader: Reader) -> None:
    page = reader.open(NOTEBOOK)
    card = cell(page, "read-on-web-2")
    published = card.locator(".cell_output").inner_text()
    run(card)
    own = card.locator(".live-own")
    expect(own.locator(".live-error-line")).to_have_text('2print(read(database["Anna"]))\n')
    expect(own.locator(".live-error-message")).to_contain_text("FileNotFoundError: [Errno 2]")
    expect(own.locator(".live-traceback")).to_be_hidden()
    own.get_by_text("Full traceback").click()
    expect(own.locator(".live-traceback")).to_contain_text("FileNotFoundError")
    assert published.split("\n")[0] in own.inner_text()
    expect(state(card)).to_have_text("Same as published")


def test_run_all_above_shows_what_each_cell_above_puts_out(reader: Reader) -> None:
    page = reader.open(NOTEBOOK)
    target, upload = cell(page, "picture-after-upload"), cell(page, "upload-on-web-1")
    button(target, "above").click()
    finished(target)
    expect(state(upload)).to_have_text("Same as published")
    expect(upload.locator(".live-own")).to_have_text("Dear Grandma, …\n")
    expect(target.locator(".live-own")).to_have_count(0)
    expect(target.locator(".live-note")).to_contain_text("4 earlier cells of “Files that vanish” were run")


def test_a_run_gives_the_browser_nothing_to_complain_of(reader: Reader) -> None:
    page = reader.open()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type in LOUD else None)
    page.goto(reader.site.url + NOTEBOOK)
    card = cell(page, "picture-after-upload")
    run(card)
    run_code(card, "1 / 0")
    expect(card.locator(".live-error-message")).to_contain_text("ZeroDivisionError")
    assert complaints == []


# -- Edit ---------------------------------------------------------------------------------------------------


def test_an_edit_runs_differs_survives_and_is_reset(reader: Reader) -> None:
    page = reader.open(NOTEBOOK)
    card = cell(page, "upload-on-web-1")
    code = card.locator(".cell_input .highlight > pre").inner_text()
    write(card, 'print("Hello")')
    card.page.keyboard.press("Shift+Enter")
    finished(card)
    expect(card.locator(".live-own")).to_have_text("Hello\n")
    expect(state(card)).to_have_text("Differs from published")
    card.get_by_text("What differs").click()
    expect(card.locator(".live-diff .live-removed").first).to_have_text(re.compile(r"^-\| .*Dear Grandma, …"))
    expect(card.locator(".live-diff .live-added").first).to_have_text(re.compile(r"^\+\| .*Hello"))
    card.get_by_text("What is published").click()
    expect(card.locator(".live-verdict .cell_output")).to_have_text("Dear Grandma, …\n")

    page.reload()
    expect(card.locator(".cm-content")).to_have_text('print("Hello")')
    expect(page.locator(".live-page-text")).to_have_text("Your edit of one cell is back.")
    expect(card.locator(".cell_output")).to_have_text("Dear Grandma, …\n")

    button(card, "reset").click()
    expect(card.locator(".cm-content")).to_have_count(0)
    assert card.locator(".cell_input .highlight > pre").inner_text() == code
    expect(button(card, "edit")).to_be_focused()
    page.reload()
    expect(button(card, "edit")).to_be_visible()
    expect(card.locator(".cm-content")).to_have_count(0)


def test_reset_of_the_page_removes_edits_and_outputs(reader: Reader) -> None:
    page = reader.open(NOTEBOOK)
    first, second = cell(page, "upload-on-web-1"), cell(page, "same-name-two-users")
    before = first.inner_html()
    run_code(first, "print(1)")
    write(second, "print(2)")
    page.get_by_role("button", name="Reset page").click()
    expect(page.locator(".cm-content, .live-own, .live-verdict, .live-note")).to_have_count(0)
    expect(first.locator(".cell_output")).to_have_text("Dear Grandma, …\n")
    page.reload()
    expect(button(first, "edit")).to_be_visible()
    expect(page.locator(".cm-content")).to_have_count(0)
    assert "print(1)" not in page.content()
    assert re.search(r'<div class="cell_input.*?</pre>', before, re.DOTALL)[0] in first.inner_html()  # type: ignore[index]


def test_an_edit_of_code_that_is_no_longer_published_is_offered_not_restored(reader: Reader) -> None:
    page = reader.open(NOTEBOOK)
    card = cell(page, "upload-on-web-1")
    write(card, 'print("mine")')
    page.evaluate(
        """() => {
          const key = Object.keys(localStorage).find((name) => name.endsWith("#upload-on-web-1"));
          const edit = JSON.parse(localStorage.getItem(key));
          localStorage.setItem(key, JSON.stringify({ ...edit, published: "0badc0de" }));
        }"""
    )
    page.reload()
    expect(card.locator(".live-note")).to_contain_text("Since then its published code has changed")
    expect(card.locator(".cm-content")).to_have_count(0)
    card.get_by_role("button", name="Show my edit").click()
    expect(card.locator(".cm-content")).to_have_text('print("mine")')


def test_a_changed_earlier_cell_counts(reader: Reader) -> None:
    page = reader.open(NOTEBOOK)
    card = cell(page, "upload-on-web-1")
    run(card)
    earlier = cell(page, "application")
    source = earlier.locator(".cell_input .highlight > pre").inner_text()
    write(earlier, source.replace("file.read().decode()", "file.read().decode().upper()"))
    run(card)
    expect(card.locator(".live-own")).to_have_text("DEAR GRANDMA, …\n")
    expect(card.locator(".live-note")).to_contain_text(
        "A new Python was started, because cell application has changed since it ran."
    )


def test_an_earlier_cell_that_fails_is_named_and_the_cell_does_not_run(reader: Reader) -> None:
    page = reader.open(NOTEBOOK)
    write(cell(page, "application"), "nonsense")
    card = cell(page, "upload-on-web-1")
    run(card)
    expect(card.locator(".live-problem")).to_have_text(
        "Cell application, which runs before this one, raised NameError. This cell has not run."
    )
    expect(card.locator(".live-own")).to_have_count(0)
    expect(cell(page, "application").locator(".live-error-message")).to_contain_text("NameError")


def test_later_output_is_said_to_be_older_than_a_cell_that_ran_again(reader: Reader) -> None:
    page = reader.open(NOTEBOOK)
    later = cell(page, "picture-after-upload")
    run(later)
    run(cell(page, "application"))
    expect(later.locator(".live-note")).to_have_text("This ran before cell application did.")


# -- Errors and Stop ----------------------------------------------------------------------------------------


def test_a_readers_mistake_shows_the_own_line(reader: Reader) -> None:
    page = reader.open(NOTEBOOK)
    card = cell(page, "upload-on-web-1")
    run_code(card, 'x = 1\nraise ValueError("no")')
    expect(card.locator(".live-badge")).to_have_text("raises ValueError")
    expect(card.locator(".live-error-line")).to_have_text('2raise ValueError("no")\n')
    expect(card.locator(".live-error-message")).to_have_text(re.compile("^ValueError: .?no"))
    expect(said(page)).to_contain_text("It raises ValueError.")
    button(card, "reset").click()
    expect(card.locator(".live-badge")).to_be_hidden()


def test_stop_ends_an_endless_loop_and_the_next_run_starts_afresh(reader: Reader) -> None:
    page = reader.open(NOTEBOOK)
    card = cell(page, "upload-on-web-1")
    write(card, "while True: pass")
    button(card, "run").click()
    expect(state(card)).to_have_text("Running …", timeout=STARTED)
    page.get_by_role("button", name="Stop cell upload-on-web-1").click()
    expect(state(card)).to_have_text("Stopped")
    expect(said(page)).to_have_text("Cell upload-on-web-1 is stopped.")
    run_code(card, 'print("again")')
    expect(card.locator(".live-own")).to_have_text("again\n")
    expect(card.locator(".live-note")).to_contain_text("3 earlier cells")


def test_stop_ends_an_earlier_cell_that_runs_first(reader: Reader) -> None:
    page = reader.open(NOTEBOOK)
    write(cell(page, "application"), "while True: pass")
    card = cell(page, "upload-on-web-1")
    button(card, "run").click()
    expect(state(card)).to_have_text(re.compile("^Running earlier cells, "), timeout=STARTED)
    # The button isn't called Run again because Python is there.
    page.get_by_role("button", name="Stop cell upload-on-web-1").click()
    expect(state(card)).to_have_text("Stopped")


def test_a_loop_that_prints_is_stopped_and_what_it_printed_stays(reader: Reader) -> None:
    page = reader.open(NOTEBOOK)
    card = cell(page, "upload-on-web-1")
    write(card, 'while True: print("on and on")')
    button(card, "run").click()
    expect(card.locator(".live-own")).to_contain_text("Its first 100,000 characters", timeout=STARTED)
    button(card, "run").click()
    expect(state(card)).to_have_text("Stopped")
    expect(card.locator(".live-own")).to_contain_text("on and on")


def test_reset_while_a_cell_runs_leaves_the_published_page(reader: Reader) -> None:
    page = reader.open(NOTEBOOK)
    card = cell(page, "upload-on-web-1")
    write(card, "while True: pass")
    button(card, "run").click()
    expect(state(card)).to_have_text("Running …", timeout=STARTED)
    page.get_by_role("button", name="Reset page").click()
    expect(button(card, "run")).to_have_text("Run")
    expect(card.locator(".cell_output")).to_have_text("Dear Grandma, …\n")
    expect(state(card)).to_have_text("")
    expect(page.locator(".live-note, .cm-content")).to_have_count(0)
    expect(page.locator(".live-page-bar")).to_be_hidden()
    run(card)
    expect(state(card)).to_have_text("Same as published")


def test_stop_takes_a_waiting_cell_out_of_the_queue(reader: Reader) -> None:
    page = reader.open(NOTEBOOK)
    busy, waiting = cell(page, "upload-on-web-1"), cell(page, "application")
    write(busy, "while True: pass")
    button(busy, "run").click()
    button(waiting, "run").click()
    expect(state(waiting)).to_have_text("Waiting …")
    button(waiting, "run").click()
    finished(waiting)
    expect(state(waiting)).to_have_text("")
    button(busy, "run").click()
    expect(state(busy)).to_have_text("Stopped")


def test_output_of_a_cell_can_do_nothing_to_the_page(reader: Reader) -> None:
    page = reader.open(NOTEBOOK)
    card = cell(page, "upload-on-web-1")
    bad = (
        '<b onclick="x()" style="position:fixed;inset:0">bold</b><script>document.title = "bad"</script>'
        '<img src="x" onerror="document.title = 1"><form action="/"></form>'
        '<meta http-equiv="refresh" content="0">'
        '<iframe src="/"></iframe><a href="javascript:alert(1)">link</a><style>body { display: none }</style>'
    )
    run_code(card, f"from IPython.display import HTML\nHTML({bad!r})")
    own = card.locator(".live-own .text_html")
    expect(own.locator("b")).to_have_text("bold")
    assert (
        own.locator("script, form, meta, iframe, style, [onclick], [onerror], [href^=javascript]").count()
        == 0
    )
    assert page.title() not in ("bad", "1")
    # Even what is fixed to the window stays in its box.
    box, card_box = own.locator("b").bounding_box(), card.bounding_box()
    assert box
    assert card_box
    assert box["y"] >= card_box["y"]
    assert box["width"] <= card_box["width"]


def test_a_loop_that_prints_does_not_fill_the_page(reader: Reader) -> None:
    page = reader.open(NOTEBOOK)
    card = cell(page, "upload-on-web-1")
    run_code(card, 'print("x" * 150_000)')
    assert len(card.locator(".live-own .stream").inner_text()) <= 100_001
    expect(card.locator(".live-own")).to_contain_text("Its first 100,000 characters are shown.")


# -- Links --------------------------------------------------------------------------------------------------


def copied_link(page: Page, card: Locator) -> str:
    """Copy a cell's link and read it from the clipboard."""
    button(card, "link").click()
    expect(card.locator(".live-note")).to_contain_text("A link to this page with your code is copied.")
    link: str = page.evaluate("() => navigator.clipboard.readText()")
    return link


def test_a_link_fills_in_code_says_so_and_runs_nothing(reader: Reader) -> None:
    page = reader.open(GUIDE)
    card = cell(page, "path-correct", "storage-api")
    card.evaluate("(node) => node.closest('[role=tabpanel]').hidden = false")
    write(card, 'print("Grüße, 文件")')
    link = copied_link(page, card)
    assert link.startswith(f"{reader.site.url}{GUIDE}#live=")
    assert len(link) < 500

    other = reader.open()
    other.goto(link)
    filled = cell(other, "path-correct", "storage-api")
    # The cell stands in a tab that isn't selected at first.
    expect(filled.locator(".cm-content")).to_be_in_viewport()
    expect(filled.locator(".cm-content")).to_have_text('print("Grüße, 文件")')
    expect(filled.locator(".live-note")).to_contain_text("It hasn't run: read it before you run it.")
    expect(said(other)).to_contain_text("Nothing has run.")
    assert filled.locator(".live-own").count() == 0
    assert not [url for url in reader.requested if "/runtime/" in url]

    # What the reader makes of it survives a reload, with the link still in the address.
    write(filled, "print(3)")
    other.reload()
    expect(filled.locator(".cm-content")).to_have_text("print(3)")


def test_a_link_carries_the_edits_of_earlier_cells_too(reader: Reader) -> None:
    page = reader.open(NOTEBOOK)
    write(cell(page, "application"), 'def read(name):\n    return "from the link"\ndef upload(*_): pass')
    card = cell(page, "upload-on-web-1")
    write(card, 'print(read(""))')
    link = copied_link(page, card)
    expect(card.locator(".live-note")).to_contain_text("It holds your edits of application as well.")
    other = reader.open()
    other.goto(link)
    filled = cell(other, "upload-on-web-1")
    run(filled)
    expect(filled.locator(".live-own")).to_have_text("from the link\n")


@pytest.mark.parametrize("fragment", ["#live=", "#live=eJ", "#live=%F0%9F", "#live=!!!", "cut", "changed"])
def test_a_bad_link_gives_a_sentence(reader: Reader, fragment: str) -> None:
    page = reader.open(NOTEBOOK)
    card = cell(page, "upload-on-web-1")
    write(card, 'print("whole")')
    if not fragment.startswith("#"):
        whole = "#" + copied_link(page, card).partition("#")[2]
        fragment = whole[:-6] if fragment == "cut" else whole[:-8] + "AAAA" + whole[-4:]
    other = reader.open(NOTEBOOK + fragment)
    expect(other.locator(".live-page-text")).to_contain_text("This link can't be read")
    expect(said(other)).to_contain_text("This link can't be read")
    assert other.locator(".cm-content").count() == 0


def test_a_link_does_not_remove_an_own_edit(reader: Reader) -> None:
    page = reader.open(NOTEBOOK)
    card = cell(page, "upload-on-web-1")
    write(card, "print(1)")
    link = copied_link(page, card)
    write(card, "print(2)")
    page.goto("about:blank")
    page.goto(link)
    expect(card.locator(".cm-content")).to_have_text("print(1)")
    expect(card.locator(".live-note")).to_contain_text("Your own edit of this cell is kept")
    page.goto("about:blank")
    page.goto(reader.site.url + NOTEBOOK)
    expect(card.locator(".cm-content")).to_have_text("print(2)")


# -- Keyboard, phone, screen reader, paper ------------------------------------------------------------------


def test_keyboard_alone_is_enough(reader: Reader) -> None:
    page = reader.open(NOTEBOOK)
    card = cell(page, "upload-on-web-1")
    press = page.keyboard.press
    button(card, "run").focus()
    press("Tab")
    expect(button(card, "edit")).to_be_focused()
    press("Enter")
    expect(card.locator(".cm-content")).to_be_focused()
    press("Control+a")
    page.keyboard.type("if True:")
    press("Enter")
    press("Tab")  # indents
    page.keyboard.type('print("typed")  # / and ? are letters here')
    expect(card.locator(".cm-content")).to_be_focused()
    press("Shift+Enter")
    finished(card)
    expect(card.locator(".live-own")).to_have_text("typed\n")
    expect(card.locator(".cm-content")).to_be_focused()
    press("Escape")
    press("Tab")
    expect(button(card, "run")).to_be_focused()
    press("Shift+Tab")
    expect(card.locator(".cm-content")).to_be_focused()


@pytest.mark.chromium_only("Playwright can't give it a touch screen")
def test_buttons_are_large_enough_for_a_finger(reader: Reader) -> None:
    page = reader.open(NOTEBOOK, **PHONE)
    card = cell(page, "upload-on-web-1")
    run_code(card, "print(1)")
    for shown in card.locator(".live-bar button:visible").all():
        box = shown.bounding_box()
        assert box
        assert min(box["width"], box["height"]) >= 44, shown.inner_text()


def test_nothing_is_cut_off_on_a_phone(reader: Reader) -> None:
    page = reader.open(NOTEBOOK, **NARROW if reader.has_firefox else PHONE)
    card = cell(page, "upload-on-web-1")
    run_code(card, 'print("a line that is longer than a phone is wide, " * 4)')
    # Without the scroll bar, which takes room from a page in Firefox.
    width = page.evaluate("() => document.documentElement.clientWidth")
    assert 370 <= width <= 390
    for shown in card.locator(".live-bar button:visible").all():
        box = shown.bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
    assert page.evaluate("() => document.documentElement.scrollWidth") == width
    output = card.locator(".live-own pre")
    assert output.evaluate(
        "(node) => node.scrollWidth > node.clientWidth && getComputedStyle(node).overflowX == 'auto'"
    )
    assert card.locator(".cm-scroller").evaluate("(node) => node.scrollWidth <= node.clientWidth")


@pytest.mark.chromium_only("Playwright can't have it show a page as on paper")
def test_on_paper_there_is_the_readers_code_all_output_and_no_button(reader: Reader) -> None:
    page = reader.open(NOTEBOOK)
    card = cell(page, "upload-on-web-1")
    code = "for number in range(90): print(number)"
    run_code(card, code)
    for_screens = page.locator(
        ".live-bar, .live-page-bar, .live-hint, .live-note, .live-cell.live-editing .cm-editor"
    )
    own = card.locator(".live-own")
    scrolls = "(node) => node.scrollHeight > node.clientHeight"
    assert for_screens.filter(visible=True).count() > 5
    assert own.evaluate(scrolls)
    page.emulate_media(media="print")
    expect(for_screens.filter(visible=True)).to_have_count(0)
    expect(card.locator(".cell_input pre")).to_be_visible()
    expect(card.locator(".cell_input pre")).to_have_text(code)
    assert not own.evaluate(scrolls)


@pytest.mark.chromium_only("Playwright can't have it show a page as on paper")
def test_on_paper_no_cell_says_why_it_does_not_run(reader: Reader) -> None:
    page = reader.open(CLUSTER)
    expect(page.locator(OFFERED).first).to_be_visible()
    page.emulate_media(media="print")
    expect(page.locator(OFFERED)).to_have_count(0)


@pytest.mark.chromium_only("Playwright can't tell it which colours the reader wants")
def test_where_the_system_chooses_colours_everything_can_be_told(reader: Reader) -> None:
    page = reader.open(NOTEBOOK, forced_colors="active")
    card = cell(page, "upload-on-web-1")
    for action in ("run", "edit", "above"):
        expect(button(card, action)).to_have_css("border-style", "solid")
    held: dict[str, Route] = {}
    page.route("**/*.bin", lambda route: held.update({route.request.url.rpartition("/")[2]: route}))
    with (
        page.expect_request("**/pyodide.wasm.bin"),
        page.expect_request("**/memory.bin"),
        page.expect_event("requestfinished", lambda request: request.url.endswith("/manifest.json")),
    ):
        button(card, "run").click()
    # Now that Python's size is known, a part of it arrives, and the rest doesn't yet.
    held["memory.bin"].continue_()
    progress = page.get_by_role("progressbar")
    expect(progress).to_have_css("border-style", "solid")
    colour = "(node) => getComputedStyle(node).backgroundColor"
    assert progress.locator("div").evaluate(colour) != progress.evaluate(colour)
    held["pyodide.wasm.bin"].continue_()
    page.unroute("**/*.bin")
    finished(card)
    button(card, "edit").click()
    expect(card.locator(".cm-content")).to_be_focused()
    expect(card.locator(".cell_input")).to_have_css("outline-style", "solid")


def test_help_says_how_run_works_and_closes_with_escape(reader: Reader) -> None:
    page = reader.open(NOTEBOOK)
    write(cell(page, "application"), "pass")
    opener = page.get_by_role("button", name="How Run works")
    opener.click()
    expect(page.get_by_role("dialog", name="How Run works")).to_contain_text("Stop ends Python")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(opener).to_be_focused()


@pytest.mark.chromium_only("Playwright can't tell it which colours the reader wants")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", [NOTEBOOK, GUIDE])
def test_axe_finds_nothing_before_and_after_a_run(reader: Reader, path: str, scheme: Any) -> None:
    page = reader.open(path, color_scheme=scheme, reduced_motion="reduce")
    card = cell(page, "upload-on-web-1")
    expect(button(card, "run")).to_be_visible()
    assert violations(page) == []
    run(card)
    assert violations(page) == []
    run_code(card, 'print("other")\nraise ValueError("no")')
    card.get_by_text("What differs").click()
    assert violations(page) == []


def violations(page: Page) -> list[str]:
    """Return what axe complains of in the cells and in the page's bar: a line for each element."""
    parts = [[".live-cell"], [".live-page-bar"], [".live-announced"]]
    found = Axe().run(page, context={"include": parts}).response["violations"]
    return [
        f"{rule['id']}: {node['target']} {node['failureSummary']}" for rule in found for node in rule["nodes"]
    ]


# -- Trouble ------------------------------------------------------------------------------------------------


def test_offline_after_load_everything_still_works(reader: Reader) -> None:
    page = reader.open(GUIDE)
    card = cell(page, "upload-on-web-1")
    with page.expect_response(re.compile("notebooks/storage-api.json")):
        run(card)
    page.wait_for_load_state("networkidle")
    reader.site.line.cut.set()
    run_code(card, 'print("offline")')
    expect(card.locator(".live-own")).to_have_text("offline\n")
    write(card, "while True: pass")
    button(card, "run").click()
    expect(state(card)).to_have_text("Running …", timeout=STARTED)
    button(card, "run").click()
    run_code(card, 'print("afresh")')
    expect(card.locator(".live-own")).to_have_text("afresh\n")


@pytest.mark.parametrize(
    "missing",
    ["**/_static/live/page*.js", "**/_static/live/output*.js", "**/notebooks/*.json", "**/runtime/**"],
)
def test_a_missing_file_is_said_and_can_be_tried_again(reader: Reader, missing: str) -> None:
    page = reader.open(NOTEBOOK)
    card = cell(page, "upload-on-web-1")
    page.route(missing, lambda route: route.abort())
    button(card, "run").click()
    problem = card.locator(".live-problem")
    expect(problem).to_be_visible(timeout=STARTED)
    assert re.search(r"could not|can't", problem.inner_text())
    expect(card.locator(".cell_output")).to_have_text("Dear Grandma, …\n")
    expect(said(page)).to_contain_text(re.compile("could not|can't"))
    page.unroute(missing)
    again = problem.get_by_role("button", name="Try again")
    if again.count():
        again.click()
    else:
        expect(problem).to_have_text(re.compile("reload the page"))
        page.reload()
        button(card, "run").click()
    expect(state(card)).to_have_text("Same as published", timeout=STARTED)


def test_stored_edits_that_are_broken_do_no_harm(reader: Reader) -> None:
    page = reader.open(NOTEBOOK)
    path = urlsplit(urljoin(reader.site.url, NOTEBOOK)).path
    page.evaluate("(key) => localStorage.setItem(key, '{')", f"live:{path}:vanishing-files#upload-on-web-1")
    page.reload()
    run(cell(page, "upload-on-web-1"))
    expect(state(cell(page, "upload-on-web-1"))).to_have_text("Same as published")


# -- Several notebooks, tabs, guide -------------------------------------------------------------------------


def test_notebooks_of_one_page_take_turns(reader: Reader) -> None:
    page = reader.open(GUIDE)
    first, second = cell(page, "upload-on-web-1"), cell(page, "dsn-aws", "providers")
    run(first)
    run(second)
    expect(second.locator(".live-note")).to_contain_text(
        "The Python of “Files that vanish” was ended, because there is one at a time."
    )
    expect(state(second)).to_have_text("Same as published")


def test_tabs_of_environments_show_the_run_in_the_tab_of_the_default_one(reader: Reader) -> None:
    page = reader.open("notebooks/inside-the-bucket.html")
    card = cell(page, "dsn", "inside-the-bucket")
    card.get_by_role("tab", name=re.compile("SeaweedFS")).click()
    run(card)
    expect(state(card)).to_have_text("Same as published")
    chosen = card.get_by_role("tab", selected=True)
    expect(chosen).to_have_text(re.compile("moto"))
    own = card.locator(".live-own")
    expect(own).to_be_visible()
    panel = own.locator("xpath=ancestor::*[@role='tabpanel']")
    expect(panel).to_have_attribute("aria-labelledby", chosen.get_attribute("id") or "")
    button(card, "reset").click()
    expect(own).to_have_count(0)
    expect(card.locator(".sphinx-tabs-panel:not([hidden]) .cell_output")).to_be_visible()


def test_a_cell_quoted_without_its_code_runs_and_can_be_edited(reader: Reader) -> None:
    page = reader.open(GUIDE)
    card = cell(page, "picture-after-redeploy")
    assert card.locator(".cell_input").count() == 0
    run(card)
    expect(state(card)).to_have_text("Same as published")
    button(card, "edit").click()
    expect(card.locator(".cell_input .cm-content")).to_have_text("cloud")
    button(card, "reset").click()
    expect(card.locator(".cell_input")).to_have_count(0)


def test_a_cell_that_cannot_run_in_a_browser_says_why(reader: Reader) -> None:
    page = reader.open(CLUSTER)
    card = page.locator(".live-cell").first
    assert card.locator("button.live-run").count() == 0
    expect(card.locator(".live-why")).to_be_visible()
    expect(card.locator(".live-why")).to_have_text(re.compile(r"\bran\b.*\.$"))
