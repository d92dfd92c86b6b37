"""Real Sphinx builds of a small project, as few as possible, each looked at by many tests."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

import furo
import jupyter_sphinx.execute
import nbclient
import nbformat
import pytest
from bs4 import BeautifulSoup, Tag
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

from live.execute import Store, execute_all
from live.notebook import read
from live.runner import Environment
from live.verify import accept
from tests.live.conftest import FRONT_MATTER, Project

# jupyter-sphinx still uses env.app, for which requirements.in keeps Sphinx below 11.
pytestmark = pytest.mark.filterwarnings("ignore::sphinx.deprecation.RemovedInSphinx11Warning")

STATIC = Path(__file__).parents[2] / "docs/_static"
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAIAAAASFvFNAAAAEklEQVR4nGP4z8AARMiEAwMDAP8TA/3F3g1tAAAAAElFTkSuQmCC"

CONF = f"""\
extensions = ["myst_parser", "jupyter_sphinx", "sphinx_tabs.tabs", "live.sphinx"]
html_theme = "furo"
html_static_path = [{str(STATIC)!r}]
live_notebooks = "../examples/notebooks"
live_store = "../build/executed"
live_root = ".."
live_show_packages = ["Pygments", "no-such-package", "jupytext"]
live_bundle = ["helper/*.py"]
live_bundle_name = "lessons.zip"
live_bundle_readme = "Run: jupyter lab"
"""

LESSON = f"""\
{FRONT_MATTER}
# Your first `lesson`

The first sentence of the lesson.

```{{code-cell}} python
:tags: [remove-cell]
import os, sys
sys.path.append(os.path.abspath("../.."))
```

Now greet.

```{{code-cell}} python
:name: greet
from helper.words import GREETING
print(GREETING, "from a cell")
```

```{{code-cell}} python
:name: broken
:raises: RuntimeError
:tags: [raises-exception]
import json

def load(text):
    return json.loads(text)

try:
    load("{{")
except ValueError as error:
    raise RuntimeError("\\x1b[31mno\\x1b[0m <b>lesson</b>") from error
```

```{{code-cell}} python
:name: in-library
:raises: JSONDecodeError
:tags: [raises-exception]
value = load("[")
```

```{{code-cell}} python
:name: drawing
class Drawing:
    def _repr_svg_(self):
        return '<?xml version="1.0"?><svg viewBox="0 0 9 9"><title>Two disks</title></svg>'
    def __repr__(self):
        return "Drawing of " + "two disks"

Drawing()
```

```{{code-cell}} python
from IPython.display import Image, display
picture = Image(data=__import__("base64").b64decode("{PNG}"))
display(picture)
display(picture, metadata={{"image/png": {{"alt": "A red skater"}}}})
```

```{{code-cell}} python
:name: folded-code
:tags: [hide-input]
print("output of folded code")
```

```{{code-cell}} python
:name: folded-output
:tags: [hide-output]
print("folded output")
```

```{{code-cell}} python
:name: speaks
:tags: [stderr]
print("a warning that the text speaks of", file=sys.stderr)
```

The last sentence.
"""

OTHER = f"""\
{FRONT_MATTER}
# Another

```{{code-cell}} python
:name: table
class Table:
    def _repr_html_(self):
        return "<table><tr><td>4 requests</td></tr></table>"
    def __repr__(self):
        return "4 requests, " + "as text"

Table()
```
"""

GUIDE = """\
Guide
=====

A page that quotes.

.. live:: lesson#greet

.. tabs::

   .. group-tab:: Broken

      .. live:: lesson#broken

   .. group-tab:: Correct

      .. live:: other#table

.. live:: lesson#greet
   :hide-code:

.. live:: lesson#greet
   :hide-output:

.. live:: lesson#in-library

.. live:: lesson#drawing

.. live:: lesson#6

