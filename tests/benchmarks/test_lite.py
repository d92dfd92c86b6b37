"""The JupyterLite that is measured has what its kernel needs, or isn't built."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from benchmarks.lite import LiteError, with_digests


def package(name: str, *depends: str) -> dict[str, Any]:
    """Give a package as Pyodide's lock describes it."""
    return {"name": name, "file_name": f"{name}-1-py3-none-any.whl", "sha256": "old", "depends": [*depends]}


LOCK = {
    "info": {"python": "3.14.2"},
    "packages": {
        "micropip": package("micropip"),
        "jedi": package("jedi"),
        "ipython": package("ipython", "Stack_Data"),
        "stack-data": package("stack_data", "ipython"),
        "pillow": package("pillow"),
    },
}
WHEELS = {
    f"{name}-1-py3-none-any.whl": name.encode() for name in ("micropip", "jedi", "ipython", "stack_data")
}


def test_the_lock_describes_the_files_that_are_there():
    packages = with_digests(LOCK, WHEELS)["packages"]
    for name in ("micropip", "jedi", "ipython", "stack-data"):
        content = WHEELS[packages[name]["file_name"]]
        assert packages[name]["sha256"] == hashlib.sha256(content).hexdigest()
    assert packages["pillow"] == LOCK["packages"]["pillow"], "the kernel has no need of it"
    assert LOCK["packages"]["jedi"]["sha256"] == "old", "what was given is left as it is"


def test_a_package_that_another_one_needs_is_missed():
    wheels = {name: content for name, content in WHEELS.items() if "stack" not in name}
    with pytest.raises(LiteError, match=r"needs stack_data-1-py3-none-any\.whl.*lacks it.*nox -s lock"):
        with_digests(LOCK, wheels)
