"""A DSN becomes the right STORAGES entry, or one error that gives nothing of the secret away."""

import re
import string
import traceback
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import example, given
from hypothesis import strategies as st
from storages.backends.s3 import S3Storage

from conf import storage
from conf.storage import ACLS, StorageDSN, StorageDSNError, parse, storage_entry

S3 = {"file_overwrite": False, "signature_version": "s3v4"}
VIRTUAL = {**S3, "bucket_name": "media", "addressing_style": "virtual"}
PATH = {**S3, "bucket_name": "media", "addressing_style": "path"}
KEYS = {"access_key": "KEY", "secret_key": "SECRET", "security_token": None}
FRANKFURT = {**VIRTUAL, **KEYS, "region_name": "eu-central-1"}

# A DSN, its OPTIONS, and its canonical form where that is another.
GOOD: list[tuple[str, dict[str, Any], str]] = [
    # Amazon S3
    ("s3://KEY:SECRET@media.s3.amazonaws.com/", {**VIRTUAL, **KEYS}, ""),
    ("s3://KEY:SECRET@media.s3.eu-central-1.amazonaws.com/", FRANKFURT, ""),
    (
        "s3://KEY:SECRET@media.s3.us-gov-west-1.amazonaws.com/",
        {**FRANKFURT, "region_name": "us-gov-west-1"},
        "",
    ),
    *(
        (dsn, FRANKFURT, "s3://KEY:SECRET@media.s3.eu-central-1.amazonaws.com/")
        for dsn in (
            "s3://KEY:SECRET@media.s3.eu-central-1.amazonaws.com",
            "s3://KEY:SECRET@media.s3-eu-central-1.amazonaws.com/",
            "s3://KEY:SECRET@media.s3.amazonaws.com/?region=eu-central-1",
            "s3://KEY:SECRET@media.s3-eu-central-1.amazonaws.com/?region=eu-central-1",
            "s3://KEY:SECRET@media.S3.EU-Central-1.AmazonAWS.com:443/?auth=s3v4&overwrite=false",
        )
    ),
    (
        "s3://KEY:SECRET@media.example.com.s3.eu-central-1.amazonaws.com/",
        {**FRANKFURT, "bucket_name": "media.example.com"},
        "",
    ),
    ("s3://media.s3.eu-central-1.amazonaws.com/", {**VIRTUAL, "region_name": "eu-central-1"}, ""),
    # Other providers
    (
        "s3://KEY:SECRET@media.sos-ch-dk-2.exo.io/?auth=s3",
        {
            **VIRTUAL,
            **KEYS,
            "endpoint_url": "https://sos-ch-dk-2.exo.io",
            "region_name": "ch-dk-2",
            "signature_version": "s3",
        },
        "",
    ),
    *(
        (
            f"s3://KEY:SECRET@media.{host}/",
            {**VIRTUAL, **KEYS, "endpoint_url": f"https://{host}", "region_name": region},
            "",
        )
        for host, region in (
            ("s3.fr-par.scw.cloud", "fr-par"),
            ("objects.rma.cloudscale.ch", "rma"),
            ("s3.us-west-002.backblazeb2.com", "us-west-002"),
            ("s3.eu-central-2.wasabisys.com:8443", "eu-central-2"),
            ("s3.gra.io.cloud.ovh.net", "gra"),
            ("fra1.digitaloceanspaces.com", "fra1"),
            ("fsn1.your-objectstorage.com", "fsn1"),
        )
    ),
    (
        "s3://KEY:SECRET@media.storage.example.com/",
        {**VIRTUAL, **KEYS, "endpoint_url": "https://storage.example.com"},
        "",
    ),
    (
        "s3://KEY:SECRET@media.storage.example.com/?region=swiss-1",
        {**VIRTUAL, **KEYS, "endpoint_url": "https://storage.example.com", "region_name": "swiss-1"},
        "",
    ),
    (
        "s3://KEY:SECRET@media.s3.fr-par.scw.cloud/?region=nl-ams",
        {**VIRTUAL, **KEYS, "endpoint_url": "https://s3.fr-par.scw.cloud", "region_name": "nl-ams"},
        "",
    ),
    # A server of your own
    (
        "s3+http://KEY:SECRET@127.0.0.1:8333/media/",
        {**PATH, **KEYS, "endpoint_url": "http://127.0.0.1:8333"},
        "",
    ),
    (
        "s3+http://KEY:SECRET@localhost:80/media",
        {**PATH, **KEYS, "endpoint_url": "http://localhost"},
        "s3+http://KEY:SECRET@localhost/media/",
    ),
    (
        "s3+https://KEY:SECRET@minio.example.com:443/media/a/b/?region=swiss-1",
        {
            **PATH,
            **KEYS,
            "endpoint_url": "https://minio.example.com",
            "location": "a/b",
            "region_name": "swiss-1",
        },
        "s3+https://KEY:SECRET@minio.example.com/media/a/b/?region=swiss-1",
    ),
    (
        "s3+http://[0:0:0:0:0:0:0:1]:8333/media/",
        {**PATH, "endpoint_url": "http://[::1]:8333"},
        "s3+http://[::1]:8333/media/",
    ),
    # Prefix, options, encoding
    (
        "s3://KEY:SECRET@media.s3.eu-central-1.amazonaws.com/caf%C3%A9/a%20b%40c/",
        {**FRANKFURT, "location": "café/a b@c"},
        "",
    ),
    (
        "s3://KEY:SECRET@media.s3.eu-central-1.amazonaws.com/café/x",
        {**FRANKFURT, "location": "café/x"},
        "s3://KEY:SECRET@media.s3.eu-central-1.amazonaws.com/caf%C3%A9/x/",
    ),
    (
        "s3://KEY:SECRET@media.s3.eu-central-1.amazonaws.com/"
        "?overwrite=true&domain=CDN.example.com:8443&acl=public-read",
        {
            **FRANKFURT,
            "custom_domain": "cdn.example.com:8443",
            "default_acl": "public-read",
            "file_overwrite": True,
        },
        "s3://KEY:SECRET@media.s3.eu-central-1.amazonaws.com/"
        "?acl=public-read&domain=cdn.example.com%3A8443&overwrite=true",
    ),
    (
        "s3://K%3AY:%2F+%2B%25%40:%3F%23%26@media.s3.eu-central-1.amazonaws.com/",
        {**FRANKFURT, "access_key": "K:Y", "secret_key": "/++%@:?#&"},
        "s3://K%3AY:%2F%2B%2B%25%40%3A%3F%23%26@media.s3.eu-central-1.amazonaws.com/",
    ),
    # A directory
    ("file:///data/media/?url=%2Fmedia%2F", {"location": "/data/media", "base_url": "/media/"}, ""),
    ("file:///data", {"location": "/data"}, "file:///data/"),
    (
        "file:///my%20data/@1/?url=https://example.com/m",
        {"location": "/my data/@1", "base_url": "https://example.com/m/"},
        "file:///my%20data/%401/?url=https%3A%2F%2Fexample.com%2Fm%2F",
    ),
]

