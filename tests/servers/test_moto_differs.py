"""What moto lets pass and a real S3 server refuses, and what both do. The same code asks both."""

import base64
import hashlib
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from botocore.exceptions import ClientError

pytestmark = pytest.mark.seaweedfs

SHOP, STRANGER = "https://shop.example", "https://stranger.example"


def stored(bucket: Any, key: str = "a.txt", body: bytes = b"hello") -> dict[str, str]:
    where = {"Bucket": bucket.name, "Key": key}
    bucket.client.put_object(**where, Body=body)
    return where


def address(bucket: Any, seconds: int = 600) -> str:
    url: str = bucket.client.generate_presigned_url("get_object", stored(bucket), ExpiresIn=seconds)
    return url


def refusal(answer: requests.Response) -> str:
    found = re.search("<Code>(.*?)</Code><Message>(.*?)</Message>", answer.text)
    return f"{answer.status_code} {found[1]}: {found[2]}" if found else str(answer.status_code)


def error_code(call: Callable[..., Any], **arguments: Any) -> str:
    try:
        call(**arguments)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "no error"


def wait_until_expired(url: str) -> None:
    query = parse_qs(urlsplit(url).query)
    signed = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    end = signed + timedelta(seconds=int(query["X-Amz-Expires"][0]))
    while datetime.now(UTC) <= end:
        time.sleep(0.02)


def test_address_that_expired(real: Any, played: Any) -> None:
    addresses = [address(bucket, seconds=2) for bucket in (real, played)]
    assert requests.get(addresses[0], timeout=10).content == b"hello"
    for each in addresses:
        wait_until_expired(each)
    answer_real, answer_played = (requests.get(each, timeout=10) for each in addresses)
    assert refusal(answer_real) == "403 AccessDenied: Request has expired"
    assert answer_played.content == b"hello"


@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        ("Signature=[0-9a-f]+", f"Signature={'0' * 64}"),
        ("Expires=600", "Expires=6000"),
    ],
)
def test_address_that_was_tampered_with(real: Any, played: Any, pattern: str, replacement: str) -> None:
    def tampered(bucket: Any) -> requests.Response:
        url, count = re.subn(pattern, replacement, address(bucket))
        assert count == 1
        return requests.get(url, timeout=10)

    assert refusal(tampered(real)).startswith("403 SignatureDoesNotMatch: ")
    assert tampered(played).content == b"hello"


def test_address_of_one_object_used_for_another(real: Any) -> None:
    stored(real, "b.txt", b"not yours")
    answer = requests.get(address(real).replace("a.txt", "b.txt"), timeout=10)
    assert refusal(answer).startswith("403 SignatureDoesNotMatch: ")


def test_wrong_credentials(real: Any, played: Any) -> None:
    where = stored(real)
    wrong_secret, wrong_key = real.client_with(secret_key="guessed"), real.client_with(access_key="guessed")
    assert error_code(wrong_secret.get_object, **where) == "SignatureDoesNotMatch"
    assert error_code(wrong_key.get_object, **where) == "InvalidAccessKeyId"
    where = stored(played)
    stranger = played.client_with(access_key="guessed", secret_key="guessed")
    assert stranger.get_object(**where)["Body"].read() == b"hello"


def test_upload_that_was_damaged_on_the_way(real: Any, played: Any) -> None:
    right = base64.b64encode(hashlib.md5(b"right").digest()).decode()

    def damaged(bucket: Any) -> str:
        return error_code(
            bucket.client.put_object, Bucket=bucket.name, Key="m", Body=b"wrong", ContentMD5=right
        )

    assert damaged(real) == "BadDigest"
    assert error_code(real.client.head_object, Bucket=real.name, Key="m") == "404"
    assert damaged(played) == "no error"
    assert played.client.get_object(Bucket=played.name, Key="m")["Body"].read() == b"wrong"


