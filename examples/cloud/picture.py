"""The picture of a cloud, in SVG and in words, drawn from a plain description of its state."""

from collections.abc import Sequence
from dataclasses import dataclass

from cloud.drawing import (
    BRAND,
    LINE,
    MARGIN,
    MONO,
    MONO_ADVANCE,
    MONO_SIZE,
    MUTED,
    PANEL,
    PROBLEM,
    SURFACE,
    WIDTH,
    document,
    printable,
    shape,
    shorten,
    text,
)

#: How many files of a disk, and how many keys of a bucket, are named.
NAMED = 6
_COLUMNS = 3
_GAP = 10
_LINE = 20
_HEADER = 50
_BUCKET_HEADER = 40
_WIRES = 64


@dataclass(frozen=True)
class Card:
    """An instance.

    :param name: its name.
    :param release: the number of its deployment.
    :param files: the names of the files on its disk; ``None`` if the instance is lost, and its disk with it.
    """

    name: str
    release: int
    files: tuple[str, ...] | None


@dataclass(frozen=True)
class Scene:
    """All that a picture shows.

    :param cards: the instances.
    :param bucket: the bucket's name.
    :param keys: the keys of its objects.
    :param elsewhere: what ``DEFAULT_STORAGE_DSN`` names, if that is not the bucket.
    """

    cards: tuple[Card, ...]
    bucket: str
    keys: tuple[str, ...]
    elsewhere: str


def line(card: Card) -> str:
    """Tell an instance's state.

    :param card: the instance.
    :returns: a line such as ``web-1, release 1: cat.jpg``.
    """
    files = "lost with its disk" if card.files is None else _list(card.files) or "empty disk"
    return f"{card.name}, release {card.release}: {files}"


def words(scene: Scene) -> str:
    """Tell what a picture shows.

    :param scene: the state.
    :returns: a line for each instance, one on where uploads go, and one for the bucket.
    """
    lines = [line(card) for card in scene.cards]
    if lines:
        lines.append(f"DEFAULT_STORAGE_DSN names {scene.elsewhere or 'the bucket'}")
    lines.append(f"Bucket {scene.bucket}: {_list(scene.keys) or 'empty'}")
    return "\n".join(lines)


def _list(names: Sequence[str]) -> str:
    return ", ".join(_named(names))


def _named(names: Sequence[str], length: int = 0) -> list[str]:
    """Choose what to name, and count the rest."""
    named = [printable(name) for name in names[:NAMED]]
    if length:
        named = [shorten(name, length) for name in named]
    return [*named, f"+ {len(names) - NAMED} more"] if len(names) > NAMED else named


def svg(scene: Scene) -> str:
    """Draw a scene.

    :param scene: the state.
    :returns: the markup of an ``svg`` element.
    """
    rows = [scene.cards[first : first + _COLUMNS] for first in range(0, len(scene.cards), _COLUMNS)]
    # A lone card is as wide as one of two; in the last of several rows cards are as wide as above.
    columns = min(max(len(scene.cards), 2), _COLUMNS)
    width = (WIDTH - 2 * MARGIN - _GAP * (columns - 1)) / columns
    parts: list[str] = []
    y = float(MARGIN)
    # Where a wire leaves a card, row by row.
    ends: list[tuple[float, list[float]]] = []
    for row in rows:
        x = (WIDTH - len(row) * width - (len(row) - 1) * _GAP) / 2 if len(rows) == 1 else float(MARGIN)
        height: float = _HEADER + 34 + _LINE * max(1, *(len(_named(card.files or ())) for card in row))
        centres = []
        for card in row:
            parts += _card(card, x, y, width, height)
            if card.files is not None:
                centres.append(x + width / 2)
            x += width + _GAP
        y += height
        ends.append((y, centres))
        y += 2 * _GAP
    if rows:
        y += _WIRES - 2 * _GAP
        parts = [*_wires(ends, y, scene.elsewhere), *parts]
    bucket, height = _bucket(scene, y)
    count = len([card for card in scene.cards if card.files is not None])
    title = f"{count} instance{'' if count == 1 else 's'} and the bucket {scene.bucket}"
    return document(y + height + MARGIN, title, words(scene).replace("\n", ". ") + ".", parts + bucket)