NO_BUCKET = "The storage DSN has no bucket."
BAD_PORT = "The port of the storage DSN is wrong."
BAD_HOST = "The host of the storage DSN is wrong."
NOT_AMAZON = "The host of the storage DSN is not one of Amazon S3's."
BUCKET = "The bucket name of the storage DSN"
MISSING_KEY = "The access key or the secret is missing from the storage DSN."
UNESCAPED = "The secret of the storage DSN seems to hold an unescaped"
WHITE = "The storage DSN holds white space or a control character."
DOMAIN = 'The option "domain" of the storage DSN must be a host name'
URL = 'The option "url" of the storage DSN must be a path'
AWS = "s3://KEY:SECRET@media.s3.eu-central-1.amazonaws.com"

# A DSN and how the sentence begins.
BAD: list[tuple[Any, str]] = [
    (None, "The storage DSN must be a str."),
    (b"s3://KEY:SECRET@media.s3.amazonaws.com/", "The storage DSN must be a str."),
    ("", "The scheme of the storage DSN is unknown."),
    ("media.s3.amazonaws.com", "The scheme of the storage DSN is unknown."),
    ("s3:/media.s3.amazonaws.com", "The scheme of the storage DSN is unknown."),
    ("S3://KEY:SECRET@media.s3.amazonaws.com/", "The scheme of the storage DSN is unknown."),
    ("gs://KEY:SECRET@media.example.com/", "The scheme of the storage DSN is unknown."),
    # White space
    (f" {AWS}/", WHITE),
    (f"{AWS}/\n", WHITE),
    (f"{AWS}/a b/", WHITE),
    (f"{AWS}/a\x00b/", WHITE),
    (f"{AWS}/a\u00a0b/", WHITE),
    (f"{AWS}/\ud800/", WHITE),
    (f"{AWS}/a%0Ab/", "The key prefix of the storage DSN holds a control character"),
    ("s3://KEY:SEC%00RET@media.s3.amazonaws.com/", "The secret of the storage DSN holds a control character"),
    (
        "s3://K%09EY:SECRET@media.s3.amazonaws.com/",
        "The access key of the storage DSN holds a control character",
    ),
    # Credentials
    ("s3://KEY@media.s3.amazonaws.com/", MISSING_KEY),
    ("s3://KEY:@media.s3.amazonaws.com/", MISSING_KEY),
    ("s3://:SECRET@media.s3.amazonaws.com/", MISSING_KEY),
    ("s3://@media.s3.amazonaws.com/", MISSING_KEY),
    ("s3://KEY:SEC/RET@media.s3.amazonaws.com/", f'{UNESCAPED} "/"; percent-encode it as "%2F".'),
    ("s3://KEY:SEC?RET@media.s3.amazonaws.com/", f'{UNESCAPED} "?"; percent-encode it as "%3F".'),
    ("s3://KEY:SEC#RET@media.s3.amazonaws.com/", f'{UNESCAPED} "#"; percent-encode it as "%23".'),
    ("s3://KEY:SEC@RET@media.s3.amazonaws.com/", f'{UNESCAPED} "@"; percent-encode it as "%40".'),
    ("s3://KEY:SEC%RET@media.s3.amazonaws.com/", "The secret of the storage DSN holds a stray percent sign."),
    ("s3://KEY:SEC%FFT@media.s3.amazonaws.com/", "The secret of the storage DSN is wrong. What is percent-"),
    (
        "s3://K%Y:SECRET@media.s3.amazonaws.com/",
        "The access key of the storage DSN holds a stray percent sign.",
    ),
    # Bucket
    ("s3://KEY:SECRET@s3.amazonaws.com/", NO_BUCKET),
    ("s3://KEY:SECRET@s3.eu-central-1.amazonaws.com/media/", NO_BUCKET),
    ("s3://KEY:SECRET@sos-ch-dk-2.exo.io/media/", NO_BUCKET),
    ("s3://KEY:SECRET@objects.rma.cloudscale.ch/media/", NO_BUCKET),
    ("s3://KEY:SECRET@example.com/media/", NO_BUCKET),
    ("s3://KEY:SECRET@media/", NO_BUCKET),
    ("s3://", NO_BUCKET),
    ("s3:///media/", NO_BUCKET),
    ("s3+http://KEY:SECRET@127.0.0.1:8333", NO_BUCKET),
    ("s3+http://KEY:SECRET@127.0.0.1:8333//media/", NO_BUCKET),
    ("s3://KEY:SECRET@me.s3.amazonaws.com/", f"{BUCKET} must have 3 to 63 characters."),
    (f"s3+http://127.0.0.1/{'m' * 64}/", f"{BUCKET} must have 3 to 63 characters."),
    ("s3://KEY:SECRET@Media.s3.amazonaws.com/", f"{BUCKET} can hold only lower-case letters"),
    ("s3://KEY:SECRET@my_media.s3.amazonaws.com/", f"{BUCKET} can hold only lower-case letters"),
    ("s3+http://127.0.0.1/m%C3%A9dia/", f"{BUCKET} can hold only lower-case letters"),
    ("s3://KEY:SECRET@-media.s3.amazonaws.com/", f"{BUCKET} must begin and end with a letter"),
    ("s3://KEY:SECRET@media..x.s3.amazonaws.com/", f"{BUCKET} must begin and end with a letter"),
    ("s3://KEY:SECRET@.s3.amazonaws.com/", NO_BUCKET),
    ("s3://KEY:SECRET@192.168.5.4.s3.amazonaws.com/", f"{BUCKET} must not be an IP address."),
    ("s3://KEY:SECRET@xn--media.s3.amazonaws.com/", f"{BUCKET} begins or ends in a way"),
    ("s3://KEY:SECRET@media-s3alias.s3.amazonaws.com/", f"{BUCKET} begins or ends in a way"),
    # Host and port
    ("s3://KEY:SECRET@media.s3-website-eu-central-1.amazonaws.com/", NOT_AMAZON),
    ("s3://KEY:SECRET@media.s3.eucentral1.amazonaws.com/", NOT_AMAZON),
    ("s3://KEY:SECRET@media.amazonaws.com/", NOT_AMAZON),
    ("s3://KEY:SECRET@127.0.0.1:8333/media/", "The host of the storage DSN is an IP address"),
    ("s3://KEY:SECRET@[::1]:8333/media/", "The host of the storage DSN is an IP address"),
    ("s3://KEY:SECRET@media.my_host.example.com/", BAD_HOST),
    ("s3://KEY:SECRET@media.-x.example.com/", BAD_HOST),
    ("s3://KEY:SECRET@media.exämple.com/", BAD_HOST),
    ("s3+http:///media/", BAD_HOST),
    ("s3+http://127.0.0.256/media/", BAD_HOST),
    (f"s3+http://{'a.' * 127}a/media/", BAD_HOST),
    ("s3://KEY:SECRET@media.ſ3.amazonaws.com/", BAD_HOST),
    ("s3+http://[::1/media/", BAD_HOST),
    ("s3+http://[localhost]/media/", BAD_HOST),
    ("s3+http://[fe80::1%25eth0]/media/", BAD_HOST),
    ("s3+http://::1/media/", BAD_PORT),
    ("s3+http://localhost:/media/", BAD_PORT),
    ("s3+http://localhost:http/media/", BAD_PORT),
    ("s3+http://localhost:0/media/", BAD_PORT),
    ("s3+http://localhost:65536/media/", BAD_PORT),
    ("s3+http://localhost:-1/media/", BAD_PORT),
    ("s3+http://localhost:٨٠/media/", BAD_PORT),
    ("s3://KEY:SECRETmedia.s3.amazonaws.com/", f"{BAD_PORT} It must be a number from 1 to 65535, and an @"),
    ("s3://KEY:SECRET@media.s3.amazonaws.com:8443/", f"{BAD_PORT} Amazon S3 answers on port 443 only."),
    # Prefix
    (f"{AWS}/a/../b/", 'The key prefix of the storage DSN holds "." or "..".'),
    (f"{AWS}/%2E%2e/b/", 'The key prefix of the storage DSN holds "." or "..".'),
    (f"{AWS}/a//b/", "The key prefix of the storage DSN holds a slash too many"),
    (f"{AWS}//", "The key prefix of the storage DSN holds a slash too many"),
    (f"{AWS}/100%/", "The path of the storage DSN holds a stray percent sign."),
    (f"{AWS}/a@b/", f'{UNESCAPED} "/"'),
    (f"{AWS}/#top", "The storage DSN holds a fragment."),
    # Options
    (f"{AWS}/?regions=x", 'Option 1 of the storage DSN is unknown (did you mean "region"?).'),
    (
        f"{AWS}/?auth=s3&colour=red",
        "Option 2 of the storage DSN is unknown. With this scheme it can be acl, auth,",
    ),
    (f"{AWS}/?url=%2Fmedia%2F", "Option 1 of the storage DSN is unknown"),
    (f"{AWS}/?auth=s3&", "Option 2 of the storage DSN is unknown"),
    (f"{AWS}/?auth=s3&auth=s3", 'The option "auth" of the storage DSN is repeated.'),
    (f"{AWS}/?auth", 'The option "auth" of the storage DSN has no value.'),
    (f"{AWS}/?auth=", 'The option "auth" of the storage DSN has no value.'),
    (f"{AWS}/?auth=s3v2", 'The option "auth" of the storage DSN must be s3v4 or s3.'),
    (f"{AWS}/?acl=public", 'The option "acl" of the storage DSN must be private, public-read,'),
    (f"{AWS}/?overwrite=yes", 'The option "overwrite" of the storage DSN must be true or false.'),
    (f"{AWS}/?region=us-east-1", 'The host and the option "region" of the storage DSN name two regions.'),
    (f"{AWS}/?region=%zz", 'The option "region" of the storage DSN holds a stray percent sign.'),
    (
        "s3://KEY:SECRET@media.s3.amazonaws.com/?region=frankfurt",
        'The option "region" of the storage DSN is no region of Amazon S3',
    ),
    (
        "s3+http://127.0.0.1/media/?region=Swiss_1",
        'The option "region" of the storage DSN must be lower-case letters',
    ),
    (f"{AWS}/?domain=https://cdn.example.com", DOMAIN),
    (f"{AWS}/?domain=cdn.example.com/media", DOMAIN),
    (f"{AWS}/?domain=cdn.example.com:0", DOMAIN),
    (f"{AWS}/?domain=cdn.example.com:65536", DOMAIN),
    (f"{AWS}/?domain=cdn.example.com:", DOMAIN),
    # A directory
    ("file://data/media/", "The path of the storage DSN is relative."),
    ("file://", "The path of the storage DSN is relative."),
    ("file:///", "The storage DSN names no directory."),
    ("file:///data/../media/", 'The path of the storage DSN holds "." or "..".'),
    ("file:////data/", "The path of the storage DSN holds a slash too many"),
    ("file:///data/%/", "The path of the storage DSN holds a stray percent sign."),
    ("file:///data/#x", "The storage DSN holds a fragment."),
    ("file:///data/?region=x", "Option 1 of the storage DSN is unknown. With this scheme it can be url."),
    ("file:///data/?url=media", URL),
    ("file:///data/?url=ftp://example.com/", URL),
    ("file:///data/?url=/a%20b/", URL),
    ("file:///data/?url=/a%00b/", URL),
    ("file:///data/?url=/media/%3Fx", URL),
]

