"""Tracebacks of every kind, as IPython prints them, and what a reader sees of each."""

from __future__ import annotations

from pathlib import Path

import pytest
from nbformat.v4 import new_output

from live.render import error_node, plain
from live.tracebacks import plain_traceback

ROOT = Path("/home/reader/project")

PLAIN = """\
\x1b[31m---------------------------------------------------------------------------\x1b[39m
\x1b[31mKeyError\x1b[39m                                  Traceback (most recent call last)
Cell In[3], line 2
      1 numbers = {}
----> 2 numbers["one"]

KeyError: 'one'"""

THROUGH_EARLIER_CELL = """\
---------------------------------------------------------------------------
FileNotFoundError                         Traceback (most recent call last)
Cell In[2], line 2
      1 for name in names:
----> 2     show(name)

Cell In[1], line 7, in show(name)
      6 def show(name):
----> 7     return open(name)

FileNotFoundError: [Errno 2] No such file or directory: '/nope'"""

CHAINED = """\
---------------------------------------------------------------------------
ClientError                               Traceback (most recent call last)
File /venv/lib/python3.12/site-packages/storages/backends/s3.py:88, in S3File._get_file(self)
---> 88     self.obj.load()

ClientError: 404

The above exception was the direct cause of the following exception:

FileNotFoundError                         Traceback (most recent call last)
Cell In[4], line 1
----> 1 storage.open("a.txt").read()

File /venv/lib/python3.12/site-packages/storages/backends/s3.py:90, in S3File._get_file(self)
---> 90     raise FileNotFoundError(name) from error

FileNotFoundError: File does not exist: a.txt

During handling of the above exception, another exception occurred:

StorageError                              Traceback (most recent call last)
Cell In[4], line 3
      1 try:
      2     storage.open("a.txt").read()
----> 3 except FileNotFoundError: complain()

File ~/project/helper.py:5, in complain()
----> 5     raise StorageError

StorageError: first line
  second line"""

SYNTAX = """\
  Cell In[1], line 2
    y = = 1
        ^
SyntaxError: invalid syntax
"""


def shown(traceback: str, source: str, name: str, value: str) -> tuple[list[str], str, str]:
    """Give the lines and the message in view, and the text that is folded away."""
    output = new_output("error", ename=name, evalue=value, traceback=traceback.split("\n"))
    error = error_node(output, source, ROOT)
    parts: dict[str, list[str]] = {}
    for child in error.children:
        parts.setdefault(child["classes"][0], []).append(child.astext())
    [message] = parts["live-error-message"]
    return parts.get("live-error-line", []), message, "".join(parts.get("live-folded", []))


def test_exception_of_the_cell_itself_has_nothing_to_fold():
    source = "numbers = {}\nnumbers['one']"
    assert shown(PLAIN, source, "KeyError", "'one'") == (["numbers['one']"], "KeyError: 'one'", "")


def test_own_line_is_that_of_the_failing_cell():
    lines, message, folded = shown(
        THROUGH_EARLIER_CELL, "for name in names:\n    show(name)", "FileNotFoundError", "[Errno 2] …"
    )
    assert lines == ["show(name)"]
    assert message == "FileNotFoundError: [Errno 2] No such file or directory: '/nope'"
    assert "return open(name)" in folded


def test_of_chained_exceptions_the_last_raised_counts():
    source = 'try:\n    storage.open("a.txt").read()\nexcept FileNotFoundError: complain()'
    lines, message, folded = shown(CHAINED, source, "StorageError", "first line\n  second line")
    assert lines == ["except FileNotFoundError: complain()"]
    assert message == "StorageError: first line\n  second line"
    for name in ("ClientError: 404", "FileNotFoundError: File does not exist", "StorageError: first line"):
        assert name in folded


def test_syntax_error_has_no_frames_and_still_its_line():
    assert shown(SYNTAX, "x = 1\ny = = 1", "SyntaxError", "invalid syntax (123.py, line 2)") == (
        ["y = = 1"],
        "SyntaxError: invalid syntax",
        "",
    )


def test_exception_without_a_traceback_has_its_message():
    assert shown("", "exit()", "SystemExit", "1") == ([], "SystemExit: 1", "")


@pytest.mark.parametrize(
    ("path", "short"),
    [
        ("/opt/venv/lib/python3.11/site-packages/django/db/models.py:7", "django/db/models.py:7"),
        ("~/.pyenv/versions/3.11.7/lib/python3.11/json/decoder.py:353", "json/decoder.py:353"),
        (r"C:\Python\Lib\site-packages\storages\s3.py:1", r"storages\s3.py:1"),
        (f"{ROOT}/conf/storage.py:3", "conf/storage.py:3"),
        ("/srv/elsewhere/module.py:3", "/srv/elsewhere/module.py:3"),
    ],
)
def test_paths_are_those_of_no_machine(path, short):
    assert plain_traceback(f"File {path}, in f()\n", ROOT) == f"File {short}, in f()\n"


def test_what_jupyter_sphinx_renders_has_no_colours_and_no_pictures():
    stream = plain(new_output("stream", name="stdout", text="\x1b[1mbold\x1b[0m\n"))
    assert stream.text == "bold\n"
    data = {"text/plain": "\x1b[32mgreen\x1b[0m", "image/svg+xml": "<svg/>", "text/html": "<b>b</b>"}
    output = new_output("display_data", data=data)
    assert plain(output).data == {"text/plain": "green", "text/html": "<b>b</b>"}
    assert output.data == data
