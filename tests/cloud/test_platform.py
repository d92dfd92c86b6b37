"""Instances start, stop, are lost and replaced, and their disks with them."""

import os
import re
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from cloud import Cloud, InstanceGone
from conf.storage import StorageDSNError
from tests.cloud.conftest import LOCAL, run


def names(cloud: Cloud) -> list[str]:
    return [instance.name for instance in cloud.instances]


def test_a_new_cloud_has_an_empty_bucket_and_no_instance(cloud: Cloud) -> None:
    assert cloud.bucket == "media"
    assert cloud.dsn == "s3://testing:testing@media.s3.eu-central-1.amazonaws.com/"
    assert cloud.keys == ()
    assert cloud.instances == ()


def test_the_bucket_is_in_the_region_that_was_asked_for() -> None:
    with Cloud(bucket="photos", region="ap-southeast-2") as cloud:
        assert cloud.client.get_bucket_location(Bucket="photos")["LocationConstraint"] == "ap-southeast-2"


def test_keys_are_those_of_the_whole_bucket_sorted(cloud: Cloud) -> None:
    for key in ("b.jpg", "a/z.jpg", "a.jpg"):
        cloud.client.put_object(Bucket=cloud.bucket, Key=key, Body=b"")
    assert cloud.keys == ("a.jpg", "a/z.jpg", "b.jpg")


def test_keys_go_beyond_the_first_page_of_a_listing(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "3")
    for key in "abcdefg":
        cloud.client.put_object(Bucket=cloud.bucket, Key=key, Body=b"")
    assert cloud.client.list_objects_v2(Bucket=cloud.bucket)["IsTruncated"]
    assert cloud.keys == tuple("abcdefg")


def test_start_takes_the_first_free_number(cloud: Cloud) -> None:
    cloud.start()
    cloud.start("web-3")
    assert cloud.start().name == "web-2"
    assert cloud.start().name == "web-4"
    assert names(cloud) == ["web-1", "web-2", "web-3", "web-4"]


def test_a_name_may_be_used_once_at_a_time(cloud: Cloud) -> None:
    cloud.start("worker")
    with pytest.raises(ValueError, match=r"^worker runs already. Take another name, or lose it first.$"):
        cloud.start("worker")


@pytest.mark.parametrize("name", ["Web", "../web", "web_1", "-web", "web 1", "web-1\n"])
def test_a_name_that_is_no_host_name_is_refused(cloud: Cloud, name: str) -> None:
    with pytest.raises(ValueError, match=r"is no name for an instance. Use lower-case letters"):
        cloud.start(name)


def test_scale_starts_and_stops_those_with_the_highest_numbers(cloud: Cloud) -> None:
    cloud.scale(11)
    assert names(cloud)[-3:] == ["web-9", "web-10", "web-11"]
    third, disk = cloud["web-3"], cloud["web-3"].disk
    cloud.scale(2)
    assert names(cloud) == ["web-1", "web-2"]
    assert not disk.exists()
    with pytest.raises(InstanceGone, match=r"^web-3 was stopped when the cloud was scaled to 2.$"):
        _ = third.files
    cloud.scale(0)
    assert cloud.instances == ()
    with pytest.raises(ValueError, match=r"cannot run -1 instances"):
        cloud.scale(-1)


def test_each_instance_has_a_disk_of_its_own(cloud: Cloud) -> None:
    cloud.scale(2)
    (cloud["web-1"].media / "cat.jpg").write_bytes(b"Meow")
    (cloud["web-1"].disk / "var").mkdir()
    (cloud["web-1"].disk / "var" / "log").write_bytes(b"")
    assert cloud["web-1"].files == ("/var/log", "cat.jpg")
    assert cloud["web-2"].files == ()


def test_an_error_names_a_file_as_the_instance_sees_it(local_cloud: Cloud) -> None:
    instance = local_cloud.start("web-1")
    elsewhere = Path(__file__).parent / "no-such-file"
    with pytest.raises(FileNotFoundError) as error, instance:
        default_storage.open("letter.txt")
    seen = f"/{instance.media.relative_to(instance.disk).as_posix()}/letter.txt"
    assert error.value.filename == seen
    assert str(error.value).endswith(f"{seen}'")
    with pytest.raises(FileNotFoundError) as error, instance:
        elsewhere.open()
    assert error.value.filename == str(elsewhere)


def test_a_lost_instance_is_gone_with_its_disk(cloud: Cloud) -> None:
    cloud.scale(2)
    lost, disk = cloud["web-1"], cloud["web-1"].disk
    cloud.lose("web-1")
    assert names(cloud) == ["web-2"]
    assert not lost.running
    assert not disk.exists()
    sentence = re.escape(
        'web-1 was lost, and its disk with it. Start another with cloud.start("web-1"): its disk is empty.'
    )
    for use in (lambda: lost.disk, lambda: lost.media, lambda: lost.files, lost.__enter__):
        with pytest.raises(InstanceGone, match=f"^{sentence}$"):
            use()
    with pytest.raises(InstanceGone):
        cloud.lose("web-1")


def test_a_lost_instance_can_be_started_again_empty(cloud: Cloud) -> None:
    (cloud.start().media / "cat.jpg").write_bytes(b"Meow")
    cloud.lose("web-1")
    cloud.scale(1)
    assert cloud["web-1"].running
    assert cloud["web-1"].files == ()