# Parts that no DSN can hold, so that they are reached by construction only.
BAD_PARTS: list[tuple[dict[str, Any], str]] = [
    ({"scheme": "gs"}, "The scheme of the storage DSN is unknown."),
    ({"scheme": "file", "path": "data"}, "The path of the storage DSN is relative."),
    (
        {"scheme": "file", "path": "/data", "bucket": "media"},
        "A storage DSN with the scheme file has no bucket.",
    ),
    (
        {"scheme": "file", "path": "/data", "secret_key": "x"},
        "A storage DSN with the scheme file has no secret key.",
    ),
    (
        {"scheme": "s3", "bucket": "media", "host": "s3.amazonaws.com", "path": "/data"},
        "Only a storage DSN with the scheme file has a path or a url.",
    ),
    (
        {"scheme": "s3", "bucket": "media", "host": "s3.amazonaws.com", "access_key": "x"},
        "The storage DSN has an access key without a secret.",
    ),
    (
        {"scheme": "s3", "bucket": "media", "host": "s3.amazonaws.com", "secret_key": "x"},
        "The storage DSN has a secret without an access key.",
    ),
    ({"scheme": "s3", "bucket": "media", "host": "x.s3.amazonaws.com"}, NOT_AMAZON),
    ({"scheme": "s3", "bucket": "sos-ch-dk-2", "host": "exo.io"}, NO_BUCKET),
    ({"scheme": "s3", "bucket": "media", "host": "example"}, NO_BUCKET),
    (
        {"scheme": "s3", "bucket": "media", "host": "127.0.0.1"},
        "The host of the storage DSN is an IP address",
    ),
    (
        {"scheme": "s3", "bucket": "my.media", "host": "storage.example.com"},
        "The bucket name of the storage DSN holds a dot",
    ),
    ({"scheme": "s3+http", "bucket": "media", "host": "localhost", "port": 65536}, BAD_PORT),
]

