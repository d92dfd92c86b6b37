"""AWS is played in this process, other providers too, and nothing leaves the machine."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
import requests
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from moto.server import ThreadedMotoServer

from cloud import Cloud
from cloud.aws import RequestRefused
from conf.storage import StorageDSNError
from tests.cloud.conftest import LOCAL

EXOSCALE = "s3://testing:testing@media.sos-ch-dk-2.exo.io/"


def test_the_environment_holds_dummy_credentials_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "work")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "real")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "real")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://example.com")
    before = dict(os.environ)
    with Cloud(region="eu-west-1"):
        aws = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
        assert aws == {
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }
        credentials: Any = boto3.session.Session().get_credentials()
        assert (credentials.access_key, credentials.token) == ("testing", None)
    assert dict(os.environ) == before


def test_a_cloud_that_fails_to_open_puts_everything_back(monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.handlers import BUILTIN_HANDLERS

    def fail(*_: object) -> None:
        raise OSError("no bucket")

    before = dict(os.environ), list(BUILTIN_HANDLERS)
    monkeypatch.setattr("cloud.aws.create_bucket", fail)
    with pytest.raises(OSError, match="no bucket"):
        Cloud()
    assert (dict(os.environ), list(BUILTIN_HANDLERS)) == before
    monkeypatch.undo()
    with Cloud() as cloud:
        assert cloud.keys == ()


@pytest.mark.parametrize(
    ("dsn", "region", "url"),
    [
        (EXOSCALE, "ch-dk-2", "https://media.sos-ch-dk-2.exo.io/uploads/cat.jpg?"),
        (f"{EXOSCALE}?auth=s3", "ch-dk-2", "https://media.sos-ch-dk-2.exo.io/uploads/cat.jpg?"),
        (
            "s3+https://testing:testing@sos-ch-dk-2.exo.io/media/",
            "ch-dk-2",
            "https://sos-ch-dk-2.exo.io/media/uploads/cat.jpg?",
        ),
        (
            "s3://testing:testing@media.objects.rma.cloudscale.ch/",
            "rma",
            "https://media.objects.rma.cloudscale.ch/uploads/cat.jpg?",
        ),
        (
            "s3://testing:testing@media.s3.amazonaws.com/",
            "us-east-1",
            "https://media.s3.amazonaws.com/uploads/cat.jpg?",
        ),
        (
            "s3+http://testing:testing@minio.example:9000/media/",
            "us-east-1",
            "http://minio.example:9000/media/uploads/cat.jpg?",
        ),
    ],
)
def test_moto_plays_the_provider_of_the_dsn(dsn: str, region: str, url: str) -> None:
    with Cloud(dsn=dsn) as cloud, cloud.requests() as log:
        assert cloud.client.meta.region_name == region
        with cloud.start():
            name = default_storage.save("uploads/cat.jpg", ContentFile(b"Meow"))
            assert default_storage.url(name).startswith(url)
            assert default_storage.open(name).read() == b"Meow"
            assert default_storage.listdir("uploads") == ([], ["cat.jpg"])
            default_storage.delete(name)
        assert [request.key for request in log if request.operation == "PutObject"] == ["uploads/cat.jpg"]
        assert cloud.keys == ()


def test_a_request_to_any_other_host_is_refused(cloud: Cloud) -> None:
    for host in ("example.org", "media.sos-ch-dk-2.exo.io", "amazonaws.com.example.org", "notamazonaws.com"):
        s3 = boto3.client("s3", endpoint_url=f"https://{host}")
        with pytest.raises(RequestRefused, match=f"^A request to {host} was stopped, because examples never"):
            s3.list_buckets()


def test_a_provider_is_played_while_its_cloud_is_open_only() -> None:
    with Cloud(dsn=EXOSCALE) as cloud:
        client = cloud.client
    with Cloud(), pytest.raises(RequestRefused):
        client.list_buckets()


def test_no_service_of_amazon_is_asked_in_earnest(cloud: Cloud) -> None:
    assert boto3.client("sts").get_caller_identity()["Account"] == "123456789012"


@pytest.fixture
def server() -> Iterator[str]:
    """A server on loopback, as SeaweedFS would be: its host and port."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    address = "{}:{}".format(*server.get_host_and_port())
    requests.post(f"http://{address}/moto-api/reset", timeout=10).raise_for_status()
    try:
        yield address
    finally:
        server.stop()


