"""A bucket that moto plays in process, and a count of what is asked of it."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.storage import default_storage, storages
from moto import mock_aws


@pytest.fixture
def bucket(db: None) -> Iterator[Any]:
    """The bucket of the default storage, as a boto3 ``Bucket``."""
    with mock_aws():
        bucket = default_storage.bucket
        region = bucket.meta.client.meta.region_name
        bucket.create(CreateBucketConfiguration={"LocationConstraint": region})
        yield bucket


@pytest.fixture
def requests_sent(bucket: Any) -> Iterator[Counter[str]]:
    """How often each S3 operation was requested since the test cleared it last."""
    count: Counter[str] = Counter()

    def note(event_name: str, **_: Any) -> None:
        count[event_name.rpartition(".")[2]] += 1

    events = [storages[alias].connection.meta.client.meta.events for alias in ("default", "easy_thumbnails")]
    # First, because moto's own handler answers and ends the round.
    for each in events:
        each.register_first("before-send.s3", note)
    yield count
    for each in events:
        each.unregister("before-send.s3", note)