.. live:: lesson#speaks
"""


@dataclass
class Build:
    """What one build gave."""

    out: Path
    status: int
    said: str
    executed: list[str] = field(default_factory=list)
    read: set[str] = field(default_factory=set)

    def page(self, name: str) -> BeautifulSoup:
        return BeautifulSoup((self.out / f"{name}.html").read_text(encoding="utf-8"), "html.parser")


def start_no_kernel(*args: object, **options: object) -> None:
    raise AssertionError("jupyter-sphinx executes a page while Sphinx reads it")


class Site(Project):
    """A project with two notebooks, a guide that quotes them, and enough pages to be read in parallel."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.docs = root / "docs"
        self.file("docs/conf.py", CONF)
        self.file("docs/guide.rst", GUIDE)
        self.file("docs/notebooks/index.rst", "Lessons\n=======\n\n.. toctree::\n   :glob:\n\n   *\n")
        more = [f"more/page-{number}" for number in range(4)]
        self.file(
            "docs/index.rst",
            "Home\n====\n\n.. toctree::\n\n   guide\n   notebooks/index\n   " + "\n   ".join(more),
        )
        for page in more:
            self.file(f"docs/{page}.rst", f"{page}\n{'=' * len(page)}\n\n.. live:: lesson#greet\n")
        self.file("helper/words.py", "GREETING = 'Hello'\n")
        self.file("examples/notebooks/lesson.md", LESSON)
        self.file("examples/notebooks/other.md", OTHER)

    def build(self, builder: str = "html", to: str = "", jobs: int = 1) -> Build:
        """Build as ``sphinx-build -n`` does, without -W, so that the status is ours.

        :param builder: Sphinx's builder.
        :param to: name of the output folder, if it isn't the builder's.
        :param jobs: number of processes.
        """
        executions = self.executions()
        out = self.root / "build" / (to or builder)
        read: set[str] = set()
        said = io.StringIO()
        with patch_docutils(self.docs), docutils_namespace(), pytest.MonkeyPatch.context() as patch:
            patch.setattr(jupyter_sphinx.execute, "execute_cells", jupyter_sphinx.execute.execute_cells)
            patch.setattr(jupyter_sphinx.execute, "executenb", start_no_kernel)
            app = Sphinx(
                self.docs,
                self.docs,
                out,
                out.with_name(f"{out.name}-doctrees"),
                builder,
                {"nitpicky": True},
                status=None,
                warning=said,
                parallel=jobs,
            )
            app.connect("source-read", lambda app, docname, source: read.add(docname))
            app.build()
        now = self.executions()
        executed = sorted(name for name in now if now[name] != executions.get(name))
        return Build(out, app.statuscode, said.getvalue(), executed, read)

    def executions(self) -> dict[str, int]:
        """Give for each notebook in the store what tells one execution from another: its file's identity."""
        return {path.stem: path.stat().st_ino for path in self.store.glob("default/*.ipynb")}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Give a site for tests that don't change it."""
    return Site(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def built(site: Site) -> Build:
    return site.build()


@pytest.fixture
def own(site: Site, built: Build, tmp_path: Path) -> Site:
    """Give a site of the test's own, whose notebooks were executed and whose pages were not built."""
    shutil.copytree(site.store, tmp_path / "site/build/executed")
    return Site(tmp_path / "site")


def cells(page: BeautifulSoup) -> list[Tag]:
    return page.select(".live-cell")


def text(tag: Tag, selector: str = "") -> str:
    """Give a tag's text, or that of what is in it."""
    return "\n".join(found.get_text() for found in (tag.select(selector) if selector else [tag]))


def in_view(tag: Tag) -> str:
    """Give what is seen of a tag before the reader unfolds or points at anything."""
    copy = BeautifulSoup(str(tag), "html.parser")
    for hidden in copy.select("details, .headerlink"):
        hidden.decompose()
    return copy.get_text()


# -- One build, looked at from all sides --------------------------------------------------------------------


def test_build_without_a_warning(built):
    assert (built.said, built.status) == ("", 0)


def test_quoting_executes_nothing_more(built):
    assert built.executed == ["lesson", "other"]


def test_notebook_page_shows_code_prose_and_output(built):
    page = built.page("notebooks/lesson")
    greet = page.select_one("#cell-greet")
    assert "GREETING" in text(greet, ".cell_input")
    assert text(greet, ".cell_output").strip() == "Hello from a cell"
    assert "The first sentence of the lesson." in text(page, "article p")
    assert page.select_one("#cell-6 img")


def test_quoted_cells_in_tabs_show_their_output(built):
    broken, correct = built.page("guide").select(".sphinx-tabs-panel")
    assert "RuntimeError" in text(broken, ".cell_output")
    assert text(correct, ".cell_output .text_html td") == "4 requests"


def test_quoted_cell_links_to_where_it_stands(built):
    for page, up in (("guide", ""), ("more/page-0", "../")):
        link = built.page(page).select_one(".live-origin a")
        assert link.get_text() == "Your first lesson, cell greet"
        assert link["href"] == f"{up}notebooks/lesson.html#cell-greet"
    unnamed = cells(built.page("guide"))[7].select_one(".live-origin a")
    assert unnamed["href"] == "notebooks/lesson.html#cell-6"
    assert not built.page("notebooks/lesson").select(".live-origin")


def test_options_of_a_quotation(built):
    shown, _, _, no_code, no_output, *_ = cells(built.page("guide"))
    assert shown.select(".cell_input")
    assert shown.select(".cell_output")
    assert not no_code.select(".cell_input")
    assert "Hello" in text(no_code, ".cell_output")
    assert "GREETING" in text(no_output, ".cell_input")
    assert not no_output.select(".cell_output")


def test_tabs_can_be_told_apart_and_headed(built):
    page = built.page("guide")
    assert page.select_one(".live-tab-broken").get_text() == "Broken"
    assert page.select_one(".live-tab-correct").get_text() == "Correct"
    assert [panel["data-label"] for panel in page.select(".sphinx-tabs-panel")] == ["Broken", "Correct"]


def test_tag_remove_cell(built):
    page = built.page("notebooks/lesson")
    assert "sys.path" not in page.get_text()
    assert not page.select("#cell-1")
    assert page.select("#cell-greet")


def test_tags_fold_and_lose_nothing(built):
    page = built.page("notebooks/lesson")
    code = page.select_one("#cell-folded-code")
    assert text(code, "summary") == "Code"
    assert "print" in text(code, "details .cell_input")
    assert in_view(code).strip() == "output of folded code"
    output = page.select_one("#cell-folded-output")
    assert text(output, "summary") == "Output"
    assert text(output, "details .cell_output").strip() == "folded output"
    assert "print" in in_view(output)


def test_stderr_is_shown_where_the_text_speaks_of_it(built):
    assert "a warning that the text speaks of" in text(built.page("notebooks/lesson"), "#cell-speaks .stderr")


@pytest.mark.parametrize("page", ["notebooks/lesson", "guide"])
def test_exception_in_view_is_own_line_and_last_line(built, page):
    [cell] = [cell for cell in cells(built.page(page)) if "no <b>lesson" in text(cell)]
    assert text(cell, ".live-badge") == "raises RuntimeError"
    assert text(cell, ".live-error-message").strip() == "RuntimeError: no <b>lesson</b>"
    line = cell.select_one(".live-error-line")
    assert text(line, ".linenos") == "9"
    assert "raise RuntimeError(" in line.get_text()
    assert len(cell.select(".live-error-line")) == 1
    assert "JSONDecodeError" not in in_view(cell)
    assert "direct cause" in text(cell, "details .live-traceback")
    assert "\x1b" not in str(cell)


def test_frames_of_libraries_are_folded_away_under_short_names(built):
    cell = built.page("notebooks/lesson").select_one("#cell-in-library")
    assert text(cell, ".live-error-line").strip() == '1value = load("[")'
    assert "decoder.py" not in in_view(cell)
    traceback = text(cell, "details .live-traceback")
    assert "File json/decoder.py:" in traceback
    assert text(cell, "summary") == "Full traceback"


def test_every_cell_has_a_link_of_its_own(built):
    guide = built.page("guide")
    anchors = [cell["id"] for cell in cells(guide)]
    # The third time that one cell is quoted on the page.
    assert anchors[0] == "cell-lesson-greet"
    assert "cell-lesson-greet-3" in anchors
    assert len(set(anchors)) == len(anchors)
    for page in (guide, built.page("notebooks/lesson")):
        for cell in cells(page):
            assert cell.find("a", class_="headerlink", recursive=False)["href"] == f"#{cell['id']}"


def test_every_tab_has_a_link_named_after_what_it_holds(built):
    guide = built.page("guide")
    panels = guide.select(".sphinx-tabs-panel")
    # The second one's cell is not called after the tab, so its link is.
    assert [panel["id"] for panel in panels] == ["tab-lesson-broken", "tab-other-table-correct"]
    for panel in panels:
        tab = guide.find(id=panel["aria-labelledby"])
        assert tab["aria-controls"] == panel["id"]
        assert panel.find("a", class_="headerlink", recursive=False)["href"] == f"#{panel['id']}"


def test_index_leads_to_the_cell_that_raises(built):
    index = (built.out / "searchindex.js").read_text(encoding="utf-8")
    entries = json.loads(index.partition('"indexentries":')[2].partition('},"')[0] + "}")
    assert {where[1] for where in entries["runtimeerror: no <b>lesson</b>"]} == {
        "cell-broken",
        "cell-lesson-broken",
    }


def test_index_is_whole_after_a_build_of_one_page(own):
    own.build()
    entries = (own.root / "build/html/searchindex.js").read_text(encoding="utf-8").count("cell-lesson-broken")
    own.file("docs/more/page-0.rst", "Edited\n======\n\n.. live:: lesson#greet\n")
    assert own.build().read == {"more/page-0"}
    after = (own.root / "build/html/searchindex.js").read_text(encoding="utf-8")
    assert after.count("cell-lesson-broken") == entries > 0


def test_lines_of_libraries_are_not_searched(built):
    index = (built.out / "searchindex.js").read_text(encoding="utf-8")
    assert "raw_decode" in text(built.page("notebooks/lesson"), ".live-traceback")
    assert '"raw_' not in index
    assert '"jsondecodeerror"' in index


def test_drawing_stands_in_the_page_itself(built):
    for page in ("guide", "notebooks/lesson"):
        html = (built.out / f"{page}.html").read_text(encoding="utf-8")
        assert '<svg viewBox="0 0 9 9"><title>Two disks</title></svg>' in html
        assert "<?xml" not in html
        assert "Drawing of two disks" not in text(built.page(page), ".cell_output")


def test_pictures_have_words_and_a_size(built):
    for page, cell in (("guide", None), ("notebooks/lesson", "#cell-6")):
        found = built.page(page).select(f"{cell or ''} .cell_output img")
        assert [img["alt"] for img in found] == ["Output of cell 6", "A red skater"]
        for img in found:
            assert (img["width"], img["height"]) == ("3", "2")
            assert (built.out / page).parent.joinpath(img["src"]).read_bytes() == base64.b64decode(PNG)
            assert img.parent.name != "a"


def test_page_says_with_what_it_was_executed(built):
    version, packages = Environment().version, Environment().packages
    said = text(built.page("notebooks/lesson"), ".live-executed")
    pygments, jupytext = packages["Pygments".lower()], packages["jupytext"]
    assert said == f"Executed on Python {version} with Pygments {pygments} and jupytext {jupytext}."
    # A page that quotes cells of two notebooks, executed with the same, says it once.
    quoting = text(built.page("guide"), ".live-executed")
    assert quoting == f"The cells on this page: {said[0].lower()}{said[1:]}"


def test_no_page_asks_a_third_party_or_for_a_missing_file(built):
    pages = sorted(built.out.rglob("*.html"))
    assert len(pages) > 8
    for path in pages:
        page = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        asked = [tag.get("src") or tag.get("href") for tag in page.select("[src], link[href]")]
        assert asked
        for url in map(urlsplit, asked):
            assert (url.scheme, url.netloc) == ("", ""), (path, url)
            assert path.parent.joinpath(unquote(url.path)).exists(), (path, url)


def test_own_style_sheet_comes_instead_of_those_that_are_white(built):
    sheets = [link["href"] for link in built.page("guide").select("link[rel=stylesheet]")]
    assert any("live.css" in sheet for sheet in sheets)
    assert not [sheet for sheet in sheets if "jupyter-sphinx.css" in sheet or "tabs.css" in sheet]


def test_style_sheet_has_no_colours_of_its_own():
    """Whatever isn't one of Furo's variables would be wrong in either the light or the dark mode."""
    sheet = (STATIC / "live.css").read_text(encoding="utf-8")
    assert (
        re.findall(r"#[0-9a-fA-F]{3,8}\b|rgba?\(|hsla?\(|\bwhite\b(?!-)|\bblack\b|@import|url\(", sheet) == []
    )
    used, own = (
        set(re.findall(r"var\((--[\w-]+)", sheet)),
        set(re.findall(r"^\s*(--live-[\w-]+):", sheet, re.M)),
    )
    theme = (Path(furo.__file__).parent / "theme/furo/static/styles/furo.css").read_text(encoding="utf-8")
    # Furo takes the colours of code from the style of Pygments, into each page.
    missing = {name for name in used - own if f"{name}:" not in theme} - {"--color-code-background"}
    assert missing == set()


# -- Downloads ----------------------------------------------------------------------------------------------


def downloads_of(page: BeautifulSoup) -> list[str]:
    return [link["href"] for link in page.select(".live-downloads a[download]")]


@pytest.mark.parametrize("builder", ["html", "dirhtml"])
def test_downloads_are_there_from_any_depth(site, built, builder):
    out = built.out if builder == "html" else site.build(builder).out
    path = out / ("notebooks/lesson.html" if builder == "html" else "notebooks/lesson/index.html")
    links = downloads_of(BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser"))
    targets = [path.parent.joinpath(link).resolve() for link in links]
    assert targets == [out / "downloads" / name for name in ("lesson.ipynb", "lesson.py", "lessons.zip")]
    assert all(target.stat().st_size for target in targets)
    assert all(target.stat().st_mode & 0o044 == 0o044 for target in targets)


def test_notebook_to_take_along_has_prose_and_outputs(built):
    notebook = nbformat.read(built.out / "downloads/lesson.ipynb", as_version=4)
    nbformat.validate(notebook)
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert "The first sentence of the lesson." in prose
    assert "The last sentence." in prose
    printed = [
        output.text for cell in notebook.cells for output in cell.get("outputs", []) if "text" in output
    ]
    assert "Hello from a cell\n" in printed


def test_script_to_take_along_has_prose(built):
    script = (built.out / "downloads/lesson.py").read_text(encoding="utf-8")
    assert "# %% [markdown]" in script
    assert "# The first sentence of the lesson." in script
    assert '\nprint(GREETING, "from a cell")\n' in script
    compile(script, "lesson.py", "exec")


def test_archive_runs_where_it_is_unpacked(built, tmp_path):
    with zipfile.ZipFile(built.out / "downloads/lessons.zip") as archive:
        archive.extractall(tmp_path)
    folder = tmp_path / "lessons"
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    notebooks = [
        f"examples/notebooks/{name}{kind}" for name in ("lesson", "other") for kind in (".ipynb", ".md")
    ]
    assert files == ["README.txt", *notebooks, "helper/words.py"]
    assert (folder / "README.txt").read_text() == "Run: jupyter lab"
    (folder / "helper/words.py").write_text("GREETING = 'Unpacked'\n")
    notebook = nbformat.read(folder / "examples/notebooks/lesson.ipynb", as_version=4)
    resources = {"metadata": {"path": str(folder / "examples/notebooks")}}
    nbclient.NotebookClient(notebook, resources=resources, shutdown_kernel="immediate").execute()
    assert "Unpacked from a cell\n" in [
        output.text for cell in notebook.cells for output in cell.get("outputs", []) if "text" in output
    ]


# -- Other builders -----------------------------------------------------------------------------------------


def test_build_fails_where_an_output_differs_from_the_record(own):
    own.file("docs/conf.py", CONF + 'live_expected = "../expected"\n')
    notebooks = own.read()
    executions, _ = execute_all(notebooks, Store(own.store), own.root, progress=False)
    accept(notebooks, executions, own.root / "expected", "default")
    assert own.build().status == 0
    record = own.root / "expected/default/lesson.txt"
    record.write_text(record.read_text().replace("Hello", "Goodbye"))
    build = own.build()
    assert build.status == 1
    assert "lesson.md:" in build.said
    assert "-| Goodbye" in build.said
    assert "+| Hello" in build.said


def test_text(site, built):
    text_build = site.build("text")
    assert (text_build.said, text_build.status, text_build.executed) == ("", 0, [])
    guide = (text_build.out / "guide.txt").read_text(encoding="utf-8")
    assert "Hello from a cell" in guide
    assert "RuntimeError: no <b>lesson</b>" in guide
    assert "raise RuntimeError(" in guide
    assert "direct cause" not in guide
    assert "Drawing of two disks" in guide
    assert "4 requests, as text" in guide
    assert "folded output" in (text_build.out / "notebooks/lesson.txt").read_text(encoding="utf-8")
    assert not (text_build.out / "downloads").exists()


def test_latex(site, built):
    latex = site.build("latex")
    assert (latex.said, latex.status, latex.executed) == ("", 0, [])
    [source] = [
        path.read_text(encoding="utf-8") for path in latex.out.glob("*.tex") if "Hello" in path.read_text()
    ]
    assert "Drawing of two disks" in source
    assert r"\label{\detokenize{notebooks/lesson:cell-greet}}" in source
    assert "{RuntimeError}: no " in source


@pytest.mark.parametrize(("builder", "pages"), [("epub", "*.xhtml"), ("singlehtml", "*.html")])
def test_books_print_all_tabs_and_fold_nothing(site, built, builder, pages):
    book = site.build(builder, to=f"book-{builder}")
    assert (book.status, book.executed) == (0, [])
    files = [BeautifulSoup(path.read_bytes(), "html.parser") for path in book.out.rglob(pages)]
    panels = [panel for file in files for panel in file.select(".live-panel")]
    assert [text(panel, ".live-panel-label") for panel in panels] == ["Broken", "Correct"]
    assert "RuntimeError" in text(panels[0])
    assert "4 requests" in text(panels[1])
    for file in files:
        assert not file.select("[hidden], [role=tab], [role=tablist], details, .live-downloads")
    assert any("folded output" in file.get_text() for file in files)
    assert not (book.out / "downloads").exists()


@pytest.mark.parametrize("builder", ["gettext", "dummy"])
def test_builders_that_write_no_pages_execute_nothing(site, built, builder):
    build = site.build(builder)
    assert (build.said, build.status, build.executed) == ("", 0, [])


def test_parallel_build_gives_the_same(site, built):
    parallel = site.build(to="parallel", jobs=2)
    assert (parallel.said, parallel.status, parallel.executed) == ("", 0, [])
    pages = [path.relative_to(built.out) for path in built.out.rglob("*.html")]
    for page in [*pages, Path("downloads/lessons.zip"), Path("downloads/lesson.ipynb")]:
        assert (parallel.out / page).read_bytes() == (built.out / page).read_bytes(), page


# -- A second build does what is needed, and no more --------------------------------------------------------


def test_unchanged_build_executes_and_reads_nothing(own):
    assert own.build().read >= {"guide", "notebooks/lesson"}
    again = own.build()
    assert (again.executed, again.read) == ([], set())


def test_editing_a_sentence_reads_one_page_and_executes_nothing(own):
    own.build()
    own.file("examples/notebooks/lesson.md", LESSON.replace("The last sentence.", "A better last sentence."))
    again = own.build()
    assert (again.executed, again.read) == ([], {"notebooks/lesson"})
    assert "A better last sentence." in again.page("notebooks/lesson").get_text()
    ipynb = (again.out / "downloads/lesson.ipynb").read_text(encoding="utf-8")
    assert "A better last sentence." in ipynb


def test_changed_output_is_shown_wherever_it_is_quoted(own):
    own.build()
    own.file("helper/words.py", "GREETING = 'Good morning'\n")
    again = own.build()
    assert again.executed == ["lesson"]
    assert again.read == {"guide", "notebooks/lesson", *(f"more/page-{number}" for number in range(4))}
    assert "Good morning from a cell" in again.page("more/page-3").get_text()
    assert own.build().read == set()


def test_changed_cell_is_shown_only_where_it_is_quoted(own):
    own.build(jobs=2)
    own.file("examples/notebooks/other.md", OTHER.replace("4 requests", "5 requests"))
    again = own.build()
    assert (again.executed, again.read) == (["other"], {"guide", "notebooks/other"})
    assert "5 requests" in text(again.page("guide"), ".text_html")


def test_new_and_removed_notebooks(own):
    own.build()
    own.file("examples/notebooks/third.md", OTHER.replace("# Another", "# A third"))
    index = (own.docs / "notebooks/index.rst").read_bytes()
    assert "A third" in own.build().page("notebooks/third").get_text()
    (own.notebooks / "third.md").unlink()
    again = own.build()
    assert again.status == 0
    assert not (own.docs / "notebooks/third.md").exists()
    assert not (again.out / "downloads/third.ipynb").exists()
    assert (own.docs / "notebooks/index.rst").read_bytes() == index


# -- What fails a build -------------------------------------------------------------------------------------


def test_mistakes_of_pages_are_named_with_file_and_line(own):
    wrong = ["lesson#great", "leson#greet", "lesson"]
    directives = "\n".join(f".. live:: {reference}\n" for reference in wrong)
    own.file(
        "docs/wrong.rst", f":orphan:\n\nWrong\n=====\n\n{directives}\n.. jupyter-execute::\n\n   1 / 0\n"
    )
    own.file("docs/nested.md", "---\norphan: true\n---\n# Nested\n\n```{code-cell} python\nprint(1)\n```\n")
    for _ in range(2):  # a page that failed is not forgotten because it was read before
        build = own.build()
        assert build.status == 1
        said = build.said
        place = own.docs / "wrong.rst"
        assert f"{place}:6: ERROR: The notebook “lesson” has no cell “great”. Did you mean “greet”?" in said
        assert "in-library" in said.split(f"{place}:6")[1].splitlines()[0]
        assert f"{place}:8: ERROR: There is no notebook “leson”. Did you mean “lesson”?" in said
        assert "There are: lesson, other." in said
        assert f"{place}:10: ERROR: “lesson” doesn't name a cell." in said
        assert f"{place}: ERROR: The directive jupyter-execute would run code" in said
        assert f"{own.docs / 'nested.md'}:6: ERROR: A code-cell belongs in a notebook." in said
        assert "has no cell" in text(build.page("wrong"), ".live-missing")
    (own.docs / "wrong.rst").unlink()
    (own.docs / "nested.md").unlink()
    assert own.build().status == 0


def test_failing_notebook_fails_the_build_and_no_other_notebook(own):
    shutil.rmtree(own.store)
    broken = OTHER.replace("# Another", "# Fails").replace("class Table:", "1 / 0\nclass Table:")
    own.file("examples/notebooks/fails.md", broken.replace(":name: table", ":name: divide"))
    own.file("examples/notebooks/twice.md", OTHER + "\n```{code-cell} python\n:name: table\n2\n```\n")
    own.file("docs/more/page-0.rst", "Page\n====\n\n.. live:: fails#divide\n\n.. live:: twice#table\n")
    build = own.build()
    assert build.status == 1
    line = broken.splitlines().index("1 / 0") + 1
    [failure] = [said for said in build.said.splitlines() if "fails.md" in said]
    assert f"fails.md:{line}: cell divide: " in failure
    assert "ZeroDivisionError" in failure
    assert "twice.md" in build.said
    assert f"{own.docs / 'more/page-0.rst'}:6: ERROR: The notebook “twice” can't be read." in build.said
    for name in ("lesson", "other"):
        notebook = read(own.notebooks / f"{name}.md")
        assert Store(own.store).load(notebook, Environment(), own.root)
    assert (
        text(cells(build.page("more/page-0"))[0], ".live-missing")
        == "No output, because the notebook failed."
    )
    assert "Hello from a cell" in build.page("more/page-1").get_text()
    assert own.build().status == 1
    (own.notebooks / "twice.md").unlink()
    own.file(
        "examples/notebooks/fails.md", broken.replace("1 / 0\n", "").replace(":name: table", ":name: divide")
    )
    own.file("docs/more/page-0.rst", "Page\n====\n\n.. live:: fails#divide\n")
    mended = own.build()
    assert (mended.said, mended.status) == ("", 0)


def test_stderr_that_nobody_announced_fails_the_build(own):
    text = OTHER.replace("Table()", "import sys; print('\\x1b[33mcareful', file=sys.stderr)")
    own.file("examples/notebooks/other.md", text)
    for _ in range(2):  # neither does a stored execution hide it
        build = own.build()
        assert build.status == 1
        line = text.splitlines().index("```{code-cell} python") + 1
        assert f"other.md:{line}: cell table: The cell printed to stderr: 'careful'." in build.said


def test_bundle_that_names_no_file_fails_the_build(own):
    own.file("docs/conf.py", CONF.replace("helper/*.py", "helpers/*.py"))
    build = own.build()
    assert build.status == 1
    assert "“helpers/*.py” matches no file" in build.said
