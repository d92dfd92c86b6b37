"""Upload a built site to a bucket: ``python -m publish build/html s3://BUCKET/PREFIX``.

Whoever reads the site meanwhile never meets a page whose style sheet or picture isn't there: what pages load
goes first, then the pages, and what no page needs any longer is deleted last. Only what differs is sent, so
a run that was interrupted can be repeated, and then does the rest.

A bucket may hold other things than this site. So nothing is deleted but what an earlier run has uploaded, and
each run keeps a list of that beside the pages, in the object :data:`INDEX`.

Credentials, region and endpoint come from where boto3 always takes them. Other providers than Amazon need
``AWS_ENDPOINT_URL_S3`` or ``--endpoint-url``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from tqdm import tqdm

#: The object that lists, relative to the prefix, what was uploaded.
INDEX = "published.json"

# The names of types that a browser needs to be right, whatever this machine's own table says.
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".epub": "application/epub+zip",
    ".gif": "image/gif",
    ".gz": "application/gzip",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/vnd.microsoft.icon",
    ".ipynb": "application/x-ipynb+json",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".py": "text/x-python; charset=utf-8",
    ".rst": "text/x-rst; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
    ".xml": "application/xml",
    ".zip": "application/zip",
}
_UNKNOWN = "application/octet-stream"

# A name that holds a digest of the content, such as bundle-0123abcd….gz: under it the content never changes.
_DIGEST_IN_NAME = re.compile(r"[.-][0-9a-f]{8,64}\.")

# What is uploaded last and asked for anew each time: the pages, and what leads to them.
_PAGES = (".html", ".xml", ".txt", ".md", ".inv")
_PAGE_FILES = ("searchindex.js",)

_PARALLEL = 8

# S3 deletes as many at once.
_DELETED_AT_ONCE = 1000


class PublishError(Exception):
    """Says in a sentence why the site was not uploaded, or not all of it."""


@dataclass(frozen=True)
class Upload:
    """A file that is to be uploaded.

    :param path: the file.
    :param name: its path in the site, with forward slashes.
    :param content_type: its ``Content-Type``.
    :param cache_control: its ``Cache-Control``.
    """

    path: Path
    name: str
    content_type: str
    cache_control: str

    @property
    def is_page(self) -> bool:
        """Whether it refers to other files, and so must come after them."""
        return self.path.suffix in _PAGES or self.path.name in _PAGE_FILES


@dataclass(frozen=True)
class Plan:
    """What a run does, in this order.

    :param files: files that pages load.
    :param pages: pages.
    :param deleted: names of what is no longer part of the site.
    :param unchanged: how many files are in the bucket already.
    """

    files: tuple[Upload, ...]
    pages: tuple[Upload, ...]
    deleted: tuple[str, ...]
    unchanged: int


def content_type(name: str) -> str:
    """Tell the type of a file by its name.

    :param name: the name.
    :returns: the value of ``Content-Type``.
    """
    return _TYPES.get(Path(name).suffix.lower(), _UNKNOWN)


def cache_control(name: str) -> str:
    """Tell how long browsers may keep a file without asking.

    :param name: its path in the site.
    :returns: the value of ``Cache-Control``: a year if the name holds a digest of the content; an hour for
        what else pages load, which Sphinx gives a new query string with each change; for pages, not at all.
    """
    if _DIGEST_IN_NAME.search(Path(name).name):
        return "public, max-age=31536000, immutable"
    if name.startswith(("_static/", "_images/")):
        return "public, max-age=3600"
    return "no-cache"


def plan(
    site: Path, present: Mapping[str, str], published: Collection[str], everything: bool = False
) -> Plan:
    """Compare a site with a bucket.

    :param site: the folder of the built site.
    :param present: the ETag, without quotes, of each object below the prefix, by its name in the site.
    :param published: names that earlier runs have uploaded.
    :param everything: whether to upload also what is there already, such as after a change of headers.
    :returns: what is to be done.
    :raises PublishError: if the folder isn't a built site.
    """
    uploads, unchanged = [], 0
    files = _files(site)
    for name, path in files.items():
        if not everything and present.get(name) == _etag(path):
            unchanged += 1
        else:
            uploads.append(Upload(path, name, content_type(name), cache_control(name)))
    return Plan(
        tuple(upload for upload in uploads if not upload.is_page),
        tuple(upload for upload in uploads if upload.is_page),
        tuple(sorted((set(published) - set(files)) & set(present))),
        unchanged,
    )


def publish(
    site: Path, client: Any, bucket: str, prefix: str, *, dry_run: bool = False, everything: bool = False
) -> Plan:
    """Upload a site.

    :param site: the folder of the built site.
    :param client: a boto3 S3 client.
    :param bucket: the bucket, which must be there.
    :param prefix: what stands before all names: empty, or with a slash at its end.
    :param dry_run: whether to change nothing, and only say what would be done.
    :param everything: whether to upload also what is there already.
    :returns: what was done, or would be.
    :raises PublishError: if the folder isn't a built site, or the service refuses.
    """
    try:
        present = _present(client, bucket, prefix)
        published = _published(client, bucket, prefix) if INDEX in present else set()
        planned = plan(site, present, published, everything)
        if dry_run or not (planned.files or planned.pages or planned.deleted):
            return planned
        kept = set(_files(site))
        # Before anything is uploaded, so that whatever happens a later run knows what is the site's own.
        _write_index(client, bucket, prefix, published | kept)

        def upload(file: Upload) -> None:
            client.put_object(
                Bucket=bucket,
                Key=prefix + file.name,
                Body=file.path.read_bytes(),
                ContentType=file.content_type,
                CacheControl=file.cache_control,
            )

        _side_by_side("files", upload, planned.files)
        _side_by_side("pages", upload, planned.pages)
        for start in range(0, len(planned.deleted), _DELETED_AT_ONCE):
            keys = [{"Key": prefix + name} for name in planned.deleted[start : start + _DELETED_AT_ONCE]]
            answer = client.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
            for error in answer.get("Errors", []):
                raise PublishError(f"{error['Key']} can't be deleted: {error['Code']}.")
        _write_index(client, bucket, prefix, kept)
    except ClientError as error:
        raise PublishError(_refused(error, bucket)) from error
    except BotoCoreError as error:
        raise PublishError(f"The storage service can't be used: {error}") from error
    return planned


def _files(site: Path) -> dict[str, Path]:
    """Give the files of a site by their names, without those that Sphinx hides for itself."""
    if not (site / "index.html").is_file():
        raise PublishError(
            f"There is no built site in {site}: index.html is missing. Build it with nox -s site."
        )
    paths = {path.relative_to(site).as_posix(): path for path in sorted(site.rglob("*")) if path.is_file()}
    if INDEX in paths:
        raise PublishError(f"The site holds a file {INDEX}, a name that is needed for the list of its files.")
    return {name: path for name, path in paths.items() if not name.startswith(".") and "/." not in name}


def _present(client: Any, bucket: str, prefix: str) -> dict[str, str]:
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    objects = [item for page in pages for item in page.get("Contents", ())]
    return {item["Key"].removeprefix(prefix): item["ETag"].strip('"') for item in objects}


def _published(client: Any, bucket: str, prefix: str) -> set[str]:
    body = client.get_object(Bucket=bucket, Key=prefix + INDEX)["Body"].read()
    try:
        return set(json.loads(body)["files"])
    except (ValueError, KeyError, TypeError) as error:
        raise PublishError(
            f"{prefix}{INDEX} in the bucket {bucket} isn't a list that an earlier run has written. If it "
            "isn't needed, delete it, and run this again: then nothing that is there will be deleted."
        ) from error


def _write_index(client: Any, bucket: str, prefix: str, names: Iterable[str]) -> None:
    body = json.dumps({"files": sorted(names)}, indent=1).encode()
    client.put_object(
        Bucket=bucket, Key=prefix + INDEX, Body=body, ContentType=_TYPES[".json"], CacheControl="no-cache"
    )


def _side_by_side(what: str, upload: Callable[[Upload], None], files: Sequence[Upload]) -> None:
    """Upload files several at a time, and return when all of them are there."""
    with ThreadPoolExecutor(_PARALLEL) as pool:
        try:
            for _ in tqdm(pool.map(upload, files), what, len(files), unit="file", leave=False, disable=None):
                pass
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _etag(path: Path) -> str:
    """Give the ETag that S3 gives an object uploaded in one part and not encrypted with a key of KMS."""
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def _refused(error: ClientError, bucket: str) -> str:
    code = error.response.get("Error", {}).get("Code", "")
    if code == "NoSuchBucket":
        return f"There is no bucket {bucket}. Create it first."
    return f"The storage service refused {error.operation_name} in the bucket {bucket}: {code}."


def _target(url: str) -> tuple[str, str]:
    """Split ``s3://bucket/prefix``."""
    parts = urlsplit(url)
    if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment:
        raise PublishError(f"{url} is no place to upload to. Write s3://BUCKET or s3://BUCKET/PREFIX.")
    if "@" in parts.netloc:
        raise PublishError("Leave credentials out of the address. boto3 takes them from the environment.")
    prefix = parts.path.strip("/")
    return parts.netloc, f"{prefix}/" if prefix else ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    :param arguments: the command line without the program's name; by default this process's own.
    :returns: the exit status: 0 if the site is there, 1 if not, 130 after Ctrl-C.
    """
    parser = argparse.ArgumentParser(prog="python -m publish", description="Upload a built site to a bucket.")
    parser.add_argument("site", type=Path, help="folder of the built site")
    parser.add_argument("target", help="s3://BUCKET or s3://BUCKET/PREFIX")
    parser.add_argument("--dry-run", action="store_true", help="change nothing, and say what would be done")
    parser.add_argument("--all", action="store_true", help="upload also what is there already")
    parser.add_argument("--endpoint-url", help="address of the storage service, if it isn't Amazon's")
    options = parser.parse_args(arguments)
    try:
        bucket, prefix = _target(options.target)
        client = boto3.session.Session().client(
            "s3", endpoint_url=options.endpoint_url, config=Config(max_pool_connections=_PARALLEL)
        )
        done = publish(options.site, client, bucket, prefix, dry_run=options.dry_run, everything=options.all)
    except (PublishError, ValueError, BotoCoreError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted. Run it again to do the rest.", file=sys.stderr)
        return 130
    if options.dry_run:
        for upload in (*done.files, *done.pages):
            print(f"upload {upload.name} ({upload.content_type}; {upload.cache_control})")
        for name in done.deleted:
            print(f"delete {name}")
    print(
        f"{'To upload' if options.dry_run else 'Uploaded'}: {len(done.files) + len(done.pages)}, "
        f"{'to delete' if options.dry_run else 'deleted'}: {len(done.deleted)}, unchanged: {done.unchanged}."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
