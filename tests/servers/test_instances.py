"""From end to end, with real processes: instances that die, and what becomes of the uploads."""

import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
import requests
from bs4 import BeautifulSoup

from servers import Instance, SeaweedFS
from servers.instances import create_database

pytestmark = pytest.mark.seaweedfs


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("database") / "empty.sqlite3"
    create_database(path)
    return path


@pytest.fixture
def database(empty_database: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(empty_database, tmp_path / "gallery.sqlite3"))


def content(title: str) -> bytes:
    """What an upload of a title holds: some hundred kilobytes, unlike any other's."""
    return title.encode() * 20_000


class Visitor:
    """Uploads documents to one instance, and remembers which were acknowledged."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.page = f"{instance.url}/documents/"
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.get(self.page, timeout=20)
        self.acknowledged: set[str] = set()
        self.refused: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._upload_many)

    def upload(self, title: str) -> None:
        answer = self.session.send(self._post(title, content(title)), allow_redirects=False, timeout=20)
        if answer.status_code == 302:
            self.acknowledged.add(title)
        else:
            self.refused.append(f"{title}: {answer.status_code}")

    def begin_upload(self, title: str) -> socket.socket:
        """Send half of an upload; the instance has read some of it, as no system buffers that much."""
        request = self._post(title, bytes(64 * 1024 * 1024))
        assert isinstance(request.body, bytes)
        address = urlsplit(self.instance.url)
        headers = {"Host": address.netloc, **request.headers}
        lines = [
            f"POST {request.path_url} HTTP/1.1",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        connection = socket.create_connection((address.hostname, address.port), timeout=20)
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        connection.sendall(request.body[: len(request.body) // 2])
        return connection

    def _post(self, title: str, body: bytes) -> requests.PreparedRequest:
        return self.session.prepare_request(
            requests.Request(
                "POST",
                self.page,
                data={"title": title, "csrfmiddlewaretoken": self.session.cookies["csrftoken"]},
                files={"file": (f"{title}.bin", body)},
            )
        )

    def titles(self) -> dict[str, str]:
        """The titles on the page, each with the address of its file."""
        page = BeautifulSoup(self.session.get(self.page, timeout=20).text, "html.parser")
        return {each.text: urljoin(self.page, str(each["href"])) for each in page.select("a.title")}

    def lost(self, titles: set[str]) -> set[str]:
        """Those of some titles whose files can't be read through this instance as they were uploaded."""
        addresses = self.titles()
        return {
            title
            for title in titles
            if title not in addresses
            or self.session.get(addresses[title], timeout=20).content != content(title)
        }

    def start_uploading(self) -> None:
        self._thread.start()

    def stop_uploading(self) -> None:
        self._stop.set()
        self._thread.join()

    def _upload_many(self) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            title = f"{self.instance.pid}-{number}"
            try:
                self.upload(title)
            except requests.RequestException:
                return


class Story:
    """Two instances take uploads; one is killed in the middle of them, and a fresh one takes its place."""

    def __init__(self, database: Path, dsn: str | None, stack: ExitStack, eventually: Any) -> None:
        def visit_new_instance() -> Visitor:
            return Visitor(stack.enter_context(Instance(database, dsn)))

        doomed, steady = visit_new_instance(), visit_new_instance()
        doomed.upload("first")
        self.seen_elsewhere = not steady.lost({"first"})
        interrupted = stack.enter_context(doomed.begin_upload("half"))
        for visitor in (doomed, steady):
            visitor.start_uploading()
            stack.callback(visitor.stop_uploading)
        assert eventually(lambda: min(len(doomed.acknowledged), len(steady.acknowledged)) > 5)
        doomed.instance.lose()
        assert not doomed.instance.disk.exists()
        self.answer_to_half = self._read(interrupted)
        fresh = visit_new_instance()
        assert not any(fresh.instance.disk.iterdir())
        so_far = len(steady.acknowledged)
        fresh.start_uploading()
        stack.callback(fresh.stop_uploading)
        assert eventually(lambda: len(fresh.acknowledged) > 5 and len(steady.acknowledged) > so_far)
        for visitor in (doomed, steady, fresh):
            visitor.stop_uploading()
        self.doomed, self.steady, self.fresh = doomed, steady, fresh
        self.refused = [*doomed.refused, *steady.refused, *fresh.refused]
        self.acknowledged = doomed.acknowledged | steady.acknowledged | fresh.acknowledged

    @staticmethod
    def _read(connection: socket.socket) -> bytes:
        try:
            return connection.recv(1000)
        except ConnectionResetError:
            return b""


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def test_nothing_acknowledged_is_lost(
    server: SeaweedFS, database: Path, stack: ExitStack, eventually: Any
) -> None:
    story = Story(database, server.create_bucket("end-to-end"), stack, eventually)
    assert story.seen_elsewhere
    assert story.answer_to_half == b""
    assert story.refused == []
    for visitor in (story.steady, story.fresh):
        titles = set(visitor.titles())
        # One more may be stored than was acknowledged: the one whose answer got lost with the instance.
        assert titles >= story.acknowledged
        assert len(titles - story.acknowledged) <= 1
        assert "half" not in titles
        assert visitor.lost(titles) == set()
    assert not any(story.fresh.instance.disk.iterdir())


def test_uploads_on_an_instance_are_lost_with_it(database: Path, stack: ExitStack, eventually: Any) -> None:
    story = Story(database, None, stack, eventually)
    assert not story.seen_elsewhere
    assert story.answer_to_half == b""
    assert story.refused == []
    lost = story.doomed.acknowledged
    assert len(lost) > 5
    # Every page lists all of them, as the database has them. The files are on one disk, or on none.
    assert story.steady.titles().keys() >= story.acknowledged
    assert story.steady.lost(story.acknowledged) == lost | story.fresh.acknowledged
    assert story.fresh.lost(story.acknowledged) == lost | story.steady.acknowledged
