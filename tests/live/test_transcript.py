from __future__ import annotations

import base64
import doctest
import io
import random
import string
import tempfile
import uuid
from hashlib import sha256
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nbformat import NotebookNode, v4
from PIL import Image

from live.notebook import Cell, Notebook
from live.transcript import (
    RULES,
    Difference,
    Entry,
    TranscriptError,
    compare,
    contents,
    describes,
    files,
    normalise,
    read,
    retain,
    transcribe,
)


def lesson(*labels: str) -> Notebook:
    """Make a notebook of cells with these labels; the first is in line 10, the second in line 20."""
    cells = (
        Cell(number, None if label.isdecimal() else label, "…", 10 * number, None, (), 10 * number + 1)
        for number, label in enumerate(labels, start=1)
    )
    path = Path("examples/notebooks/lesson.md")
    return Notebook(path, "lesson", "A lesson", ("default",), 60, tuple(cells), NotebookNode())


def printed(text: str, name: str = "stdout") -> NotebookNode:
    return v4.new_output("stream", text=text, name=name)


def value(metadata: dict | None = None, **data: object) -> NotebookNode:
    bundle = {
        kind.replace("_", "/").replace("image/svg", "image/svg+xml"): each for kind, each in data.items()
    }
    return v4.new_output("execute_result", bundle, metadata=metadata or {})


def raised(name: str, message: str) -> NotebookNode:
    return v4.new_output("error", ename=name, evalue=message, traceback=["line 1", "in /somewhere"])


def written(*outputs: NotebookNode) -> str:
    """Give the transcript of a notebook that has one cell, named look, with these outputs."""
    return transcribe(lesson("look"), [list(outputs)])


def body(*outputs: NotebookNode) -> list[str]:
    """Give the lines of that cell."""
    lines = written(*outputs).split("\n")
    assert lines[:3] == ["lesson", "", "-- look"]
    assert lines[-1] == ""
    return lines[3:-1]


