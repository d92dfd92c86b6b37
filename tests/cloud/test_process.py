"""Code on an instance sees the storages of its deployment and the instance's own disk."""

import sys
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage, default_storage, storages
from django.db import models
from PIL import Image

from cloud import Cloud
from tests.cloud.conftest import LOCAL, run


def save(name: str, content: bytes = b"Meow") -> str:
    return default_storage.save(name, ContentFile(content))


def bucket() -> str:
    """The bucket of the default storage."""
    storage: Any = default_storage
    return str(storage.bucket.name)


def test_a_local_deploy_keeps_uploads_on_the_disk_of_the_instance(local_cloud: Cloud) -> None:
    local_cloud.scale(2)
    with local_cloud["web-1"] as web_1:
        save("cat.jpg")
        assert Path(default_storage.path("cat.jpg")) == web_1.media / "cat.jpg"
        assert default_storage.url("cat.jpg") == "/media/cat.jpg"
    with local_cloud["web-2"]:
        assert not default_storage.exists("cat.jpg")
        assert save("cat.jpg", b"Hiss") == "cat.jpg"
    with local_cloud["web-1"]:
        assert default_storage.open("cat.jpg").read() == b"Meow"
    assert local_cloud.keys == ()


def test_a_local_deploy_loses_uploads_and_the_bucket_keeps_them(local_cloud: Cloud) -> None:
    local_cloud.start()
    with local_cloud["web-1"]:
        save("cat.jpg")
    local_cloud.redeploy(DEFAULT_STORAGE_DSN=local_cloud.dsn)
    with local_cloud["web-1"]:
        assert not default_storage.exists("cat.jpg")
        save("cat.jpg")
    local_cloud.redeploy()
    local_cloud.lose("web-1")
    with local_cloud.start():
        assert default_storage.open("cat.jpg").read() == b"Meow"
    assert local_cloud.keys == ("cat.jpg",)


def test_all_instances_share_the_bucket(cloud: Cloud) -> None:
    cloud.scale(2)
    with cloud["web-1"]:
        save("cat.jpg")
    with cloud["web-2"] as web_2:
        assert default_storage.open("cat.jpg").read() == b"Meow"
        assert web_2.files == ()


def test_the_directory_is_the_one_of_the_dsn() -> None:
    with Cloud(DEFAULT_STORAGE_DSN="file:///data/uploads/") as cloud, cloud.start() as web_1:
        assert web_1.media == web_1.disk / "data" / "uploads"
        save("cat.jpg")
        assert web_1.files == ("cat.jpg",)
        # Without the option "url", the project's MEDIA_URL serves it.
        assert default_storage.url("cat.jpg") == f"{settings.MEDIA_URL}cat.jpg"


def test_media_root_is_on_the_instance_and_back_after_it(cloud: Cloud) -> None:
    before = settings.MEDIA_ROOT
    cloud.scale(2)
    hard_coded = FileSystemStorage()
    with cloud["web-1"] as web_1:
        assert str(web_1.media) == settings.MEDIA_ROOT
        hard_coded.save("cat.jpg", ContentFile(b"Meow"))
        assert web_1.files == ("cat.jpg",)
    with cloud["web-2"]:
        assert not hard_coded.exists("cat.jpg")
    assert before == settings.MEDIA_ROOT
    assert hard_coded.location == str(Path(before).absolute())


def test_blocks_nest_and_each_end_restores_what_was_before(local_cloud: Cloud) -> None:
    local_cloud.scale(2)
    outside = bucket()
    with local_cloud["web-1"] as web_1:
        with local_cloud["web-2"] as web_2, local_cloud["web-2"]:
            save("two.txt")
            assert str(web_2.media) == settings.MEDIA_ROOT
        assert str(web_1.media) == settings.MEDIA_ROOT
        save("one.txt")
    assert (web_1.files, web_2.files) == (("one.txt",), ("two.txt",))
    assert bucket() == outside


def test_an_exception_leaves_the_instance_too(local_cloud: Cloud) -> None:
    local_cloud.start()
    before = settings.STORAGES, bucket()
    with pytest.raises(ZeroDivisionError), local_cloud["web-1"]:
        _ = 1 / 0
    assert (settings.STORAGES, bucket()) == before
    local_cloud.lose("web-1")


def test_closing_gives_django_its_own_storages_back() -> None:
    before = settings.STORAGES, vars(storages).copy(), vars(default_storage)["_wrapped"]
    with Cloud(bucket="photos") as cloud:
        assert bucket() == "photos"
        assert settings.STORAGES["default"]["OPTIONS"]["bucket_name"] == "photos"
        with cloud.start():
            save("cat.jpg")
    assert settings.STORAGES is before[0]
    assert vars(storages) == before[1]
    assert vars(default_storage)["_wrapped"] is before[2]


def test_outside_of_an_instance_django_uses_the_bucket_of_the_open_cloud() -> None:
    with Cloud(bucket="photos", DEFAULT_STORAGE_DSN=LOCAL) as cloud:
        save("cat.jpg")
        assert cloud.keys == ("cat.jpg",)
    with Cloud(bucket="photos") as cloud:
        assert not default_storage.exists("cat.jpg")


def test_fields_follow_the_deploy(local_cloud: Cloud) -> None:
    from gallery.models import Document

    local_cloud.start()
    with local_cloud["web-1"] as web_1:
        document = Document(title="Report")
        document.file.save("report.txt", ContentFile(b"..."), save=False)
        assert web_1.files == (document.file.name,)
        assert Path(document.file.path).read_bytes() == b"..."
    local_cloud.redeploy(DEFAULT_STORAGE_DSN=local_cloud.dsn)
    with local_cloud["web-1"] as web_1:
        document.file.save("report.txt", ContentFile(b"..."), save=False)
        assert web_1.files == ()
    assert local_cloud.keys == (document.file.name,)


