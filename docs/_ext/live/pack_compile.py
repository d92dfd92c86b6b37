"""Compile everything in the interpreter's file system to byte-code. Runs in Pyodide, started by pack.mjs."""

import ast
import importlib.util
import io
import json
import sys
import zipfile
from fnmatch import fnmatchcase
from importlib._bootstrap_external import _code_to_hash_pyc  # type: ignore[attr-defined]
from pathlib import Path

LIBRARY = Path(f"/lib/python{sys.version_info.major}.{sys.version_info.minor}")
STANDARD = Path(f"/lib/python{sys.version_info.major}{sys.version_info.minor}.zip")


def standard(left_out: list[str]) -> bytes:
    """Compile the standard library.

    :param left_out: patterns for files that are not needed.
    :returns: a zip archive that Python can start with.
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(STANDARD) as archive, zipfile.ZipFile(packed, "w") as result:
        for name in sorted(archive.namelist()):
            if name.endswith("/") or any(fnmatchcase(name, pattern) for pattern in left_out):
                continue
            content = archive.read(name)
            if name.endswith(".py"):
                content, name = bytecode(content, f"{LIBRARY}/{name}"), f"{name}c"
            result.writestr(zipfile.ZipInfo(name), content)
            path = LIBRARY / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return packed.getvalue()


def packages() -> str:
    """Compile all sources in ``site-packages`` and of the stubs.

    :returns: as JSON, the paths of all files that belong into the browser, the standard library's among them.
    """
    kept = []
    for root in (LIBRARY, Path("/stubs"), Path("/project")):
        for path in sorted(root.rglob("*")):
            if not path.is_file():
                continue
            # The project's own sources are shown in tracebacks.
            if path.suffix == ".py" and root != Path("/project"):
                compiled = path.with_suffix(".pyc")
                compiled.write_bytes(bytecode(path.read_bytes(), str(path)))
                path = compiled
            kept.append(str(path))
    return json.dumps(kept)


def bytecode(source: bytes, path: str) -> bytes:
    """Compile one file, without what is for people and their tools: that is two fifths of the download.

    Left out is what documents it, and of functions what annotates them, unless ``singledispatch`` reads that.

    :param source: its content.
    :param path: what tracebacks call it.
    :returns: content of a ``.pyc`` that Python takes without looking for the source.
    """
    tree = ast.parse(source, path)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not _is_registered(node):
            node.returns = None
            for argument in ast.walk(node.args):
                if isinstance(argument, ast.arg):
                    argument.annotation = None
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if ast.get_docstring(node, clean=False) is not None:
            [documentation, *rest] = node.body
            node.body = rest or [ast.copy_location(ast.Pass(), documentation)]
    code = compile(tree, path, "exec", dont_inherit=True)
    return bytes(_code_to_hash_pyc(code, importlib.util.source_hash(source), False))


def _is_registered(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Tell whether the type of a function's argument decides when it is called."""
    return any(ast.unparse(decorator).endswith(".register") for decorator in function.decorator_list)
