"""Pictures that notebooks upload."""

import io

import pytest
from PIL import Image, ImageChops, ImageStat

from gallery.samples import SCENES, picture, upload


def pixels(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("RGB")


def difference(one: Image.Image, other: Image.Image) -> float:
    return sum(ImageStat.Stat(ImageChops.difference(one, other)).mean)


def test_equal_labels_give_equal_bytes() -> None:
    assert picture(90, 60, "Ada") == picture(90, 60, "Ada")


def test_labels_give_different_pictures() -> None:
    pictures = {picture(90, 60, label) for label in [*SCENES, "Ada", "Ben"]}
    assert len(pictures) == len(SCENES) + 2


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_picture_has_the_size_and_format_asked_for(format: str) -> None:
    with Image.open(io.BytesIO(picture(90, 60, "lake", format=format))) as image:
        assert (image.size, image.format) == ((90, 60), format)


def test_water_mirrors_what_is_above_it() -> None:
    image = pixels(picture(900, 600, "coast", format="PNG"))
    above, below = image.crop((0, 192, 900, 396)), image.crop((0, 396, 900, 600))
    assert difference(below, above.transpose(Image.Transpose.FLIP_TOP_BOTTOM)) < difference(below, above) / 2


def test_tiny_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="8 × 60 was asked for"):
        picture(8, 60, "alps")


def test_upload_has_a_name() -> None:
    assert upload("lake", 90, 60).name == "lake.jpg"
