"""Amazon Web Services, played by moto in this process, and nothing but that.

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

# The hosts of the provider whose part moto plays besides Amazon's: none, or one.
_providers: list[str] = []


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
def played(endpoint_url: str, region: str) -> Iterator[None]:
    """Play AWS in a block: dummy credentials, moto, and no way out.

    :param endpoint_url: the address of a provider other than Amazon, for moto to answer in its place; empty
        for Amazon. A server on this machine answers for itself: moto does not start then.
    :param region: the region for clients that name none.
    """
    with ExitStack() as stack:
        stack.enter_context(
            environment(
                {name: None for name in os.environ if name.startswith("AWS_")}
                | {
                    "AWS_ACCESS_KEY_ID": "testing",
                    "AWS_SECRET_ACCESS_KEY": "testing",
                    "AWS_DEFAULT_REGION": region,
                    "AWS_EC2_METADATA_DISABLED": "true",
                    "AWS_CONFIG_FILE": os.devnull,
                    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
                }
            )
        )
        # First, so that it sees a request before moto does.
        BUILTIN_HANDLERS.insert(0, ("before-send", _route))
        stack.callback(BUILTIN_HANDLERS.remove, ("before-send", _route))
        if not is_loopback(endpoint_url):
            stack.enter_context(mock_aws(config={"core": {"mock_credentials": False}}))
            if endpoint_url:
                _providers.append(urlsplit(endpoint_url).netloc)
                stack.callback(_providers.clear)
        yield


def _route(request: Any, **_: object) -> None:
    """Send a provider's requests to moto, which knows Amazon's hosts only, and refuse those that nobody would
    answer.

    moto has ``MOTO_S3_CUSTOM_ENDPOINTS`` for this, but knows such a host without a bucket in front of it
    only.
    """
    address = urlsplit(request.url)
    for provider in _providers:
        if address.netloc == provider or address.netloc.endswith(f".{provider}"):
            bucket = address.netloc.removesuffix(provider)
            address = address._replace(netloc=f"{bucket}s3.amazonaws.com")
            request.url = urlunsplit(address)
    if not is_loopback(request.url) and not f"{address.hostname}".endswith(".amazonaws.com"):
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
