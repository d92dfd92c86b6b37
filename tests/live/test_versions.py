"""What pages show of several environments, looked at in real builds of a small site."""

from __future__ import annotations

import base64
import io
import os
from importlib.metadata import version
from pathlib import Path

import jupyter_sphinx.execute
import pytest
from bs4 import BeautifulSoup, Tag
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

from live import transcript
from live.runner import pinned
from tests.live.conftest import Project

# jupyter-sphinx still uses env.app, for which requirements.in keeps Sphinx below 11.
pytestmark = pytest.mark.filterwarnings("ignore::sphinx.deprecation.RemovedInSphinx11Warning")

NOW = version("pygments")
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAIAAAASFvFNAAAAEklEQVR4nGP4z8AARMiEAwMDAP8TA/3F3g1tAAAAAElFTkSuQmCC"

CONF = """\
extensions = ["myst_parser", "jupyter_sphinx", "sphinx_tabs.tabs", "live.sphinx"]
live_notebooks = "../examples/notebooks"
live_store = "../build/executed"
live_root = ".."
live_expected = "../examples/expected"
live_environments = {"old": "../requirements/old.txt", "new": "../requirements/new.txt"}
live_show_packages = ["Pygments", "two-words"]
"""

FRONT = """\
---
kernelspec: {display_name: Python 3, language: python, name: python3}
live: {environments: [default, old, new], timeout: 60}
---
"""

CELLS = {
    "same": "print('the same')",
    "differs": "print('as it is <now>')",
    "silent": "pass",
    "raises": "print('no error')",
    "rich": "print('plain')",
}

# What is recorded, but for what a cell prints in the default environment.
RECORDED = {
    "old": {
        "same": "printed\n| the same",
        "differs": "printed\n| as it <was>\n| then \\...\nstderr\n| a warning",
        "silent": "printed\n| noise",
        "raises": "raises ValueError\n| it was forbidden",
        "rich": (
            "shown image/svg+xml 9 × 9, sha256 0000000000000000\nshown\n| A drawing\n"
            'value image/png 3 × 2, alt "A red skater"\nvalue\n| A picture'
        ),
    },
    "new": {
        "same": "printed\n| the same",
        "differs": "printed\n| as it is <now>",
        "silent": "nothing",
        "raises": "printed\n| no error",
        "rich": "printed\n| plain",
    },
}


class Site(Project):
    """A project with one notebook for three environments, and a page that quotes all of its cells."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.write("lesson", *(f":name: {name}\n{code}" for name, code in CELLS.items()), front=FRONT)
        for environment, cells in RECORDED.items():
            self.record(environment, cells)
        now = {"same": "| the same", "differs": "| as it is <now>", "raises": "| no error", "rich": "| plain"}
        default = {name: f"printed\n{now[name]}" if name in now else "nothing" for name in CELLS}
        self.record("default", default)
        self.file(
            "examples/expected/old/lesson/rich-1.svg", '<svg viewBox="0 0 9 9"><title>Two</title></svg>'
        )
        picture = self.root / "examples/expected/old/lesson/rich-3.png"
        picture.write_bytes(base64.b64decode(PNG))
        self.file("requirements/old.txt", "pygments==1.2 \\\n    --hash=sha256:00\ntwo-words==7.0\n")
        self.file("requirements/new.txt", f"pygments=={NOW}0 ; sys_platform == 'linux' \\\n")
        self.file("docs/conf.py", CONF)
        self.file("docs/index.rst", "Home\n====\n\n.. toctree::\n\n   guide\n   notebooks/lesson\n")
        self.guide(*(f".. live-versions:: lesson#{name}" for name in CELLS))

    def record(self, environment: str, cells: dict[str, str]) -> None:
        """Write a transcript."""
        sections = "\n".join(f"\n-- {name}\n{entries}" for name, entries in cells.items())
        self.file(f"examples/expected/{environment}/lesson.txt", f"lesson\n{sections}\n")

    def guide(self, *blocks: str) -> None:
        """Write the page that quotes."""
        self.file("docs/guide.rst", "\n\n".join(["Guide\n=====", *blocks]) + "\n")

    def build(self, builder: str = "html") -> tuple[int, str, set[str]]:
        """Build, and give the status, what was said, and which pages were read."""
        read: set[str] = set()
        said = io.StringIO()
        out = self.root / "build" / builder
        with patch_docutils(self.root / "docs"), docutils_namespace(), pytest.MonkeyPatch.context() as patch:
            patch.setattr(jupyter_sphinx.execute, "execute_cells", jupyter_sphinx.execute.execute_cells)
            docs = self.root / "docs"
            app = Sphinx(docs, docs, out, f"{out}-doctrees", builder, status=None, warning=said)
            app.connect("source-read", lambda app, docname, source: read.add(docname))
            app.build()
        return app.statuscode, said.getvalue(), read

    def cells(self, page: str) -> list[Tag]:
        """Give the cells of a page, which were built before."""
        html = (self.root / "build/html" / f"{page}.html").read_text(encoding="utf-8")
        return BeautifulSoup(html, "html.parser").select(".live-cell")


def panels(cell: Tag) -> dict[str, Tag]:
    """Give the panel that each tab of a cell opens, by the tab's label."""
    return {
        tab.get_text(): cell.find(id=tab["aria-controls"])  # type: ignore[misc]
        for tab in cell.select("[role=tablist] > [role=tab]")
    }


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Give a site that was built without a complaint, for tests that don't change it."""
    site = Site(tmp_path_factory.mktemp("versions"))
    status, said, _ = site.build()
    assert (status, said) == (0, "")
    return site


