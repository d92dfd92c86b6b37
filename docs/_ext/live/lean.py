"""Import jupyter-sphinx without what it needs only in order to execute.

To import that takes longer than Sphinx needs to find out that nothing has changed. So while jupyter-sphinx is
imported, stand-ins are in the place of some packages. The first time that something of theirs is called, the
real package is imported.

This is an extension, to be named before ``jupyter_sphinx``. Without it all is the same, but slower.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from types import ModuleType
from typing import Any

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

# What jupyter-sphinx imports, with every module on the way. Of no use here but in nbconvert, which writes
# files for it, and in ipywidgets, of which it asks for addresses that we drop.
_HEAVY = (
    "ipywidgets",
    "ipywidgets.embed",
    "jupyter_client",
    "jupyter_client.kernelspec",
    "nbclient",
    "nbclient.client",
    "nbconvert",
    "nbconvert.preprocessors",
    "nbconvert.writers",
)


class _Module(ModuleType):
    """Stands for a module."""

    __path__: list[str] = []  # noqa: RUF012 - of a module, not of a class

    def __getattr__(self, name: str) -> Any:
        if name == "version_info":
            return tuple(int(part) for part in version(self.__name__).split(".")[:3])
        if name.startswith("__"):
            raise AttributeError(name)
        # "except" accepts nothing but a class. The real one is raised, and not caught, which tells as much.
        return type(name, (Exception,), {}) if name.startswith("No") else _Later(self.__name__, name)


class _Later:
    """Stands for something in a module that is imported when it is needed."""

    def __init__(self, module: str, name: str) -> None:
        self._module = module
        self._name = name

    def _real(self) -> Any:
        module = importlib.import_module(self._module)
        if not hasattr(module, self._name):
            importlib.import_module(f"{self._module}.{self._name}")
        return getattr(module, self._name)

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self._real()(*arguments, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real(), name)


@contextmanager
def imports() -> Iterator[None]:
    """Let stand-ins take the place of packages that nobody has imported yet, as long as the block lasts."""
    stand_ins: dict[str, ModuleType] = {name: _Module(name) for name in _HEAVY if name not in sys.modules}
    if "IPython" not in sys.modules:
        # IPython has its lexers from there, and repeats their names.
        stand_ins["IPython.lib.lexers"] = importlib.import_module("ipython_pygments_lexers")
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        for name, module in stand_ins.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]


def import_for_pages(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Import what is needed to read pages with cells, once, before Sphinx forks to read them."""
    if docnames:
        importlib.import_module("nbconvert.preprocessors")


def setup(app: Sphinx) -> dict[str, Any]:
    """Import jupyter-sphinx, and jupytext, which would import Jupyter's client too."""
    with imports():
        for name in ("jupyter_sphinx", "jupytext"):
            importlib.import_module(name)
    app.connect("env-before-read-docs", import_for_pages)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
