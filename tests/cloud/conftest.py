"""A cloud for each test, closed after it."""

from collections.abc import Iterator
from functools import cache

import botocore.session
import pytest

from cloud import Cloud

LOCAL = "file:///app/media/?url=%2Fmedia%2F"


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
    """A cloud whose first deploy keeps uploads on each instance's disk."""
    with Cloud(DEFAULT_STORAGE_DSN=LOCAL) as cloud:
        yield cloud
