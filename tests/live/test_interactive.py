"""What the markup tells the script that runs cells in the page."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import jupyter_sphinx.execute
import pytest
from bs4 import BeautifulSoup
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

import live.browser
from live.domain import domain_of
from live.interactive import BundleError, bundle
from live.notebook import Cell, Notebook
from tests.live.conftest import Project

# jupyter-sphinx still uses env.app, for which requirements.in keeps Sphinx below 11.
pytestmark = pytest.mark.filterwarnings("ignore::sphinx.deprecation.RemovedInSphinx11Warning")

CONF = f"""\
extensions = ["myst_parser", "live.sphinx"]
html_static_path = [{str(Path(__file__).parents[2] / "docs/_static")!r}]
live_notebooks = "../examples/notebooks"
live_store = "../build/executed"
live_root = ".."
"""


@dataclass
class Packed:
    """What live.browser says of the Python that it has packed."""

    key: str = "0123"
    bytes: int = 12_345_678
    digest: str = "abcdef"
    needs_more: str = ""

    @property
    def path(self) -> str:
        return f"_static/live/runtime/{self.key}/"

    def why_not(self, notebook: Notebook, cell: Cell) -> str | None:
        return "It needs “more” & ran elsewhere." if cell.name == self.needs_more else None


class Site(Project):
    """A site with a notebook of four cells, a page that quotes one, and one that quotes none."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        hidden = ":tags: [remove-cell]\nx = 1"
        self.write("lesson", hidden, ":name: first\nprint(x)", ":name: second\nprint(x)", "print(x)")
        self.file("docs/conf.py", CONF)
        self.file("docs/guide/page.rst", "Page\n====\n\n.. live:: lesson#second\n   :hide-code:\n")
        self.file("docs/index.rst", "Home\n====\n\n.. toctree::\n\n   guide/page\n   notebooks/lesson\n")

    def build(self, packed: Packed | None) -> set[str]:
        """Build, and return the names of the pages that Sphinx read."""
        read: set[str] = set()
        said = io.StringIO()
        docs, out = self.root / "docs", self.root / "build/html"
        with patch_docutils(docs), docutils_namespace(), pytest.MonkeyPatch.context() as patch:
            patch.setattr(jupyter_sphinx.execute, "execute_cells", jupyter_sphinx.execute.execute_cells)
            patch.setattr(live.browser, "write", lambda app, exception: None)
            app = Sphinx(docs, docs, out, f"{out}-doctrees", "html", status=None, warning=said)
            # In place of live.browser, which needs Node. Nothing is read before build().
            domain_of(app.env).runtime = packed
            app.connect("source-read", lambda app, docname, source: read.add(docname))
            app.build()
        assert (app.statuscode, said.getvalue()) == (0, "")
        return read

    def page(self, name: str) -> BeautifulSoup:
        text = (self.root / f"build/html/{name}.html").read_text(encoding="utf-8")
        return BeautifulSoup(text, "html.parser")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site for tests that don't change it."""
    site = Site(tmp_path_factory.mktemp("interactive"))
    site.build(Packed())
    return site


def test_each_cell_says_which_one_it_is_and_how_many_are_above(site):
    cells = site.page("notebooks/lesson").select(".live-cell")
    said = [(cell["data-notebook"], cell["data-cell"], cell["data-above"]) for cell in cells]
    # The cell that the page doesn't show counts in numbers, but not among those that it could show.
    assert said == [("lesson", "first", "0"), ("lesson", "second", "1"), ("lesson", "4", "2")]
    [quoted] = site.page("guide/page").select(".live-cell")
    assert (quoted["data-notebook"], quoted["data-cell"]) == ("lesson", "second")


def test_a_page_with_cells_loads_the_script_with_what_it_must_know(site):
    [script] = site.page("guide/page").select('script[src*="live/run.js"]')
    assert script["type"] == "module"
    assert script["data-live-runtime"] == "../_static/live/runtime/0123/"
    assert script["data-live-bytes"] == "12345678"
    assert script["data-live-digest"] == "abcdef"
    assert site.page("guide/page").select('link[href*="run.css"]')


def test_buttons_are_there_before_any_script_and_where_they_belong(site):
    cards = site.page("notebooks/lesson").select(".live-cell")
    bars = [card.select_one(":scope > .live-bar") for card in cards]
    actions = [[button["data-live-action"] for button in bar.select("button")] for bar in bars]
    assert actions == [["run", "edit"], ["run", "edit", "above"], ["run", "edit", "above"]]
    assert all("cell_input" in bar.find_previous_sibling("div")["class"] for bar in bars)
    assert {bar.select_one(".live-size").get_text() for bar in bars} == {"12 MB"}
    # Once is enough.
    notes = [bar.select_one(".live-state").get_text() for bar in bars]
    assert notes == ["Runs in your browser. 12 MB to download, once.", "", ""]
    [quoted] = site.page("guide/page").select(".live-bar")  # without its code
    assert "cell_output" in quoted.find_previous_sibling("div")["class"]
    assert "live-origin" in quoted.find_next_sibling("p")["class"]


def test_a_page_without_cells_loads_nothing_of_it(site):
    home = site.page("index")
    assert not home.select('script[src*="_static/live/"], link[href*="run.css"]')


def test_without_packed_python_no_page_loads_the_script(tmp_path):
    site = Site(tmp_path)
    site.build(None)
    assert site.page("notebooks/lesson").select(".live-cell[data-cell=first]")
    assert not site.page("notebooks/lesson").select('script[src*="_static/live/"], link[href*="run.css"]')


def test_a_cell_that_cannot_run_says_why_and_pages_follow_what_is_packed(tmp_path):
    site = Site(tmp_path)
    site.build(Packed(needs_more="second"))
    whys = [cell.get("data-why") for cell in site.page("notebooks/lesson").select(".live-cell")]
    assert whys == [None, "It needs “more” & ran elsewhere.", None]
    assert site.build(Packed(needs_more="second")) == set()
    assert site.build(Packed()) == {"guide/page", "notebooks/lesson"}
    assert not site.page("guide/page").select("[data-why]")
    assert site.build(Packed(key="4567")) == {"guide/page", "notebooks/lesson"}
    [script] = site.page("guide/page").select("script[data-live-runtime]")
    assert script["data-live-runtime"] == "../_static/live/runtime/4567/"


def test_without_esbuild_a_sentence_says_what_to_do(tmp_path):
    with pytest.raises(
        BundleError, match=r"esbuild is not in .*node_modules\. Install it with `nox -s site`\."
    ):
        bundle(tmp_path, tmp_path / "out")