def picture(colour: str = "teal", size: tuple[int, int] = (64, 48), kind: str = "PNG", **options: int) -> str:
    """Draw a circle on a gradient, in base 64."""
    image = Image.merge("RGB", [Image.linear_gradient("L").resize(size)] * 3)
    width, height = size
    image.paste(colour, (width // 4, height // 4, width // 2, height // 2))
    file = io.BytesIO()
    image.save(file, kind, **options)
    return base64.b64encode(file.getvalue()).decode()


# -- Rules --------------------------------------------------------------------------------------------------

HEX = "0123456789abcdef"

# For each rule: what it is for, and what of it is left.
CAUGHT = [
    ("colours", "\x1b[31;1mred\x1b[0m", "red"),
    ("memory address", "<Cloud object at 0x7f1c2b3a4d50>", "<Cloud object at 0xADDRESS>"),
    ("memory address", "<Cloud at 0x000001E2C3D4>", "<Cloud at 0xADDRESS>"),
    ("request id", "'RequestId': 'qFj3xQ7ZsN41'", "'RequestId': 'REQUEST-ID'"),
    ("request id", "<RequestId>17F2A9C0D1E3B4A5</RequestId>", "<RequestId>REQUEST-ID</RequestId>"),
    ("request id", "'HostId': 'a8/b+c9dEf=='", "'HostId': 'REQUEST-ID'"),
    ("request id", "x-amz-request-id: 17F2A9C0", "x-amz-request-id: REQUEST-ID"),
    ("request id", "(Request ID: 17F2-A9C0)", "(Request ID: REQUEST-ID)"),
    ("time", "2026-11-01T22:10:05.123456+00:00.", "TIME."),
    ("time", "at 2026-11-01 22:10:05Z", "at TIME"),
    ("time", "X-Amz-Date=20261101T221005Z&", "X-Amz-Date=TIME&"),
    ("time", "Last-Modified: Sun, 01 Nov 2026 22:10:05 GMT", "Last-Modified: TIME"),
    ("time", "datetime.datetime(2026, 11, 1, 22, 10, 5, tzinfo=tzutc())", "TIME"),
    ("time", "datetime.datetime(2026, 11, 1, 22, 10, 5, 12, tzinfo=datetime.timezone.utc)", "TIME"),
    (
        "day of a signature",
        "testing/20261101/eu-west-1/s3/aws4_request",
        "testing/DAY/eu-west-1/s3/aws4_request",
    ),
    ("day of a signature", "k%2F20261101%2Feu%2Fs3%2Faws4_request", "k%2FDAY%2Feu%2Fs3%2Faws4_request"),
    ("expiry of a signature", "?Expires=1793571005&", "?Expires=EXPIRY&"),
    ("signature", f"X-Amz-Signature={HEX * 4}&x=1", "X-Amz-Signature=SIGNATURE&x=1"),
    ("signature", f"'x-amz-signature': '{HEX * 4}'", "'x-amz-signature': 'SIGNATURE'"),
    ("signature", "?Signature=abcdefghijklmnopqrstuvwxy%2B0%3D&", "?Signature=SIGNATURE&"),
    ("signature", "'signature': 'abcdefghijklmnopqrstuvwxyz0='", "'signature': 'SIGNATURE'"),
    ("policy of a form", "'policy': 'eyJleHBpcmF0aW9uIjogIjIwMjYi'", "'policy': 'POLICY'"),
    ("temporary path", "/tmp/tmpx_3k9a0z/letter.txt", "/tmp/TEMPORARY/letter.txt"),
    ("temporary path", r"C:\Temp\tmpabcdefgh", r"C:\Temp\TEMPORARY"),
    ("temporary path", "/tmp/ipykernel_4242/77.py:3: Warning", "/tmp/ipykernel_TEMPORARY/77.py:3: Warning"),
    ("random suffix", "photos/cat_x7Gq2bT.jpg", "photos/cat_RANDOM.jpg"),
    ("random suffix", "cat_aBcdefg.jpg.60x60_q85.jpg", "cat_RANDOM.jpg.60x60_q85.jpg"),
    ("UUID", f"photos/{HEX[:12]}4abc9{HEX[:15]}.jpg", "photos/UUID.jpg"),
    ("UUID", "12345678-90ab-4cde-8f01-234567890abc", "UUID"),
    ("port", "http://127.0.0.1:41873/media/", "http://127.0.0.1:PORT/media/"),
    ("port", "127.0.0.1:60999", "127.0.0.1:PORT"),
]

# What looks similar, and must be compared.
SEEN = [
    "[31m",
    "0x7f1c2b3a4d50",
    "at 0x1f",
    "Request ID: forbidden",
    "RequestId: 1234567",
    "identifier: 17F2A9C0D1E3B4A5",
    "2026-11-01",
    "2026-11",
    "22:10:05",
    "1970-01-01T00:00:00Z",
    "datetime.datetime(1970, 1, 1, 0, 0)",
    "http://s3.amazonaws.com/doc/2006-03-01/",
    "'Version': '2012-10-17'",
    "0.04 seconds at 20 ms a request",
    "reports/20261101/s3/list.csv",
    "testing/20261101/eu-central-1/s3/aws4",
    "X-Amz-Expires=3600",
    "Expires=60",
    f"ETag: {HEX * 4}",
    f"X-Amz-Content-Sha256={HEX * 4}",
    f"X-Amz-Signature={HEX * 4}0",
    "signature_version: s3v4",
    "signature: abcdefghijklmnopqrstuvwxyz",
    "policy: public-read",
    "/tmp/letter.txt",
    "/tmp/tmpfile",
    "/tmp/tmp_uploads_of_anna",
    "tmpabcdefgh",
    "photos/cat_letters.jpg",
    "photos/cat_Letters.jpg",
    "photos/cat_LETTERS.jpg",
    "scan_page001.png",
    "scan_DSC0042.png",
    "scan_Page001.png",
    "photo_1234567.jpg",
    "photo_x7Gq2b.jpg",
    "photo_x7Gq2bTT.jpg",
    "name_x7Gq2bT",
    "_x7Gq2bT.txt",
    "d41d8cd98f00b204e9800998ecf8427e",
    f"photos/{HEX * 2}.jpg",
    "12345678-90ab-1cde-8f01-234567890abc",
    "http://127.0.0.1:8000/",
    "http://127.0.0.1:8333/",
    "http://192.168.0.1:41873/",
    "\t  two  spaces\n\n",
]


@pytest.mark.parametrize(("name", "text", "left"), CAUGHT)
def test_a_rule_catches_what_is_never_twice_the_same(name, text, left):
    rule = next(rule for rule in RULES if rule.name == name)
    assert rule.pattern.sub(rule.replacement, text) == left
    assert normalise(text) == left


@pytest.mark.parametrize("text", SEEN)
def test_what_looks_similar_is_left_to_be_compared(text):
    assert normalise(text) == text


def test_every_rule_is_proven_and_says_why():
    assert {name for name, _, _ in CAUGHT} == {rule.name for rule in RULES}
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all(rule.why.endswith(".") for rule in RULES)


@pytest.mark.parametrize("text", [text for _, text, _ in CAUGHT])
def test_what_was_replaced_is_not_replaced_again(text):
    assert normalise(normalise(text)) == normalise(text)


def test_the_rules_know_what_python_really_makes(tmp_path):
    assert normalise(repr(object())) == "<object object at 0xADDRESS>"
    for _ in range(100):
        assert normalise(f"{uuid.uuid4()} {uuid.uuid4().hex}") == "UUID UUID"
        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        assert normalise(f"'/tmp/{folder.name}/a.txt'") == "'/tmp/TEMPORARY/a.txt'"


def test_almost_every_random_suffix_of_django_is_known():
    choose = random.Random(1).choices
    names = ["".join(choose(string.ascii_letters + string.digits, k=7)) for _ in range(10_000)]
    missed = [name for name in names if normalise(f"a_{name}.txt") != "a_RANDOM.txt"]
    assert 0 < len(missed) < 130


@pytest.mark.parametrize(
    ("version", "query"),
    [
        (
            "s3v4",
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=testing%2FDAY%2Feu-central-1%2Fs3%2Faws4_request"
            "&X-Amz-Date=TIME&X-Amz-Expires=600&X-Amz-SignedHeaders=host&X-Amz-Signature=SIGNATURE",
        ),
        ("s3", "AWSAccessKeyId=testing&Signature=SIGNATURE&Expires=EXPIRY"),
    ],
)
def test_a_signed_address_keeps_all_but_the_time_and_what_follows_from_it(version, query):
    s3 = boto3.client(
        "s3",
        "eu-central-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=Config(signature_version=version),
    )
    for number in range(40):
        parameters = {"Bucket": "media", "Key": f"{number}.txt"}
        address = s3.generate_presigned_url("get_object", parameters, ExpiresIn=600)
        assert normalise(address).partition("?")[::2] == (address.partition("?")[0], query)
    form = s3.generate_presigned_post("media", "a.txt")["fields"]
    assert normalise(repr(form)).count("'POLICY'") == 1
    assert normalise(repr(form)).count("'SIGNATURE'") == 1


# -- Writing ------------------------------------------------------------------------------------------------


def test_a_transcript_tells_everything_that_cells_put_out():
    svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 520 310.5"><title>t</title></svg>'
    outputs = [
        [],
        [printed("one\n\ntwo\n"), printed("careful\n", "stderr"), value(text_plain="42")],
        [value(text_plain="<Cloud at 0x7f1c2b3a4d50>\nempty", image_svg=svg)],
        [
            printed("before"),
            v4.new_output("display_data", {"text/html": "<b>x</b>"}),
            raised("KeyError", "'a'\n"),
        ],
        [raised("NotImplementedError", "")],
    ]
    text = transcribe(lesson("1", "look", "draw", "fail", "last"), outputs)
    assert text == (
        "lesson\n\n"
        "-- 1\nnothing\n\n"
        "-- look\nprinted\n| one\n|\n| two\nstderr\n| careful\nvalue\n| 42\n\n"
        f"-- draw\nvalue image/svg+xml 520 × 310.5, sha256 {sha256(svg.encode()).hexdigest()[:16]}\n"
        "value\n| <Cloud at 0xADDRESS>\n| empty\n\n"
        "-- fail\nprinted without a newline at the end\n| before\n"
        f"shown text/html sha256 {sha256(b'<b>x</b>').hexdigest()[:16]}\nraises KeyError\n| 'a'\n|\n\n"
        "-- last\nraises NotImplementedError\n"
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([printed("a\n")], [printed("a")]),
        ([printed("a\n")], [printed("a\n\n")]),
        ([printed("a\n")], [printed("a \n")]),
        ([printed("a\n")], [printed("\na\n")]),
        ([printed("\n")], []),
        ([printed("a\n")], [printed("a\n", "stderr")]),
        ([printed("a\n")], [printed("a\r\n")]),
        ([printed("a\n")], [printed("b\ra\n")]),
        ([printed("nothing\n")], []),
        ([printed("-- look\n")], [printed("")]),
        ([printed("a\nvalue\n| 1\n")], [printed("a\n"), value(text_plain="1")]),
        ([value(text_plain="1")], [v4.new_output("display_data", {"text/plain": "1"})]),
        ([value(text_plain="1")], [value(text_html="1")]),
        ([value(text_html="<b>1</b>", text_plain="1")], [value(text_html="<i>1</i>", text_plain="1")]),
        ([value(text_html="<b>1</b>", text_plain="1")], [value(text_html="<b>1</b>", text_plain="2")]),
        ([value(text_markdown="*1*")], [value(text_markdown="*2*")]),
        ([value(application_json={"a": 1})], [value(application_json={"a": 2})]),
        ([value(application_javascript="1")], [value(application_javascript="2")]),
        (
            [value(image_png=picture())],
            [value(image_png=picture(), metadata={"image/png": {"alt": "A cat"}})],
        ),
        ([value(image_png=picture())], [value(image_png=picture(), metadata={"width": 10})]),
        ([value(image_png="AAAA")], [value(image_png="AAAB")]),
        ([raised("KeyError", "'a'")], [raised("KeyError", "'b'")]),
        ([raised("KeyError", "'a'")], [raised("LookupError", "'a'")]),
        ([printed("three ...\n")], [printed("three more\n")]),
    ],
)
def test_no_output_passes_for_another(one, other):
    assert written(*one) != written(*other)
    for expected, actual in [(one, other), (other, one)]:
        assert len(compare(written(*expected), written(*actual), lesson("look"))) == 1
        assert compare(written(*expected), written(*expected), lesson("look")) == []


def test_the_traceback_is_not_part_of_it():
    assert body(raised("KeyError", "'a'")) == ["raises KeyError", "| 'a'"]


def test_control_characters_are_made_visible():
    assert body(printed("50 %\r100 %\n")) == ["printed", "| 50 %␍100 %"]
    assert body(printed("a\tb\udc80\n")) == ["printed", "| a\tb\\udc80"]


def test_dots_that_were_printed_stand_for_themselves():
    assert body(printed("wait...\n")) == ["printed", "| wait\\..."]
    assert read(written(printed("wait... \\... ....\n")))["look"][0].plain == "wait... \\... ...."
    assert len(compare(written(printed("wait...\n")), written(printed("wait for it\n")), lesson("look"))) == 1
    assert len(compare(written(printed("a....\n")), written(printed("a...b\n")), lesson("look"))) == 1


SOME_TEXT = st.text(st.sampled_from("ab \n|.\\-…é") | st.characters(exclude_categories=["C"]))


@settings(deadline=None)
@given(st.lists(st.lists(SOME_TEXT, max_size=4), min_size=1, max_size=3))
def test_what_is_read_is_what_was_written(texts):
    labels = [f"cell-{number}" for number in range(len(texts))]
    outputs = [[value(text_plain=text) for text in cell] for cell in texts]
    text = transcribe(lesson(*labels), outputs)
    cells = read(text)
    assert {label: [entry.plain for entry in cells[label]] for label in cells} == {
        label: [normalise(each) for each in cell] for label, cell in zip(labels, texts, strict=True)
    }
    assert retain(text, text) == text


def test_entries_say_what_a_page_needs_to_show_them():
    png = value(image_png=picture(), text_plain="<Image>")
    entries = read(written(printed("a\n"), raised("KeyError", "'a'"), png))["look"]
    assert [(entry.kind, entry.mimetype) for entry in entries] == [
        ("printed", None),
        ("raises", None),
        ("value", "image/png"),
        ("value", "text/plain"),
    ]
    assert entries[1].what == "KeyError"
    assert entries[3] == Entry("value", "", "<Image>")


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("lesson\n\n-- a\nprinted\n| x\n<<<<<<< HEAD\n", 6, "'<<<<<<< HEAD' can't be read"),
        ("lesson\n\n-- a\n| x\n", 4, "'| x' can't be read"),
        ("lesson\n\n-- a\nprinted\n|x\n", 5, "'|x' can't be read"),
        ("lesson\n\nprinted\n| x\n", 3, "'printed' can't be read"),
        ("lesson\n\nnothing\n", 3, "'nothing' can't be read"),
        ("lesson\n\n-- a\nnothing\n\n-- a\nnothing\n", 6, "The cell a is in the transcript twice."),
    ],
)
def test_what_is_no_transcript_is_said_with_its_line(text, line, said):
    with pytest.raises(TranscriptError) as caught:
        read(text)
    assert caught.value.line == line
    assert said in caught.value.reason


