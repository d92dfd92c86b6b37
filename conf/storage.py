"""Turn a storage DSN into an entry of Django's ``STORAGES`` setting.

A platform hands your application the address of its media storage in an environment variable. This module
reads that address and makes of it the dictionary that Django wants:

>>> entry = storage_entry("s3://testing:testing@media.s3.eu-central-1.amazonaws.com/uploads/")
>>> entry["BACKEND"]
'storages.backends.s3.S3Storage'
>>> entry["OPTIONS"]["bucket_name"], entry["OPTIONS"]["region_name"], entry["OPTIONS"]["location"]
('media', 'eu-central-1', 'uploads')

A DSN holds a secret, so no error quotes any text of it. Where a character of the secret was not
percent-encoded, a piece of the secret stands where a host, a path or an option belongs, and quoting the wrong
part would show that piece. The sentences name the part instead.
"""

import difflib
import ipaddress
import re
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from django.core.exceptions import ImproperlyConfigured

__all__ = ["StorageDSN", "StorageDSNError", "parse", "storage_entry"]

SCHEMES = ("s3", "s3+http", "s3+https", "file")
S3_OPTIONS = ("acl", "auth", "domain", "overwrite", "region")
FILE_OPTIONS = ("url",)
DEFAULT_PORTS = {"s3": 443, "s3+https": 443, "s3+http": 80}
SIGNATURES = ("s3v4", "s3")

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#canned-acl
ACLS = (
    "private",
    "public-read",
    "public-read-write",
    "authenticated-read",
    "aws-exec-read",
    "bucket-owner-read",
    "bucket-owner-full-control",
)

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
RESERVED_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
RESERVED_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")

# Two letters first: eu-central-1 and us-gov-west-1 are regions, website-eu-central-1 is another kind of host.
AWS_REGION = r"[a-z]{2}(?:-[a-z]+)+-[0-9]+"
AWS_HOST = re.compile(
    rf"(?:(?P<bucket>.+)\.)?s3(?:[.-](?P<region>{AWS_REGION}))?\.amazonaws\.com", re.IGNORECASE
)

# Where providers put the region in a host. A name with hyphens, such as fr-par, ch-dk-2 or us-west-002, is
# told from other words by its form; a bare one, such as rma, by its provider alone.
PROVIDER_HOSTS = (
    re.compile(r"(?:s3|sos|objects)[.-](?P<region>[a-z]{2}(?:-[a-z]+)+(?:-[0-9]+)?)\.[^.]+\..+"),
    re.compile(r"objects\.(?P<region>[a-z]+)\.cloudscale\.ch"),
    re.compile(r"s3\.(?P<region>[a-z]+)\.io\.cloud\.ovh\.net"),
    re.compile(r"(?P<region>[a-z]+[0-9])\.digitaloceanspaces\.com"),
    re.compile(r"(?P<region>[a-z]+[0-9])\.your-objectstorage\.com"),
)

REGION = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
HOST_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")

_UNKNOWN_SCHEME = (
    "The scheme of the storage DSN is unknown. A DSN begins with s3://, s3+http://, s3+https:// or file://."
)
_RELATIVE_PATH = (
    "The path of the storage DSN is relative. Write the whole path, after three slashes: file:///data/media/."
)
_BAD_HOST = "The host of the storage DSN is wrong. It must be a host name or an IP address."
_BAD_PORT = (
    "The port of the storage DSN is wrong. It must be a number from 1 to 65535, and an @ must stand between "
    "the secret and the host."
)
_NO_BUCKET = (
    "The storage DSN has no bucket. Write it in front of the host, as BUCKET.s3.REGION.amazonaws.com, or "
    "after the address of a server, as s3+http://KEY:SECRET@HOST:PORT/BUCKET/."
)
_NOT_AMAZON = (
    "The host of the storage DSN is not one of Amazon S3's. Write BUCKET.s3.REGION.amazonaws.com or "
    "BUCKET.s3.amazonaws.com."
)
_ADDRESS_WITH_BUCKET = (
    "The host of the storage DSN is an IP address, and no bucket's name can stand in front of it. Write "
    "s3+http://KEY:SECRET@ADDRESS:PORT/BUCKET/, or the same with s3+https://."
)