def test_a_deploy_replaces_each_running_instance_by_an_empty_one(cloud: Cloud) -> None:
    cloud.scale(3)
    cloud.lose("web-3")
    old = cloud["web-1"]
    (old.media / "cat.jpg").write_bytes(b"Meow")
    cloud.client.put_object(Bucket=cloud.bucket, Key="dog.jpg", Body=b"Woof")
    cloud.redeploy()
    assert names(cloud) == ["web-1", "web-2"]
    assert [instance.release for instance in cloud.instances] == [2, 2]
    assert cloud["web-1"].files == ()
    assert cloud.keys == ("dog.jpg",)
    with pytest.raises(InstanceGone, match=r"belongs to release 1, which release 2 replaced"):
        _ = old.files
    assert cloud.start().release == 2


def test_a_deploy_changes_the_environment_and_keeps_the_rest(cloud: Cloud) -> None:
    cloud.start()
    cloud.redeploy(DEBUG="1")
    cloud.redeploy(DEFAULT_STORAGE_DSN=LOCAL)
    with cloud["web-1"]:
        assert os.environ["DEBUG"] == "1"
        assert os.environ["DEFAULT_STORAGE_DSN"] == LOCAL
    assert "DEBUG" not in os.environ
    assert os.environ["DEFAULT_STORAGE_DSN"] == cloud.dsn


def test_a_deploy_with_a_bad_dsn_replaces_nothing(cloud: Cloud) -> None:
    instance = cloud.start()
    with pytest.raises(StorageDSNError):
        cloud.redeploy(DEFAULT_STORAGE_DSN="ftp://example.com/")
    assert cloud.instances == (instance,)
    assert instance.running


def test_the_balancer_takes_each_in_turn_whatever_happens_to_the_others(cloud: Cloud) -> None:
    cloud.scale(3)
    assert [cloud.balance().name for _ in range(4)] == ["web-1", "web-2", "web-3", "web-1"]
    cloud.lose("web-2")
    assert [cloud.balance().name for _ in range(3)] == ["web-3", "web-1", "web-3"]
    cloud.scale(0)
    with pytest.raises(InstanceGone, match=r"No instance runs that could answer. Start one with"):
        cloud.balance()


def test_an_unknown_instance_is_named_with_those_there_are(cloud: Cloud) -> None:
    with pytest.raises(LookupError, match=r"^There is no instance web-1. The cloud has none yet: start one"):
        cloud["web-1"]
    cloud.scale(2)
    with pytest.raises(LookupError, match=r"^There is no instance web-9. The cloud has web-1, web-2.$"):
        cloud["web-9"]


def test_nothing_is_taken_away_from_under_running_code(cloud: Cloud) -> None:
    cloud.start()
    with cloud["web-1"]:
        for change in (
            lambda: cloud.lose("web-1"),
            lambda: cloud.scale(0),
            cloud.redeploy,
            cloud.close,
            Cloud,
        ):
            with pytest.raises(RuntimeError, match=r"^Code is running on web-1. Leave the block"):
                change()
    assert cloud["web-1"].running


def test_close_removes_every_disk_and_the_directory_of_them() -> None:
    cloud = Cloud()
    cloud.scale(2)
    instance, directory = cloud["web-2"], cloud["web-2"].disk.parent
    assert directory.is_dir()
    cloud.close()
    cloud.close()
    assert not directory.exists()
    with pytest.raises(InstanceGone, match=r"The cloud of web-2 was closed"):
        _ = instance.files


def test_a_second_cloud_closes_the_first_and_starts_afresh() -> None:
    first = Cloud()
    first.client.put_object(Bucket="media", Key="cat.jpg", Body=b"Meow")
    first.scale(2)
    with Cloud() as second:
        assert second.keys == ()
        assert second.instances == ()
        for use in (first.start, first.redeploy, first.setup, lambda: first.keys, first.requests):
            with pytest.raises(
                RuntimeError, match=r"^This cloud was closed; a new one closes the one before"
            ):
                use()
        first.close()
        assert second.keys == ()
        assert repr(first) == "A closed cloud"
        assert first._repr_svg_() is None


def test_a_cloud_that_cannot_be_made_leaves_the_open_one_alone(cloud: Cloud) -> None:
    with pytest.raises(StorageDSNError):
        Cloud(bucket="No Bucket")
    with pytest.raises(ValueError, match=r"names a directory, but a cloud needs a bucket"):
        Cloud(dsn=LOCAL)
    with pytest.raises(StorageDSNError):
        Cloud(DEFAULT_STORAGE_DSN="media")
    assert cloud.keys == ()


def test_an_instance_describes_itself(local_cloud: Cloud) -> None:
    instance = local_cloud.start()
    assert repr(instance) == "web-1, release 1: empty disk"
    with instance:
        default_storage.save("cat.jpg", ContentFile(b"Meow"))
    assert repr(instance) == "web-1, release 1: cat.jpg"
    local_cloud.lose("web-1")
    assert repr(instance) == "web-1, release 1: lost with its disk"


def test_without_django_the_bucket_works_and_an_instance_says_what_is_missing() -> None:
    program = """
from cloud import Cloud
cloud = Cloud()
cloud.client.put_object(Bucket=cloud.bucket, Key="cat.jpg", Body=b"Meow")
instance = cloud.start()
print(cloud.keys)
try:
    instance.__enter__()
except RuntimeError as error:
    print(error)
cloud.setup()
cloud.setup()
from django.core.files.storage import default_storage
with instance:
    with default_storage.open("cat.jpg") as file:
        print(file.read())
print(instance.disk.parent)
"""
    keys, sentence, content, directory = run(program).splitlines()
    assert keys == "('cat.jpg',)"
    assert sentence == (
        "Django is not set up yet, so that no code can run on web-1. Call cloud.setup() first."
    )
    assert content == "b'Meow'"
    # Nobody closed the cloud: the end of the process did.
    assert not Path(directory).exists()
