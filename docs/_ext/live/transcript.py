"""Say in plain text what a notebook printed, to be recorded, read in a diff, and compared.

A transcript names its notebook, and below it each code cell with everything that the cell put out::

    vanishing-files

    -- upload
    nothing

    -- look
    printed
    | web-1 reads “Dear Grandma, …”
    value image/svg+xml 440 × 262, sha256 0123456789abcdef
    value
    | web-1, release 1: letter.txt

    -- read-on-web-2
    raises FileNotFoundError
    | [Errno 2] No such file or directory: '/data/media/letter.txt'

* Text stands behind a bar: what went to standard output (``printed``) and to standard error (``stderr``), the
  message of an exception (``raises``), the plain form of a cell's last expression (``value``) and of what
  it displayed (``shown``).
* An SVG or HTML has an exact digest. Any other picture has its size in pixels and sixteen colours, the mean
  of each part of a grid, because the same picture may be compressed to other bytes on another machine.
* What is never twice the same, such as the id of a request, is replaced by :data:`RULES`.
* Where that isn't enough, you may put ``...`` by hand for any text, as with doctest's ELLIPSIS. A line that
  is only ``| ...`` stands for one or more lines. Three dots that were really printed are written
  ``\\...`` and stand for themselves.
"""

from __future__ import annotations

import base64
import difflib
import hashlib
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from live.errors import NotebookError

if TYPE_CHECKING:
    # In the reader's browser there is neither nbformat nor what reads notebooks.
    from nbformat import NotebookNode

    from live.notebook import Notebook

#: Suffix of the file in which a rich output of this type is recorded.
SUFFIXES = {
    "image/svg+xml": ".svg",
    "text/html": ".html",
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/gif": ".gif",
    "image/webp": ".webp",
}

#: What a person types to record what there is.
RECORD = "nox -s accept"

#: By how much a colour of a picture may differ from the recorded one, of 255, in red, green and blue each.
#: Builds of libjpeg differ by 1 or 2 in a pixel, and hardly at all in a mean.
TOLERANCE = 3

_SVG = "image/svg+xml"
# Types that are text to be read. Of any other, what is behind the text matters, and a digest is enough.
_READABLE = ("text/plain", "text/markdown", "text/latex")
_UNENDED = "without a newline at the end"


# -- Rules --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rule:
    """A part of outputs that isn't compared, because it can't be the same twice.

    :param name: what it is.
    :param pattern: where it is found.
    :param replacement: what stands for it in a transcript, as for :func:`re.sub`.
    :param why: where it comes from, and how it is told from what must be compared.
    """

    name: str
    pattern: re.Pattern[str]
    replacement: str
    why: str


