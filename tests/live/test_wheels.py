"""Packages of Pyodide's distribution: fetched from a server of this machine, in place of its makers'."""

import functools
import hashlib
import http.server
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from live.wheels import WheelError, fetch, fetched, main, unpacked

NAME = "pillow-12.2.0-small.whl"


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def wheel() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("PIL/__init__.py", "__version__ = '12.2.0'\n")
    return content.getvalue()


@pytest.fixture
def pyodide(tmp_path: Path, wheel: bytes) -> Path:
    folder = tmp_path / "npm" / "node_modules" / "pyodide"
    folder.mkdir(parents=True)
    (folder / "package.json").write_text('{"version": "314.0.7"}')
    small = {
        "version": "12.2.0",
        "file_name": NAME,
        "sha256": hashlib.sha256(wheel).hexdigest(),
        "depends": [],
    }
    packages = {"pillow": small, "needy": {**small, "depends": ["pillow"]}}
    (folder / "pyodide-lock.json").write_text(json.dumps({"packages": packages}))
    return folder


@pytest.fixture
def server(tmp_path: Path, wheel: bytes) -> Iterator[str]:
    release = tmp_path / "served" / "314.0.7"
    release.mkdir(parents=True)
    (release / NAME).write_bytes(wheel)
    handler = functools.partial(Quiet, directory=str(tmp_path / "served"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/{{version}}/"
        running.shutdown()


def test_fetched_once(pyodide: Path, server: str, wheel: bytes, tmp_path: Path) -> None:
    folder = tmp_path / "wheels"
    assert fetched("pillow", pyodide, folder) is None
    assert fetch("pillow", pyodide, folder, server).read_bytes() == wheel
    # The second time, nobody is asked.
    assert fetch("pillow", pyodide, folder, "http://127.0.0.1:1/").read_bytes() == wheel
    assert fetched("pillow", pyodide, folder) == wheel
    assert unpacked(wheel) == {"PIL/__init__.py": b"__version__ = '12.2.0'\n"}


def test_another_file_is_refused(pyodide: Path, server: str, tmp_path: Path) -> None:
    (tmp_path / "served" / "314.0.7" / NAME).write_bytes(b"something else")
    with pytest.raises(WheelError, match="is not the file that Pyodide's lock describes"):
        fetch("pillow", pyodide, tmp_path / "wheels", server)
    assert not (tmp_path / "wheels").exists()


def test_a_damaged_file_is_not_offered(pyodide: Path, server: str, tmp_path: Path) -> None:
    path = fetch("pillow", pyodide, tmp_path / "wheels", server)
    path.write_bytes(path.read_bytes()[:-1])
    assert fetched("pillow", pyodide, tmp_path / "wheels") is None


def test_no_server(pyodide: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    npm = str(pyodide.parents[1])
    options = ["--npm", npm, "--folder", str(tmp_path / "wheels"), "--server", "http://127.0.0.1:1/"]
    assert main(["pillow", *options]) == 1
    said = capsys.readouterr().err
    assert "can't be loaded" in said
    assert "the site is built all the same" in said


@pytest.mark.parametrize(("name", "reason"), [("numpy", "has no package"), ("needy", "needs pillow")])
def test_other_packages(name: str, reason: str, pyodide: Path, tmp_path: Path) -> None:
    with pytest.raises(WheelError, match=reason):
        fetch(name, pyodide, tmp_path / "wheels")