@pytest.mark.django_db
def test_thumbnails_follow_the_deploy(local_cloud: Cloud) -> None:
    from easy_thumbnails.files import get_thumbnailer

    def thumbnail() -> str:
        picture = BytesIO()
        Image.new("RGB", (40, 30)).save(picture, "PNG")
        name = save("cat.png", picture.getvalue())
        made: Any = get_thumbnailer(default_storage, relative_name=name).get_thumbnail({"size": (20, 20)})
        return str(made.name)

    before = sys.modules["easy_thumbnails.storage"].__dict__["thumbnail_default_storage"]
    local_cloud.start()
    with local_cloud["web-1"] as web_1:
        name = thumbnail()
        assert web_1.files == ("cat.png", name)
    assert sys.modules["easy_thumbnails.storage"].__dict__["thumbnail_default_storage"] is before
    local_cloud.redeploy(DEFAULT_STORAGE_DSN=local_cloud.dsn)
    with local_cloud["web-1"] as web_1:
        name = thumbnail()
        assert web_1.files == ()
    assert local_cloud.keys == ("cat.png", name)


def test_easy_thumbnails_may_be_imported_on_an_instance(
    local_cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "easy_thumbnails.storage")
    with local_cloud.start():
        module = import_module("easy_thumbnails.storage")
        assert isinstance(module.thumbnail_default_storage, FileSystemStorage)
    assert module.thumbnail_default_storage is storages["easy_thumbnails"]


def test_overwriting_stays_what_the_project_says(cloud: Cloud) -> None:
    with cloud.start():
        assert settings.STORAGES["default"]["OPTIONS"]["file_overwrite"] is False
        assert settings.STORAGES["easy_thumbnails"]["OPTIONS"]["file_overwrite"] is True
    cloud.redeploy(DEFAULT_STORAGE_DSN=f"{cloud.dsn}uploads/?overwrite=true")
    with cloud["web-1"]:
        save("cat.jpg")
        assert save("cat.jpg") == "cat.jpg"
    assert cloud.keys == ("uploads/cat.jpg",)


def test_entries_that_the_project_wrote_itself_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    local = "django.core.files.storage.FileSystemStorage"
    own: dict[str, Any] = {
        "default": {"BACKEND": local},
        "private": {"BACKEND": local, "OPTIONS": {"location": "/app/private"}},
        "beside": {"BACKEND": local, "OPTIONS": {"location": "private"}},
        "staticfiles": settings.STORAGES["staticfiles"],
    }
    monkeypatch.setattr(settings, "STORAGES", own)
    with Cloud() as cloud:
        cloud.scale(2)
        with cloud["web-1"] as web_1:
            save("cat.jpg")
            storages["private"].save("diary.txt", ContentFile(b"..."))
            assert storages["beside"].exists("diary.txt")
            assert web_1.files == ("/app/private/diary.txt", "cat.jpg")
            assert settings.STORAGES["staticfiles"] == own["staticfiles"]
            with cloud["web-2"] as web_2:
                storages["private"].save("diary.txt", ContentFile(b"..."))
                assert web_2.files == ("/app/private/diary.txt",)
        assert cloud.keys == ()
    assert settings.STORAGES is own


def test_storages_are_made_once_for_each_instance(cloud: Cloud) -> None:
    seen: list[Storage] = []
    cloud.start()
    for _ in range(2):
        with cloud["web-1"]:
            seen.append(storages["default"])
    assert seen[0] is seen[1]


def test_no_storage_outlives_its_cloud() -> None:
    seen: list[Storage] = []
    for _ in range(2):
        with Cloud() as cloud, cloud.start():
            seen.append(storages["default"])
    assert seen[0] is not seen[1]


def test_a_project_that_was_set_up_before_the_cloud_follows_it_all_the_same() -> None:
    program = """
import django
django.setup()
from django.core.files.storage import default_storage
from cloud import Cloud
print(default_storage.bucket.name)
for bucket in ("photos", "films"):
    with Cloud(bucket=bucket) as cloud, cloud.start():
        print(default_storage.bucket.name)
print(default_storage.bucket.name)
"""
    before = {"DEFAULT_STORAGE_DSN": "s3://testing:testing@before.s3.amazonaws.com/"}
    assert run(program, DJANGO_SETTINGS_MODULE="conf.settings", **before) == "before\nphotos\nfilms\nbefore\n"


@pytest.mark.parametrize("between", ["", "cloud.close()"])
def test_a_project_that_was_set_up_in_a_cloud_follows_the_next(between: str) -> None:
    program = f"""
import django
from cloud import Cloud
cloud = Cloud(bucket="photos")
django.setup()
from django.core.files.storage import default_storage
print(default_storage.bucket.name)
{between}
cloud = Cloud(bucket="films")
with cloud.start():
    print(default_storage.bucket.name)
"""
    assert run(program, DJANGO_SETTINGS_MODULE="conf.settings") == "photos\nfilms\n"


def test_a_field_with_a_storage_of_its_own_keeps_it(cloud: Cloud, tmp_path: Path) -> None:
    field = models.FileField(storage=FileSystemStorage(location=tmp_path))
    with cloud.start() as web_1:
        field.storage.save("cat.jpg", ContentFile(b"Meow"))
        assert web_1.files == ()
    assert (tmp_path / "cat.jpg").exists()