#: Everything that isn't compared. For what else differs from one execution to the next, let the notebook
#: print less, or put ``...`` into its transcript by hand.
RULES = (
    Rule(
        "colours",
        re.compile(r"\x1b\[[0-9;]*m"),
        "",
        "Programs colour what they print for a terminal. No page shows these colours.",
    ),
    Rule(
        "memory address",
        re.compile(r"(?<=\bat 0x)[0-9a-f]{6,16}\b", re.IGNORECASE),
        "ADDRESS",
        "Python's plain form of an object says where in memory it is: <object object at 0x7f…>. "
        "Other hexadecimal numbers stay.",
    ),
    Rule(
        "request id",
        re.compile(
            r"((?:request[ -]?id|host-?id|x-amz-id-2)['\"]?(?:>|: ?|=)['\"]?)"
            r"(?=[^\s<'\"]*\d)[0-9a-z+/=-]{8,}",
            re.IGNORECASE,
        ),
        r"\1REQUEST-ID",
        "A storage service numbers its answers. Only what follows the name of such an id, and holds a digit.",
    ),
    Rule(
        "time",
        re.compile(
            r"\b20[2-9]\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?(?!\d)"
            r"|\b20[2-9]\d{5}T\d{6}Z"
            r"|\b[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} 20[2-9]\d \d\d:\d\d:\d\d GMT"
            r"|\bdatetime\.datetime\(20[2-9]\d(?:, \d+){4,6}(?:, tzinfo=[\w.]+(?:\(\))?)?\)"
        ),
        "TIME",
        "The moment of an execution, with date and time: ISO 8601, HTTP, Python. Dates without a time, which "
        "are names of versions too, and times before 2020, such as 1970, stay.",
    ),
    Rule(
        "day of a signature",
        re.compile(
            r"(?<=/|F)20[2-9]\d{5}(?=(/|%2F)[a-z0-9-]+\1s3\1aws4_request)",
            re.IGNORECASE,
        ),
        "DAY",
        "The credential of a signed address or request names the day: KEY/20261101/REGION/s3/aws4_request.",
    ),
    Rule(
        "expiry of a signature",
        re.compile(r"(?<=[?&;]Expires=)\d{10}\b"),
        "EXPIRY",
        "An address signed with version 2 names the second at which it expires. The seconds that it is valid "
        "with version 4, X-Amz-Expires, stay.",
    ),
    Rule(
        "signature",
        re.compile(
            r"((?<![a-z])signature['\"]?(?:=|: ?)['\"]?)"
            r"(?:[0-9a-f]{64}(?![0-9a-f])|(?:[0-9a-z/+]|%2[BF]){27}(?:=|%3D))",
            re.IGNORECASE,
        ),
        r"\1SIGNATURE",
        "A signature changes with its time: 64 hexadecimal digits, or 28 of base 64 with version 2.",
    ),
    Rule(
        "policy of a form",
        re.compile(r"(\bpolicy['\"]?(?:=|: ?)['\"]?)eyJ[0-9A-Za-z+/]{16,}={0,2}"),
        r"\1POLICY",
        "The signed policy of a form for uploads is JSON in base 64, with the time at which it expires.",
    ),
    Rule(
        "temporary path",
        re.compile(r"(?<=[/\\])tmp[0-9a-z_]{8}(?![0-9A-Za-z_])|(?<=[/\\]ipykernel_)\d+"),
        "TEMPORARY",
        "Python's tempfile names what it makes tmp and eight random characters, and IPython keeps a cell's "
        "code in a folder with the kernel's number.",
    ),
    Rule(
        "random suffix",
        re.compile(
            r"(?<=[0-9A-Za-z])_(?!(?:[A-Z]?[a-z]*|[A-Z]*)\d*\.)[0-9A-Za-z]{7}(?=\.[0-9A-Za-z])",
        ),
        "_RANDOM",
        "Django's storages give the second file of a name seven random characters: letter_x7Gq2bT.txt. What "
        "could be a word or a number – letters, Letters, page001, DSC0042 – stays. So does one random suffix "
        "in a hundred, which is then seen as a difference.",
    ),
    Rule(
        "UUID",
        re.compile(
            r"(?<![0-9A-Za-z])[0-9a-f]{8}(?P<hyphen>-?)[0-9a-f]{4}(?P=hyphen)4[0-9a-f]{3}(?P=hyphen)"
            r"[89ab][0-9a-f]{3}(?P=hyphen)[0-9a-f]{12}(?![0-9A-Za-z])"
        ),
        "UUID",
        "A random UUID, version 4, with or without its hyphens. Its two fixed digits tell it from an MD5 "
        "digest, but for one in 64.",
    ),
    Rule(
        "port",
        re.compile(r"(?<=\b127\.0\.0\.1:)(?:3[2-9]|[45]\d|6[0-5])\d{3}\b"),
        "PORT",
        "A server of this machine listens on a port that was free, from 32000 on. A port that was chosen, "
        "such as 8000, stays.",
    ),
)


def normalise(text: str) -> str:
    """Replace what can't be the same twice.

    :param text: any output.
    :returns: the text with :data:`RULES` applied, in their order.
    """
    for rule in RULES:
        text = rule.pattern.sub(rule.replacement, text)
    return text


