"""The real server: it works by DSN alone, keeps to itself, and leaves nothing behind."""

import json
import signal
import socket
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from botocore.exceptions import ClientError
from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from django.core.files.storage.handler import StorageHandler

from conf.storage import storage_entry
from servers import SeaweedFS, ServerError, seaweedfs
from servers.janitor import OUTSIDE

pytestmark = pytest.mark.seaweedfs


def storage(dsn: str) -> Storage:
    return StorageHandler({"default": storage_entry(dsn)})["default"]


def test_django_stores_and_reads_by_dsn_alone(server: SeaweedFS) -> None:
    media = storage(server.create_bucket("by-dsn"))
    name = media.save("notes/hello.txt", ContentFile(b"Hello, bucket!"))
    assert name == "notes/hello.txt"
    assert media.exists(name)
    assert media.size(name) == 14
    with media.open(name) as file:
        assert file.read() == b"Hello, bucket!"
    assert media.listdir("notes") == ([], ["hello.txt"])
    assert requests.get(media.url(name), timeout=10).content == b"Hello, bucket!"
    assert media.save(name, ContentFile(b"another")) != name
    media.delete(name)
    assert not media.exists(name)


def test_it_behaves_as_amazon_does_with_buckets(server: SeaweedFS) -> None:
    s3 = server.client()
    with pytest.raises(ClientError, match="NoSuchBucket"):
        s3.put_object(Bucket="never-made", Key="key", Body=b"")
    server.create_bucket("not-empty")
    s3.put_object(Bucket="not-empty", Key="key", Body=b"")
    with pytest.raises(ClientError, match="BucketNotEmpty"):
        s3.delete_bucket(Bucket="not-empty")


def test_it_stays_on_the_loopback_interface(server: SeaweedFS) -> None:
    server.create_bucket("to-talk-of")
    [pid] = server.pids
    sockets = psutil.Process(pid).net_connections()
    addresses = {end.ip for each in sockets for end in (each.laddr, each.raddr) if end}
    assert len(sockets) >= 8
    assert addresses == {"127.0.0.1"}
    # It reports to its makers only after a while.
    assert "-master.telemetry=false" in psutil.Process(pid).cmdline()


def test_secret_is_nowhere_to_be_seen(server: SeaweedFS) -> None:
    [pid] = server.pids
    process = psutil.Process(pid)
    log = (server.folder / "server.log").read_text()
    assert "Start Seaweed" in log
    for text in (repr(server), *process.cmdline(), *process.environ().values(), log):
        assert server.secret_key not in text
    assert server.secret_key in server.dsn("media")
    assert (server.folder.stat().st_mode & 0o077) == 0


PARENT = """
import sys
from servers import SeaweedFS
server = SeaweedFS()
server.create_bucket("media")
print(server.endpoint_url, server.folder, *server.pids, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_nothing_is_left_when_the_parent_dies(
    number: signal.Signals, python: Any, eventually: Any, is_running: Any
) -> None:
    with python(PARENT) as parent:
        url, folder, pid = parent.stdout.readline().split()
        assert requests.get(url, timeout=10).status_code == 403
        outside = [Path(path) for path in Path(folder, OUTSIDE).read_text().splitlines()]
        assert len(outside) == 4
        assert all(path.is_socket() for path in outside)
        parent.send_signal(number)
    assert eventually(lambda: not is_running(int(pid)))
    assert eventually(lambda: not Path(folder).exists())
    assert not any(path.exists() for path in outside)
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=10)


def test_as_a_service_it_gives_its_dsn_and_ends_with_its_input(eventually: Any) -> None:
    script = Path(seaweedfs.__file__).with_name("service.py")
    program = subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with program:
        given = json.loads(program.stdout.readline())
        assert list(given) == ["DEFAULT_STORAGE_DSN"]
        media = storage(given["DEFAULT_STORAGE_DSN"])
        assert media.listdir("") == ([], [])
        assert media.bucket_name == "media"
        media.save("hello.txt", ContentFile(b"Hello"))
        address = media.url("hello.txt")
        assert requests.get(address, timeout=10).content == b"Hello"
        children = psutil.Process(program.pid).children(recursive=True)
        assert "weed" in [child.name() for child in children]
        program.stdin.close()
        assert program.wait(60) == 0
    assert eventually(lambda: not any(child.is_running() for child in children))
    with pytest.raises(requests.ConnectionError):
        requests.get(address, timeout=10)


def test_a_service_without_a_server_ends_with_what_to_install(tmp_path: Path) -> None:
    script = Path(seaweedfs.__file__).with_name("service.py")
    code = f"""
import runpy, sysconfig
sysconfig.get_path = lambda name: {str(tmp_path)!r}
runpy.run_path({str(script)!r}, run_name="__main__")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "SeaweedFS isn't installed in this environment" in done.stderr
    assert "Traceback" not in done.stderr


def test_another_is_empty_and_separate_even_if_a_port_was_taken(
    server: SeaweedFS, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[int]] = []

    def ports(count: int) -> list[int]:
        found = free_ports(count)
        if not asked:
            found[0] = taken.getsockname()[1]
        asked.append(found)
        return found

    free_ports = seaweedfs.free_ports
    monkeypatch.setattr(seaweedfs, "free_ports", ports)
    with socket.create_server(("127.0.0.1", 0)) as taken, SeaweedFS() as another:
        assert len(asked) == 2
        assert another.client().list_buckets()["Buckets"] == []
        with pytest.raises(ClientError, match="InvalidAccessKeyId"):
            another.client(access_key=server.access_key).list_buckets()
        with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
            another.client(secret_key=server.secret_key).list_buckets()


def test_failure_to_start_is_told_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "weed"
    program.write_text("#!/bin/sh\necho the disk is full\ncat ../s3.json\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(seaweedfs, "weed", lambda: str(program))
    made: list[Any] = []
    monkeypatch.setattr(
        seaweedfs, "Processes", lambda original=seaweedfs.Processes: made.append(original()) or made[-1]
    )
    with pytest.raises(ServerError) as raised:
        SeaweedFS()
    assert "because server ended: an object is stored." in str(raised.value)
    assert "the disk is full" in str(raised.value)
    assert '"accessKey": "***", "secretKey": "***"' in str(raised.value)
    [processes] = made
    assert not processes.folder.exists()


def test_missing_program_is_told_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path))
    with pytest.raises(ServerError, match=r"install -r requirements/environments/seaweedfs\.txt"):
        SeaweedFS()