def test_upload_through_a_form_that_is_too_large(real: Any, played: Any) -> None:
    def post(bucket: Any, size: int) -> str:
        form = bucket.client.generate_presigned_post(
            bucket.name, f"{size}.bin", Conditions=[["content-length-range", 0, 10]]
        )
        file = {"file": b"x" * size}
        return refusal(requests.post(form["url"], data=form["fields"], files=file, timeout=10))

    assert post(real, 10) == post(played, 10) == post(played, 11) == "204"
    assert post(real, 11).startswith("400 EntityTooLarge: ")
    assert [each["Key"] for each in real.client.list_objects_v2(Bucket=real.name)["Contents"]] == ["10.bin"]


def may_read(url: str, origin: str) -> bool:
    """Whether a browser lets a page of that origin read the answer."""
    answer = requests.get(url, headers={"Origin": origin}, timeout=10)
    assert answer.content == b"hello"
    return answer.headers.get("Access-Control-Allow-Origin") in {origin, "*"}


def preflight(url: str, origin: str) -> int:
    """What a browser hears that asks before it sends a ``PUT``."""
    headers = {"Origin": origin, "Access-Control-Request-Method": "PUT"}
    return requests.options(url, headers=headers, timeout=10).status_code


def test_reading_from_other_sites(real: Any, played: Any) -> None:
    rule = {"AllowedOrigins": [SHOP], "AllowedMethods": ["GET", "PUT"], "AllowedHeaders": ["*"]}
    seen = {}
    for name, bucket in {"real": real, "played": played}.items():
        url = address(bucket)
        before = [may_read(url, SHOP), preflight(url, SHOP)]
        bucket.client.put_bucket_cors(Bucket=bucket.name, CORSConfiguration={"CORSRules": [rule]})
        for origin in (SHOP, STRANGER):
            before += [may_read(url, origin), preflight(url, origin)]
        seen[name] = before
    #                      no rules     the shop    a stranger
    assert seen["real"] == [False, 403, True, 200, False, 403]
    assert seen["played"] == [True, 200, True, 200, True, 403]


def test_names_that_are_not_allowed(real: Any, played: Any) -> None:
    def long_key(bucket: Any) -> str:
        return error_code(bucket.client.put_object, Bucket=bucket.name, Key="k" * 1025, Body=b"")

    assert long_key(real) == "KeyTooLongError"
    assert long_key(played) == "no error"
    assert error_code(real.client.create_bucket, Bucket="Bad_Name") == "InvalidBucketName"
    assert error_code(played.client.create_bucket, Bucket="Bad_Name") == "no error"


def in_eight_threads(write: Callable[[int], str]) -> Counter[str]:
    answers: Counter[str] = Counter()
    barrier = threading.Barrier(8, timeout=30)

    def run(number: int) -> None:
        barrier.wait()
        answers[write(number)] += 1

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.mark.parametrize("where", ["real", "played"])
def test_lost_update(where: str, request: pytest.FixtureRequest) -> None:
    bucket = request.getfixturevalue(where)

    def careless(number: int) -> str:
        body = str(number).encode()
        return error_code(bucket.client.put_object, Bucket=bucket.name, Key="same", Body=body)

    winners = []

    def careful(number: int) -> str:
        body = str(number).encode()
        put = bucket.client.put_object
        answer = error_code(put, Bucket=bucket.name, Key="first", Body=body, IfNoneMatch="*")
        if answer == "no error":
            winners.append(body)
        return answer

    # Eight are told that their file is stored, and one is.
    assert in_eight_threads(careless) == {"no error": 8}
    # One is told so, and it is true.
    assert in_eight_threads(careful) == {"no error": 1, "PreconditionFailed": 7}
    assert [bucket.client.get_object(Bucket=bucket.name, Key="first")["Body"].read()] == winners
    assert bucket.client.list_objects_v2(Bucket=bucket.name)["KeyCount"] == 2