# -- Entries ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """One output of a cell, or one form of it, as a transcript has it.

    :param kind: ``printed``, ``stderr``, ``raises``, ``value`` or ``shown``.
    :param what: what follows on the same line: the name of an exception, or the type of a value that isn't
        plain text, its size and its digest.
    :param text: the lines behind bars, still with ``\\...`` for three dots.
    """

    kind: str
    what: str = ""
    text: str = ""

    @property
    def mimetype(self) -> str | None:
        """The type of a value or of what was shown; ``None`` for other entries."""
        if self.kind not in ("value", "shown"):
            return None
        return self.what.partition(" ")[0] or "text/plain"

    @property
    def plain(self) -> str:
        """The text as a page shows it."""
        return re.sub(r"\\(\\*\.\.\.)", r"\1", self.text)


class TranscriptError(ValueError):
    """What is wrong with the text of a transcript.

    :param line: the line, counted from 1.
    :param reason: full sentences.
    """

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(line, reason)
        self.line = line
        self.reason = reason


class Difference(NotebookError):
    """A cell that put out something else than was recorded.

    :param diff: a unified diff of the cell's part of the transcript, without colours.
    """

    def __init__(self, notebook: Notebook, label: str, reason: str, diff: str) -> None:
        line = next((cell.line for cell in notebook.cells if cell.label == label), 1)
        super().__init__(notebook.path, line, label, reason)
        self.diff = diff

    def __str__(self) -> str:
        return f"{super().__str__()}\n{self.diff}"


# -- Writing ------------------------------------------------------------------------------------------------


def transcribe(notebook: Notebook, outputs: Sequence[list[NotebookNode]]) -> str:
    """Write the transcript of an execution.

    :param notebook: the notebook.
    :param outputs: for each of its code cells the outputs, as nbformat holds them.
    :returns: the transcript. The same outputs always give the same text.
    """
    cells = zip(notebook.cells, outputs, strict=True)
    return _write(
        notebook.name,
        {cell.label: [entry for entry, _ in _entries(printed)] for cell, printed in cells},
    )


def contents(notebook: Notebook, outputs: Sequence[list[NotebookNode]]) -> dict[str, bytes]:
    """Give the rich outputs of an execution as the files that :func:`files` names.

    :param notebook: the notebook.
    :param outputs: for each of its code cells the outputs, as nbformat holds them.
    :returns: file name to content. Texts are normalised.
    """
    cells = zip(notebook.cells, outputs, strict=True)
    return {
        _file(cell.label, number, entry): content
        for cell, printed in cells
        for number, (entry, content) in enumerate(_entries(printed), start=1)
        if content is not None
    }


def _write(name: str, cells: Mapping[str, Iterable[Entry]]) -> str:
    sections = ["\n".join([f"-- {label}", *_lines(entries)]) for label, entries in cells.items()]
    return "\n\n".join([name, *sections]) + "\n"


def _lines(entries: Iterable[Entry]) -> list[str]:
    """Write a cell's entries as lines."""
    lines = []
    for entry in entries:
        lines.append(f"{entry.kind} {entry.what}".rstrip())
        if entry.text or entry.kind in ("printed", "stderr"):
            lines += [f"| {line}" if line else "|" for line in entry.text.split("\n")]
    return lines or ["nothing"]


def _entries(outputs: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Entry, bytes | None]]:
    """Yield the entries for a cell's outputs, and the content of the file for those that have one."""
    for output in outputs:
        if output["output_type"] == "stream":
            text = normalise(output["text"])
            if text:
                kind = "printed" if output["name"] == "stdout" else output["name"]
                what = "" if text.endswith("\n") else _UNENDED
                yield Entry(kind, what, _written(text.removesuffix("\n"))), None
        elif output["output_type"] == "error":
            yield Entry("raises", output["ename"], _written(normalise(output["evalue"]))), None
        else:
            kind = "value" if output["output_type"] == "execute_result" else "shown"
            for mimetype in sorted(output["data"]):
                what, text, content = _described(mimetype, output["data"][mimetype], output["metadata"])
                yield Entry(kind, _written(what), _written(text)), content


def _described(mimetype: str, data: Any, metadata: Mapping[str, Any]) -> tuple[str, str, bytes | None]:
    """Describe one form of a value.

    :returns: its type with its digest, its text, and the content of its file.
    """
    facts: list[str] = []
    text = ""
    content: bytes | None
    if _is_raster(mimetype):
        content = base64.b64decode(data)
        size, text = _seen(content)
        said = {**metadata, **metadata.get(mimetype, {})}
        said = {key: value for key, value in said.items() if "/" not in key}
        facts = [size, *(f"{key} {json.dumps(said[key], ensure_ascii=False)}" for key in sorted(said))]
    elif not isinstance(data, str):
        text = normalise(json.dumps(data, ensure_ascii=False, indent=1, sort_keys=True))
        content = None
    elif mimetype in _READABLE:
        text = normalise(data)
        content = None
    else:
        content = normalise(data).encode("utf-8", "backslashreplace")
        size = _size_of_svg(data) if mimetype == _SVG else ""
        facts = [*([size] if size else []), f"sha256 {_digest(content)}"]
    what = "" if mimetype == "text/plain" else f"{mimetype} {', '.join(facts)}".rstrip()
    return what, text, content if mimetype in SUFFIXES else None


def _written(text: str) -> str:
    """Write a text so that it can stand in a file, line by line, and stands for itself."""
    text = text.encode("utf-8", "backslashreplace").decode()
    # A carriage return and its like would be a line's end to one program and nothing to another.
    text = text.translate({code: 0x2400 + code for code in range(32) if chr(code) not in "\n\t"})
    return re.sub(r"(\\*\.\.\.)", r"\\\1", text)


