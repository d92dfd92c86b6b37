"""Amazon Web Services, played by moto in this process or by a server on this machine, and nothing but that.

A mistake in an example must not touch anybody's account. So the environment holds no credentials of the
machine while a :class:`~cloud.Cloud` is open, and a request to any other host is refused before it is sent.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import boto3
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.handlers import BUILTIN_HANDLERS
from moto import mock_aws

# Where this process is allowed to send requests to: a server that the reader runs.
_LOOPBACK = ("127.0.0.1", "localhost", "::1")

_AMAZON = "amazonaws.com"

# The hosts that moto plays: none, Amazon's, or Amazon's and those of one provider more.
_played: list[str] = []


class RequestRefused(RuntimeError):
    """A request would have left this machine."""


def is_loopback(url: str) -> bool:
    """Tell whether an address belongs to this machine.

    :param url: an address with a scheme and a host.
    :returns: whether the host is one of the names of the loopback interface.
    """
    return urlsplit(url).hostname in _LOOPBACK


@contextmanager
def environment(variables: Mapping[str, str | None]) -> Iterator[None]:
    """Set environment variables in a block, and put back what was there before.

    :param variables: a value for each name; ``None`` removes the variable.
    """
    before = {name: os.environ.get(name) for name in variables}
    _set(variables)
    try:
        yield
    finally:
        _set(before)


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@contextmanager
def played(options: Mapping[str, Any]) -> Iterator[None]:
    """Play AWS in a block: credentials for nothing else, moto or a server on this machine, and no way out.

    moto answers for Amazon, and for the provider that the options name. Does their endpoint belong to this
    machine, then moto stays out: the server there answers for itself, and also whoever names no endpoint.

    :param options: the ``OPTIONS`` of an entry of ``STORAGES``.
    """
    endpoint_url = options.get("endpoint_url", "")
    with ExitStack() as stack:
        variables = {
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": options.get("region_name", "us-east-1"),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }
        hosts = [_AMAZON, *([urlsplit(endpoint_url).netloc] if endpoint_url else [])]
        if is_loopback(endpoint_url):
            hosts = []
            variables["AWS_ENDPOINT_URL_S3"] = endpoint_url
            if "access_key" in options:
                variables["AWS_ACCESS_KEY_ID"] = options["access_key"]
                variables["AWS_SECRET_ACCESS_KEY"] = options["secret_key"]
        stack.enter_context(
            environment({name: None for name in os.environ if name.startswith("AWS_")} | variables)
        )
        # First, so that it sees a request before moto does.
        BUILTIN_HANDLERS.insert(0, ("before-send", _route))
        stack.callback(BUILTIN_HANDLERS.remove, ("before-send", _route))
        if hosts:
            stack.enter_context(mock_aws(config={"core": {"mock_credentials": False}}))
            _played.extend(hosts)
            stack.callback(_played.clear)
        yield


def _route(request: Any, **_: object) -> None:
    """Send a provider's requests to moto, which knows Amazon's hosts only, and refuse those that nobody would
    answer.

    moto has ``MOTO_S3_CUSTOM_ENDPOINTS`` for this, but knows such a host without a bucket in front of it
    only.
    """
    address = urlsplit(request.url)
    if is_loopback(request.url):
        return
    for host in _played:
        if address.netloc == host or address.netloc.endswith(f".{host}"):
            if host != _AMAZON:
                bucket = address.netloc.removesuffix(host)
                request.url = urlunsplit(address._replace(netloc=f"{bucket}s3.{_AMAZON}"))
            return
    raise RequestRefused(
        f"A request to {address.hostname} was stopped, because examples never leave this machine. "
        "To use that host, name it in the DSN of the Cloud: moto then plays its part."
    )


def client(options: Mapping[str, Any]) -> BaseClient:
    """Make an S3 client that reaches what a storage of django-storages with the same options reaches.

    :param options: the ``OPTIONS`` of an entry of ``STORAGES``.
    :returns: a boto3 client of a session of its own.
    """
    return boto3.session.Session().client(
        "s3",
        aws_access_key_id=options.get("access_key"),
        aws_secret_access_key=options.get("secret_key"),
        region_name=options.get("region_name"),
        endpoint_url=options.get("endpoint_url"),
        config=Config(
            signature_version=options.get("signature_version"),
            s3={"addressing_style": options.get("addressing_style", "auto")},
        ),
    )


def keys(s3: Any, bucket: str) -> list[str]:
    """List a bucket to its end.

    :param s3: a boto3 S3 client.
    :param bucket: the bucket's name.
    :returns: the keys of its objects.
    :raises botocore.exceptions.ClientError: if the server refuses.
    """
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return [item["Key"] for page in pages for item in page.get("Contents", ())]


def create_bucket(s3: Any, bucket: str) -> None:
    """Create a bucket in the client's region, unless it is there already.

    :param s3: a boto3 S3 client.
    :param bucket: the bucket's name.
    :raises botocore.exceptions.ClientError: if the server refuses.
    """
    region = s3.meta.region_name
    # S3 takes its first region, us-east-1, from no constraint only.
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    try:
        s3.create_bucket(Bucket=bucket, **where)
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
            raise
