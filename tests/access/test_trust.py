"""What the pages may load and run, seen by a browser that holds them to it."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

import trust

from ..site.conftest import Site
from .conftest import all_tabs_are_shown, served, shown

TABS = "guide/work-media-storage.html"
NOTEBOOK = "notebooks/speed.html"
# Collects what the browser refuses, from the first byte of a page.
NOTE_VIOLATIONS = """
window.violations = [];
addEventListener("securitypolicyviolation",
                 (event) => violations.push(`${event.effectiveDirective}: ${event.blockedURI}`));
"""


def test_every_page_asks_this_site_only_and_breaks_none_of_its_rules(
    site: Site, address: str, context: BrowserContext
) -> None:
    asked: list[str] = []
    complaints: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    context.add_init_script(NOTE_VIOLATIONS)
    page = context.new_page()
    page.on("console", lambda message: complaints.append(f"{page.url}: {message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
    for path in [*site.pages, "search.html?q=NotImplementedError"]:
        page.goto(address + path, wait_until="networkidle")
        complaints += [f"{path}: {refused}" for refused in page.evaluate("violations")]
    assert complaints == []
    assert {urlsplit(url).netloc for url in asked if not url.startswith("data:")} == {
        urlsplit(address).netloc
    }
    assert len(asked) > 3 * len(site.pages)


def test_every_script_and_style_sheet_has_a_digest(site: Site) -> None:
    for path, parsed in site.pages.items():
        for tag in parsed.select("script[src], link[rel~=stylesheet]"):
            assert str(tag.get("integrity", "")).startswith("sha384-"), f"{path}: {tag}"


def changed(route: Route) -> None:
    """Answer with the file, changed on its way."""
    answer = route.fetch()
    route.fulfill(response=answer, body=answer.text() + "\n/* changed */")


def test_a_changed_style_sheet_is_refused(address: str, page: Page) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.route("**/live.*.css", changed)
    page.goto(address + TABS)
    assert any("integrity" in text and "live." in text for text in said)
    # What the style sheet would have said.
    assert page.locator(".live-cell").first.evaluate("cell => getComputedStyle(cell).borderStyle") == "none"


def test_where_a_script_is_refused_all_tabs_are_shown(address: str, page: Page) -> None:
    page.goto(address + TABS)
    hidden = page.locator(".sphinx-tabs-panel[hidden]")
    assert hidden.count() > 5
    expect(hidden.first).to_be_hidden()
    page.route("**/tabs.*.js", changed)
    page.reload()
    all_tabs_are_shown(page)


@pytest.mark.parametrize("why", ["refused", "missing", "on a disk"])
def test_where_no_script_runs_cells_nothing_promises_it(
    site: Site, address: str, page: Page, why: str
) -> None:
    page.goto(address + NOTEBOOK)
    expect(page.locator(".live-bar").first).to_be_visible()
    if why == "on a disk":
        page.goto((site.folder / NOTEBOOK).as_uri())
    else:
        page.route("**/run.*.js", changed if why == "refused" else lambda route: route.abort())
        page.reload()
    expect(page.locator(".live-bar").first).to_be_hidden()
    assert shown(page, ".live-bar, .live-why") == []
    # Nothing else is taken for lost.
    expect(page.locator("html")).not_to_have_class(re.compile("no-js|live-no-script"))


def test_scripts_that_slip_into_a_page_do_not_run(address: str, page: Page) -> None:
    slipped = """<script>window.slipped = 1</script><img src="no-such.png" onerror="window.slipped = 2">
    <script src="http://localhost:9/x.js"></script><a id="slip" href="javascript:window.slipped = 3">x</a>"""

    def slip_in(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace("<body>", f"<body>{slipped}"))

    page.add_init_script(NOTE_VIOLATIONS)
    page.route("**/index.html", slip_in)
    page.goto(address + "index.html", wait_until="networkidle")
    page.locator("#slip").evaluate("link => link.click()")
    refused = page.evaluate("violations")
    assert {violation.split(":")[0] for violation in refused} == {"script-src-elem", "script-src-attr"}
    assert len(refused) == 4
    assert page.evaluate("window.slipped") is None


def test_a_page_read_from_disk_looks_and_works_the_same(site: Site, page: Page) -> None:
    page.goto((site.folder / TABS).as_uri())
    expect(page.locator(".live-cell").first).to_have_css("border-style", "solid")
    panel = page.locator(".sphinx-tabs-panel[hidden]").first
    expect(panel).to_be_hidden()
    tab = page.locator(f"[id='{panel.get_attribute('aria-labelledby')}']")
    tab.click()
    expect(tab).to_have_attribute("aria-selected", "true")


# A worker as the one that runs cells: from a blob, so that the page's policy holds in it.
STARTS_WORKER = """
const { outside } = document.body.dataset;
const code = `
  const tried = {};
  const attempt = async (name, action) => {
    try { await action(); tried[name] = "reached"; } catch { tried[name] = "refused"; }
  };
  await attempt("own file", () => fetch("${location.origin}/own.txt"));
  await attempt("fetch", () => fetch("${outside}own.txt", { mode: "no-cors" }));
  await attempt("import", () => import("${outside}other.js"));
  await attempt("eval", () => (0, eval)("1"));
  await attempt("request", () => {
    const request = new XMLHttpRequest();
    request.open("GET", "${outside}own.txt", false);
    request.send();
  });
  await attempt("socket", () => new Promise((resolve, reject) => {
    const socket = new WebSocket("${outside}".replace("http", "ws"));
    socket.onopen = resolve;
    socket.onerror = reject;
  }));
  await attempt("WebAssembly", () => WebAssembly.compile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])));
  postMessage(tried);
`;
const address = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
const worker = new Worker(address, { type: "module" });
worker.onmessage = ({ data }) => { document.querySelector("output").textContent = JSON.stringify(data); };
"""


def test_code_in_a_worker_reaches_this_site_only(tmp_path: Path, page: Page) -> None:
    site, outside = tmp_path / "site", tmp_path / "outside"
    for folder in (site, outside):
        folder.mkdir()
        (folder / "own.txt").write_text("a file")
        (folder / "other.js").write_text("export default 1;")
    (site / "run.js").write_text(STARTS_WORKER)
    html = (
        '<html><head><meta charset="utf-8"></head><body data-outside="{}"><output></output>{}</body></html>'
    )
    script = '<script type="module" src="run.js"></script>'
    with served(site) as server, served(outside) as foreign:
        text, _, _ = trust.secured(
            html.format(foreign.address, script), "index.html", trust.Files(site), python=["run.js"]
        )
        (site / "index.html").write_text(text)
        page.goto(server.address)
        said = page.locator("output")
        expect(said).not_to_be_empty()
        tried = said.evaluate("said => JSON.parse(said.textContent)")
    reached = {name for name, result in tried.items() if result == "reached"}
    assert reached == {"own file", "WebAssembly"}
    assert len(tried) == 7
    assert foreign.asked == []


def test_a_page_that_starts_no_python_may_start_no_worker(address: str, page: Page) -> None:
    page.add_init_script(NOTE_VIOLATIONS)
    page.goto(address + "genindex.html")
    page.evaluate("""() => new Promise((resolve) => {
        const worker = new Worker(URL.createObjectURL(new Blob(["1"], { type: "text/javascript" })));
        worker.onerror = resolve;
    })""")
    assert [violation.split(":")[0] for violation in page.evaluate("violations")] == ["worker-src"]
    assert "wasm" not in page.content()
