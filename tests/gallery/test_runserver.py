"""``python examples/manage.py runserver``, run as a visitor of the repository would."""

import io
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from threading import Timer

import pytest
import requests
from PIL import Image

from gallery.samples import picture

ROOT = Path(__file__).resolve().parents[2]
DEADLINE = 60


class Server:
    """A running ``runserver``, with what it printed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.printed = ""

    def wait_until_ready(self) -> str:
        """Read until the server says where it listens; the operating system picks the port."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.printed += line
            if found := re.search(r"Starting development server at (http://\S+)", line):
                return found[1]
        pytest.fail(f"The server ended, or was not ready within {DEADLINE} s. It printed:\n{self.printed}")


@contextmanager
def running(folder: Path, temporary: Path, *options: str) -> Iterator[Server]:
    temporary.mkdir()
    process = subprocess.Popen(
        [sys.executable, str(folder / "examples/manage.py"), "runserver", *options, "127.0.0.1:0"],
        # Another folder and an empty environment: neither may matter.
        cwd=temporary.parent,
        env={
            "TMPDIR": str(temporary),
            "PYTHONUNBUFFERED": "1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = Timer(DEADLINE, process.kill)
    deadline.start()
    try:
        yield Server(process)
    finally:
        process.terminate()
        process.communicate()
        deadline.cancel()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The files of a clone that the gallery consists of."""
    for each in ("conf", "examples/gallery"):
        shutil.copytree(ROOT / each, tmp_path / "clone" / each, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "examples/manage.py", tmp_path / "clone/examples/manage.py")
    return tmp_path / "clone"


def thumbnails(page: requests.Response) -> list[str]:
    return [unescape(found) for found in re.findall(r'<img src="([^"]+)"', page.text)]


def upload(address: str) -> requests.Response:
    with requests.Session() as session:
        session.get(address, timeout=10)
        return session.post(
            address,
            data={"title": "Alps", "csrfmiddlewaretoken": session.cookies["csrftoken"]},
            files={"image": ("alps.jpg", picture(300, 200, "alps"))},
            timeout=20,
        )


def test_upload_survives_a_reload_and_nothing_survives_the_server(clone: Path, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    with running(clone, temporary) as server:
        address = server.wait_until_ready()
        [before] = thumbnails(upload(address))
        bucket = re.search(
            r"^Uploads go to the bucket (http://127\.0\.0\.1:\d+/media/),", server.printed, re.M
        )
        assert bucket
        assert before.startswith(f"{bucket[1]}photos/")
        with Image.open(io.BytesIO(requests.get(before, timeout=10).content)) as image:
            assert image.size == (240, 180)
        style = requests.get(f"{address}static/gallery/gallery.css", timeout=10)
        assert style.headers["Content-Type"].startswith("text/css")

        with (clone / "examples/gallery/views.py").open("a") as views:
            views.write("\n# changed\n")
        [after] = thumbnails(requests.get(server.wait_until_ready(), timeout=10))
        assert after.partition("?")[0] == before.partition("?")[0]
        assert requests.get(after, timeout=10).ok
        assert "GET /media/" not in server.printed
        assert server.printed.count("Uploads go to") == 1
        assert any(temporary.iterdir())
    assert server.process.returncode == 0
    assert not any(temporary.iterdir())


def test_runserver_without_the_reloader_cleans_up_too(clone: Path, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    with running(clone, temporary, "--noreload") as server:
        [thumbnail] = thumbnails(upload(server.wait_until_ready()))
        assert requests.get(thumbnail, timeout=10).ok
    assert server.process.returncode == 0
    assert not any(temporary.iterdir())


def test_other_commands_start_nothing(clone: Path, tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, str(clone / "examples/manage.py"), "makemigrations", "--check"],
        cwd=tmp_path,
        env={},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == "No changes detected\n"
