"""Decide what of an exception a reader needs to see; the rest can be folded away.

Standard library only, because the page's Python needs it as well.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_COLOURS = re.compile(r"\x1b\[.*?[@-~]")
_CHAINED = re.compile(
    r"\n+(?:The above exception was the direct cause of the following exception"
    r"|During handling of the above exception, another exception occurred):\n+"
)
_FRAME = re.compile(r"^(?:File |\s*Cell In)", re.MULTILINE)
_CELL_FRAME = re.compile(r"^\s*Cell In\s?\[(\d+)\], line (\d+)", re.MULTILINE)
_RULE = re.compile(r"\A-{5,}\n")
_LIBRARY = re.compile(r"^(File )\S*?[\\/](?:site-packages|python3\.\d+)[\\/](?!site-packages)", re.MULTILINE)


@dataclass(frozen=True)
class Explained:
    """An exception as the reader needs it.

    :param lines: number and text of the lines of the failing cell that the traceback passes through.
    :param name: the exception's class.
    :param rest: what follows the name in the traceback's last line, or lines if the message has several.
    :param full: the whole traceback, if it holds more than the above.
    """

    lines: tuple[tuple[int, str], ...]
    name: str
    rest: str
    full: str | None


def explain(output: Mapping[str, Any], source: str, root: Path) -> Explained:
    """Say of an exception what the reader needs.

    Of chained exceptions the last one raised counts, because that is the one that stopped the cell.

    :param output: an output of nbformat's type ``error``, with a traceback as IPython prints it.
    :param source: the source of the cell that failed.
    :param root: the project's root, to shorten paths.
    """
    full = _RULE.sub("", plain_traceback("\n".join(output["traceback"]), root)).strip("\n")
    last = _CHAINED.split(full)[-1]
    lines = tuple(_own_lines(last, source))
    name, rest = _last_line(last, output)
    return Explained(lines, name, rest, full if len(_FRAME.findall(full)) > len(lines) else None)


def without_colours(text: str) -> str:
    """Return a text without a terminal's control codes."""
    return _COLOURS.sub("", text)


def plain_traceback(traceback: str, root: Path) -> str:
    """Shorten the paths of a traceback: the reader's machine has others, and the module's own name is enough.

    Colours go too, because they stand in between.

    :param traceback: text of a traceback as IPython prints it.
    :param root: the project's root; files below it are named relative to it.
    :returns: the text with paths relative to ``root``, to ``site-packages`` or to Python's own library.
    """
    return _LIBRARY.sub(r"\1", without_colours(traceback).replace(f"{root}{os.sep}", ""))


def _own_lines(traceback: str, source: str) -> Iterator[tuple[int, str]]:
    """Yield number and text of the lines of the failing cell itself that the traceback passes through."""
    frames = _CELL_FRAME.findall(traceback)
    lines = source.splitlines()
    seen = set()
    for cell, number in frames:
        position = int(number)
        # The outermost frame is the failing cell; later ones may be functions of earlier cells.
        if cell == frames[0][0] and position not in seen and position <= len(lines):
            seen.add(position)
            yield position, lines[position - 1].strip()


def _last_line(traceback: str, output: Mapping[str, Any]) -> tuple[str, str]:
    """Return the exception's name and the rest of its last line, or lines if its message has several."""
    kind = output["ename"]
    found = re.findall(rf"^{re.escape(kind)}(:.*)?\Z", traceback, re.MULTILINE | re.DOTALL)
    return kind, found[-1].rstrip() if found else f": {without_colours(output['evalue'])}"
