"""Have Sphinx make every page afresh once the extensions beside this file have changed.

Sphinx looks at the sources of pages, at templates and at the configuration. What an extension has made of
them it takes as it was.
"""

import hashlib
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

_HERE = Path(__file__).parent


def digest(folder: Path = _HERE) -> str:
    """Tell what extensions are made of, by content and never by date.

    :param folder: the folder of the extensions.
    :returns: a digest of all Python files in it.
    """
    facts = [
        f"{path.relative_to(folder).as_posix()} {hashlib.sha256(path.read_bytes()).hexdigest()}"
        for path in sorted(folder.rglob("*.py"))
    ]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()


def setup(app: Sphinx) -> dict[str, Any]:
    """Register a setting that nobody sets: where it has changed, Sphinx reads and writes every page."""
    app.add_config_value("fresh_extensions", digest(), "env", str)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