class StorageDSNError(ImproperlyConfigured):
    """A storage DSN cannot be used. The message says which part is wrong, and quotes nothing of the DSN."""


@dataclass(frozen=True, repr=False)
class StorageDSN:
    """A storage DSN in its parts, each decoded.

    Two DSNs that mean the same are equal, and :meth:`build` writes both in the same way. What you construct
    is checked as strictly as what :func:`parse` reads. The representation leaves the credentials out.

    :param scheme: ``s3`` (the bucket stands in front of the host), ``s3+http`` or ``s3+https`` (the host is
        the server's own and the bucket comes first in the path), or ``file``.
    :param host: the storage's host without the bucket, for example ``s3.eu-central-1.amazonaws.com``,
        ``sos-ch-dk-2.exo.io`` or ``127.0.0.1``.
    :param port: the port; ``None`` for the scheme's own, which is 80 for ``s3+http`` and 443 for the others.
    :param bucket: the bucket's name.
    :param prefix: what every key begins with, without a slash at either end.
    :param access_key: the access key; empty, as is ``secret_key``, if boto3 should find credentials by
        itself.
    :param secret_key: the secret that belongs to the access key.
    :param region: the region to sign for; read from the host if it is empty.
    :param auth: the signature version, ``s3v4`` or ``s3``.
    :param domain: the domain from which readers fetch the files, with a port if need be. Addresses there are
        not signed.
    :param acl: the canned ACL that each upload sends; none if it is empty.
    :param overwrite: whether an upload replaces an object of the same name.
    :param path: with ``file`` only, the absolute path of the directory.
    :param url: with ``file`` only, the address of the directory; ``MEDIA_URL`` if it is empty.
    :raises StorageDSNError: if a part is missing, is wrong, or does not belong to the scheme.
    """

    scheme: str
    host: str = ""
    port: int | None = None
    bucket: str = ""
    prefix: str = ""
    access_key: str = ""
    secret_key: str = ""
    region: str = ""
    auth: str = "s3v4"
    domain: str = ""
    acl: str = ""
    overwrite: bool = False
    path: str = ""
    url: str = ""

    def __post_init__(self) -> None:
        if self.scheme not in SCHEMES:
            raise StorageDSNError(_UNKNOWN_SCHEME)
        if self.scheme == "file":
            self._check_file()
        else:
            self._check_s3()

    def _check_file(self) -> None:
        for name in ("host", "port", "bucket", "prefix", "access_key", "secret_key", *S3_OPTIONS):
            if getattr(self, name) != getattr(StorageDSN, name):
                raise StorageDSNError(f"A storage DSN with the scheme file has no {name.replace('_', ' ')}.")
        if not self.path.startswith("/"):
            raise StorageDSNError(_RELATIVE_PATH)
        self._set(path=f"/{_clean_path(self.path[1:], 'path')}")
        if self.path == "/":
            raise StorageDSNError(
                "The storage DSN names no directory. Write file:///data/media/, for example."
            )
        if self.url:
            if not self.url.isprintable() or not re.fullmatch(r"(/|https?://[^/?# ])[^?# ]*", self.url):
                raise StorageDSNError(
                    'The option "url" of the storage DSN must be a path that begins with a slash, or an '
                    "address that begins with http:// or https://."
                )
            # FileSystemStorage adds this slash too.
            self._set(url=self.url if self.url.endswith("/") else f"{self.url}/")

    def _check_s3(self) -> None:
        if self.path or self.url:
            raise StorageDSNError("Only a storage DSN with the scheme file has a path or a url.")
        self._check_credentials()
        self._check_host()
        _check_bucket(self.bucket)
        self._check_region()
        self._set(prefix=_clean_path(self.prefix, "key prefix"))
        if self.auth not in SIGNATURES:
            raise StorageDSNError(f'The option "auth" of the storage DSN must be {_any_of(SIGNATURES)}.')
        if self.domain:
            self._set(domain=_clean_domain(self.domain))
        if self.acl and self.acl not in ACLS:
            raise StorageDSNError(f'The option "acl" of the storage DSN must be {_any_of(ACLS)}.')

    def _check_credentials(self) -> None:
        if bool(self.access_key) != bool(self.secret_key):
            present, absent = (
                ("an access key", "a secret") if self.access_key else ("a secret", "an access key")
            )
            raise StorageDSNError(
                f"The storage DSN has {present} without {absent}. Write both, as KEY:SECRET@, or neither."
            )
        _check_text(self.access_key, "access key")
        _check_text(self.secret_key, "secret")

    def _check_host(self) -> None:
        self._set(host=_clean_host(self.host))
        if not self.host:
            raise StorageDSNError(_BAD_HOST)
        if self.port is not None and not 1 <= self.port <= 65535:
            raise StorageDSNError(_BAD_PORT)
        if self.port == DEFAULT_PORTS[self.scheme]:
            self._set(port=None)
        if self.scheme != "s3":
            return
        if _is_address(self.host):
            raise StorageDSNError(_ADDRESS_WITH_BUCKET)
        if aws := AWS_HOST.fullmatch(self.host):
            if aws["bucket"]:
                raise StorageDSNError(_NOT_AMAZON)
            if self.port:
                raise StorageDSNError(
                    "The port of the storage DSN is wrong. Amazon S3 answers on port 443 only."
                )
        elif self.host.endswith("amazonaws.com"):
            raise StorageDSNError(_NOT_AMAZON)
        elif "." not in self.host or _region_in(f"{self.bucket}.{self.host}"):
            # A provider's host alone reads as a bucket in a shorter host: sos-ch-dk-2 in exo.io.
            raise StorageDSNError(_NO_BUCKET)
        elif "." in self.bucket:
            raise StorageDSNError(
                "The bucket name of the storage DSN holds a dot, and only Amazon S3 has such a bucket in "
                "front of its host. Write s3+https://KEY:SECRET@HOST/BUCKET/."
            )

    def _check_region(self) -> None:
        in_host = _region_in(self.host)
        if not self.region:
            self._set(region=in_host)
        if self.region and not REGION.fullmatch(self.region):
            raise StorageDSNError(
                'The option "region" of the storage DSN must be lower-case letters and digits, joined by '
                "hyphens."
            )
        if self.is_amazon and self.region:
            if not re.fullmatch(AWS_REGION, self.region):
                raise StorageDSNError(
                    'The option "region" of the storage DSN is no region of Amazon S3, such as eu-central-1.'
                )
            if in_host not in ("", self.region):
                raise StorageDSNError(
                    'The host and the option "region" of the storage DSN name two regions. Leave the option '
                    "out: a bucket is in one region, and every request to it must be signed for that one."
                )
            # s3.REGION, s3-REGION and ?region= mean the same, so they are written in one way.
            self._set(host=f"s3.{self.region}.amazonaws.com")

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        return f"<StorageDSN {self._write(credentials='***:***@')}>"

    @property
    def is_amazon(self) -> bool:
        """Whether the storage is Amazon S3, whose hosts boto3 knows."""
        return self.scheme == "s3" and AWS_HOST.fullmatch(self.host) is not None

    @property
    def endpoint_url(self) -> str:
        """The address of the storage without the bucket; empty for Amazon S3 and for a directory."""
        if self.scheme == "file" or self.is_amazon:
            return ""
        return f"{'http' if self.scheme == 's3+http' else 'https'}://{self._server}"

    @property
    def _server(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if self.port else host

    def build(self) -> str:
        """Write the DSN, secret included, in its one canonical form.

        :returns: a DSN that :func:`parse` turns into an equal object.
        """
        return self._write(f"{quote(self.access_key, safe='')}:{quote(self.secret_key, safe='')}@")

    def _write(self, credentials: str) -> str:
        if self.scheme == "file":
            options = {"url": self.url}
            address = f"{quote(self.path)}/"
        else:
            options = {
                "acl": self.acl,
                "auth": "" if self.auth == "s3v4" else self.auth,
                "domain": self.domain,
                "overwrite": "true" if self.overwrite else "",
                "region": "" if self.region == _region_in(self.host) else self.region,
            }
            server = (
                f"{self.bucket}.{self._server}" if self.scheme == "s3" else f"{self._server}/{self.bucket}"
            )
            prefix = f"{quote(self.prefix)}/" if self.prefix else ""
            address = f"{credentials if self.access_key else ''}{server}/{prefix}"
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in options.items() if value)
        return f"{self.scheme}://{address}{'?' if query else ''}{query}"

    def storage_entry(self) -> dict[str, Any]:
        """Make an entry of ``STORAGES``.

        :returns: a new dictionary with ``BACKEND`` and ``OPTIONS``.
        """
        if self.scheme == "file":
            options = {"location": self.path, "base_url": self.url}
            return {
                "BACKEND": "django.core.files.storage.FileSystemStorage",
                "OPTIONS": {name: value for name, value in options.items() if value},
            }
        options = {
            "bucket_name": self.bucket,
            "location": self.prefix,
            # Without a region boto3 signs for AWS_DEFAULT_REGION, or else for us-east-1. Its own request to a
            # bucket elsewhere is redirected and signed anew. A signed address that you give to a reader is
            # not: it fails.
            "region_name": self.region,
            "endpoint_url": self.endpoint_url,
            # Left alone, boto3 signs for the region but writes BUCKET.s3.amazonaws.com into addresses, and a
            # redirect from there breaks the signature. "virtual" makes it write the region's own host.
            "addressing_style": "virtual" if self.scheme == "s3" else "path",
            # Left alone, django-storages has addresses signed with version 2, which Amazon S3 has not
            # accepted for new buckets since 2020.
            "signature_version": self.auth,
            "custom_domain": self.domain,
            # Amazon S3 has made buckets without ACLs since 2023, and such a bucket refuses an upload that
            # sends one.
            "default_acl": self.acl,
        }
        options = {name: value for name, value in options.items() if value}
        credentials = {
            "access_key": self.access_key,
            "secret_key": self.secret_key,
            # Or django-storages pairs these keys with the session token of others that it finds in the
            # environment.
            "security_token": None,
        }
        return {
            "BACKEND": "storages.backends.s3.S3Storage",
            "OPTIONS": {
                **options,
                **(credentials if self.access_key else {}),
                # Left alone, django-storages replaces what is there when a second upload has the same name.
                "file_overwrite": self.overwrite,
            },
        }


