"""What needs a package that isn't on the package index: offered where somebody has fetched it, else not.

The package is Pillow. A small wheel of that name plays it, which any machine can make. It brings a package
with machine code too: the real one has some.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from live import wheels
from live.browser import read_bundle
from tests.browser.conftest import ROOT, Reader, Served, published
from tests.browser.test_cells import run_cells
from tests.browser.test_page import button, cell, run_code
from tests.site.conftest import build

# A notebook whose cells all need Pillow, and one of which some do.
ALL, SOME = "easy-thumbnails", "speed"
NEEDY = ("null-size-broken", SOME)

DRAWS = "from PIL import Image\nprint(Image.new('RGB', (2, 1)), Image.__file__)"
DRAWN = "drawn: RGB, (2, 1) /lib/python3.14/site-packages/PIL/Image.py\n"
COMPUTES = """\
from pydantic_core import SchemaValidator, _pydantic_core, core_schema
print(SchemaValidator(core_schema.int_schema()).validate_python("42"), _pydantic_core.__file__)
"""
COMPUTED = re.compile(r"^42 /lib/python3.14/site-packages/pydantic_core/_pydantic_core\.\S+\.so\n$")


def small_wheel() -> bytes:
    """Make a wheel that provides a package PIL and one with machine code, always of the same bytes."""
    [compiled] = Path(os.environ["LIVE_BROWSER_COMPILED"]).glob("*.whl")
    files = {
        "PIL/__init__.py": b"",
        "PIL/Image.py": b"def new(mode, size):\n    return f'drawn: {mode}, {size}'\n",
        "pillow-12.2.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: pillow\nVersion: 12.2.0\n",
        **wheels.unpacked(compiled.read_bytes()),
    }
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return content.getvalue()


def tools(folder: Path, wheel: bytes) -> Path:
    """Give npm's packages as they are installed, with a Pyodide whose lock describes a wheel as its Pillow.

    :param folder: an empty folder, which becomes theirs.
    :param wheel: the wheel.
    """
    installed = Path(os.environ["LIVE_BROWSER_NPM"]) / "node_modules"
    (folder / "node_modules").mkdir(parents=True)
    for package in installed.iterdir():
        if package.name != "pyodide":
            (folder / "node_modules" / package.name).symlink_to(package)
    pyodide = Path(shutil.copytree(installed / "pyodide", folder / "node_modules" / "pyodide"))
    lock = json.loads((pyodide / "pyodide-lock.json").read_bytes())
    lock["packages"]["pillow"]["sha256"] = hashlib.sha256(wheel).hexdigest()
    (pyodide / "pyodide-lock.json").write_text(json.dumps(lock))
    return folder


@dataclass
class Sites:
    """The site, built twice.

    :param offering: where somebody has fetched the package.
    :param bare: where nobody has, whatever this machine has.
    """

    offering: Served
    bare: Served


@pytest.fixture(scope="session")
def sites(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    """The site with the package and without."""
    work = tmp_path_factory.mktemp("sites")
    wheel = small_wheel()
    npm = tools(work / "npm", wheel)
    name = wheels.locked("pillow", npm / "node_modules" / "pyodide").file_name
    for site in ("offering", "bare"):
        (work / site / "wheels").mkdir(parents=True)
        if site == "offering":
            (work / site / "wheels" / name).write_bytes(wheel)
        # Both begin with the pages that were read for the served site.
        shutil.copytree(ROOT / "build" / "doctrees", work / site / "doctrees")
        # What is packed stays in build/browser, as always: once for as long as nothing of it changes.
        options = [
            f"--doctree-dir={work / site / 'doctrees'}",
            f"-Dlive_browser_wheels={work / site / 'wheels'}",
        ]
        done = build(work / site / "html", *options, LIVE_BROWSER_NPM=str(npm))
        assert done.returncode == 0, done.stdout
    with (
        published(work / "offering/html", work / "offering/host") as offering,
        published(work / "bare/html", work / "bare/host") as bare,
    ):
        yield Sites(offering, bare)


@pytest.fixture
def reader(chromium: Browser, sites: Sites) -> Iterator[Reader]:
    """A reader of the site that offers the package."""
    reader = Reader(chromium, sites.offering)
    yield reader
    reader.close()


@pytest.fixture
def other_reader(chromium: Browser, sites: Sites) -> Iterator[Reader]:
    """A reader of the site that doesn't."""
    reader = Reader(chromium, sites.bare)
    yield reader
    reader.close()


def test_cells_that_need_it_can_run(reader: Reader) -> None:
    page = reader.open(f"notebooks/{ALL}.html")
    expect(page.locator(".live-cell .live-run").first).to_be_visible()
    expect(page.locator(".live-why")).to_have_count(0)
    page = reader.open(f"notebooks/{SOME}.html")
    expect(button(cell(page, *NEEDY), "run")).to_be_visible()
    expect(page.locator(".live-why")).to_have_count(0)


def test_where_it_is_missing_they_say_so_and_all_others_run(other_reader: Reader) -> None:
    sentence = read_bundle(ROOT / "docs" / "browser").needs["pillow"]
    page = other_reader.open(f"notebooks/{ALL}.html")
    cells = page.locator(".live-cell").count()
    assert cells > 5
    expect(page.locator(".live-why")).to_have_text([sentence] * cells)
    expect(page.locator(".live-run, .live-edit")).to_have_count(0)
    page = other_reader.open(f"notebooks/{SOME}.html")
    needy = cell(page, *NEEDY)
    expect(needy.locator(".live-why")).to_have_text(sentence)
    expect(needy.locator(".live-why")).to_be_visible()
    expect(button(needy, "run")).to_have_count(0)
    expect(button(cell(page, "chart", SOME), "run")).to_be_visible()


@pytest.mark.parametrize("memory", ["used", "missing"])
def test_a_cell_imports_it_and_its_machine_code(reader: Reader, memory: str) -> None:
    page = reader.open(f"notebooks/{ALL}.html")
    if memory == "missing":
        page.route("**/memory.bin", lambda route: route.abort())
    card = cell(page, "start", ALL)
    run_code(card, DRAWS)
    expect(card.locator(".live-own")).to_have_text(DRAWN)
    run_code(card, COMPUTES)
    expect(card.locator(".live-own")).to_have_text(COMPUTED)
    assert any(url.endswith("/plain.bin") for url in reader.requested) == (memory == "missing")


def test_where_it_is_missing_an_import_works_and_use_says_why(other_reader: Reader, sites: Sites) -> None:
    source = "from PIL import Image\nImage.new('RGB', (1, 1))"
    [result] = run_cells(other_reader, sites.bare, [{"label": "picture", "source": source}])
    [error] = result["outputs"]
    assert error["ename"] == "NotInTheBrowser"
    assert error["evalue"].startswith("PIL.Image.new needs Pillow, which this site doesn't offer")
    assert error["explained"]["lines"] == [[2, "Image.new('RGB', (1, 1))"]]
