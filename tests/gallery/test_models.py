"""What the database and the migrations hold."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

import gallery
from gallery.models import Document, Photo, document_name, photo_name
from gallery.samples import upload


def test_migrations_are_complete(db: None) -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


def test_migrations_name_no_storage() -> None:
    folder = Path(str(gallery.__file__)).parent / "migrations"
    migrations = [path.read_text(encoding="utf-8") for path in folder.glob("0*.py")]
    assert migrations
    for text in migrations:
        assert "storage" not in text.lower()
        assert "testing" not in text


def test_size_of_a_named_file_is_a_column(bucket: Any, requests_sent: Counter[str]) -> None:
    Photo.objects.create(title="Alps", image=upload("alps", 120, 80))
    requests_sent.clear()
    photo = Photo.objects.get()
    assert (photo.width, photo.height) == (120, 80)
    assert not requests_sent


@pytest.mark.parametrize("name", ["", "photo", "../../etc/passwd.jpg", "a b/ü.PNG"])
def test_object_name_holds_nothing_of_the_visitors(name: str) -> None:
    for folder, made in [
        ("photos", photo_name(Photo(), name)),
        ("documents", document_name(Document(), name)),
    ]:
        start, _, rest = made.partition("/")
        assert start == folder
        assert rest[32:] in ("", ".jpg", ".png")
        int(rest[:32], 16)
