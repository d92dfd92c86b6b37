"""What a learner downloads works away from this checkout."""

import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat

from .conftest import Site


def bundle(site: Site) -> Path:
    (path,) = (site.folder / "downloads").glob("*.zip")
    return path


def printed(document: nbformat.NotebookNode) -> list[str]:
    """What each cell printed, in however many pieces it arrived."""
    return [
        "".join(output.text for output in cell.outputs if output.output_type == "stream")
        for cell in document.cells
        if cell.cell_type == "code"
    ]


def test_bundle_unpacked_elsewhere_executes(
    site: Site, tmp_path: Path, bare_environment: dict[str, str]
) -> None:
    with zipfile.ZipFile(bundle(site)) as archive:
        archive.extractall(tmp_path)
    (notebook,) = tmp_path.rglob("vanishing-files.ipynb")
    before = nbformat.read(notebook, as_version=4)
    # The way that Jupyter runs a notebook on the command line: in its own folder, stopping at an error.
    command = [sys.executable, "-m", "jupyter", "execute", "--inplace", notebook.name]
    done = subprocess.run(
        command,
        cwd=notebook.parent,
        env=bare_environment,
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == 0, done.stdout
    after = nbformat.read(notebook, as_version=4)
    assert printed(after) == printed(before)
    assert "Dear Grandma, …" in "".join(printed(after))


def test_bundle_has_all_that_the_notebooks_import(site: Site, notebooks: list[str]) -> None:
    names = zipfile.ZipFile(bundle(site)).namelist()
    for name in notebooks:
        assert any(entry.endswith(f"notebooks/{name}.ipynb") for entry in names)
    for part in (
        "conf/storage.py",
        "conf/debug.py",
        "cloud/__init__.py",
        "gallery/models.py",
        "requirements.txt",
    ):
        assert any(entry.endswith(part) for entry in names), part
    assert not [entry for entry in names if "__pycache__" in entry]
