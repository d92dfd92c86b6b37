"""Storage that outlives one of its machines."""

import pytest
from botocore.exceptions import ReadTimeoutError

from servers import SeaweedFSCluster

pytestmark = pytest.mark.seaweedfs

OBJECTS = {f"photos/{number:03}.bin": f"photo {number} ".encode() * 500 for number in range(100)}


def test_one_of_two_volume_servers_may_die() -> None:
    with SeaweedFSCluster() as cluster:
        cluster.create_bucket("media")
        s3 = cluster.client()

        def everything() -> dict[str, bytes]:
            listed = s3.list_objects_v2(Bucket="media")
            assert not listed["IsTruncated"]
            return {
                each["Key"]: s3.get_object(Bucket="media", Key=each["Key"])["Body"].read()
                for each in listed["Contents"]
            }

        for key, body in OBJECTS.items():
            s3.put_object(Bucket="media", Key=key, Body=body)
        assert cluster.volume_servers() == [0, 1]
        # Whichever dies: each holds everything.
        for number in (0, 1):
            cluster.kill_volume_server(number)
            assert everything() == OBJECTS
            assert cluster.volume_servers() == [1 - number]
            cluster.start_volume_server(number)
            assert cluster.volume_servers() == [0, 1]
            assert everything() == OBJECTS
        # What is not on two servers is not acknowledged.
        cluster.kill_volume_server(0)
        hasty = cluster.client(read_timeout=1)
        with pytest.raises(ReadTimeoutError):
            hasty.put_object(Bucket="media", Key="photos/late.bin", Body=b"late")
        cluster.start_volume_server(0)
        s3.put_object(Bucket="media", Key="photos/late.bin", Body=b"late")
        assert everything() == {**OBJECTS, "photos/late.bin": b"late"}
        folders = [cluster.folder / name for name in ("volume-0", "volume-1")]
        assert all(any(folder.glob("media_*.dat")) for folder in folders)
    assert not cluster.folder.exists()