# -- Pictures -----------------------------------------------------------------------------------------------


def test_a_picture_is_written_as_its_size_and_sixteen_colours():
    square = Image.new("RGBA", (8, 8), "red")
    square.paste((0, 0, 255, 0), (0, 4, 8, 8))
    file = io.BytesIO()
    square.save(file, "PNG")
    shown = value(
        image_png=base64.b64encode(file.getvalue()).decode(), metadata={"image/png": {"alt": "Red"}}
    )
    red, white = " ".join(["ff0000"] * 4), " ".join(["ffffff"] * 4)
    assert body(shown) == [
        'value image/png 8 × 8, alt "Red"',
        f"| {red}",
        f"| {red}",
        f"| {white}",
        f"| {white}",
    ]


def test_another_compression_of_the_same_picture_is_no_difference():
    before = written(value(image_jpeg=picture(kind="JPEG", quality=90, subsampling=0)))
    after = written(value(image_jpeg=picture(kind="JPEG", quality=80, subsampling=0)))
    assert before != after
    assert retain(before, after) == before
    assert compare(before, after, lesson("look")) == []


@pytest.mark.parametrize("other", [picture("navy"), picture(size=(48, 64)), picture(size=(65, 48)), "AAAA"])
def test_another_picture_is_a_difference(other):
    before, after = written(value(image_png=picture())), written(value(image_png=other))
    assert len(compare(before, after, lesson("look"))) == 1
    assert len(compare(after, before, lesson("look"))) == 1
    assert retain(before, after) == after


