"""What the reference and the docstrings show is what you get."""

import doctest
from pathlib import Path

import pytest

from conf import storage

DSN_PAGE = Path(__file__).parents[2] / "docs" / "reference" / "dsn.rst"


def test_the_docstrings_of_storage_are_right() -> None:
    results = doctest.testmod(storage)
    assert results.attempted >= 3
    assert results.failed == 0


@pytest.mark.parametrize("page", [DSN_PAGE], ids=lambda page: page.name)
def test_the_examples_of_the_page_are_right(page: Path) -> None:
    results = doctest.testfile(str(page), module_relative=False, encoding="utf-8")
    assert results.attempted >= 10
    assert results.failed == 0
