"""Pack notebooks and what they need for a learner to take away."""

import io
import stat
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import jupytext
import nbformat

from live.execute import Execution, write_atomically
from live.notebook import Notebook

#: The folder of the HTML output that holds all downloads.
FOLDER = "downloads"

# The earliest date that a zip archive can hold. A date of today would make each archive another one.
_DATE = (1980, 1, 1, 0, 0, 0)


def of_notebooks(
    notebooks: Mapping[str, Notebook], executions: Mapping[str, Execution], publishable: Callable[[str], str]
) -> dict[str, bytes]:
    """Return what is offered of each executed notebook: with prose and outputs, and as a script.

    :param notebooks: notebooks by name.
    :param executions: executions by the name of their notebook.
    :param publishable: takes out of a traceback what only the machine that built the site has.
    :returns: file name to content.
    """
    files = {}
    for name, execution in executions.items():
        node = notebooks[name].with_outputs(execution)
        for cell in node.cells:
            for output in cell.get("outputs", ()):
                if output.output_type == "error":
                    output.traceback = publishable("\n".join(output.traceback)).split("\n")
        written = nbformat.writes(node)  # type: ignore[no-untyped-call]
        files[f"{name}.ipynb"] = f"{written}\n".encode()
        files[f"{name}.py"] = jupytext.writes(node, fmt="py:percent").encode()
    return files


def bundled(root: Path, patterns: Iterable[str], readme: str) -> dict[str, bytes]:
    """Read the files that a learner needs besides the executed notebooks.

    :param root: the project's root.
    :param patterns: paths or globs below it. Python's caches are never among them.
    :param readme: text of the archive's README.txt; none if empty.
    :returns: path below the root to content.
    :raises ValueError: if a pattern matches no file, since that is a spelling mistake or a file that moved.
    """
    files = {"README.txt": readme.encode()} if readme else {}
    for pattern in patterns:
        found = [path for path in root.glob(pattern) if path.is_file() and "__pycache__" not in path.parts]
        if not found:
            raise ValueError(f"live_bundle in conf.py: “{pattern}” matches no file below {root.name}.")
        files |= {path.relative_to(root).as_posix(): path.read_bytes() for path in found}
    return files


def archive(folder: str, files: Mapping[str, bytes]) -> bytes:
    """Pack files into a zip archive. The same files always give the same bytes.

    :param folder: the one folder that the archive unpacks to.
    :param files: path below that folder to content.
    :returns: the archive.
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as bundle:
        for path, content in sorted(files.items()):
            entry = zipfile.ZipInfo(f"{folder}/{path}", _DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, on every machine
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            bundle.writestr(entry, content)
    return packed.getvalue()


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Make a folder hold these files and no others.

    :param folder: the folder; made if it is missing.
    :param files: file name to content.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.name not in files:
            path.unlink()
    for name, content in files.items():
        write_if_changed(folder / name, content)


def write_if_changed(path: Path, content: bytes) -> None:
    """Write a file in one step, or leave it and its date alone if it has that content.

    :param path: the file.
    :param content: all of it.
    """
    if not path.exists() or path.read_bytes() != content:
        write_atomically(path, content)
        path.chmod(0o644)  # for a web server of another user
