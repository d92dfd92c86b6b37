"""Upload a site to a real S3 server, and read it from there."""

from __future__ import annotations

import re
import threading
import uuid
from pathlib import Path
from posixpath import dirname, join, normpath

import pytest
from bs4 import BeautifulSoup

from publish import INDEX, PublishError, cache_control, content_type, main, publish
from servers import SeaweedFS

pytestmark = pytest.mark.seaweedfs

PAGE = """<link rel="stylesheet" href="{up}_static/look.css?v=1"><a href="{link}">on</a>
<img src="{up}_images/a.svg">"""


@pytest.fixture(scope="module")
def server():
    with SeaweedFS() as server:
        yield server


@pytest.fixture
def bucket(server) -> str:
    name = f"site-{uuid.uuid4().hex}"
    server.client().create_bucket(Bucket=name)
    return name


@pytest.fixture
def site(tmp_path) -> Path:
    """A small site, of the kind that Sphinx builds."""
    folder = tmp_path / "html"
    for name, text in {
        "index.html": PAGE.format(up="", link="guide/first.html"),
        "guide/first.html": PAGE.format(up="../", link="../index.html"),
        "searchindex.js": "Search.setIndex({})",
        "_static/look.css": "body {}",
        "_static/runtime/bundle-0123456789abcdef.gz": "packed",
        "_static/runtime/python.wasm": "code",
        "_images/a.svg": "<svg/>",
        ".buildinfo": "Sphinx's own",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


class Log:
    """A client that notes what it is asked to change, and that may be told to fail."""

    def __init__(self, client):
        self._client = client
        self._lock = threading.Lock()
        self.changes = []
        self.fails_at = None

    def __getattr__(self, name):
        return getattr(self._client, name)

    def put_object(self, **options):
        with self._lock:
            if self.fails_at == options["Key"]:
                raise KeyboardInterrupt
            self.changes.append(options["Key"])
        return self._client.put_object(**options)

    def delete_objects(self, **options):
        self.changes += [f"-{item['Key']}" for item in options["Delete"]["Objects"]]
        return self._client.delete_objects(**options)


@pytest.fixture
def client(server) -> Log:
    return Log(server.client())


def keys(client, bucket) -> set[str]:
    return {item["Key"] for item in client.list_objects_v2(Bucket=bucket).get("Contents", ())}


def crawl(client, bucket, start) -> dict[str, str]:
    """Read a page and all that it leads to; give each one's type."""
    found, waiting = {}, [start]
    while waiting:
        key = waiting.pop()
        if key in found:
            continue
        answer = client.get_object(Bucket=bucket, Key=key)
        found[key] = answer["ContentType"]
        if key.endswith(".html"):
            page = BeautifulSoup(answer["Body"].read(), "html.parser")
            for tag in page.select("[href], [src]"):
                link = re.split("[?#]", tag.get("href") or tag.get("src"))[0]
                if link and ":" not in link:
                    waiting.append(normpath(join(dirname(key), link)))
    return found


def test_the_site_can_be_read_from_the_bucket(site, client, bucket):
    publish(site, client, bucket, "docs/")
    assert crawl(client, bucket, "docs/index.html") == {
        "docs/index.html": "text/html; charset=utf-8",
        "docs/guide/first.html": "text/html; charset=utf-8",
        "docs/_static/look.css": "text/css; charset=utf-8",
        "docs/_images/a.svg": "image/svg+xml",
    }
    head = client.head_object(Bucket=bucket, Key="docs/_static/runtime/bundle-0123456789abcdef.gz")
    assert head["CacheControl"] == "public, max-age=31536000, immutable"
    assert head["ContentType"] == "application/gzip"
    assert client.head_object(Bucket=bucket, Key="docs/index.html")["CacheControl"] == "no-cache"
    assert "docs/.buildinfo" not in keys(client, bucket)


def test_what_pages_load_comes_first_and_what_is_gone_goes_last(site, client, bucket):
    publish(site, client, bucket, "")
    (site / "_static/look.css").write_text("body { margin: 0 }")
    (site / "guide/first.html").write_text("new")
    (site / "_images/a.svg").rename(site / "_images/b.svg")
    client.changes.clear()
    done = publish(site, client, bucket, "")
    assert client.changes[0] == INDEX
    assert set(client.changes[1:3]) == {"_static/look.css", "_images/b.svg"}
    assert client.changes[3:] == ["guide/first.html", "-_images/a.svg", INDEX]
    assert done.unchanged == 4
    assert "_images/a.svg" not in keys(client, bucket)


def test_a_second_run_changes_nothing(site, client, bucket):
    publish(site, client, bucket, "")
    client.changes.clear()
    assert publish(site, client, bucket, "").unchanged == 7
    assert client.changes == []
    publish(site, client, bucket, "", everything=True)
    assert len(client.changes) == 9


def test_what_this_site_did_not_upload_is_never_deleted(site, client, bucket):
    for key in ("photo.jpg", "docs/theirs.txt", "docs-old/index.html"):
        client.put_object(Bucket=bucket, Key=key, Body=b"theirs")
    publish(site, client, bucket, "docs/")
    (site / "searchindex.js").unlink()
    publish(site, client, bucket, "docs/")
    assert {"photo.jpg", "docs/theirs.txt", "docs-old/index.html"} <= keys(client, bucket)
    assert "docs/searchindex.js" not in keys(client, bucket)


def test_an_interrupted_run_is_completed_by_the_next(site, client, bucket):
    publish(site, client, bucket, "")
    (site / "guide/old.html").write_text("old")
    publish(site, client, bucket, "")
    (site / "guide/old.html").unlink()
    (site / "_static/new.css").write_text("new")
    (site / "index.html").write_text("new")
    client.fails_at = "index.html"
    with pytest.raises(KeyboardInterrupt):
        publish(site, client, bucket, "")
    # Nothing that the pages in the bucket need has gone.
    assert {"guide/old.html", "_static/new.css", "index.html"} <= keys(client, bucket)
    client.fails_at = None
    client.changes.clear()
    publish(site, client, bucket, "")
    assert client.changes == [INDEX, "index.html", "-guide/old.html", INDEX]


def test_a_dry_run_says_what_it_would_do_and_does_nothing(site, server, bucket, capsys, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.secret_key)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    options = [str(site), f"s3://{bucket}/docs", f"--endpoint-url={server.endpoint_url}"]
    assert main([*options, "--dry-run"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert "upload index.html (text/html; charset=utf-8; no-cache)" in said
    assert said[-1] == "To upload: 7, to delete: 0, unchanged: 0."
    assert keys(server.client(), bucket) == set()
    assert main(options) == 0
    assert capsys.readouterr().out == "Uploaded: 7, deleted: 0, unchanged: 0.\n"
    assert "docs/index.html" in keys(server.client(), bucket)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("s3://no-such-bucket-of-ours/docs", "There is no bucket no-such-bucket-of-ours. Create it first."),
        ("https://example.com/", "https://example.com/ is no place to upload to. Write s3://BUCKET"),
        ("s3://KEY:SECRET@bucket/", "Leave credentials out of the address."),
    ],
)
def test_a_wrong_target_is_a_sentence(site, server, target, said, capsys, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.secret_key)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    assert main([str(site), target, f"--endpoint-url={server.endpoint_url}"]) == 1
    printed = capsys.readouterr().err
    assert printed.startswith(said)
    assert "SECRET" not in printed


def test_wrong_credentials_are_a_sentence(site, server, bucket):
    stranger = server.client(access_key="nobody", secret_key="wrong")
    with pytest.raises(PublishError, match=f"refused ListObjectsV2 in the bucket {bucket}: "):
        publish(site, stranger, bucket, "")


def test_a_folder_that_is_no_site_is_refused_before_anything_is_deleted(site, client, bucket, tmp_path):
    publish(site, client, bucket, "")
    before = keys(client, bucket)
    with pytest.raises(PublishError, match=r"index\.html is missing"):
        publish(tmp_path / "elsewhere", client, bucket, "")
    assert keys(client, bucket) == before


def test_a_foreign_index_is_refused(site, client, bucket):
    client.put_object(Bucket=bucket, Key=INDEX, Body=b"not ours")
    with pytest.raises(PublishError, match="isn't a list that an earlier run has written"):
        publish(site, client, bucket, "")
    assert keys(client, bucket) == {INDEX}


def test_types_and_lifetimes_follow_the_name():
    assert content_type("a/Worker.MJS") == "text/javascript; charset=utf-8"
    assert content_type("a/strange.bin") == "application/octet-stream"
    assert cache_control("_static/live/page.js") == "public, max-age=3600"
    assert cache_control("_static/live/snapshot.0a1b2c3d4e5f.bin") == "public, max-age=31536000, immutable"
    assert cache_control("downloads/notebooks.zip") == "no-cache"
