"""Each request to S3 is counted, whoever sends it."""

import contextlib
from xml.etree import ElementTree

import boto3
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage, storages
from storages.backends.s3 import S3Storage

from cloud import Cloud, Request, RequestLog


@pytest.fixture
def storage(cloud: Cloud) -> S3Storage:
    """A storage as django-storages makes it by default, with ``file_overwrite=True``."""
    return S3Storage(bucket_name=cloud.bucket, region_name="eu-central-1", signature_version="s3v4")


def test_a_save_is_one_put(cloud: Cloud, storage: S3Storage) -> None:
    with cloud.requests() as log:
        storage.save("cat.jpg", ContentFile(b"Meow"))
    assert list(log) == [Request("PutObject", "cat.jpg", 4)]
    assert log.bytes == 4


def test_a_save_that_never_overwrites_asks_first(cloud: Cloud) -> None:
    with cloud.requests() as log:
        default_storage.save("cat.jpg", ContentFile(b"Meow"))
    assert list(log) == [Request("HeadObject", "cat.jpg", 0), Request("PutObject", "cat.jpg", 4)]


def test_exists_and_size_are_one_head_and_url_is_none(cloud: Cloud, storage: S3Storage) -> None:
    storage.save("cat.jpg", ContentFile(b"Meow"))
    with cloud.requests() as log:
        storage.exists("cat.jpg")
        storage.exists("dog.jpg")
        storage.size("cat.jpg")
    assert [(request.operation, request.key) for request in log] == [
        ("HeadObject", "cat.jpg"),
        ("HeadObject", "dog.jpg"),
        ("HeadObject", "cat.jpg"),
    ]
    assert log.bytes == 0
    with cloud.requests() as log:
        storage.url("cat.jpg")
    assert len(log) == 0


def test_opening_and_reading_is_two_heads_and_a_get(cloud: Cloud, storage: S3Storage) -> None:
    storage.save("cat.jpg", ContentFile(b"Meow"))
    with cloud.requests() as log:
        assert storage.open("cat.jpg").read() == b"Meow"
    assert log.operations == {"HeadObject": 2, "GetObject": 1}
    assert (log.count("HeadObject"), log.count("GetObject"), log.count("PutObject")) == (2, 1, 0)
    assert log.bytes == 4


def test_requests_of_boto3_count_too_in_whatever_session(cloud: Cloud) -> None:
    with cloud.requests() as log:
        boto3.client("s3").put_object(Bucket=cloud.bucket, Key="a b/ü.txt", Body=b"12345")
        boto3.session.Session().resource("s3").Bucket(cloud.bucket).Object("a b/ü.txt").get()["Body"].read()
        list(boto3.resource("s3").Bucket(cloud.bucket).objects.filter(Prefix="a b/"))
        cloud.client.get_object(Bucket=cloud.bucket, Key="a b/ü.txt", Range="bytes=0-1")
        cloud.client.delete_object(Bucket=cloud.bucket, Key="a b/ü.txt")
        cloud.client.list_buckets()
    assert list(log) == [
        Request("PutObject", "a b/ü.txt", 5),
        Request("GetObject", "a b/ü.txt", 5),
        Request("ListObjects", "a b/", 0),
        Request("GetObject", "a b/ü.txt", 2),
        Request("DeleteObject", "a b/ü.txt", 0),
        Request("ListBuckets", "", 0),
    ]


def test_a_refused_request_counts_without_bytes(cloud: Cloud) -> None:
    with cloud.requests() as log, pytest.raises(cloud.client.exceptions.NoSuchKey):
        cloud.client.get_object(Bucket=cloud.bucket, Key="dog.jpg")
    assert list(log) == [Request("GetObject", "dog.jpg", 0)]


def test_bytes_are_those_of_the_object_without_the_wrapping_of_its_parts(
    cloud: Cloud, storage: S3Storage
) -> None:
    content = bytes(9_000_000)
    with cloud.requests() as log:
        storage.save("film.mp4", ContentFile(content))
    assert log.operations == {"CreateMultipartUpload": 1, "UploadPart": 2, "CompleteMultipartUpload": 1}
    assert log.bytes == len(content)


