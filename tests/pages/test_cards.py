"""The picture that goes with a shared link."""

import io

import pytest
from PIL import Image, ImageChops

from pages.cards import SIZE, card


def drawn(title: str) -> Image.Image:
    return Image.open(io.BytesIO(card(title, "The site"))).convert("RGB")


def test_the_same_page_gives_the_same_bytes():
    assert card("A title", "The site") == card("A title", "The site")
    assert card("A title", "The site") != card("Another", "The site")


@pytest.mark.parametrize("title", ["Short", "A title of many words " * 12, "Unbreakable" * 20, ""])
def test_title_stays_within_its_place(title):
    picture = drawn(title)
    assert picture.size == SIZE
    box = ImageChops.difference(picture, drawn("")).getbbox()
    if title:
        left, top, _, bottom = box
        assert left >= 70
        assert top >= 130
        assert bottom < 440, "the title runs into the drawing below it"
    else:
        assert box is None