def test_tolerance_is_for_pictures_only():
    text = " ".join(["a1b2c3"] * 4)
    before, after = written(printed(f"{text}\n")), written(printed(f"{text.replace('c3', 'c4')}\n"))
    assert len(compare(before, after, lesson("look"))) == 1


def test_rich_outputs_become_files_that_their_entries_describe():
    svg = "<svg><desc>at 0x7f1c2b3a4d50</desc></svg>"
    outputs = [
        [],
        [printed("a\n"), value(image_svg=svg, text_plain="x"), value(image_png=picture())],
        [value(text_html="")],
    ]
    notebook = lesson("1", "look", "3")
    made = contents(notebook, outputs)
    assert made == {
        "look-2.svg": b"<svg><desc>at 0xADDRESS</desc></svg>",
        "look-4.png": base64.b64decode(picture()),
        "3-1.html": b"",
    }
    entries = files(transcribe(notebook, outputs))
    assert list(entries) == list(made)
    assert all(describes(entries[name], content) for name, content in made.items())
    assert not describes(entries["look-2.svg"], b"<svg></svg>")
    assert not describes(entries["look-4.png"], base64.b64decode(picture("navy")))
    assert not describes(entries["look-4.png"], base64.b64decode(picture(size=(640, 480))))
    by_hand = Entry("value", "image/svg+xml sha256 ...")
    assert describes(by_hand, b"<svg></svg>")