def parse(dsn: str) -> StorageDSN:
    """Read a storage DSN.

    :param dsn: the DSN; access key, secret, path and the options' values are percent-encoded.
    :returns: its parts, decoded and checked.
    :raises StorageDSNError: if the DSN cannot be used.
    """
    result = _attempt(dsn)
    del dsn  # Error reporters print the local variables of each frame.
    return _or_raise(result)


def storage_entry(dsn: str, *, overwrite: bool | None = None) -> dict[str, Any]:
    """Turn a storage DSN into an entry of ``STORAGES``.

    :param dsn: the DSN, as :func:`parse` takes it.
    :param overwrite: replaces the DSN's option ``overwrite`` unless it is ``None``. A directory has no such
        option.
    :returns: a new dictionary with ``BACKEND`` and ``OPTIONS``.
    :raises StorageDSNError: if the DSN cannot be used.
    """
    result = _attempt(dsn)
    del dsn  # As in parse().
    storage = _or_raise(result)
    if overwrite is not None and storage.scheme != "file":
        storage = replace(storage, overwrite=overwrite)
    return storage.storage_entry()


def _attempt(dsn: str) -> StorageDSN | StorageDSNError:
    """Parse a DSN, and return an error anew, so that neither its frames nor its causes hold the DSN."""
    try:
        return _parse(dsn)
    except StorageDSNError as error:
        return StorageDSNError(str(error))