@pytest.fixture
def own_site(tmp_path: Path) -> Site:
    """Give a site to be changed."""
    return Site(tmp_path)


def test_environments_that_put_out_the_same_share_a_tab(site):
    shown = panels(site.cells("guide")[1])
    assert list(shown) == [f"Pygments {NOW} and {NOW}0", "Pygments 1.2"]
    now, old = shown.values()
    assert now.pre.get_text() == "as it is <now>\n"
    assert [pre.get_text() for pre in old.select("pre")] == ["as it <was>\nthen ...\n", "a warning\n"]
    assert old.select(".stderr pre")[0].get_text() == "a warning\n"


def test_only_the_first_panel_is_open_and_tabs_of_one_name_open_together(site):
    cells = site.cells("guide")
    first, second = panels(cells[1]), panels(cells[3])
    assert [panel.has_attr("hidden") for panel in first.values()] == [False, True]
    tabs = [cell.select("[role=tab]") for cell in (cells[1], cells[3])]
    assert [tab["name"] for tab in tabs[0]] == [tab["name"] for tab in tabs[1]]
    assert [tab["aria-selected"] for tab in tabs[0]] == ["true", "false"]
    ids = [node["id"] for node in [*first.values(), *second.values(), *tabs[0], *tabs[1]]]
    assert len(set(ids)) == len(ids)


def test_the_panel_of_the_default_environment_is_marked_for_the_output_of_a_run(site):
    first = panels(site.cells("guide")[1])
    assert ["live-default" in panel["class"] for panel in first.values()] == [True, False]


def test_each_panel_names_exact_versions(site):
    lines = [
        [line.get_text() for line in panel.select("p")] for panel in panels(site.cells("guide")[1]).values()
    ]
    assert lines == [
        [f"Printed with Pygments {NOW}.", f"Printed with Pygments {NOW}0."],
        ["Printed with Pygments 1.2, two-words 7.0."],
    ]


def test_without_a_difference_there_are_no_tabs(site):
    cell = site.cells("guide")[0]
    assert panels(cell) == {}
    assert [pre.get_text() for pre in cell.select(".cell_output pre")] == ["the same\n"]
    assert [line.get_text() for line in cell.select("p")] == [
        f"The same with Pygments 1.2, {NOW} and {NOW}0.",
        "From A title, cell same",
    ]


def test_a_cell_that_prints_nothing_says_so_beside_one_that_does(site):
    now, old = panels(site.cells("guide")[2]).values()
    assert now.p.get_text() == "Nothing is printed."
    assert old.pre.get_text() == "noise\n"


def test_exceptions_and_pictures_come_from_the_record(site):
    cells = site.cells("guide")
    old = panels(cells[3])["Pygments 1.2"]
    assert old.select_one(".live-error pre").get_text() == "ValueError: it was forbidden"
    assert old.select_one("details") is None
    drawn = panels(cells[4])["Pygments 1.2"]
    assert drawn.svg.title.get_text() == "Two"
    assert (drawn.img["alt"], drawn.img["width"]) == ("A red skater", "3")
    stored = site.root / "build/html" / drawn.img["src"]
    assert stored.read_bytes() == base64.b64decode(PNG)


def test_code_is_shown_once(site):
    for cell, code in zip(site.cells("guide"), CELLS.values(), strict=True):
        assert [block.get_text().strip() for block in cell.select(".cell_input")] == [code]


