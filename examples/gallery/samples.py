"""Pictures to upload: small synthetic landscapes, drawn with Pillow.

A label decides everything about a picture, so that the same label gives the same picture wherever it is
drawn: ``picture(900, 600, "alps")`` needs no file, no font and no network. The labels in :data:`SCENES` name
what you will see; any other label, such as a visitor's name, picks one of the scenes and a skyline of its
own.
"""

from __future__ import annotations

import io
import math
import random
from collections.abc import Iterator
from typing import NamedTuple

from django.core.files.base import ContentFile
from PIL import Image, ImageDraw, ImageFilter

Colour = tuple[int, int, int]

# Drawn this many times too large and then scaled down, which gives smooth edges.
_OVERSAMPLING = 2


class Scene(NamedTuple):
    """The colours of a landscape, and what it consists of."""

    sky: tuple[Colour, Colour, Colour]
    """From the top of the picture to the horizon."""
    ridges: tuple[Colour, Colour]
    """The farthest and the nearest ridge; those between are mixed."""
    light: Colour
    """Sun or moon."""
    rugged: float
    """0 for soft dunes, 1 for steep mountains."""
    water: bool = False
    """The lower part mirrors the upper one."""
    trees: bool = False
    """Firs stand on the nearest ridge."""
    stars: bool = False


#: The landscapes that have a name.
SCENES: dict[str, Scene] = {
    "alps": Scene(
        sky=((72, 124, 190), (140, 186, 226), (236, 232, 216)),
        ridges=((150, 176, 204), (34, 62, 70)),
        light=(255, 250, 226),
        rugged=1.0,
        trees=True,
    ),
    "lake": Scene(
        sky=((64, 74, 132), (214, 128, 134), (252, 206, 150)),
        ridges=((170, 122, 150), (50, 42, 80)),
        light=(255, 236, 190),
        rugged=0.75,
        water=True,
    ),
    "desert": Scene(
        sky=((92, 152, 190), (196, 210, 196), (250, 226, 176)),
        ridges=((232, 180, 124), (150, 78, 48)),
        light=(255, 246, 214),
        rugged=0.12,
    ),
    "night": Scene(
        sky=((12, 18, 46), (30, 46, 92), (84, 104, 148)),
        ridges=((62, 82, 126), (10, 18, 38)),
        light=(240, 240, 222),
        rugged=0.6,
        water=True,
        stars=True,
    ),
    "forest": Scene(
        sky=((168, 206, 214), (206, 226, 214), (244, 242, 220)),
        ridges=((158, 194, 182), (22, 66, 56)),
        light=(255, 252, 234),
        rugged=0.4,
        trees=True,
    ),
    "coast": Scene(
        sky=((38, 112, 168), (120, 190, 214), (240, 238, 214)),
        ridges=((142, 184, 190), (36, 92, 92)),
        light=(255, 248, 216),
        rugged=0.3,
        water=True,
    ),
}


def picture(width: int = 900, height: int = 600, label: str = "alps", *, format: str = "JPEG") -> bytes:
    """Draw a landscape.

    :param width: Width in pixels.
    :param height: Height in pixels.
    :param label: A name from :data:`SCENES`, or any other text. Equal labels give equal pictures.
    :param format: ``JPEG``, ``PNG`` or another format that Pillow writes.
    :returns: The bytes of the image file. They are the same each time; another release of Pillow may compress
        the same pixels differently.
    :raises ValueError: If the width or the height is less than 16 pixels.
    """
    if min(width, height) < 16:
        raise ValueError(f"A picture is at least 16 × 16 pixels large, but {width} × {height} was asked for.")
    # Seeding with text is stable across processes and versions, unlike hash().
    chance = random.Random(label)
    scene = SCENES.get(label) or SCENES[chance.choice(sorted(SCENES))]
    image = _draw(scene, width * _OVERSAMPLING, height * _OVERSAMPLING, chance)
    image = image.resize((width, height), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, format=format, **({"quality": 88} if format == "JPEG" else {}))
    return buffer.getvalue()


def upload(label: str = "alps", width: int = 900, height: int = 600) -> ContentFile[bytes]:
    """Draw a landscape and wrap it as a file that has a name, ready for an ``ImageField``.

    The name matters: without it Django 5.1 and newer store no width and height.

    :param label: As for :func:`picture`; the file is called ``LABEL.jpg``.
    :param width: Width in pixels.
    :param height: Height in pixels.
    :returns: A file for ``Photo.objects.create(title=…, image=upload("alps"))``.
    """
    return ContentFile(picture(width, height, label), name=f"{label}.jpg")