def _or_raise(result: StorageDSN | StorageDSNError) -> StorageDSN:
    if isinstance(result, StorageDSNError):
        raise result
    return result


def _parse(dsn: str) -> StorageDSN:
    if not isinstance(dsn, str):
        raise StorageDSNError("The storage DSN must be a str.")
    if " " in dsn or not dsn.isprintable():
        raise StorageDSNError(
            "The storage DSN holds white space or a control character. Remove it, or percent-encode a space "
            "as %20."
        )
    scheme, separator, rest = dsn.partition("://")
    if not separator or scheme not in SCHEMES:
        raise StorageDSNError(_UNKNOWN_SCHEME)
    return _parse_file(rest) if scheme == "file" else _parse_s3(scheme, rest)


def _parse_file(rest: str) -> StorageDSN:
    path, options = _split_options(rest, FILE_OPTIONS)
    return StorageDSN("file", path=_decode(path, "path"), **options)


def _parse_s3(scheme: str, rest: str) -> StorageDSN:
    # Whatever stands before the last @ may be a piece of the secret.
    before, at, after = rest.rpartition("@")
    for character in "/?#@":
        if character in before:
            raise StorageDSNError(
                f'The secret of the storage DSN seems to hold an unescaped "{character}"; percent-encode it '
                f'as "%{ord(character):02X}". If it is the key prefix or an option that holds an "@", write '
                'that as "%40".'
            )
    key, colon, secret = before.partition(":")
    if at and not (key and colon and secret):
        raise StorageDSNError(
            "The access key or the secret is missing from the storage DSN. Write both, as KEY:SECRET@, or "
            "neither and no @."
        )
    address, options = _split_options(after, S3_OPTIONS)
    authority, _, path = address.partition("/")
    host, port = _split_port(authority)
    path = _decode(path, "path")
    if scheme == "s3":
        bucket, host = _split_bucket(host)
    else:
        bucket, _, path = path.partition("/")
    return StorageDSN(
        scheme,
        host=host,
        port=port,
        bucket=bucket,
        prefix=path,
        access_key=_decode(key, "access key"),
        secret_key=_decode(secret, "secret"),
        **options,
    )