def test_a_notebooks_own_page_has_tabs_where_outputs_differ(site):
    cells = site.cells("notebooks/lesson")
    assert [len(panels(cell)) for cell in cells] == [0, 2, 2, 2, 2]
    assert "The same with" not in cells[0].get_text()


def test_a_builder_without_tabs_heads_each_output(site):
    site.build("text")
    text = (site.root / "build/text/guide.txt").read_text(encoding="utf-8")
    part = text[text.index("print('as it is <now>')") :]
    words = [f"**Pygments {NOW} and {NOW}0**", "as it is <now>", "**Pygments 1.2**", "as it <was>"]
    places = [part.index(word, len("print('as it is <now>')")) for word in words]
    assert places == sorted(places)


def test_by_names_the_package_of_the_labels(own_site):
    own_site.guide(".. live-versions:: lesson#differs\n   :by: jupytext")
    own_site.file("requirements/old.txt", "jupytext==0.1\n")
    own_site.file("requirements/new.txt", "jupytext==0.2\n")
    assert own_site.build()[0] == 0
    assert list(panels(own_site.cells("guide")[0])) == [
        f"jupytext 0.2 and {version('jupytext')}",
        "jupytext 0.1",
    ]


# Each environment has a toy, and one of them has the real thing.
SERVICES = 'live_show_packages += ["real", "toy"]\nlive_show_services = {"Real": "real", "Toy": "toy"}\n'


def with_services(site: Site) -> None:
    """Give a site two environments with the same Pygments, one of which has another service."""
    site.file("docs/conf.py", f"{CONF}{SERVICES}")
    site.file("requirements/old.txt", "pygments==1.2\ntoy==0.1\n")
    site.file("requirements/new.txt", "pygments==1.2\ntoy==0.1\nreal==3\n")
    site.guide(".. live-versions:: lesson#differs")


def test_where_versions_are_the_same_tabs_are_named_after_services(own_site):
    with_services(own_site)
    own_site.record("new", RECORDED["new"] | {"differs": "printed\n| from the real one"})
    assert own_site.build() == (0, "", {"index", "guide", "notebooks/lesson"})
    shown = panels(own_site.cells("guide")[0])
    assert list(shown) == [f"Pygments {NOW}", "Toy 0.1", "Real 3"]
    assert shown["Real 3"].pre.get_text() == "from the real one\n"
    lines = [[line.get_text() for line in panel.select("p")] for panel in shown.values()]
    assert lines[1:] == [["Printed with Pygments 1.2, Toy 0.1."], ["Printed with Pygments 1.2, Real 3."]]


def test_a_version_that_two_tabs_share_names_neither(own_site):
    with_services(own_site)
    own_site.file("requirements/old.txt", f"pygments=={NOW}\ntoy==0.1\n")
    own_site.file("requirements/new.txt", f"pygments=={NOW}\nreal==3\n")
    # The default environment, which has neither, puts out the same as the toy.
    own_site.record("old", {**RECORDED["old"], "differs": "printed\n| as it is <now>"})
    own_site.record("new", {**RECORDED["new"], "differs": "printed\n| from the real one"})
    assert own_site.build()[:2] == (0, "")
    assert list(panels(own_site.cells("guide")[0])) == ["default and Toy 0.1", "Real 3"]


def test_what_is_the_same_with_each_service_says_so(own_site):
    with_services(own_site)
    own_site.file("requirements/old.txt", f"pygments=={NOW}\ntoy==0.1\n")
    own_site.file("requirements/new.txt", f"pygments=={NOW}\nreal==3\n")
    own_site.guide(".. live-versions:: lesson#same")
    assert own_site.build()[:2] == (0, "")
    [cell] = own_site.cells("guide")
    assert panels(cell) == {}
    assert "The same with default, Toy 0.1 and Real 3." in cell.get_text()


def test_a_notebooks_page_says_where_else_it_was_executed(own_site):
    with_services(own_site)
    sentence = "It also ran with Real {real} and Pygments {pygments}."
    own_site.file("docs/conf.py", f'{CONF}{SERVICES}live_also_executed = {{"new": "{sentence}"}}\n')
    assert own_site.build()[:2] == (0, "")
    html = (own_site.root / "build/html/notebooks/lesson.html").read_text(encoding="utf-8")
    [said] = BeautifulSoup(html, "html.parser").select(".live-executed")
    assert said.get_text().startswith("Executed on Python ")
    assert said.get_text().endswith(f" with Pygments {NOW}. It also ran with Real 3 and Pygments 1.2.")
    # Not where it didn't.
    own_site.write("lesson", *(f":name: {name}\n{code}" for name, code in CELLS.items()))
    for environment in ("old", "new"):
        (own_site.root / f"examples/expected/{environment}/lesson.txt").unlink()
    own_site.guide("Nothing.")
    assert own_site.build()[:2] == (0, "")
    html = (own_site.root / "build/html/notebooks/lesson.html").read_text(encoding="utf-8")
    assert "It also ran" not in html
    own_site.file("docs/conf.py", f'{CONF}live_also_executed = {{"new": "With Ruby {{ruby}}."}}\n')
    assert own_site.build()[:2] == (0, "")