# -- Comparing ----------------------------------------------------------------------------------------------


def test_a_difference_names_file_line_and_cell_and_shows_a_diff():
    notebook = lesson("first", "second")
    before = transcribe(notebook, [[], [printed("a\nb\n")]])
    after = transcribe(notebook, [[], [printed("a\nc\n")]])
    [error] = compare(before, after, notebook)
    assert isinstance(error, Difference)
    assert str(error) == (
        "examples/notebooks/lesson.md:20: cell second: It doesn't put out what was recorded. "
        "Repair it, or record it as it is with `nox -s accept`.\n"
        "--- recorded\n+++ now\n@@ -1,3 +1,3 @@\n printed\n | a\n-| b\n+| c"
    )


def test_cells_that_came_or_went_are_differences():
    old, new = lesson("a", "b", "c"), lesson("a", "d", "c")
    before = transcribe(old, [[], [printed("x\n")], [printed("1\n")]])
    after = transcribe(new, [[], [], [printed("2\n")]])
    errors = compare(before, after, new)
    assert [(error.cell, error.line) for error in errors] == [("d", 20), ("c", 30), ("b", 1)]
    said = ["It is new", "It doesn't put out what was recorded", "the notebook no longer has it"]
    assert all(part in error.reason for part, error in zip(said, errors, strict=True))