def _split_options(text: str, known: tuple[str, ...]) -> tuple[str, dict[str, Any]]:
    """Part an address from its options."""
    if "#" in text:
        raise StorageDSNError(
            'The storage DSN holds a fragment. Remove it, or percent-encode the "#" as "%23".'
        )
    address, _, query = text.partition("?")
    options: dict[str, Any] = {}
    for number, option in enumerate(query.split("&") if query else (), start=1):
        name, _, value = option.partition("=")
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f' (did you mean "{near[0]}"?)' if near else ""
            raise StorageDSNError(
                f"Option {number} of the storage DSN is unknown{hint}. With this scheme it can be "
                f"{_any_of(known)}."
            )
        if name in options:
            raise StorageDSNError(f'The option "{name}" of the storage DSN is repeated. Write it once.')
        if not value:
            raise StorageDSNError(f'The option "{name}" of the storage DSN has no value. Write {name}=…')
        options[name] = _decode(value, f'option "{name}"')
    if options.get("overwrite", "true") not in ("true", "false"):
        raise StorageDSNError('The option "overwrite" of the storage DSN must be true or false.')
    if "overwrite" in options:
        options["overwrite"] = options["overwrite"] == "true"
    return address, options


def _split_port(authority: str) -> tuple[str, int | None]:
    """Part a host from its port, and take the brackets off an IPv6 address."""
    match = re.fullmatch(r"(?:\[(?P<ipv6>[^\[\]]+)\]|(?P<name>[^:\[\]]*))(?::(?P<port>.*))?", authority)
    if match is None or (match["ipv6"] and not _is_address(match["ipv6"])):
        raise StorageDSNError(f"{_BAD_HOST} An IPv6 address stands in square brackets.")
    host, port = match["ipv6"] or match["name"], match["port"]
    if port is None:
        return host, None
    if not re.fullmatch("[0-9]{1,5}", port):
        raise StorageDSNError(_BAD_PORT)
    return host, int(port)