def _draw(scene: Scene, width: int, height: int, chance: random.Random) -> Image.Image:
    horizon = int(height * (0.66 if scene.water else 0.80))
    image = _gradient(scene.sky, width, height, horizon)
    if scene.stars:
        _stars(image, horizon, chance)
    _light(image, scene, horizon, chance)
    draw = ImageDraw.Draw(image)
    count = 4
    for number in range(count):
        nearness = number / (count - 1)
        base = horizon - height * (0.20 - 0.16 * nearness if scene.water else 0.26 - 0.30 * nearness)
        swing = height * (0.05 + 0.17 * scene.rugged * (1 - 0.55 * nearness))
        skyline = _skyline(width, base, swing, scene.rugged, chance)
        colour = _mix(*scene.ridges, nearness)
        draw.polygon([(0, height), *enumerate(skyline), (width, height)], fill=colour)
        if scene.trees and nearness > 0.5:
            for x, y, size in _firs(skyline, height * (0.03 + 0.05 * nearness), chance):
                _fir(draw, x, y, size, colour)
    if scene.water:
        _mirror(image, scene, horizon, chance)
    return image


def _mix(first: Colour, second: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def _gradient(stops: tuple[Colour, Colour, Colour], width: int, height: int, horizon: int) -> Image.Image:
    column = Image.new("RGB", (1, height))
    for y in range(height):
        position = min(1.0, y / horizon) * 2
        lower = min(int(position), 1)
        column.putpixel((0, y), _mix(stops[lower], stops[lower + 1], position - lower))
    return column.resize((width, height))


def _stars(image: Image.Image, horizon: int, chance: random.Random) -> None:
    draw = ImageDraw.Draw(image)
    for _ in range(140):
        x, y = chance.uniform(0, image.width), chance.uniform(0, horizon * 0.7)
        radius = chance.choice((0.4, 0.6, 1.0)) * image.height / 600
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(226, 232, 248))


def _light(image: Image.Image, scene: Scene, horizon: int, chance: random.Random) -> None:
    x = image.width * chance.choice((chance.uniform(0.18, 0.36), chance.uniform(0.64, 0.82)))
    y = horizon * chance.uniform(0.24, 0.44)
    radius = image.height * 0.055
    glow = Image.new("L", image.size)
    ImageDraw.Draw(glow).ellipse((x - 3 * radius, y - 3 * radius, x + 3 * radius, y + 3 * radius), fill=110)
    glow = glow.filter(ImageFilter.GaussianBlur(radius * 1.6))
    image.paste(Image.new("RGB", image.size, scene.light), mask=glow)
    ImageDraw.Draw(image).ellipse((x - radius, y - radius, x + radius, y + radius), fill=scene.light)


def _skyline(width: int, base: float, swing: float, rugged: float, chance: random.Random) -> list[float]:
    """Give a ridge's height for each column: a sum of waves, with sharp peaks where it is rugged."""
    waves = [
        (chance.uniform(0.8, 1.4) * 2**octave, chance.uniform(0, math.tau), 0.5**octave)
        for octave in range(2 + round(5 * rugged))
    ]
    total = sum(weight for _, _, weight in waves)
    heights = []
    for x in range(width):
        sum_of_waves = 0.0
        for frequency, phase, weight in waves:
            angle = frequency * math.tau * x / width + phase
            smooth = math.sin(angle)
            sharp = 1 - 2 * abs(math.sin(angle / 2))
            sum_of_waves += weight * (smooth + (sharp - smooth) * rugged)
        heights.append(base - swing * sum_of_waves / total)
    return heights


def _firs(skyline: list[float], size: float, chance: random.Random) -> Iterator[tuple[float, float, float]]:
    x = 0.0
    while x < len(skyline):
        scale = chance.uniform(0.55, 1.2)
        if chance.random() < 0.85:
            yield x, skyline[int(x)] + size * 0.2, size * scale
        x += size * chance.uniform(0.18, 0.5)


def _fir(draw: ImageDraw.ImageDraw, x: float, y: float, size: float, colour: Colour) -> None:
    for tier in range(3):
        top, half = y - size * (1 - 0.22 * tier), size * (0.10 + 0.06 * tier)
        draw.polygon([(x, top), (x - half, top + size * 0.42), (x + half, top + size * 0.42)], fill=colour)
    draw.rectangle((x - size * 0.02, y - size * 0.2, x + size * 0.02, y), fill=colour)


def _mirror(image: Image.Image, scene: Scene, horizon: int, chance: random.Random) -> None:
    depth = image.height - horizon
    shore = image.crop((0, horizon - depth, image.width, horizon)).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    blurred = shore.filter(ImageFilter.GaussianBlur(image.height / 220))
    water = Image.blend(blurred, Image.new("RGB", shore.size, _mix(scene.sky[0], scene.ridges[1], 0.5)), 0.28)
    # In this mode Pillow blends a colour that has an opacity with what is there.
    draw = ImageDraw.Draw(water, "RGBA")
    for _ in range(70):
        y = depth * chance.random() ** 1.4
        length = image.width * (0.01 + 0.06 * y / depth) * chance.uniform(0.5, 1.5)
        x = chance.uniform(-length, image.width)
        draw.line((x, y, x + length, y), fill=(*scene.sky[2], 56), width=max(1, image.height // 500))
    image.paste(water, (0, horizon))
