"""What is said of a page where only a sentence fits."""

import pytest
from docutils.core import publish_doctree

from pages.description import description_of


def said_of(text: str) -> str:
    return description_of(publish_doctree(text), "the site")


def test_first_paragraph_of_the_page_itself():
    page = "Title\n=====\n\n.. note::\n\n   An aside.\n\n- a list\n\nThe *first*\nsentence.\n\nThe second."
    assert said_of(page) == "The first sentence."


def test_page_without_a_paragraph_is_described_as_the_site():
    assert said_of("Title\n=====\n\n.. note::\n\n   An aside.") == "the site"


@pytest.mark.parametrize("words", [33, 200])
def test_what_is_too_long_ends_with_a_whole_word(words):
    said = said_of(" ".join(["abcd"] * words))
    assert 150 < len(said) <= 160
    assert said.endswith("…")
    assert set(said.removesuffix("…").split()) == {"abcd"}