def test_a_sentence_on_a_package_that_is_not_there_is_an_error(own_site):
    own_site.file("docs/conf.py", f'{CONF}live_also_executed = {{"new": "With Ruby {{ruby}}."}}\n')
    _, said, _ = own_site.build()
    assert "live_also_executed of “new” names 'ruby', which is no package of its lock file." in said


def test_labels_that_are_the_same_are_an_error(own_site):
    own_site.file("requirements/new.txt", "pygments==1.2\ntwo-words==7.0\n")
    conf = f'{CONF}live_show_services = {{"Two words": "two-words"}}\n'
    own_site.file("docs/conf.py", conf)
    own_site.record("new", RECORDED["new"] | {"differs": "printed\n| something else"})
    own_site.guide(".. live-versions:: lesson#differs")
    status, said, _ = own_site.build()
    assert status == 1
    assert f"Two tabs would be called the same: Pygments {NOW}, Two words 7.0, Two words 7.0. Name a" in said


@pytest.mark.parametrize("lost", ["transcript", "cell"])
def test_what_is_not_recorded_is_an_error_that_names_the_command(own_site, lost):
    if lost == "transcript":
        (own_site.root / "examples/expected/old/lesson.txt").unlink()
    else:
        own_site.record("old", {name: RECORDED["old"][name] for name in CELLS if name != "differs"})
    own_site.guide(".. live-versions:: lesson#differs")
    status, said, _ = own_site.build()
    sentence = (
        "What the cell “differs” of the notebook “lesson” puts out in the environment “old” is not recorded. "
        f"Record it with `{transcript.RECORD} -- old`."
    )
    assert status == 1
    assert f"guide.rst:4: ERROR: {sentence}" in said
    assert own_site.cells("guide")[0].select_one(".live-missing").get_text() == sentence.replace("`", "")
    own_site.record("old", RECORDED["old"])
    status, said, read = own_site.build()
    assert (status, said) == (0, "")
    assert "guide" in read


def test_a_missing_picture_is_an_error(own_site):
    (own_site.root / "examples/expected/old/lesson/rich-1.svg").unlink()
    status, said, _ = own_site.build()
    assert status == 1
    assert "The output rich-1.svg is not recorded. Record it with" in said


def test_an_environment_without_lock_is_an_error(own_site):
    (own_site.root / "requirements/old.txt").unlink()
    status, said, _ = own_site.build()
    assert status == 1
    assert "The environment “old” has no lock file. Name it in live_environments in conf.py." in said


def test_a_transcript_that_cannot_be_read_is_an_error(own_site):
    own_site.file("examples/expected/old/lesson.txt", "lesson\n\n-- same\nscribbled\n")
    status, said, _ = own_site.build()
    assert status == 1
    assert "lesson.txt of “old”, line 4: The line 'scribbled' can't be read in a transcript." in said


@pytest.mark.parametrize(
    ("path", "text", "shown"),
    [
        ("examples/expected/old/lesson.txt", "as it <was>", "as it <was>9"),
        ("requirements/old.txt", "pygments==1.2", "Pygments 1.29"),
    ],
)
def test_pages_are_read_again_when_a_record_or_a_lock_changes(own_site, path, text, shown):
    assert own_site.build()[2] == {"index", "guide", "notebooks/lesson"}
    assert own_site.build()[2] == set()
    file = own_site.root / path
    file.write_text(file.read_text(encoding="utf-8").replace(text, f"{text}9"), encoding="utf-8")
    later = file.stat().st_mtime + 60  # than the pages were read, as it would be after any pause
    os.utime(file, (later, later))
    assert own_site.build()[2] == {"guide", "notebooks/lesson"}
    assert shown in own_site.cells("guide")[1].get_text()


def test_pins_are_read_with_and_without_markers():
    lock = "a-b==1.0 \\\n    --hash=sha256:00\n    # via c==2\nd==1.2.post0 ; python_version < '3.12' \\\n"
    assert pinned(lock) == {"a-b": "1.0", "d": "1.2.post0"}
