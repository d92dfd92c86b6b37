"""What is packed for the browser, and which cells can't run there. tests/browser runs what is packed."""

import dataclasses
import re
from pathlib import Path

import pytest

from live.browser import Bundle, PackError, Runtime, archive, check_needs, described, key_of, read_bundle
from live.notebook import Notebook, NotebookError, read
from tests.site.conftest import ROOT

TEXT = """---
kernelspec:
  name: python3
  display_name: Python 3
live:
  environments: [{environment}]{browser}
---

# Title

```{{code-cell}} ipython3
:name: first{option}

1 + 1
```
"""


def notebook(folder: Path, environment: str = "default", browser: str = "", option: str = "") -> Notebook:
    path = folder / "lesson.md"
    browser = f"\n  browser: {browser}" if browser else ""
    option = f"\n:browser: {option}" if option else ""
    path.write_text(TEXT.format(environment=environment, browser=browser, option=option), encoding="utf-8")
    return read(path)


def runtime(missing: dict[str, str]) -> Runtime:
    return Runtime(Path(), "key", 1, "digest", missing)


WITHOUT = {"pillow": "There is no Pillow here."}


@pytest.mark.parametrize(
    ("written", "missing", "why"),
    [
        ({}, WITHOUT, None),
        ({"option": "A browser can't do this."}, WITHOUT, "A browser can't do this."),
        ({"browser": "A browser can't do this."}, {}, "A browser can't do this."),
        ({"browser": "A browser can't do this.", "option": "Nor this one."}, {}, "Nor this one."),
        ({"option": "pillow"}, WITHOUT, "There is no Pillow here."),
        ({"option": "pillow"}, {}, None),
        ({"environment": "other"}, {}, "This can't run in a browser. It ran in the environment other."),
    ],
)
def test_why_a_cell_cannot_run(
    tmp_path: Path, written: dict[str, str], missing: dict[str, str], why: str | None
) -> None:
    lesson = notebook(tmp_path, **written)
    assert runtime(missing).why_not(lesson, lesson.cells[0]) == why
    [cell] = described(lesson, {"first": "value\n| 2"}, runtime(missing))["cells"]
    assert cell == {
        "label": "first",
        "source": "1 + 1",
        "raises": None,
        "tags": [],
        "why": why,
        "expected": "value\n| 2",
    }


@pytest.mark.parametrize("said", ["no sentence at all", "Pillow", "[a, b]", "7"])
def test_reasons_are_sentences(tmp_path: Path, said: str) -> None:
    with pytest.raises(NotebookError, match="must say in a sentence why"):
        notebook(tmp_path, option=said)
    with pytest.raises(NotebookError, match="must say in a sentence why"):
        notebook(tmp_path, browser=said)


def test_unknown_needs_are_refused(tmp_path: Path) -> None:
    check_needs([notebook(tmp_path, option="pillow")], ["pillow"])
    with pytest.raises(PackError, match=r"lesson\.md, cell first: .*“pilow”.*It knows: pillow"):
        check_needs([notebook(tmp_path, option="pilow")], ["pillow"])


@pytest.fixture
def bundle() -> Bundle:
    return read_bundle(ROOT / "docs" / "browser")


def test_a_bundle_must_say_everything(tmp_path: Path) -> None:
    (tmp_path / "bundle.py").write_text("DISTRIBUTIONS = []", encoding="utf-8")
    with pytest.raises(PackError, match="doesn't say at_once, environment, keeps, listed"):
        read_bundle(tmp_path)


def test_the_key_tells_what_is_packed(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"version": "1.0"}')
    folder = ROOT / "docs" / "browser"

    def key(bundle: Bundle = bundle, **extras: bytes) -> str:
        return key_of(folder, bundle, ROOT, tmp_path, extras)

    first = key()
    assert key() == first
    assert key(pillow=b"a wheel") != first
    assert key(dataclasses.replace(bundle, project=["conf/settings.py"])) != first
    (tmp_path / "package.json").write_text('{"version": "1.1"}')
    assert key() != first


def test_missing_files_are_named(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"version": "1.0"}')
    wrong = dataclasses.replace(bundle, project=["nowhere/*.py"])
    with pytest.raises(PackError, match=r"“nowhere/\*\.py” matches no file"):
        key_of(ROOT / "docs" / "browser", wrong, ROOT, tmp_path, {})


def test_an_archive_is_the_same_each_time() -> None:
    packed = archive({"/b": b"two", "/a": b"1"})
    assert packed == archive({"/a": b"1", "/b": b"two"})
    assert packed.endswith(b"1two")


def test_a_first_click_asks_for_everything_at_once() -> None:
    """Named are all modules that page.js imports, and what Run needs besides."""
    scripts = ROOT / "docs" / "_static" / "live"
    needed, new = {"output", "python"}, {"page", "output"}
    while new:
        text = "".join((scripts / f"{name}.js").read_text(encoding="utf-8") for name in new)
        found = set(re.findall(r'^import .*? from "\./(\w+)\.js";$', text, flags=re.MULTILINE))
        new = {name for name in found - needed if (scripts / f"{name}.js").is_file()}
        needed |= found
    [listed] = re.findall(
        r"^const modules = \[(.*?)\];$", (scripts / "run.js").read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    assert set(re.findall(r"\w+", listed)) == needed