def test_a_server_on_this_machine_answers_for_itself(server: str) -> None:
    # In its first region, S3 lets you create a bucket twice.
    dsn = f"s3+http://testing:testing@{server}/uploads/?region=eu-central-1"
    with Cloud(dsn=dsn) as cloud, cloud.requests() as log, cloud.start():
        default_storage.save("cat.jpg", ContentFile(b"Meow"))
        assert default_storage.open("cat.jpg").read() == b"Meow"
        assert repr(log) == "5 requests: 3 HeadObject, 1 PutObject, 1 GetObject"
        assert log.bytes == 8
        with cloud.requests() as log, pytest.raises(cloud.client.exceptions.NoSuchKey):
            cloud.client.get_object(Bucket=cloud.bucket, Key="dog.jpg")
        # The server explains why, at some length.
        assert log.bytes == 0
    # Its bucket is not the cloud's to empty.
    with Cloud(dsn=dsn) as cloud:
        assert cloud.keys == ("cat.jpg",)
        with pytest.raises(RequestRefused):
            boto3.client("s3", endpoint_url="https://example.org").list_buckets()


# -- A server that the environment names --------------------------------------------------------------------


def test_the_environment_may_name_a_server_on_this_machine(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = f"s3+http://somebody:top-secret@{server}/uploads/"
    monkeypatch.setenv("DEFAULT_STORAGE_DSN", dsn)
    with Cloud() as cloud, cloud.start():
        assert (cloud.dsn, cloud.bucket) == (dsn, "uploads")
        default_storage.save("cat.jpg", ContentFile(b"Meow"))
        assert default_storage.url("cat.jpg").startswith(f"http://{server}/uploads/cat.jpg?")
        assert requests.get(default_storage.url("cat.jpg"), timeout=10).content == b"Meow"
    assert os.environ["DEFAULT_STORAGE_DSN"] == dsn
    # By name, a bucket is chosen on that server.
    with Cloud(bucket="photos", region="eu-central-1") as cloud:
        assert cloud.dsn == f"s3+http://somebody:top-secret@{server}/photos/?region=eu-central-1"
    # A DSN decides alone.
    with Cloud(dsn=EXOSCALE) as cloud:
        assert (cloud.dsn, cloud.keys) == (EXOSCALE, ())


def test_a_cell_that_runs_again_finds_the_servers_bucket_empty(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEFAULT_STORAGE_DSN", f"s3+http://testing:testing@{server}/uploads/")
    for _ in range(2):
        cloud = Cloud()
        assert cloud.keys == ()
        cloud.client.put_object(Bucket=cloud.bucket, Key="cat.jpg", Body=b"Meow")
    cloud.close()


def test_what_somebody_else_keeps_on_the_server_is_left_alone(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = f"s3+http://somebody:top-secret@{server}/uploads/"
    with Cloud(dsn=dsn) as cloud:
        cloud.client.put_object(Bucket=cloud.bucket, Key="work.txt", Body=b"A year of it")
    monkeypatch.setenv("DEFAULT_STORAGE_DSN", dsn)
    before = dict(os.environ)
    with pytest.raises(
        ValueError, match=r"^The bucket uploads, which DEFAULT_STORAGE_DSN names, is not empty"
    ):
        Cloud()
    assert dict(os.environ) == before
    with Cloud(dsn=dsn) as cloud:
        assert cloud.keys == ("work.txt",)


@pytest.mark.parametrize("dsn", [EXOSCALE, "s3://key:secret@work.s3.amazonaws.com/", LOCAL, ""])
def test_any_other_storage_of_the_environment_is_left_alone(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEFAULT_STORAGE_DSN", dsn)
    with Cloud() as cloud:
        assert cloud.dsn == "s3://testing:testing@media.s3.eu-central-1.amazonaws.com/"
        cloud.client.put_object(Bucket="media", Key="cat.jpg", Body=b"Meow")
        with Cloud(region="eu-west-1") as another:
            assert another.keys == ()


def test_a_wrong_dsn_in_the_environment_is_told_and_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEFAULT_STORAGE_DSN", "s3+http://somebody:top-secret@127.0.0.1:99999/media/")
    with pytest.raises(StorageDSNError, match="The port of the storage DSN is wrong") as error:
        Cloud()
    assert "top-secret" not in str(error.value)


def test_the_server_answers_whoever_names_no_other(server: str) -> None:
    dsn = f"s3+http://somebody:top-secret@{server}/uploads/"
    with Cloud(dsn=dsn), pytest.MonkeyPatch.context() as patch:
        assert os.environ["AWS_ENDPOINT_URL_S3"] == f"http://{server}"
        credentials: Any = boto3.session.Session().get_credentials()
        assert (credentials.access_key, credentials.secret_key) == ("somebody", "top-secret")
        bare = boto3.client("s3")
        assert [bucket["Name"] for bucket in bare.list_buckets()["Buckets"]] == ["uploads"]
        # There is no moto that would answer in Amazon's place.
        with pytest.raises(RequestRefused, match=r"^A request to sts\S*\.amazonaws\.com was stopped"):
            boto3.client("sts").get_caller_identity()
        patch.delenv("AWS_ENDPOINT_URL_S3")
        with pytest.raises(RequestRefused):
            boto3.client("s3").list_buckets()


FORBIDDEN = (
    "os.exec", "os.fork", "os.posix_spawn", "os.system", "socket.__new__", "socket.connect",
    "socket.getaddrinfo", "subprocess.Popen",
)  # fmt: skip
seen: list[str] = []
watching: list[bool] = []


def watch(event: str, arguments: tuple[object, ...]) -> None:
    if watching and event in FORBIDDEN:
        seen.append(event)


# Python never takes an audit hook away again, so that it is added once.
sys.addaudithook(watch)


@pytest.fixture
def forbidden(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What was done in the test that a browser's Python cannot do."""
    # Python 3.11 tells no audit hook about threads.
    monkeypatch.setattr(threading.Thread, "start", lambda thread: seen.append("thread"))
    seen.clear()
    watching.append(True)
    yield seen
    watching.clear()


def test_a_whole_story_needs_no_network_no_thread_and_no_process(forbidden: list[str]) -> None:
    with Cloud(DEFAULT_STORAGE_DSN="file:///app/media/") as cloud:
        cloud.scale(3)
        with cloud.balance(), cloud.requests():
            default_storage.save("cat.jpg", ContentFile(b"Meow"))
        cloud.lose("web-1")
        cloud.redeploy(DEFAULT_STORAGE_DSN=cloud.dsn)
        with cloud.requests() as log:
            # Saving through django-storages takes threads of its own: those of s3transfer.
            cloud.client.put_object(Bucket=cloud.bucket, Key="cat.jpg", Body=b"Meow")
            with cloud["web-2"]:
                assert default_storage.exists("cat.jpg")
        assert cloud._repr_svg_()
        assert repr(cloud)
        assert log._repr_html_()
    assert forbidden == []


def test_the_watch_sees_what_it_watches_for(forbidden: list[str]) -> None:
    socket.socket().close()
    threading.Thread(target=int).start()
    subprocess.run([sys.executable, "--version"], check=True, capture_output=True)
    assert {"socket.__new__", "subprocess.Popen", "thread"} <= set(forbidden)