def test_each_block_counts_what_happens_within_it(cloud: Cloud, storage: S3Storage) -> None:
    with cloud.requests() as outer:
        storage.exists("a")
        with cloud.requests() as inner:
            storage.exists("b")
        with cloud.requests() as second:
            storage.exists("c")
        storage.exists("d")
    storage.exists("e")
    assert [request.key for request in outer] == ["a", "b", "c", "d"]
    assert [request.key for request in inner] == ["b"]
    assert [request.key for request in second] == ["c"]


def test_a_log_can_be_read_inside_of_its_block_and_ends_with_it_on_an_exception(cloud: Cloud) -> None:
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.suppress(ZeroDivisionError))
        log = stack.enter_context(cloud.requests())
        default_storage.exists("a")
        assert len(log) == 1
        _ = 1 / 0
    default_storage.exists("b")
    assert len(log) == 1


def test_looking_at_the_cloud_is_not_counted(cloud: Cloud) -> None:
    cloud.start()
    with cloud.requests() as log:
        assert repr(cloud)
        assert cloud._repr_svg_()
        assert cloud.keys == ()
        assert len(log) == 0
        default_storage.exists("a")
    assert len(log) == 1


def test_a_connection_of_an_earlier_cloud_counts_in_the_next(cloud: Cloud) -> None:
    client = boto3.client("s3")
    cloud.close()
    client.meta.events.emit("response-received.s3.GetObject", response_dict=None, context={})
    with Cloud() as second, second.requests() as log:
        client.put_object(Bucket="media", Key="cat.jpg", Body=b"Meow")
    assert list(log) == [Request("PutObject", "cat.jpg", 4)]


def test_closing_takes_the_handlers_away() -> None:
    from botocore.handlers import BUILTIN_HANDLERS

    before = list(BUILTIN_HANDLERS)
    with Cloud():
        assert len(BUILTIN_HANDLERS) > len(before)
    assert before == BUILTIN_HANDLERS


def test_instances_are_counted_too(cloud: Cloud) -> None:
    cloud.scale(2)
    with cloud.requests() as log:
        for instance in cloud.instances:
            with instance:
                default_storage.exists("cat.jpg")
                storages["easy_thumbnails"].exists("cat.jpg")
    assert repr(log) == "4 requests: 4 HeadObject"


def test_the_log_in_a_line(cloud: Cloud, storage: S3Storage) -> None:
    assert repr(RequestLog()) == "0 requests"
    with cloud.requests() as log:
        storage.save("cat.jpg", ContentFile(b"Meow"))
    assert repr(log) == "1 request: 1 PutObject"
    with cloud.requests() as log:
        storage.open("cat.jpg").read()
    assert repr(log) == "3 requests: 2 HeadObject, 1 GetObject"


def test_the_log_as_a_table(cloud: Cloud, storage: S3Storage) -> None:
    storage.save("cat.jpg", ContentFile(bytes(1234)))
    with cloud.requests() as log:
        storage.open("cat.jpg").read()
    table = ElementTree.fromstring(log._repr_html_())
    assert table.tag == "table"
    assert table.findtext("caption") == "3 requests: 2 HeadObject, 1 GetObject"
    rows = [["".join(cell.itertext()) for cell in row] for row in table.iter("tr")]
    assert rows == [
        ["Operation", "Requests", "Bytes"],
        ["HeadObject", "2", "0"],
        ["GetObject", "1", "1,234"],
        ["Total", "3", "1,234"],
    ]
    assert {cell.get("scope") for cell in table.iter("th")} == {"col", "row"}


def test_the_table_escapes_what_it_shows() -> None:
    log = RequestLog()
    log._requests.append(Request("<script>&", "", 0))
    assert "<script>" not in log._repr_html_()
    assert "1 <script>&" in (ElementTree.fromstring(log._repr_html_()).findtext("caption") or "")
