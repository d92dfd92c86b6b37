"""What the code of a cell can reach: the site that it came from, whatever it tries."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from playwright.sync_api import expect

from ..access.conftest import served as serve
from .conftest import Reader
from .test_page import NOTEBOOK, cell, run_code

ANYWHERE = "https://example.com/"
KEYS = "aws_access_key_id='testing', aws_secret_access_key='testing', region_name='us-east-1'"
# What a cell may try, ADDRESS being where to.
WAYS = [
    "import urllib.request\nurllib.request.urlopen('ADDRESS')",
    "import requests\nrequests.get('ADDRESS')",
    "from pyodide.http import pyfetch\nawait pyfetch('ADDRESS')",
    "from pyodide.http import open_url\nopen_url('ADDRESS')",
    "import js\nawait js.fetch('ADDRESS')",
    "import js\nr = js.XMLHttpRequest.new()\nr.open('GET', 'ADDRESS', False)\nr.send()",
    (
        "import socket\nfrom urllib.parse import urlsplit\nto = urlsplit('ADDRESS')\n"
        "socket.create_connection((to.hostname, to.port or 443)).sendall(b'GET / HTTP/1.0\\r\\n\\r\\n')"
    ),
    f"import boto3\nboto3.client('s3', endpoint_url='ADDRESS', {KEYS}).list_buckets()",
    f"import boto3\nboto3.client('s3', {KEYS}).list_buckets()",
]


def test_a_cell_reaches_no_other_host_and_says_so(reader: Reader, tmp_path: Path) -> None:
    page = reader.open(NOTEBOOK)
    card = cell(page, "make-cloud")  # before it, nothing is simulated
    with serve(tmp_path) as other:
        for way, address in itertools.product(WAYS, (other.address, ANYWHERE)):
            run_code(card, way.replace("ADDRESS", address))
            message = card.locator(".live-own .live-error-message")
            expect(message).to_contain_text("Cells in this page reach this site, and no other host")
            expect(message).to_contain_text("run the notebook on your own machine")
        assert other.asked == []
        # Of these Chromium tells. close() sees that there was nothing else.
        assert set(reader.take_refused()) <= {other.address, ANYWHERE}


def test_code_in_a_cell_reaches_this_site_only(reader: Reader, tmp_path: Path) -> None:
    page = reader.open(NOTEBOOK)
    card = cell(page, "make-cloud")
    with serve(tmp_path) as foreign:
        code = f"""
from js import XMLHttpRequest
for address in ("{reader.site.url}", "{foreign.address}"):
    request = XMLHttpRequest.new()
    request.open("GET", address, False)
    try:
        request.send()
        print(request.status)
    except Exception as error:
        print(type(error).__name__)
"""
        run_code(card, code)
        assert card.locator(".live-own").inner_text().split() == ["200", "JsException"]
        assert foreign.asked == []
    assert set(reader.take_refused()) <= {foreign.address}


@pytest.mark.parametrize(
    "code",
    [
        "1 / 0",
        "open('no-such-file')",
        "import js\njs.JSON.parse('{')",
        "import urllib.request as r\nr.urlopen('x:y')",
    ],
)
def test_of_other_errors_no_cell_says_so(reader: Reader, code: str) -> None:
    page = reader.open(NOTEBOOK)
    card = cell(page, "make-cloud")
    run_code(card, code)
    expect(card.locator(".live-own .live-error-message")).not_to_contain_text("Cells in this page")
