"""A real S3 server for all tests, one that moto plays, a fresh bucket on either, and ways to wait and see."""

import logging
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer

from servers import SeaweedFS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def eventually() -> Callable[[Callable[[], object]], bool]:
    """A function that waits until a condition is met, and tells whether it was within a minute."""

    def eventually(condition: Callable[[], object]) -> bool:
        deadline = time.monotonic() + 60
        while not condition():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    return eventually


@pytest.fixture(scope="session")
def is_running() -> Callable[[int], bool]:
    """A function that tells whether there is a process of a number."""

    def is_running(pid: int) -> bool:
        # A process whose parent is gone stays in the table until the system's first process looks.
        try:
            return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False

    return is_running


@pytest.fixture
def python() -> Callable[[str], AbstractContextManager["subprocess.Popen[str]"]]:
    """A function that runs a script in another Python, which can import what the tests can."""

    def python(script: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-c", script],
            env={"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'examples'}", "PATH": os.environ["PATH"]},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    return python


@dataclass(frozen=True)
class Bucket:
    """A bucket of its own, and clients for it."""

    name: str
    client: Any
    client_with: Callable[..., Any]


@pytest.fixture(scope="session")
def server() -> Iterator[SeaweedFS]:
    with SeaweedFS() as server:
        yield server


@pytest.fixture(scope="session")
def moto_server() -> Iterator[str]:
    """The address of moto's server."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def bucket_of(client_with: Callable[..., Any]) -> Bucket:
    bucket = Bucket(f"test-{uuid.uuid4().hex}", client_with(), client_with)
    bucket.client.create_bucket(Bucket=bucket.name)
    return bucket


@pytest.fixture
def real(server: SeaweedFS) -> Bucket:
    """A bucket on the real server."""
    return bucket_of(server.client)


@pytest.fixture
def played(moto_server: str) -> Bucket:
    """A bucket on moto's server."""

    def client(access_key: str = "testing", secret_key: str = "testing") -> Any:
        return boto3.session.Session().client(
            "s3",
            endpoint_url=moto_server,
            region_name="us-east-1",
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            config=Config(signature_version="s3v4", s3={"addressing_style": "path"}, proxies={}),
        )

    return bucket_of(client)
