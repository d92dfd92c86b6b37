"""Draw the picture that goes with a link to a page when somebody shares it.

Pillow draws it with the font that it brings, so that the same page gives the same bytes on every machine.
"""

import io

from PIL import Image, ImageDraw, ImageFont

#: Width and height in pixels, as those who show such pictures ask for them.
SIZE = (1200, 630)

_MARGIN = 80
_GROUND, _INK, _MUTED, _LINE = "#131416", "#ffffffcc", "#9ca0a5", "#53565c"
_MISSING = "#ee5151"


def card(title: str, site: str) -> bytes:
    """Draw the card of a page.

    :param title: the page's title; what doesn't fit on three lines is left out.
    :param site: the site's name.
    :returns: a PNG.
    """
    picture = Image.new("RGB", SIZE, _GROUND)
    draw = ImageDraw.Draw(picture)
    draw.text((_MARGIN, 70), site, _MUTED, ImageFont.load_default(34))
    font = ImageFont.load_default(76)
    lines = _wrapped(title, font, SIZE[0] - 2 * _MARGIN)
    draw.multiline_text((_MARGIN, 135), "\n".join(lines), _INK, font, spacing=14)
    # The story of the site: one instance has the file, the other has not.
    for number, (file, colour) in enumerate((("letter.txt", _INK), ("letter.txt?", _MISSING)), 1):
        left = _MARGIN + (number - 1) * 330
        draw.rounded_rectangle((left, 440, left + 300, 560), 12, outline=_LINE, width=3)
        draw.text((left + 24, 458), f"web-{number}", _MUTED, ImageFont.load_default(28))
        draw.text((left + 24, 502), file, colour, ImageFont.load_default(32))
    written = io.BytesIO()
    picture.save(written, "PNG", compress_level=9)
    return written.getvalue()


def _wrapped(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> list[str]:
    """Break a text into at most three lines of a width in pixels."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return [line for line in lines if line][:3]