def _split_bucket(host: str) -> tuple[str, str]:
    """Part a bucket from the storage's host."""
    if _is_address(host):
        raise StorageDSNError(_ADDRESS_WITH_BUCKET)
    if aws := AWS_HOST.fullmatch(host):
        bucket = aws["bucket"] or ""
        return bucket, host[len(bucket) :].removeprefix(".")
    bucket, _, storage = host.partition(".")
    if not storage:
        raise StorageDSNError(_NO_BUCKET)
    return bucket, storage


def _region_in(host: str) -> str:
    """Return the region that a host names, or an empty text."""
    for pattern in (AWS_HOST, *PROVIDER_HOSTS):
        if match := pattern.fullmatch(host):
            return match["region"] or ""
    return ""


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _clean_host(host: str) -> str:
    """Return a host name or an IP address in its one form, or an empty text if it is neither."""
    # ipaddress takes fe80::1%eth0, which no address of a server can hold.
    if not host.isascii() or "%" in host:
        return ""
    if _is_address(host):
        return str(ipaddress.ip_address(host))
    labels = host.lower().split(".")
    # A number at the end makes it an IP address that is mistyped.
    if len(host) > 253 or labels[-1].isdigit() or not all(map(HOST_LABEL.fullmatch, labels)):
        return ""
    return host.lower()


def _clean_domain(domain: str) -> str:
    host, colon, port = domain.partition(":")
    host = _clean_host(host)
    if not host or (colon and not (re.fullmatch("[1-9][0-9]{0,4}", port) and int(port) <= 65535)):
        raise StorageDSNError(
            'The option "domain" of the storage DSN must be a host name, with a port if need be: no scheme, '
            "no path."
        )
    return f"{host}{colon}{port}"


def _check_bucket(bucket: str) -> None:
    if not bucket:
        raise StorageDSNError(_NO_BUCKET)
    if not 3 <= len(bucket) <= 63:
        problem = "must have 3 to 63 characters"
    elif not re.fullmatch("[a-z0-9.-]*", bucket):
        problem = "can hold only lower-case letters, digits, dots and hyphens"
    elif not all(map(HOST_LABEL.fullmatch, bucket.split("."))):
        problem = "must begin and end with a letter or a digit, and so must each part of it between dots"
    elif _is_address(bucket):
        problem = "must not be an IP address"
    elif bucket.startswith(RESERVED_PREFIXES) or bucket.endswith(RESERVED_SUFFIXES):
        problem = "begins or ends in a way that Amazon S3 keeps for itself"
    else:
        return
    raise StorageDSNError(f"The bucket name of the storage DSN {problem}.")


def _clean_path(path: str, part: str) -> str:
    """Check a path that begins without a slash, and take the slash off its end."""
    _check_text(path, part)
    if "//" in f"/{path}":
        raise StorageDSNError(
            f"The {part} of the storage DSN holds a slash too many: no name stands before it."
        )
    if {".", ".."} & set(path.split("/")):
        raise StorageDSNError(
            f'The {part} of the storage DSN holds "." or "..". Write the path without them.'
        )
    return path.removesuffix("/")


def _check_text(text: str, part: str) -> None:
    if not text.isprintable():
        raise StorageDSNError(
            f"The {part} of the storage DSN holds a control character or unusual white space."
        )


def _decode(text: str, part: str) -> str:
    if STRAY_PERCENT.search(text):
        raise StorageDSNError(
            f"The {part} of the storage DSN holds a stray percent sign. Two hexadecimal digits follow each "
            'that encodes a character; write the sign itself as "%25".'
        )
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise StorageDSNError(
            f"The {part} of the storage DSN is wrong. What is percent-encoded in it must be UTF-8."
        ) from None


def _any_of(names: tuple[str, ...]) -> str:
    return " or ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
