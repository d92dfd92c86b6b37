"""What the reference and the docstrings show is what you get."""

import doctest
import inspect
from importlib import import_module
from pathlib import Path

import pytest

import cloud

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cloud.rst"


@pytest.mark.parametrize("name", ["cloud", "cloud.drawing"])
def test_the_docstrings_are_right(name: str) -> None:
    results = doctest.testmod(import_module(name))
    assert results.attempted >= 1
    assert results.failed == 0


def test_the_examples_of_the_page_are_right() -> None:
    results = doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8")
    assert results.attempted >= 20
    assert results.failed == 0


@pytest.mark.parametrize("name", cloud.__all__)
def test_the_page_documents_every_public_name(name: str) -> None:
    assert f".. autoclass:: cloud.{name}" in PAGE.read_text("utf-8") or (
        f".. autoexception:: cloud.{name}" in PAGE.read_text("utf-8")
    )
    public = vars(getattr(cloud, name)).items()
    assert not [
        member
        for member, value in public
        if member[0] != "_" and callable(value) and not inspect.getdoc(value)
    ]