def _card(card: Card, x: float, y: float, width: float, height: float) -> list[str]:
    lost = card.files is None
    left, disk = x + 10, y + _HEADER
    edge = PROBLEM if lost else LINE
    dashes = "stroke-dasharray:5 4" if lost else ""
    parts = [
        shape("rect", fill=PANEL, stroke=edge, style=dashes, x=x, y=y, width=width, height=height, rx=6),
        text(shorten(card.name, int(width / 10)), left, y + 22, size=15, weight="bold"),
        text("lost", left, y + 40, fill=PROBLEM, weight="bold")
        if lost
        else text(f"release {card.release}", left, y + 40, size=13, fill=MUTED),
        shape("path", stroke=edge, style=dashes, d=f"M{x:g} {disk:g}h{width:g}"),
    ]
    if card.files is None:
        corners = f"M{x:g} {disk:g}L{x + width:g} {y + height:g}M{x + width:g} {disk:g}L{x:g} {y + height:g}"
        return [*parts, shape("path", stroke=PROBLEM, d=corners)]
    parts += [_cylinder(left, disk + 11), text("disk", left + 20, disk + 22, size=13, fill=MUTED)]
    names = _named(card.files, int((width - 20) / MONO_ADVANCE))
    return parts + _names(names, left, disk + 44, len(card.files) > NAMED)


def _names(names: Sequence[str], x: float, y: float, more: bool) -> list[str]:
    if not names:
        return [text("empty", x, y, size=MONO_SIZE, fill=MUTED)]
    last = len(names) - 1
    return [
        text(name, x, y + number * _LINE, size=MONO_SIZE, fill=MUTED)
        if more and number == last
        else text(name, x, y + number * _LINE, size=MONO_SIZE, font=MONO)
        for number, name in enumerate(names)
    ]


def _wires(ends: list[tuple[float, list[float]]], bucket: float, elsewhere: str) -> list[str]:
    """Draw a wire from each instance into one that all share, with an arrow into the bucket."""
    middle = WIDTH / 2
    if elsewhere:
        label = f"DEFAULT_STORAGE_DSN names {elsewhere}"
        return [
            text(shorten(label, 64), middle, bucket - _WIRES / 2 + 5, size=13, fill=MUTED, anchor="middle")
        ]
    meet = bucket - 40
    path = ""
    for bottom, centres in ends:
        last = bottom == ends[-1][0]
        for centre in centres:
            # From an upper row, the wire goes round the cards below it.
            path += f"M{centre:g} {bottom:g}"
            path += f"V{meet:g}H{middle:g}" if last else f"v{_GAP}H{MARGIN / 2:g}V{meet:g}H{middle:g}"
    if not path:
        return []
    return [
        shape(
            "path", stroke=BRAND, style="stroke-width:1.75;stroke-linejoin:round", d=f"{path}V{bucket - 8:g}"
        ),
        shape("path", fill=BRAND, d=f"M{middle - 5.5:g} {bucket - 10:g}h11l-5.5 9z"),
        text("DEFAULT_STORAGE_DSN", middle + 14, bucket - 16, size=13, fill=MUTED),
    ]


def _bucket(scene: Scene, y: float) -> tuple[list[str], float]:
    width = WIDTH - 2 * MARGIN
    left = MARGIN + 12.0
    column = (width - 24) / 2
    names = _named(scene.keys, int((column - 8) / MONO_ADVANCE))
    # In columns of three, so that the picture stays low.
    half = NAMED // 2
    columns = [names[:half], names[half:]] if len(names) > half else [names]
    height: float = _BUCKET_HEADER + 10 + _LINE * max(1, *map(len, columns))
    parts = [
        shape("rect", fill=PANEL, stroke=LINE, x=MARGIN, y=y, width=width, height=height, rx=6),
        shape("path", fill=SURFACE, stroke=BRAND, style="stroke-width:1.5", d=_pail(left, y + 11)),
        text("bucket", left + 24, y + 25, size=13, fill=MUTED),
        text(shorten(scene.bucket, 40), left + 70, y + 25, size=15, weight="bold"),
    ]
    for number, some in enumerate(columns):
        more = len(scene.keys) > NAMED and number == 1
        parts += _names(some, left + number * column, y + _BUCKET_HEADER + 12, more)
    return parts, height


def _cylinder(x: float, y: float) -> str:
    d = f"M{x:g} {y + 2.5:g}v8c0 3.3 13 3.3 13 0v-8c0-3.3-13-3.3-13 0c0 3.3 13 3.3 13 0"
    return shape("path", fill=SURFACE, stroke=MUTED, d=d)


def _pail(x: float, y: float) -> str:
    return f"M{x:g} {y + 3:g}l2.5 13q5.5 2.5 11 0l2.5-13c0-4-16-4-16 0c0 4 16 4 16 0"