def _is_raster(mimetype: str | None) -> bool:
    return mimetype is not None and mimetype.startswith("image/") and mimetype != _SVG


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _size_of_svg(text: str) -> str:
    found = re.search(r"<svg\b[^>]*?\sviewBox=[\"'][-\d.]+ [-\d.]+ ([\d.]+) ([\d.]+)[\"']", text)
    return f"{found[1]} × {found[2]}" if found else ""


def _seen(content: bytes) -> tuple[str, str]:
    """Give a picture's size, and the mean colours of a grid of four by four, transparent parts on white.

    What isn't a picture has a digest in place of its size.
    """
    # Here, because the site builds without Pillow if no notebook shows a picture.
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as picture:
            size = picture.size
            coloured = picture.convert("RGBA")
    except OSError:
        return f"not a picture, sha256 {_digest(content)}", ""
    on_white = Image.alpha_composite(Image.new("RGBA", size, "white"), coloured).convert("RGB")
    means = on_white.resize((4, 4), Image.Resampling.BOX).tobytes().hex(" ", 3).split()
    rows = [" ".join(means[start : start + 4]) for start in range(0, 16, 4)]
    return f"{size[0]} × {size[1]}", "\n".join(rows)


# -- Reading ------------------------------------------------------------------------------------------------


def read(text: str) -> dict[str, list[Entry]]:
    """Read a transcript.

    :param text: the transcript.
    :returns: for each cell, by its label, its entries; none if the cell put out nothing.
    :raises TranscriptError: if it isn't one.
    """
    cells: dict[str, list[Entry]] = {}
    entries: list[Entry] = []
    lines: list[str] = []  # of the last entry
    for number, line in enumerate(text.split("\n"), start=1):
        marker = re.fullmatch(r"(printed|stderr|raises|value|shown)(?: (\S.*))?", line)
        if line.startswith("-- "):
            label, entries, lines = line.removeprefix("-- "), [], []
            if label in cells:
                raise TranscriptError(number, f"The cell {label} is in the transcript twice.")
            cells[label] = entries
        elif number == 1 or not line or (line == "nothing" and cells):
            continue
        elif marker and cells:
            lines = []
            entries.append(Entry(marker[1], marker[2] or ""))
        elif entries and (line == "|" or line.startswith("| ")):
            lines.append(line[2:])
            entries[-1] = replace(entries[-1], text="\n".join(lines))
        else:
            raise TranscriptError(number, f"The line {line!r} can't be read in a transcript.")
    return cells


def sections(text: str) -> dict[str, str]:
    """Part a transcript into its cells.

    :param text: the transcript.
    :returns: for each cell, by its label, the lines below its name.
    :raises TranscriptError: if it isn't a transcript.
    """
    return {label: "\n".join(_lines(entries)) for label, entries in read(text).items()}


def files(text: str) -> dict[str, Entry]:
    """Name the files that belong to a transcript if its rich outputs are recorded too.

    :param text: the transcript.
    :returns: file name to the entry that describes the file: cell, number of the entry in it, and suffix, as
        in ``look-1.svg``.
    :raises TranscriptError: if it isn't a transcript.
    """
    return {
        _file(label, number, entry): entry
        for label, entries in read(text).items()
        for number, entry in enumerate(entries, start=1)
        if entry.mimetype in SUFFIXES
    }


def describes(entry: Entry, content: bytes) -> bool:
    """Tell whether a recorded file is the one that an entry describes.

    :param entry: the entry.
    :param content: the file's content.
    """
    if not _is_raster(entry.mimetype):
        return _is_like(entry.what.rpartition("sha256 ")[2], _digest(content))
    size, colours = _seen(content)
    return f"{entry.what},".startswith(f"{entry.mimetype} {size},") and _is_seen_as(entry.text, colours)


def _file(label: str, number: int, entry: Entry) -> str:
    return f"{label}-{number}{SUFFIXES[entry.mimetype or '']}"


# -- Comparing ----------------------------------------------------------------------------------------------


