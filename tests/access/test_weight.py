"""Pages are light, and stand still while they load."""

from __future__ import annotations

import gzip

import pytest
from playwright.sync_api import Browser, Page, Response

from ..site.conftest import Site
from .conftest import DESKTOP, PHONE

# Bytes of script and style, compressed as web servers do. The search's index is data: it grows with the text.
HEAVIEST = 60_000
DATA = ("searchindex",)

NOTE_SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => shifts.push(...list.getEntries().map((entry) => entry.value)))
  .observe({ type: "layout-shift", buffered: true });
"""


def test_no_page_loads_much_script_and_style(site: Site, address: str, page: Page) -> None:
    loaded: list[Response] = []
    page.on("response", lambda response: loaded.append(response))
    weights = {}
    for path in site.pages:
        loaded.clear()
        page.goto(address + path, wait_until="networkidle")
        weights[path] = sum(
            len(gzip.compress(response.body(), 6))
            for response in loaded
            if response.request.resource_type in ("script", "stylesheet")
            and not any(name in response.url for name in DATA)
        )
        # What is written into the page itself counts as well.
        inline = site.pages[path].select("script:not([src]):not([type='application/ld+json']), style")
        weights[path] += len(gzip.compress("".join(tag.get_text() for tag in inline).encode(), 6))
    assert min(weights.values()) > 1000
    assert {path: weight for path, weight in weights.items() if weight > HEAVIEST} == {}


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_nothing_shifts_while_a_page_loads(
    site: Site, address: str, browser: Browser, size: dict[str, int]
) -> None:
    context = browser.new_context(viewport=size)
    context.add_init_script(NOTE_SHIFTS)
    page = context.new_page()
    shifting = {}
    for path in site.pages:
        page.goto(address + path, wait_until="networkidle")
        shifted = sum(page.evaluate("shifts"))
        if shifted:
            shifting[path] = shifted
    context.close()
    assert shifting == {}