HOST_LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
HOSTS = st.one_of(
    st.lists(HOST_LABELS, min_size=2, max_size=4).map(".".join),
    st.ip_addresses().map(str),
    st.sampled_from(["localhost", "s3.amazonaws.com", "s3.eu-west-1.amazonaws.com", "sos-ch-dk-2.exo.io"]),
)
BUCKETS = st.from_regex(r"[a-z0-9][a-z0-9-]{1,10}[a-z0-9](\.[a-z0-9]{1,5})?", fullmatch=True)
PRINTABLE = st.characters(exclude_categories=["C", "Z"]) | st.just(" ")
TEXTS = st.text(PRINTABLE, min_size=1, max_size=20)
PATHS = st.lists(TEXTS, max_size=3).map("/".join)
CREDENTIALS = st.just(("", "")) | st.tuples(TEXTS, TEXTS)


@st.composite
def dsns(draw: st.DrawFn) -> StorageDSN:
    """Any DSN that the rules allow: what they refuse is drawn again."""
    if draw(st.booleans()):
        parts: dict[str, Any] = {
            "scheme": "file",
            "path": f"/{draw(PATHS)}",
            "url": draw(st.sampled_from(["", "/", "/media", "/mé%2F&=+/", "https://example.com/media/"])),
        }
    else:
        access_key, secret_key = draw(CREDENTIALS)
        parts = {
            "scheme": draw(st.sampled_from(["s3", "s3+http", "s3+https"])),
            "host": draw(HOSTS),
            "port": draw(st.none() | st.sampled_from([80, 443]) | st.integers(1, 65535)),
            "bucket": draw(BUCKETS),
            "prefix": draw(PATHS),
            "access_key": access_key,
            "secret_key": secret_key,
            "region": draw(st.sampled_from(["", "eu-west-1", "rma", "ch-dk-2"])),
            "auth": draw(st.sampled_from(["s3v4", "s3"])),
            "domain": draw(st.sampled_from(["", "cdn.example.com", "localhost:8000"])),
            "acl": draw(st.sampled_from(["", *ACLS])),
            "overwrite": draw(st.booleans()),
        }
    try:
        return StorageDSN(**parts)
    except StorageDSNError:
        return draw(st.nothing())


