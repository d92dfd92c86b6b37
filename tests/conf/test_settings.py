"""The settings module that the guide teaches makes a project that works, and shows nobody its DSN."""

import runpy
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from django.conf import settings as active
from django.core.checks import run_checks
from django.core.files.base import ContentFile
from django.core.files.storage.handler import StorageHandler
from django.test import RequestFactory, override_settings
from django.views.debug import ExceptionReporter
from moto import mock_aws

from conf import settings

VARIABLES = ("DEFAULT_STORAGE_DSN", "DATABASE_PATH", "DEBUG", "SECRET_KEY", "ALLOWED_HOSTS")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def evaluate() -> dict[str, Any]:
    """Evaluate the settings module anew, in the environment of this moment."""
    return runpy.run_path(settings.__file__)


@pytest.fixture
def bucket(environment: pytest.MonkeyPatch) -> Iterator[Any]:
    """The bucket that the default DSN names, as moto serves it."""
    with mock_aws():
        resource = boto3.resource("s3", region_name="eu-central-1")
        yield resource.create_bucket(
            Bucket="media", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )


def test_the_project_passes_djangos_checks() -> None:
    assert active.SETTINGS_MODULE == "conf.settings"
    assert run_checks(include_deployment_checks=False) == []


def test_uploads_land_in_the_bucket(bucket: Any) -> None:
    storage = StorageHandler(evaluate()["STORAGES"])["default"]
    name = storage.save("notes/same.txt", ContentFile(b"first"))
    assert storage.exists(name)
    assert storage.size(name) == 5
    with storage.open(name) as file:
        assert file.read() == b"first"
    assert storage.url(name).startswith(
        "https://media.s3.eu-central-1.amazonaws.com/notes/same.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&"
    )
    assert [item.key for item in bucket.objects.all()] == ["notes/same.txt"]


def test_an_upload_does_not_replace_another_but_a_thumbnail_does(bucket: Any) -> None:
    storages = StorageHandler(evaluate()["STORAGES"])
    names = {alias: [] for alias in ("default", "easy_thumbnails")}
    for alias in names:
        for content in (b"first", b"second"):
            names[alias].append(storages[alias].save(f"{alias}.txt", ContentFile(content)))
    assert names["default"][0] != names["default"][1]
    assert names["easy_thumbnails"] == ["easy_thumbnails.txt"] * 2
    assert len(list(bucket.objects.all())) == 3


def test_no_acl_is_sent(bucket: Any) -> None:
    storage = StorageHandler(evaluate()["STORAGES"])["default"]
    requests: list[dict[str, Any]] = []
    storage.connection.meta.client.meta.events.register(
        "provide-client-params.s3.PutObject", lambda params, **_: requests.append(params)
    )
    storage.save("a.txt", ContentFile(b"a"))
    assert len(requests) == 1
    assert "ACL" not in requests[0]


def test_easy_thumbnails_takes_the_alias() -> None:
    from easy_thumbnails.conf import settings as thumbnail_settings

    assert thumbnail_settings.THUMBNAIL_DEFAULT_STORAGE_ALIAS in active.STORAGES
    assert thumbnail_settings.THUMBNAIL_ALIASES[""]["list"] == {"size": (240, 180), "crop": True}


def test_a_directory_serves_too(environment: pytest.MonkeyPatch, tmp_path: Any) -> None:
    environment.setenv("DEFAULT_STORAGE_DSN", f"file://{tmp_path}/?url=%2Ffiles%2F")
    storages = StorageHandler(evaluate()["STORAGES"])
    for alias in ("default", "easy_thumbnails"):
        name = storages[alias].save(f"{alias}.txt", ContentFile(b"a"))
        assert (tmp_path / name).read_bytes() == b"a"
        assert storages[alias].url(name) == f"/files/{alias}.txt"


def test_the_environment_decides(environment: pytest.MonkeyPatch) -> None:
    unset = evaluate()
    assert (unset["DEBUG"], unset["DATABASES"]["default"]["NAME"]) == (False, ":memory:")
    environment.setenv("DEBUG", "1")
    environment.setenv("SECRET_KEY", "from-the-environment")
    environment.setenv("DATABASE_PATH", "gallery.sqlite3")
    environment.setenv("ALLOWED_HOSTS", "a.example.com,b.example.com")
    environment.setenv("DEFAULT_STORAGE_DSN", "s3://other.s3.eu-west-1.amazonaws.com/")
    given = evaluate()
    assert given["DEBUG"] is True
    assert given["SECRET_KEY"] == "from-the-environment"
    assert given["DATABASES"]["default"]["NAME"] == "gallery.sqlite3"
    assert given["ALLOWED_HOSTS"] == ["a.example.com", "b.example.com"]
    for alias in ("default", "easy_thumbnails"):
        assert given["STORAGES"][alias]["OPTIONS"]["bucket_name"] == "other"
    assert "static" in given["STORAGES"]["staticfiles"]["BACKEND"]


def test_nothing_in_the_module_holds_the_dsn(environment: pytest.MonkeyPatch) -> None:
    dsn = "s3://KEY:QXZJ@media.s3.eu-central-1.amazonaws.com/"
    environment.setenv("DEFAULT_STORAGE_DSN", dsn)
    values = {name: value for name, value in evaluate().items() if name != "STORAGES"}
    assert "media_dsn" in values
    assert "QXZJ" not in repr(values)


def test_a_debug_page_hides_the_dsn_and_the_keys(environment: pytest.MonkeyPatch) -> None:
    secret = "nowhere-else-on-the-page"
    environment.setenv("DEFAULT_STORAGE_DSN", f"s3://{secret}:{secret}@media.s3.eu-central-1.amazonaws.com/")
    request = RequestFactory().get("/", DEFAULT_STORAGE_DSN=settings.media_dsn(), HTTP_MARK="shown")
    with override_settings(DEBUG=True, STORAGES=evaluate()["STORAGES"]):
        html = ExceptionReporter(request, ValueError, ValueError("to be reported"), None).get_traceback_html()
    assert "DEFAULT_STORAGE_DSN" in html
    assert "shown" in html
    assert "bucket_name" in html
    assert secret not in html
