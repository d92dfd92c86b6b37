"""A cloud for each test, closed after it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache

import botocore.session
import pytest

from cloud import Cloud

LOCAL = "file:///app/media/?url=%2Fmedia%2F"


def run(program: str, **environment: str) -> str:
    """Run a program in a Python of its own, in which nobody has set Django up, and return what it printed."""
    inherited = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    result = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", program],
        env=inherited | {"PYTHONPATH": os.pathsep.join(sys.path)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stderr == ""
    return result.stdout


@pytest.fixture(autouse=True, scope="package")
def _read_descriptions_of_services_once() -> Iterator[None]:
    """Share what botocore reads from its data files, which takes longer than all else in a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", cache(botocore.session.create_loader))
        yield


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with Cloud() as cloud:
        yield cloud


@pytest.fixture
def local_cloud() -> Iterator[Cloud]:
    """A cloud whose first deployment keeps uploads on each instance's disk."""
    with Cloud(DEFAULT_STORAGE_DSN=LOCAL) as cloud:
        yield cloud