@pytest.mark.parametrize(
    "recorded",
    [
        "lesson\n\n-- b\nnothing\n\n-- a\nnothing\n",
        "lesson\n-- a\nnothing\n-- b\nnothing\n",
        "another\n\n-- a\nnothing\n\n-- b\nnothing\n",
    ],
)
def test_what_compares_equal_is_what_would_be_recorded(recorded):
    notebook = lesson("a", "b")
    [error] = compare(recorded, transcribe(notebook, [[], []]), notebook)
    assert "laid out by hand" in error.reason


@example("a...b", "a\nb")
@example("a\n...\nb", "a\n\nb\nb")
@example("a\n...\nb", "a\nb")
@example("a...ab", "ab")
@settings(deadline=None)
@given(
    st.text(st.sampled_from("ab\n.")).filter(lambda text: "...." not in text),
    st.text(st.sampled_from("ab\n")),
)
def test_dots_put_in_by_hand_work_as_in_doctest(pattern, text):
    checker = doctest.OutputChecker()
    alike = checker.check_output(f"{pattern}\n", f"{text}\n", doctest.ELLIPSIS)
    by_hand = "".join(f"| {line}\n" if line else "|\n" for line in pattern.split("\n"))
    recorded = f"lesson\n\n-- look\nprinted\n{by_hand}"
    actual = written(printed(f"{text}\n"))
    assert (compare(recorded, actual, lesson("look")) == []) == alike
    assert (retain(recorded, actual) == recorded) == alike


def test_dots_do_not_reach_beyond_one_output():
    recorded = written(printed("a\n"), value(text_plain="1")).replace("| a", "| ...")
    assert compare(recorded, written(printed("x\ny\n"), value(text_plain="1")), lesson("look")) == []
    for actual in (
        [printed("x\n"), value(text_plain="2")],
        [printed("x\n")],
        [printed("x\n"), printed("!\n", "stderr"), value(text_plain="1")],
        [printed("x"), value(text_plain="1")],
    ):
        assert len(compare(recorded, written(*actual), lesson("look"))) == 1


def test_dots_may_stand_for_a_digest():
    recorded = "lesson\n\n-- look\nvalue image/svg+xml sha256 ...\n"
    assert compare(recorded, written(value(image_svg="<svg/>")), lesson("look")) == []
    assert len(compare(recorded, written(value(text_html="<svg/>")), lesson("look"))) == 1


def recorded_lines(*lines: str) -> str:
    return "\n".join(["lesson", "", "-- look", "printed", *(f"| {line}" for line in lines), ""])


@pytest.mark.parametrize(
    ("before", "now", "kept"),
    [
        (["took ... s", "5 files"], ["took 7 s", "6 files"], ["took ... s", "6 files"]),
        (["took ... s", "5 files"], ["6 files", "took 7 s"], ["6 files", "took ... s"]),
        (["took ... s"], ["lasted 7 s"], ["lasted 7 s"]),
        (["took ... s", "x"], ["took 7 s", "took 8 s"], ["took ... s", "took 8 s"]),
        (["a", "...", "b", "c"], ["a", "1", "2", "b", "d"], ["a", "...", "b", "d"]),
        (["...", "b", "c"], ["1", "b", "d"], ["...", "b", "d"]),
        (["a", "b", "..."], ["x", "b", "1", "2"], ["x", "b", "..."]),
        (["a", "...", "b"], ["a", "1", "c"], ["a", "1", "c"]),
        (["a", "...", "b", "c"], ["a", "b", "d"], ["a", "b", "d"]),
    ],
)
def test_dots_put_in_by_hand_are_kept_where_they_still_match(before, now, kept):
    actual = written(printed("".join(f"{line}\n" for line in now)))
    assert retain(recorded_lines(*before), actual) == recorded_lines(*kept)
    assert retain(recorded_lines(*kept), actual) == recorded_lines(*kept)