@pytest.mark.parametrize(("dsn", "options", "canonical"), GOOD, ids=[dsn for dsn, _, _ in GOOD])
def test_a_good_dsn_gives_its_options(dsn: str, options: dict[str, Any], canonical: str) -> None:
    entry = storage_entry(dsn)
    assert entry["OPTIONS"] == options
    assert entry["BACKEND"] == (
        "django.core.files.storage.FileSystemStorage"
        if dsn.startswith("file:")
        else "storages.backends.s3.S3Storage"
    )
    assert parse(dsn).build() == (canonical or dsn)
    assert parse(parse(dsn).build()) == parse(dsn)


@pytest.mark.parametrize(("dsn", "sentence"), BAD, ids=[repr(dsn) for dsn, _ in BAD])
@pytest.mark.parametrize("function", [parse, storage_entry])
def test_a_bad_dsn_names_the_part_that_is_wrong(function: Any, dsn: Any, sentence: str) -> None:
    with pytest.raises(StorageDSNError, match=f"^{re.escape(sentence)}") as caught:
        function(dsn)
    assert isinstance(caught.value, ImproperlyConfigured)
    assert "SECRET" not in str(caught.value).replace("KEY:SECRET@", "")


@pytest.mark.parametrize(("parts", "sentence"), BAD_PARTS, ids=[sentence for _, sentence in BAD_PARTS])
def test_bad_parts_are_refused_too(parts: dict[str, Any], sentence: str) -> None:
    with pytest.raises(StorageDSNError, match=f"^{re.escape(sentence)}"):
        StorageDSN(**parts)


