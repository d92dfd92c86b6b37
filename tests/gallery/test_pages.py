"""What a visitor can do, and what that does to the bucket."""

import io
import re
from collections import Counter
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from PIL import Image

from gallery.models import Document, Photo
from gallery.samples import picture, upload

MESSAGES = "django.contrib.messages.middleware.MessageMiddleware"
FIRST_THUMBNAIL = {"HeadObject": 2, "GetObject": 1, "DeleteObject": 1, "PutObject": 1}


def keys(bucket: Any, prefix: str = "") -> list[str]:
    return [each.key for each in bucket.objects.filter(Prefix=prefix)]


def addresses(response: HttpResponse, tag: str, attribute: str) -> list[str]:
    return [
        unescape(found)
        for found in re.findall(rf'<{tag}\b[^>]*?\s{attribute}="([^"]*)"', response.content.decode())
    ]


def upload_photo(client: Client, name: str = "alps.jpg", data: bytes | None = None) -> HttpResponse:
    image = SimpleUploadedFile(name, picture(label="alps") if data is None else data)
    return client.post("/", {"title": "Alps", "image": image}, follow=True)


def test_upload_is_stored_under_a_uuid(client: Client, bucket: Any) -> None:
    upload_photo(client, "Summer holiday.JPG")
    photo = Photo.objects.get()
    assert re.fullmatch(r"photos/[0-9a-f]{32}\.jpg", photo.image.name)
    assert bucket.Object(photo.image.name).get()["Body"].read() == picture(label="alps")
    assert (photo.width, photo.height) == (900, 600)


def test_two_uploads_of_one_name_are_two_objects(client: Client, bucket: Any) -> None:
    first, second = picture(label="first"), picture(label="second")
    upload_photo(client, "same.jpg", first)
    upload_photo(client, "same.jpg", second)
    newest, oldest = Photo.objects.all()
    assert newest.image.read() == second
    assert oldest.image.read() == first


def test_list_shows_a_thumbnail_that_is_in_the_bucket(client: Client, bucket: Any) -> None:
    [source] = addresses(upload_photo(client), "img", "src")
    assert urlsplit(source).path.lstrip("/") in keys(bucket, Photo.objects.get().image.name + ".")
    with Image.open(io.BytesIO(requests.get(source, timeout=10).content)) as thumbnail:
        assert thumbnail.size == (240, 180)


def test_list_asks_the_storage_for_nothing_once_the_thumbnails_exist(
    client: Client, bucket: Any, requests_sent: Counter[str]
) -> None:
    for number in range(3):
        Photo.objects.create(title=f"Photo {number}", image=upload(f"photo-{number}"))
    requests_sent.clear()
    client.get("/")
    assert requests_sent == {operation: 3 * count for operation, count in FIRST_THUMBNAIL.items()}
    requests_sent.clear()
    assert len(addresses(client.get("/"), "img", "src")) == 3
    assert not requests_sent


def test_list_survives_a_photo_whose_object_is_gone(client: Client, bucket: Any) -> None:
    lost = Photo.objects.create(title="Lost", image=upload("lost"))
    Photo.objects.create(title="Kept", image=upload("kept"))
    bucket.Object(lost.image.name).delete()
    response = client.get("/")
    assert len(addresses(response, "img", "src")) == 1
    assert "No preview" in response.content.decode()


def test_photo_page_needs_no_request(client: Client, bucket: Any, requests_sent: Counter[str]) -> None:
    photo = Photo.objects.create(title="Alps", image=upload("alps", 320, 200))
    requests_sent.clear()
    response = client.get(photo.get_absolute_url())
    assert not requests_sent
    assert addresses(response, "img", "width") == ["320"]
    [source] = addresses(response, "img", "src")
    assert requests.get(source, timeout=10).content == picture(320, 200, "alps")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"no picture", "Upload a valid image."),
        (b"", "The submitted file is empty."),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "Upload a valid image."),
    ],
)
def test_bad_upload_is_refused_with_a_reason(client: Client, bucket: Any, data: bytes, reason: str) -> None:
    page = upload_photo(client, "picture.png", data).content.decode()
    assert 'role="alert"' in page
    assert reason in page
    assert not Photo.objects.exists()
    assert not keys(bucket)


