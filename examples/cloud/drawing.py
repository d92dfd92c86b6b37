"""Drawings in SVG: elements with their text escaped, colours that follow the page's theme, and a bar chart.

The colours are the style sheet's variables of the theme Furo, each with a fall-back. So a drawing that is
part of a page is light or dark as the page is; one that stands alone, as in an ``<img>`` or in JupyterLab, is
a light card.
"""

import re
from collections.abc import Iterable, Mapping
from xml.sax.saxutils import escape, quoteattr

#: The width of every drawing in its own units, so that letters have the same size in all of them.
WIDTH = 440
#: The free space at each side.
MARGIN = 12

TEXT = "var(--color-foreground-primary, #1b1f24)"
MUTED = "var(--color-foreground-secondary, #5a5c63)"
SURFACE = "var(--color-background-primary, #ffffff)"
PANEL = "var(--color-background-secondary, #f6f8fa)"
LINE = "var(--color-foreground-border, #878787)"
BRAND = "var(--color-brand-primary, #0a4bff)"
PROBLEM = "var(--color-problematic, #b30000)"

SANS = "var(--font-stack, system-ui, -apple-system, sans-serif)"
MONO = "var(--font-stack--monospace, ui-monospace, Menlo, Consolas, monospace)"
MONO_SIZE = 13
#: The width of a letter of the monospaced font at this size; such fonts differ by very little.
MONO_ADVANCE = 7.9

# Characters that XML 1.0 cannot hold (https://www.w3.org/TR/xml/#charsets), and those that would break a line
# or turn its direction. A file may have them in its name.
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def printable(text: str) -> str:
    """Put the replacement character in place of each that cannot be drawn.

    :param text: any text, such as a file name.
    :returns: text of the same length.
    """
    return _UNFIT.sub("\ufffd", text)


def shorten(text: str, length: int) -> str:
    """Take letters out of the middle, because the ends of a file name tell most.

    :param text: any text.
    :param length: how many characters the result may have, at least 3.
    :returns: the text, with an ellipsis if it was too long.
    """
    if len(text) <= length:
        return text
    tail = (length - 1) // 2
    return f"{text[: length - 1 - tail]}…{text[-tail:]}"


def element(tag: str, content: str = "", **attributes: object) -> str:
    """Write an element.

    :param tag: its name.
    :param content: its content, as markup.
    :param attributes: its attributes, unescaped; ``_`` stands for ``-``, and a trailing one is dropped.
        Numbers are rounded to two decimals.
    :returns: markup.
    """
    written = "".join(
        f" {name.rstrip('_').replace('_', '-')}={quoteattr(_value(value))}"
        for name, value in attributes.items()
    )
    return f"<{tag}{written}>{content}</{tag}>" if content else f"<{tag}{written}/>"


def _value(value: object) -> str:
    return f"{round(value, 2):g}" if isinstance(value, float) else str(value)


def text(
    words: str,
    x: float,
    y: float,
    *,
    fill: str = TEXT,
    size: float = 14,
    font: str = SANS,
    weight: str = "normal",
    anchor: str = "start",
) -> str:
    """Write a line of text.

    :param words: the text, unescaped.
    :param x: where it is anchored.
    :param y: its base line.
    :param fill: its colour.
    :param size: the height of its letters.
    :param font: its font family.
    :param weight: ``normal`` or ``bold``.
    :param anchor: ``start``, ``middle`` or ``end``.
    :returns: markup.
    """
    return element(
        "text",
        escape(printable(words)),
        x=float(x),
        y=float(y),
        text_anchor=anchor,
        style=f"fill:{fill};font:{weight} {size:g}px {font}",
    )


def shape(
    tag: str, *, fill: str = "none", stroke: str = "none", style: str = "", **attributes: object
) -> str:
    """Write a shape.

    :param tag: the name of the element, such as ``rect``.
    :param fill: the colour inside.
    :param stroke: the colour of the outline.
    :param style: more declarations of the style sheet.
    :param attributes: its geometry.
    :returns: markup.
    """
    # As a style, because a presentation attribute does not take a variable everywhere.
    return element(tag, "", **attributes, style=f"fill:{fill};stroke:{stroke};{style}".rstrip(";"))


