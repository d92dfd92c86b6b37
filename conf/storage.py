"""Turn a storage DSN into an entry of Django's ``STORAGES`` setting.

A platform hands your application one address of its media storage, in an environment variable. This module reads
that address and gives it back as the dictionary that Django wants:

>>> entry = storage_entry("s3://testing:testing@media.s3.eu-central-1.amazonaws.com/uploads/")
>>> entry["BACKEND"]
'storages.backends.s3.S3Storage'
>>> entry["OPTIONS"]["bucket_name"], entry["OPTIONS"]["region_name"], entry["OPTIONS"]["location"]
('media', 'eu-central-1', 'uploads')

A DSN holds a secret. So no sentence of :class:`StorageDSNError` quotes any text of the DSN: a secret with a character
that was not percent-encoded ends up, in part, where a host, a path or an option is expected, and a quotation of the
wrong part would then show a piece of it. The sentences name the part instead.
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

SIGNATURES = ("s3v4", "s3")

#: The canned ACLs that an object can have
#: (https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#canned-acl).
ACLS = (
    "private",
    "public-read",
    "public-read-write",
    "authenticated-read",
    "aws-exec-read",
    "bucket-owner-read",
    "bucket-owner-full-control",
)

# Beginnings and ends that Amazon keeps for itself
# (https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html).
RESERVED_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
RESERVED_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")

DEFAULT_PORTS = {"s3": 443, "s3+https": 443, "s3+http": 80}

# eu-central-1, us-gov-west-1; not the "website-eu-central-1" of a bucket's website host.
AWS_REGION = r"[a-z]{2}(?:-[a-z]+)+-[0-9]+"
AWS_HOST = re.compile(
    rf"(?:(?P<bucket>.+)\.)?s3(?:[.-](?P<region>{AWS_REGION}))?\.amazonaws\.com", re.ASCII | re.IGNORECASE
)

# Where other providers put the region in a host. Names such as fr-par, ch-dk-2 and us-west-002 can be told from other
# words; a bare name such as rma cannot, so that its provider is listed.
REGIONS_IN_HOSTS = (
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
    "The path of the storage DSN is relative. A directory is written from the root, with three slashes: "
    "file:///data/media/."
)
_BAD_PORT = "The port of the storage DSN is wrong. It must be a number from 1 to 65535."
_BAD_HOST = "The host of the storage DSN is wrong. It must be a host name or an IP address."
_NO_BUCKET = (
    "The storage DSN has no bucket. Write it in front of the host, as BUCKET.s3.REGION.amazonaws.com; for a server "
    "of your own write s3+http://KEY:SECRET@HOST:PORT/BUCKET/."
)
_NOT_AMAZON = (
    "The host of the storage DSN is not one of Amazon S3's. Write BUCKET.s3.REGION.amazonaws.com or "
    "BUCKET.s3.amazonaws.com."
)
_ADDRESS_WITH_BUCKET = (
    "The host of the storage DSN is an IP address, which cannot carry the bucket's name. Write "
    "s3+http://KEY:SECRET@ADDRESS:PORT/BUCKET/ (or s3+https://)."
)


class StorageDSNError(ImproperlyConfigured):
    """A storage DSN cannot be used. The message says which part is wrong, and quotes nothing of the DSN."""


@dataclass(frozen=True, repr=False)
class StorageDSN:
    """A storage DSN in its parts, each decoded.

    Two DSNs that mean the same are equal, and :meth:`build` gives the one canonical way to write them. What you
    construct is checked as strictly as what :func:`parse` reads.

    :param scheme: ``s3`` (the bucket is a label of the host), ``s3+http`` or ``s3+https`` (the host is the server
        itself, the bucket the first part of the path) or ``file``.
    :param host: the storage's host without the bucket, for example ``s3.eu-central-1.amazonaws.com``,
        ``sos-ch-dk-2.exo.io`` or ``127.0.0.1``.
    :param port: the port, or ``None`` for the scheme's own (443, and 80 for ``s3+http``).
    :param bucket: the bucket's name.
    :param prefix: what every key starts with, without a slash at either end.
    :param access_key: the access key; empty together with ``secret_key`` if boto3 should look for credentials itself.
    :param secret_key: the secret that belongs to the access key.
    :param region: the region to sign for; read from the host if it is not given.
    :param auth: the signature version, ``s3v4`` or ``s3``.
    :param domain: the domain, with a port if need be, under which readers fetch the files; their addresses are not
        signed then.
    :param acl: the canned ACL to send with each upload; none is sent if it is empty.
    :param overwrite: whether an upload replaces the object of the same name.
    :param path: ``file`` only: the absolute directory, without a slash at its end.
    :param url: ``file`` only: where the directory is served; Django's ``MEDIA_URL`` if it is empty.
    :raises StorageDSNError: if a part is missing, not allowed with the scheme, or not valid.
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
            if getattr(self, name) != getattr(type(self), name):
                raise StorageDSNError(f"A file:// DSN takes no {name.replace('_', ' ')}.")
        if not self.path.startswith("/"):
            raise StorageDSNError(_RELATIVE_PATH)
        self._set(path="/" + _clean_path(self.path[1:], "path"))
        if self.path == "/":
            raise StorageDSNError("The storage DSN names no directory. Write it as file:///data/media/.")
        if self.url:
            _check_text(self.url, 'option "url"')
            if not re.match(r"/|https?://[^/]", self.url) or re.search(r"[\s?#]", self.url):
                raise StorageDSNError(
                    'The option "url" of the storage DSN must be a path that begins with a slash, or an address that '
                    "begins with http:// or https://."
                )
            # As FileSystemStorage does, so that both ways to write it are equal.
            self._set(url=self.url.rstrip("/") + "/")

    def _check_s3(self) -> None:
        if self.path or self.url:
            raise StorageDSNError("The parts path and url of a storage DSN belong to the scheme file.")
        self._check_credentials()
        self._check_host()
        _check_bucket(self.bucket)
        self._check_region()
        self._set(prefix=_clean_path(self.prefix, "key prefix"))
        if self.auth not in SIGNATURES:
            raise StorageDSNError('The option "auth" of the storage DSN must be s3v4 or s3.')
        if self.domain:
            self._set(domain=_clean_domain(self.domain))
        if self.acl and self.acl not in ACLS:
            raise StorageDSNError(f'The option "acl" of the storage DSN must be {_any_of(ACLS)}.')

    def _check_credentials(self) -> None:
        if self.access_key and not self.secret_key:
            raise StorageDSNError(
                "The storage DSN has an access key without a secret. Write both, as KEY:SECRET@, or neither."
            )
        if self.secret_key and not self.access_key:
            raise StorageDSNError(
                "The storage DSN has a secret without an access key. Write both, as KEY:SECRET@, or neither."
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
        aws = AWS_HOST.fullmatch(self.host)
        if aws["bucket"] if aws else self.host.endswith("amazonaws.com"):
            raise StorageDSNError(_NOT_AMAZON)
        if aws and self.port:
            raise StorageDSNError("The port of the storage DSN is wrong: Amazon S3 answers on port 443 only.")
        # A provider's host alone looks like a bucket in a shorter host: sos-ch-dk-2 in exo.io.
        if not aws and ("." not in self.host or _region_in(f"{self.bucket}.{self.host}")):
            raise StorageDSNError(_NO_BUCKET)
        if not aws and "." in self.bucket:
            raise StorageDSNError(
                "The bucket name of the storage DSN holds a dot, and only with Amazon S3 can such a bucket be part of "
                "the host. Write s3+https://KEY:SECRET@HOST/BUCKET/."
            )

    def _check_region(self) -> None:
        in_host = _region_in(self.host)
        if not self.region:
            self._set(region=in_host)
        elif not REGION.fullmatch(self.region):
            raise StorageDSNError(
                'The option "region" of the storage DSN must be lower-case letters and digits, joined by hyphens.'
            )
        if self.is_amazon and self.region:
            if not re.fullmatch(AWS_REGION, self.region):
                raise StorageDSNError(
                    'The option "region" of the storage DSN is not a region of Amazon S3, such as eu-central-1.'
                )
            if in_host and in_host != self.region:
                raise StorageDSNError(
                    'The host and the option "region" of the storage DSN name two different regions. Leave the option '
                    "out: a bucket lives in one region, and requests to it must be signed for that one."
                )
            # All three ways to name a region, s3.REGION, s3-REGION and ?region=, mean the same bucket.
            self._set(host=f"s3.{self.region}.amazonaws.com")

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        return f"<StorageDSN {self._write(credentials='***:***@')}>"

    @property
    def is_amazon(self) -> bool:
        """Whether boto3 knows the endpoint by itself, from the region alone."""
        return self.scheme == "s3" and AWS_HOST.fullmatch(self.host) is not None

    @property
    def endpoint_url(self) -> str:
        """The address of the server without the bucket; empty for Amazon S3 and for a directory."""
        if self.scheme == "file" or self.is_amazon:
            return ""
        return f"{'http' if self.scheme == 's3+http' else 'https'}://{_bracketed(self.host)}{self._port}"

    @property
    def _port(self) -> str:
        return f":{self.port}" if self.port else ""

    def build(self) -> str:
        """Write the DSN in its canonical form, the secret included.

        :returns: a DSN that :func:`parse` reads back to an equal object.
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
            server = f"{_bracketed(self.host)}{self._port}"
            server = f"{self.bucket}.{server}" if self.scheme == "s3" else f"{server}/{self.bucket}"
            prefix = f"{quote(self.prefix)}/" if self.prefix else ""
            address = f"{credentials if self.access_key else ''}{server}/{prefix}"
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in options.items() if value)
        return f"{self.scheme}://{address}{'?' if query else ''}{query}"

    def storage_entry(self) -> dict[str, Any]:
        """Return the entry for Django's ``STORAGES``.

        :returns: a new dictionary with ``BACKEND`` and ``OPTIONS``.
        """
        if self.scheme == "file":
            location = {"location": self.path, "base_url": self.url}
            return {
                "BACKEND": "django.core.files.storage.FileSystemStorage",
                "OPTIONS": {name: value for name, value in location.items() if value},
            }
        options: dict[str, Any] = {
            "bucket_name": self.bucket,
            "location": self.prefix,
            # Without a region boto3 takes AWS_DEFAULT_REGION or signs for us-east-1. A request to a bucket elsewhere is
            # then redirected and signed again, but a signed address that you hand to a reader is not: it is refused.
            "region_name": self.region,
            "endpoint_url": self.endpoint_url,
            # "virtual" also makes boto3 sign addresses for the region's own host. Left to itself it takes
            # BUCKET.s3.amazonaws.com, which redirects to the region for a new bucket, and the signature fails there.
            "addressing_style": "virtual" if self.scheme == "s3" else "path",
            # The default of django-storages signs addresses in the way that Amazon gave up in 2020.
            "signature_version": self.auth,
            "custom_domain": self.domain,
            # Sent only if it is asked for: Amazon refuses any ACL on a bucket made since April 2023.
            "default_acl": self.acl,
        }
        options = {name: value for name, value in options.items() if value}
        if self.access_key:
            # The keys of the DSN must not be paired with a session token that the environment holds for other keys.
            options |= {
                "access_key": self.access_key,
                "secret_key": self.secret_key,
                "security_token": None,
            }
        # The default of django-storages, True, lets a second upload of the same name replace the first.
        options["file_overwrite"] = self.overwrite
        return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}


def parse(dsn: str) -> StorageDSN:
    """Read a storage DSN.

    :param dsn: the DSN, with the access key, the secret, the key prefix and the values of the options percent-encoded.
    :returns: its parts, decoded and checked.
    :raises StorageDSNError: if the DSN cannot be used.
    """
    result = _attempt(dsn)
    del dsn  # Error reporters print the local variables of each frame.
    return _or_raise(result)


def storage_entry(dsn: str, *, overwrite: bool | None = None) -> dict[str, Any]:
    """Turn a storage DSN into an entry of ``STORAGES``.

    :param dsn: the DSN, as for :func:`parse`.
    :param overwrite: takes the place of the DSN's own option ``overwrite``, unless it is ``None``. A directory has no
        such option.
    :returns: a new dictionary with ``BACKEND`` and ``OPTIONS``.
    :raises StorageDSNError: if the DSN cannot be used.
    """
    result = _attempt(dsn)
    del dsn  # Error reporters print the local variables of each frame.
    storage = _or_raise(result)
    if overwrite is not None and storage.scheme != "file":
        storage = replace(storage, overwrite=overwrite)
    return storage.storage_entry()


def _attempt(dsn: str) -> StorageDSN | StorageDSNError:
    """Parse a DSN and return the error, a new one, so that no frame and no cause of it holds the DSN."""
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
            "The storage DSN holds white space or a control character. Remove it, or percent-encode it."
        )
    scheme, separator, rest = dsn.partition("://")
    if not separator or scheme not in SCHEMES:
        raise StorageDSNError(_UNKNOWN_SCHEME)
    return _parse_file(rest) if scheme == "file" else _parse_s3(scheme, rest)


def _parse_file(rest: str) -> StorageDSN:
    path, options = _split(rest, FILE_OPTIONS)
    if not path.startswith("/"):
        raise StorageDSNError(_RELATIVE_PATH)
    return StorageDSN("file", path=_decode(path, "path"), **options)


def _parse_s3(scheme: str, rest: str) -> StorageDSN:
    before, at, after = rest.rpartition("@")
    for character in "/?#@":
        if character in before:
            raise StorageDSNError(
                f'The secret of the storage DSN seems to hold an unescaped "{character}"; percent-encode it as '
                f'"%{ord(character):02X}". So must an "@" be that is part of the key prefix or of an option.'
            )
    key, colon, secret = before.partition(":")
    if at and not (key and colon and secret):
        raise StorageDSNError(
            "The credentials of the storage DSN are incomplete: an access key or a secret is missing. Write both, as "
            "KEY:SECRET@, or leave out both and the @."
        )
    address, options = _split(after, S3_OPTIONS)
    authority, _, path = address.partition("/")
    path = _decode(path, "path")
    host, port = _split_port(authority)
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


def _split(text: str, known: tuple[str, ...]) -> tuple[str, dict[str, Any]]:
    """Part an address from its options."""
    if "#" in text:
        raise StorageDSNError(
            'The storage DSN holds a fragment. Remove it, or percent-encode the "#" as "%23".'
        )
    address, _, query = text.partition("?")
    options: dict[str, Any] = {}
    for number, pair in enumerate(query.split("&") if query else (), start=1):
        encoded_name, equals, encoded_value = pair.partition("=")
        name = _decode(encoded_name, f"name of option {number}")
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise StorageDSNError(
                f"Option {number} of the storage DSN is unknown"
                + (f' (did you mean "{near[0]}"?)' if near else "")
                + f"; with this scheme it can be {_any_of(known)}."
            )
        if name in options:
            raise StorageDSNError(f'The option "{name}" of the storage DSN is repeated. Write it once.')
        if not equals or not encoded_value:
            raise StorageDSNError(f'The option "{name}" of the storage DSN has no value. Write {name}=…')
        options[name] = _decode(encoded_value, f'option "{name}"')
    if "overwrite" in options:
        if options["overwrite"] not in ("true", "false"):
            raise StorageDSNError('The option "overwrite" of the storage DSN must be true or false.')
        options["overwrite"] = options["overwrite"] == "true"
    return address, options


def _split_port(authority: str) -> tuple[str, int | None]:
    """Part a host from its port, and take the brackets off an IPv6 address."""
    match = re.fullmatch(r"(?:\[(?P<ipv6>[^\[\]]*)\]|(?P<host>[^:\[\]]*))(?::(?P<port>.*))?", authority)
    if match is None:
        raise StorageDSNError(
            "The host of the storage DSN is wrong, or there is no @ between the secret and the host. Write "
            "KEY:SECRET@HOST:PORT, and an IPv6 address in square brackets."
        )
    host, port = match["ipv6"] or match["host"] or "", match["port"]
    if port is None:
        return host, None
    if not re.fullmatch("[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
        raise StorageDSNError(_BAD_PORT)
    return host, int(port)


def _split_bucket(host: str) -> tuple[str, str]:
    """Part the bucket from the storage's host."""
    if _is_address(host):
        raise StorageDSNError(_ADDRESS_WITH_BUCKET)
    if aws := AWS_HOST.fullmatch(host):
        bucket = aws["bucket"] or ""
        return bucket, host[len(bucket) :].lstrip(".")
    bucket, _, storage = host.partition(".")
    return bucket, storage


def _region_in(host: str) -> str:
    """Return the region that a host names, or nothing."""
    for pattern in (AWS_HOST, *REGIONS_IN_HOSTS):
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
    """Return a host name or IP address in its one form, or nothing if it is neither."""
    if not host.isascii() or "%" in host:
        return ""
    if _is_address(host):
        return str(ipaddress.ip_address(host))
    host = host.lower()
    labels = host.split(".")
    # A last label of digits alone would be a mistyped IP address.
    if len(host) > 253 or labels[-1].isdigit() or not all(map(HOST_LABEL.fullmatch, labels)):
        return ""
    return host


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _clean_domain(domain: str) -> str:
    match = re.fullmatch(r"(?P<host>[^:]+)(?P<port>:[1-9][0-9]{0,4})?", domain)
    host = _clean_host(match["host"]) if match else ""
    if match is None or not host or int((match["port"] or ":1")[1:]) > 65535:
        raise StorageDSNError(
            'The option "domain" of the storage DSN must be a host name, with a port if need be: no scheme, no path.'
        )
    return f"{host}{match['port'] or ''}"


def _check_bucket(bucket: str) -> None:
    """Check a bucket's name against the rules of Amazon S3."""
    if not bucket:
        raise StorageDSNError(_NO_BUCKET)
    if not 3 <= len(bucket) <= 63:
        problem = "must have from 3 to 63 characters"
    elif not re.fullmatch(r"[a-z0-9.-]*", bucket):
        problem = "may hold lower-case letters, digits, dots and hyphens only"
    elif not all(map(HOST_LABEL.fullmatch, bucket.split("."))):
        problem = "must begin and end with a letter or a digit, and so must each part between dots"
    elif _is_address(bucket):
        problem = "must not look like an IP address"
    elif bucket.startswith(RESERVED_PREFIXES) or bucket.endswith(RESERVED_SUFFIXES):
        problem = "begins or ends in a way that Amazon keeps for itself"
    else:
        return
    raise StorageDSNError(f"The bucket name of the storage DSN {problem}.")


def _clean_path(path: str, part: str) -> str:
    """Check a path in which slashes part names, and return it without a slash at its end."""
    _check_text(path, part)
    if "//" in f"/{path}":
        raise StorageDSNError(
            f"The {part} of the storage DSN holds an empty name: there is a slash too many."
        )
    if {".", ".."} & set(path.split("/")):
        raise StorageDSNError(
            f'The {part} of the storage DSN holds "." or ".."; write the path without them.'
        )
    return path.removesuffix("/")


def _check_text(text: str, part: str) -> None:
    if not text.isprintable():
        raise StorageDSNError(
            f"The {part} of the storage DSN holds a control character or unusual white space."
        )


def _decode(text: str, part: str) -> str:
    """Decode percent signs, and refuse what they cannot mean."""
    if STRAY_PERCENT.search(text):
        raise StorageDSNError(
            f"The {part} of the storage DSN holds a stray percent sign. Two hexadecimal digits must follow each; "
            'write the sign itself as "%25".'
        )
    encoded = unquote_to_bytes(text)
    if not _is_utf8(encoded):
        raise StorageDSNError(
            f"The {part} of the storage DSN is wrong: what is percent-encoded must be UTF-8."
        )
    return encoded.decode()


def _is_utf8(encoded: bytes) -> bool:
    try:
        encoded.decode()
    except UnicodeDecodeError:
        return False
    return True


def _any_of(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else names[0]