def test_long_extension_is_cut(client: Client, bucket: Any) -> None:
    client.post("/documents/", {"title": "Notes", "file": SimpleUploadedFile("x." + "y" * 90, b"text")})
    assert Document.objects.get().file.read() == b"text"


def test_document_is_a_link_to_its_object(client: Client, bucket: Any) -> None:
    file = SimpleUploadedFile("minutes.txt", b"We met.")
    response = client.post("/documents/", {"title": "Minutes", "file": file}, follow=True)
    document = Document.objects.get()
    assert re.fullmatch(r"documents/[0-9a-f]{32}\.txt", document.file.name)
    [link] = [each for each in addresses(response, "a", "href") if document.file.name in each]
    assert requests.get(link, timeout=10).content == b"We met."


def test_pages_take_addresses_from_the_storage(
    client: Client, db: None, settings: Any, tmp_path: Path
) -> None:
    options = {"location": str(tmp_path), "base_url": "https://cdn.example.com/files/"}
    backend = "django.core.files.storage.FileSystemStorage"
    settings.STORAGES = {**settings.STORAGES, "default": {"BACKEND": backend, "OPTIONS": options}}
    photo = Photo.objects.create(title="Alps", image=upload("alps"))
    document = Document.objects.create(title="Notes", file=ContentFile(b"text", name="notes.txt"))
    photo_page, document_page = client.get(photo.get_absolute_url()), client.get("/documents/")
    assert addresses(photo_page, "img", "src") == [f"https://cdn.example.com/files/{photo.image.name}"]
    assert f"https://cdn.example.com/files/{document.file.name}" in addresses(document_page, "a", "href")


def test_deleting_a_photo_deletes_its_objects_only(
    client: Client, bucket: Any, django_capture_on_commit_callbacks: Any
) -> None:
    gone = Photo.objects.create(title="Gone", image=upload("gone"))
    kept = Photo.objects.create(title="Kept", image=upload("kept"))
    client.get("/")
    assert len(keys(bucket)) == 4
    url = f"/photos/{gone.pk}/delete/"
    assert "Gone" in client.get(url).content.decode()
    assert len(keys(bucket)) == 4
    with django_capture_on_commit_callbacks(execute=True):
        assert client.post(url).headers["Location"] == "/"
    assert [photo.title for photo in Photo.objects.all()] == ["Kept"]
    assert len(keys(bucket)) == 2
    assert keys(bucket, kept.image.name) == keys(bucket)


def test_deleting_documents_by_queryset_deletes_their_objects(
    bucket: Any, django_capture_on_commit_callbacks: Any
) -> None:
    for text in (b"one", b"two"):
        Document.objects.create(title="Notes", file=ContentFile(text, name="notes.txt"))
    with django_capture_on_commit_callbacks(execute=True):
        Document.objects.all().delete()
        assert len(keys(bucket)) == 2, "a transaction that fails later must keep the objects"
    assert not keys(bucket)


def test_document_can_be_deleted(
    client: Client, bucket: Any, django_capture_on_commit_callbacks: Any
) -> None:
    document = Document.objects.create(title="Notes", file=ContentFile(b"text", name="notes.txt"))
    with django_capture_on_commit_callbacks(execute=True):
        response = client.post(f"/documents/{document.pk}/delete/")
    assert response.headers["Location"] == "/documents/"
    assert not keys(bucket)


def test_upload_without_a_token_is_refused(bucket: Any) -> None:
    client = Client(enforce_csrf_checks=True)
    assert upload_photo(client).status_code == 403
    assert not keys(bucket)


def test_title_is_escaped(client: Client, bucket: Any) -> None:
    Photo.objects.create(title="<script>alert(1)</script>", image=upload("alps"))
    assert "<script>" not in client.get("/").content.decode()


def test_project_with_messages_shows_them(client: Client, bucket: Any, settings: Any) -> None:
    settings.MESSAGE_STORAGE = "django.contrib.messages.storage.cookie.CookieStorage"
    settings.MIDDLEWARE = [*(each for each in settings.MIDDLEWARE if each != MESSAGES), MESSAGES]
    [engine] = settings.TEMPLATES
    processors = [
        *engine["OPTIONS"]["context_processors"],
        "django.contrib.messages.context_processors.messages",
    ]
    settings.TEMPLATES = [{**engine, "OPTIONS": {**engine["OPTIONS"], "context_processors": processors}}]
    assert "“Alps” is uploaded." in upload_photo(client).content.decode()