def test_the_overwrite_of_an_entry_can_be_chosen() -> None:
    assert storage_entry(f"{AWS}/", overwrite=True)["OPTIONS"]["file_overwrite"] is True
    assert storage_entry(f"{AWS}/?overwrite=true", overwrite=False)["OPTIONS"]["file_overwrite"] is False
    assert storage_entry(f"{AWS}/?overwrite=true")["OPTIONS"]["file_overwrite"] is True
    assert storage_entry("file:///data/", overwrite=True) == storage_entry("file:///data/")


# -- Addresses: what boto3 makes of the options ------------------------------------------------------------


@pytest.fixture
def no_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Keep the machine's own AWS configuration out of the addresses."""
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("address", "start", "region"),
    [
        ("media.s3.amazonaws.com/", "https://media.s3.amazonaws.com/a.txt", "us-east-1"),
        (
            "media.s3.eu-central-1.amazonaws.com/",
            "https://media.s3.eu-central-1.amazonaws.com/a.txt",
            "eu-central-1",
        ),
        (
            "my.media.s3-eu-central-1.amazonaws.com/up/",
            "https://s3.eu-central-1.amazonaws.com/my.media/up/a.txt",
            "eu-central-1",
        ),
        ("media.sos-ch-dk-2.exo.io/", "https://media.sos-ch-dk-2.exo.io/a.txt", "ch-dk-2"),
    ],
)
@pytest.mark.usefixtures("no_aws")
def test_an_address_is_signed_for_the_region_and_has_its_host(address: str, start: str, region: str) -> None:
    url = S3Storage(**storage_entry(f"s3://KEY:SECRET@{address}")["OPTIONS"]).url("a.txt")
    assert url.split("?")[0] == start
    assert f"%2F{region}%2Fs3%2Faws4_request" in url