def document(height: float, title: str, description: str, parts: Iterable[str]) -> str:
    """Put a drawing together.

    There are no ids in it: a page may hold the same drawing twice.

    :param height: its height, in the units of :data:`WIDTH`.
    :param title: what it is, in a few words, for those who hear it read.
    :param description: what it shows, in sentences.
    :param parts: its elements, as markup.
    :returns: the markup of an ``svg`` element that is as wide as there is room, up to a limit.
    """
    background = shape("rect", fill=SURFACE, width=WIDTH, height=float(height), rx=8)
    return element(
        "svg",
        element("title", escape(printable(title)))
        + element("desc", escape(printable(description)))
        + background
        + "".join(parts),
        xmlns="http://www.w3.org/2000/svg",
        role="img",
        viewBox=f"0 0 {WIDTH} {_value(float(height))}",
        width="100%",
        style="display:block;max-width:34rem;height:auto",
    )


class BarChart:
    """A bar for each of a few counts, and optionally a second, thinner one for what the counts mean.

    :param title: what the chart shows.
    :param values: the counts by label, none negative, in the order of the bars.
    :type values: dict[str, float]
    :param unit: what is counted, for example ``requests``.
    :param second: other values by the same labels, on a scale of their own, such as estimated seconds.
    :type second: dict[str, float] or None
    :param second_unit: the unit of those.
    :param note: a line below the bars, for example at which latency the seconds were estimated.
    :raises ValueError: if there are no values, one is negative, or the labels of both series differ.

    >>> BarChart("Storing 1,000 lines", {"one file each": 1000, "one archive": 1}, "requests")
    Storing 1,000 lines (requests)
    one file each: 1,000
    one archive: 1
    """

    def __init__(
        self,
        title: str,
        values: Mapping[str, float],
        unit: str,
        *,
        second: Mapping[str, float] | None = None,
        second_unit: str = "",
        note: str = "",
    ) -> None:
        self.title = title
        self.unit = unit
        self.second_unit = second_unit
        self.note = note
        self.values = dict(values)
        self.second = dict(second or {})
        if not self.values:
            raise ValueError(f'The chart "{title}" has no values. Give a number for at least one label.')
        if self.second and list(self.second) != list(self.values):
            raise ValueError(
                f'The two series of the chart "{title}" have different labels. Give both the same.'
            )
        for label, value in [*self.values.items(), *self.second.items()]:
            if not 0 <= value < float("inf"):
                raise ValueError(
                    f'The value of "{label}" in the chart "{title}" is {value}. A bar needs a number from 0 '
                    "upwards."
                )

    def _numbers(self, label: str) -> list[str]:
        return [_number(series[label]) for series in (self.values, self.second) if series]

    def _units(self) -> list[str]:
        return [self.unit, self.second_unit][: 2 if self.second else 1]

    def _lines(self) -> list[str]:
        lines = [f"{label}: {'; '.join(self._numbers(label))}" for label in self.values]
        return [f"{self.title} ({'; '.join(self._units())})", *lines, *([self.note] if self.note else [])]

    def __repr__(self) -> str:
        return "\n".join(self._lines())

    def _repr_svg_(self) -> str:
        """Return the chart for a notebook."""
        # The number stands behind its bar, and the longest must find room there.
        digits = max(len(number) for label in self.values for number in self._numbers(label))
        room = WIDTH - 2 * MARGIN - 8 - 8.5 * digits
        bars = [(self.values, 16.0, BRAND), (self.second, 8.0, MUTED)][: len(self._units())]
        parts = [text(self.title, MARGIN, 30, size=15, weight="bold")]
        x = float(MARGIN)
        for unit, (_, height, colour) in zip(self._units(), bars, strict=True):
            parts.append(shape("rect", fill=colour, x=x, y=47 - height / 2, width=16, height=height))
            parts.append(text(unit, x + 22, 52, size=13, fill=MUTED))
            x += 46 + 7 * len(unit)
        y = 84.0
        for label in self.values:
            parts.append(text(label, MARGIN, y))
            y += 8
            for (series, height, colour), number in zip(bars, self._numbers(label), strict=True):
                width = room * series[label] / (max(series.values()) or 1)
                if series[label]:
                    # Even one request beside a thousand must be seen.
                    width = max(width, 2.0)
                    parts.append(shape("rect", fill=colour, x=MARGIN, y=y, width=width, height=height))
                parts.append(text(number, MARGIN + width + 7, y + height / 2 + 5, size=13))
                y += height + 6
            y += 20
        if self.note:
            parts.append(text(self.note, MARGIN, y, size=13, fill=MUTED))
            y += 24
        return document(y - 12, self.title, ". ".join(self._lines()) + ".", parts)


def _number(value: float) -> str:
    """Write a number with up to two decimals."""
    return f"{value:,.2f}".rstrip("0").rstrip(".")