def compare(expected: str, actual: str, notebook: Notebook) -> list[NotebookError]:
    """Compare a transcript with the recorded one.

    :param expected: the recorded transcript, in which ``...`` stands for any text.
    :param actual: the transcript of an execution, from :func:`transcribe`.
    :param notebook: the notebook.
    :returns: an error for each cell that differs, at its line in the notebook, with a diff.
    :raises TranscriptError: if ``expected`` isn't a transcript.
    """
    kept = retain(expected, actual)
    if kept == expected:
        return []
    before, now = read(expected), read(kept)
    errors: list[NotebookError] = []
    for label in [*now, *(label for label in before if label not in now)]:
        if label in before and label in now and before[label] == now[label]:
            continue
        reason = "It doesn't put out what was recorded."
        if label not in before:
            reason = "It is new: nothing was recorded of it."
        elif label not in now:
            reason = "It was recorded, but the notebook no longer has it."
        errors.append(
            Difference(
                notebook,
                label,
                f"{reason} Repair it, or record it as it is with `{RECORD}`.",
                _diff(_lines(before[label]) if label in before else [], _lines(now.get(label, []))),
            )
        )
    if not errors:
        reason = f"Its transcript is in another order, or laid out by hand. Record it again with `{RECORD}`."
        errors.append(NotebookError(notebook.path, 1, None, reason))
    return errors


def difference(recorded: str, outputs: Sequence[Mapping[str, Any]]) -> str:
    """Compare what one cell put out with what was recorded of it.

    :param recorded: the lines of the cell in the recorded transcript, as :func:`sections` gives them.
    :param outputs: its outputs, in the shape that nbformat gives them.
    :returns: a unified diff; empty if nothing differs.
    :raises TranscriptError: if ``recorded`` isn't part of a transcript.
    """
    expected = f"cell\n\n-- cell\n{recorded}\n"
    kept = retain(expected, _write("cell", {"cell": [entry for entry, _ in _entries(outputs)]}))
    return _diff(recorded.split("\n"), sections(kept)["cell"].split("\n"))


def retain(expected: str, actual: str) -> str:
    """Keep of a recorded transcript what still holds.

    That is each ``...`` that was put there by hand and still stands for something, and each picture that
    looks the same.

    :param expected: the recorded transcript.
    :param actual: the transcript of an execution, from :func:`transcribe`.
    :returns: the transcript to record: ``expected`` itself if nothing differs.
    :raises TranscriptError: if ``expected`` isn't a transcript.
    """
    before = read(expected)
    kept = {}
    for label, entries in read(actual).items():
        recorded = before.get(label, [])
        pairs = zip(recorded, entries, strict=False)
        kept[label] = [_retained(old, new) for old, new in pairs] + entries[len(recorded) :]
    return _write(actual.partition("\n")[0], kept)


def _retained(old: Entry, new: Entry) -> Entry:
    """Give the old entry if the new one is like it, otherwise the new one with the patterns that hold."""
    if old.kind != new.kind:
        return new
    what = old.what if _is_like(old.what, new.what) else new.what
    if _is_like(old.text, new.text):
        return replace(old, what=what)
    if _is_raster(old.mimetype) and _is_raster(new.mimetype):
        return replace(old if _is_seen_as(old.text, new.text) else new, what=what)
    return Entry(new.kind, what, "\n".join(_retained_lines(old.text.split("\n"), new.text.split("\n"))))


def _retained_lines(old: Sequence[str], new: Sequence[str]) -> list[str]:
    """Put old lines with ``...`` in place of those new ones that they still match."""
    kept = []
    position = 0
    for line in new:
        found = (i for i in range(position, len(old)) if old[i] != "..." and _is_like(old[i], line))
        match = next(found, None)
        if match is not None:
            position = match + 1
        kept.append(line if match is None else old[match])
    # A line of dots stands for whatever is between its neighbours, if both are still there.
    for i, line in enumerate(old):
        if line == "...":
            try:
                start = kept.index(old[i - 1]) + 1 if i else 0
                end = kept.index(old[i + 1], start) if i + 1 < len(old) else len(kept)
            except ValueError:
                continue
            if start < end:
                kept[start:end] = ["..."]
    return kept


def _is_like(pattern: str, text: str) -> bool:
    """Match as doctest does with ELLIPSIS, but for ``\\...``, which stands for itself in both."""
    parts = re.split(r"(\\*\.\.\.)", pattern)
    expression = "".join(".*" if part == "..." else re.escape(part) for part in parts)
    return re.fullmatch(expression, text, re.DOTALL) is not None


def _is_seen_as(colours: str, others: str) -> bool:
    """Compare the colours of two pictures."""
    if _is_like(colours, others):
        return True
    try:
        pairs = list(zip(bytes.fromhex(colours), bytes.fromhex(others), strict=True))
    except ValueError:
        return False
    return all(abs(one - other) <= TOLERANCE for one, other in pairs)


def _diff(before: Sequence[str], now: Sequence[str]) -> str:
    return "\n".join(difflib.unified_diff(before, now, "recorded", "now", lineterm=""))
