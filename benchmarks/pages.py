"""A set of pages with cells, written for several builders of executable pages from one source.

Each page has the same eight cells, which do what pages of this site do: import boto3, moto and Django, save
to S3, and call a module that all pages share. What that module returns is printed, so that a page tells
whether it is stale.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

#: How many pages there are.
COUNT = 12

#: The sentence on the first page that is edited.
SENTENCE = "An edit of this sentence changes no output."

_CELLS = (
    (
        "Every page begins with its imports.",
        """\
import os
import boto3
import django
from django.conf import settings
from moto import mock_aws""",
    ),
    (
        "moto plays Amazon S3 inside the page.",
        """\
os.environ |= {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
mock_aws().start()
s3 = boto3.client("s3", region_name="us-east-1")
print(s3.create_bucket(Bucket="page-PAGE")["ResponseMetadata"]["HTTPStatusCode"])""",
    ),
    (
        "Django stores its files there.",
        """\
backend = {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": {"bucket_name": "page-PAGE"}}
settings.configure(STORAGES={"default": backend}, USE_TZ=True)
django.setup()""",
    ),
    (
        "Save a few letters.",
        """\
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
for number in range(5):
    print(default_storage.save(f"letter-{number}.txt", ContentFile(b"Dear Grandma")))""",
    ),
    (
        "The bucket lists them.",
        """\
for entry in s3.list_objects_v2(Bucket="page-PAGE")["Contents"]:
    print(entry["Key"], entry["Size"])""",
    ),
    ("And they can be read.", """print(default_storage.open("letter-3.txt").read().decode())"""),
    ("All pages share a module.", """import shared\nprint(shared.told("PAGE"))"""),
    (
        "What is deleted is gone.",
        """default_storage.delete("letter-3.txt")\ns3.list_objects_v2(Bucket="page-PAGE")["KeyCount"]""",
    ),
)

_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def cells(number: int) -> Iterator[tuple[str, str]]:
    """Yield the cells of a page.

    :param number: the page's, from 1.
    :returns: for each cell the sentence before it, and its code.
    """
    for sentence, code in _CELLS:
        yield sentence, code.replace("PAGE", f"{number:02}")


def name(number: int) -> str:
    """Give the name of a page, without an ending."""
    return f"page-{number:02}"


def shared_module(edition: int) -> str:
    """Give the source of the module that all pages import.

    :param edition: an edit of the module changes it.
    """
    return f'''\
"""What all pages import."""


def told(page):
    """Return what the pages print."""
    return f"edition {{{edition}}} of page {{page}}"
'''


def printed(number: int, edition: int) -> str:
    """Give what a page prints that is not stale; no page has these words in its code.

    :param number: the page's, from 1.
    :param edition: that of the shared module.
    """
    return f"edition {edition} of page {number:02}"


# -- Formats -----------------------------------------------------------------------------------------------


def rst(number: int) -> str:
    """Write a page for jupyter-sphinx."""
    title = f"Page {number:02}"
    parts = [f"{title}\n{'=' * len(title)}", SENTENCE]
    for sentence, code in cells(number):
        body = "\n".join(f"   {line}" for line in code.splitlines())
        parts += [sentence, f".. jupyter-execute::\n\n{body}"]
    return "\n\n".join(parts) + "\n"


def ipynb(number: int) -> str:
    """Write a page for nbsphinx, as a notebook without outputs.

    Its prose is reST, because nbsphinx needs the program pandoc to read Markdown.
    """
    title = f"Page {number:02}"
    written = [_prose(0, f"{title}\n{'=' * len(title)}\n\n{SENTENCE}")]
    for position, (sentence, code) in enumerate(cells(number), 1):
        written.append(_prose(position, sentence))
        cell = {"cell_type": "code", "id": f"code-{position}", "metadata": {}, "source": code}
        written.append({**cell, "execution_count": None, "outputs": []})
    document = {"cells": written, "metadata": {"kernelspec": _KERNEL}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(document, indent=1) + "\n"


def _prose(position: int, text: str) -> dict[str, object]:
    metadata = {"raw_mimetype": "text/restructuredtext"}
    return {"cell_type": "raw", "id": f"prose-{position}", "metadata": metadata, "source": text}


def myst(number: int, fence: str, front_matter: str = "") -> str:
    """Write a page in Markdown.

    :param number: the page's, from 1.
    :param fence: what its cells are called, such as ``{code-cell}``.
    :param front_matter: lines of YAML that go before.
    """
    parts = [f"---\n{front_matter}---"] if front_matter else []
    parts += [f"# Page {number:02}", SENTENCE]
    for sentence, code in cells(number):
        parts += [sentence, f"```{fence}\n{code}\n```"]
    return "\n\n".join(parts) + "\n"


# -- Projects ----------------------------------------------------------------------------------------------


class Project:
    """A folder with the pages and a configuration for one builder.

    :param folder: the folder, which is made.
    :param conf: its ``conf.py``.
    :param pages: the pages' sources by their file names.
    :param sources: where the pages are written, relative to the folder of ``conf.py``.
    :param built: where the builder puts the pages' HTML, relative to its output.
    :param executes: whether the builder executes cells.
    """

    def __init__(
        self,
        folder: Path,
        conf: str,
        pages: dict[str, str],
        sources: str = ".",
        built: str = ".",
        executes: bool = True,
    ) -> None:
        self.folder = folder
        self.executes = executes
        #: Where the configuration is, and where Sphinx reads.
        self.docs = folder / "docs"
        self.html = folder / "html"
        self._pages = (self.docs / sources).resolve()
        #: Where the builder puts the pages.
        self.built = self.html / built
        self._first = self._pages / next(iter(pages))
        for place in (self.docs, self._pages):
            place.mkdir(parents=True, exist_ok=True)
        listed = "\n".join(f"   {built}/{name(number)}" for number in range(1, COUNT + 1))
        index = f"Pages\n=====\n\n.. toctree::\n\n{listed}\n".replace("./", "")
        (self.docs / "index.rst").write_text(index, encoding="utf-8")
        (self.docs / "conf.py").write_text(conf, encoding="utf-8")
        for file, text in pages.items():
            (self._pages / file).write_text(text, encoding="utf-8")
        self.change_module(1)

    def change_module(self, edition: int) -> None:
        """Write the module that all pages share, beside them, where a kernel finds it."""
        (self._pages / "shared.py").write_text(shared_module(edition), encoding="utf-8")

    def change_sentence(self, words: str) -> None:
        """Replace the sentence on the first page that may be edited."""
        text = self._first.read_text(encoding="utf-8")
        self._first.write_text(text.replace(SENTENCE, words), encoding="utf-8")

    def stale(self, edition: int) -> list[str]:
        """Find the built pages that don't show what they would print now.

        :param edition: that of the shared module.
        :returns: their names; a page that isn't there counts.
        """
        found = []
        for number in range(1, COUNT + 1):
            path = self.built / f"{name(number)}.html"
            text = path.read_text(encoding="utf-8") if path.exists() else ""
            if printed(number, edition) not in text:
                found.append(name(number))
        return found