@pytest.mark.usefixtures("no_aws")
def test_a_server_of_your_own_has_the_bucket_in_its_path() -> None:
    options = storage_entry("s3+http://KEY:SECRET@127.0.0.1:8333/media/up/")["OPTIONS"]
    assert S3Storage(**options).url("a.txt").startswith("http://127.0.0.1:8333/media/up/a.txt?X-Amz-")


@pytest.mark.usefixtures("no_aws")
def test_an_old_signature_can_be_had() -> None:
    options = storage_entry("s3://KEY:SECRET@media.sos-ch-dk-2.exo.io/?auth=s3")["OPTIONS"]
    assert urlsplit(S3Storage(**options).url("a.txt")).query.startswith("AWSAccessKeyId=KEY&Signature=")


@pytest.mark.usefixtures("no_aws")
def test_addresses_on_a_domain_are_not_signed() -> None:
    options = storage_entry(f"{AWS}/up/?domain=cdn.example.com")["OPTIONS"]
    assert S3Storage(**options).url("a.txt") == "https://cdn.example.com/up/a.txt"


@pytest.mark.usefixtures("no_aws")
def test_a_session_token_of_the_environment_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of-other-keys")
    url = S3Storage(**storage_entry(f"{AWS}/")["OPTIONS"]).url("a.txt")
    assert "Credential=KEY%2F" in url
    assert "of-other-keys" not in url


@pytest.mark.usefixtures("no_aws")
def test_without_credentials_boto3_finds_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "FROM-ENVIRONMENT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    url = S3Storage(**storage_entry("s3://media.s3.eu-central-1.amazonaws.com/")["OPTIONS"]).url("a.txt")
    assert "Credential=FROM-ENVIRONMENT%2F" in url


# -- Properties --------------------------------------------------------------------------------------------


@given(dsns())
def test_what_is_built_and_parsed_is_the_same(dsn: StorageDSN) -> None:
    built = dsn.build()
    assert parse(built) == dsn
    assert parse(built).build() == built
    assert replace(dsn) == dsn
    assert storage_entry(built) == dsn.storage_entry()


@given(TEXTS, TEXTS)
@example("KEY", "/+%@:?")
@example("K:EY", "%2F")
def test_any_secret_survives(access_key: str, secret_key: str) -> None:
    dsn = f"s3://{quote(access_key, safe='')}:{quote(secret_key, safe='')}@media.s3.amazonaws.com/"
    assert (parse(dsn).access_key, parse(dsn).secret_key) == (access_key, secret_key)
    assert parse(dsn).build() == dsn


def parse_or_refuse(dsn: str) -> None:
    """Let any error but the documented one through."""
    try:
        parsed = parse(dsn)
    except StorageDSNError:
        return
    assert parse(parsed.build()) == parsed


