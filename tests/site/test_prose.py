"""The writing rules of CONTRIBUTING.rst, as far as a program can see them, on what readers read."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from bs4 import BeautifulSoup

from .conftest import Site

# Pages that Sphinx makes of names.
MADE = ("genindex.html", "py-modindex.html", "search.html")
LONGEST_SENTENCE = 36  # words
# They belittle what is hard for the reader.
BELITTLING = re.compile(r"\b(just|simply|easily|obviously|of course|basically|trivial(ly)?)\b", re.IGNORECASE)
# The reader is "you", and nobody else speaks.
FIRST_PERSON = re.compile(r"\b(I|I[’']\w+|[Ww]e|[Ww]e[’']\w+|[Uu]s|[Oo]ur|[Mm]y)\b")


def sentences(page: BeautifulSoup) -> Iterator[str]:
    """The sentences of a page's own prose, without code and without what code has printed."""
    article = BeautifulSoup(str(page.select_one("article") or ""), "html.parser")
    for element in article.select("pre, table.indextable, .live-cell, dl.py"):
        element.decompose()
    for code in article.select("code"):
        code.replace_with("CODE")
    for block in article.select("p, li, dd, td, h1, h2, h3"):
        if not block.find(["p", "li", "dd"]):
            text = " ".join(block.get_text().split())
            yield from re.split(r"(?<=[.!?])\s+", text)


@pytest.fixture(scope="module")
def prose(site: Site) -> list[tuple[str, str]]:
    written = {path: page for path, page in site.pages.items() if path not in MADE}
    found = [(path, sentence) for path, page in written.items() for sentence in sentences(page)]
    assert len(found) > 500
    return found


def test_no_sentence_is_long(prose: list[tuple[str, str]]) -> None:
    assert [pair for pair in prose if len(pair[1].split()) > LONGEST_SENTENCE] == []


def test_nothing_belittles_what_is_hard(prose: list[tuple[str, str]]) -> None:
    assert [pair for pair in prose if BELITTLING.search(pair[1])] == []


def test_the_reader_is_addressed_and_nobody_else_speaks(prose: list[tuple[str, str]]) -> None:
    # What somebody in a story says stands in quotes.
    said = [(path, re.sub("“[^”]*”", "", sentence)) for path, sentence in prose]
    assert [pair for pair in said if FIRST_PERSON.search(pair[1])] == []