@given(st.text())
@example("s3+http://[::1%1]/media")
@example("s3+http://[v1.x]/media")
@example("s3://media.s3.amazonaws.com:" + "9" * 5000)
def test_any_text_is_parsed_or_refused(text: str) -> None:
    parse_or_refuse(text)


SCHEMES = st.sampled_from(["s3://", "s3+http://", "s3+https://", "file://"])
PIECES = st.sampled_from(
    [
        *"/?#@:&=%[].\\İK",
        "KEY:SECRET@",
        "media",
        ".s3.amazonaws.com",
        "%2F",
        "%ff",
        "::1",
        "127.0.0.1",
        "url=",
        "acl=",
    ]
)


@given(SCHEMES, st.lists(PIECES | st.text(max_size=3), max_size=12).map("".join))
def test_any_address_is_parsed_or_refused(scheme: str, address: str) -> None:
    parse_or_refuse(scheme + address)


# -- Discretion --------------------------------------------------------------------------------------------

# No sentence, no name and no canned ACL holds one of these, so that each that shows comes from the secret.
GIVEAWAYS = "QXZJ79"
SECRETS = st.text(GIVEAWAYS + "/+%@:?#&=.-[]", min_size=1, max_size=12)
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["insert", "delete", "replace"]),
        st.integers(0, 80),
        st.sampled_from(string.punctuation + string.whitespace + "a0é"),
    ),
    max_size=4,
)
ADDRESSES = st.sampled_from(
    [
        "s3://{}media.s3.eu-central-1.amazonaws.com/a/?auth=s3",
        "s3://{}media.objects.rma.cloudscale.ch/?region=rma&acl=private",
        "s3+http://{}127.0.0.1:8333/media/a/",
    ]
)


def refusal(function: Any, dsn: str) -> StorageDSNError | None:
    try:
        function(dsn)
    except StorageDSNError as error:
        return error
    return None


def shown_by(error: StorageDSNError) -> str:
    """Return all that an error reporter could print of an error, as far as our own frames go."""
    report = traceback.TracebackException.from_exception(error, capture_locals=True)
    frames = [frame for frame in report.stack if frame.filename == storage.__file__]
    assert frames
    return "\n".join([str(error), repr(error), *(f"{frame.line} {frame.locals}" for frame in frames)])


@given(ADDRESSES, SECRETS, st.booleans(), EDITS)
@example("s3://{}media.s3.amazonaws.com/", "Q/X", False, [])
@example("s3://{}media.s3.amazonaws.com/", "Q@X/Z", False, [])
@example("s3://{}media.s3.amazonaws.com/?auth=s3", "Q@X?Z=J", False, [])
@example("s3://{}media.s3.amazonaws.com/", "QXZJ", True, [("delete", 12, "a")])
def test_no_error_shows_a_piece_of_the_secret(
    address: str, secret: str, encoded: bool, edits: list[tuple[str, int, str]]
) -> None:
    text = address.format(f"KEY:{quote(secret, safe='') if encoded else secret}@")
    for edit, position, character in edits:
        position %= len(text) + 1
        rest = text[position:] if edit == "insert" else text[position + 1 :]
        text = text[:position] + ("" if edit == "delete" else character) + rest
    for function in (parse, storage_entry):
        if error := refusal(function, text):
            assert (error.__cause__, error.__context__) == (None, None)
            assert not set(GIVEAWAYS) & set(shown_by(error))


@given(dsns(), SECRETS)
def test_a_representation_shows_no_credentials(dsn: StorageDSN, secret: str) -> None:
    if dsn.scheme == "file":
        assert repr(dsn) == f"<StorageDSN {dsn.build()}>"
        return
    with_secret = replace(dsn, access_key="KEY", secret_key=secret)
    with_other = replace(dsn, access_key="OTHER", secret_key="other")
    for show in (repr, str, "{}".format):
        assert show(with_secret) == show(with_other)
        assert "***:***@" in show(with_secret)


def test_an_error_in_the_parts_shows_no_secret() -> None:
    with pytest.raises(StorageDSNError, match="bucket name") as caught:
        StorageDSN("s3", host="s3.amazonaws.com", bucket="X", access_key="KEY", secret_key="QXZJ")
    assert "QXZJ" not in shown_by(caught.value)
