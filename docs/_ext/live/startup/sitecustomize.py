"""Every Python that finds this folder in its ``PYTHONPATH`` runs this first: see :mod:`live.offline`."""

import importlib.machinery
import importlib.util
import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120


def _run(spec: importlib.machinery.ModuleSpec | None) -> dict[str, object]:
    """Run a module without making it one that others would get by importing its name."""
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return vars(module)


_offline = os.path.join(os.path.dirname(_HERE), "offline.py")  # noqa: PTH118, PTH120
_run(importlib.util.spec_from_file_location("_live_offline", _offline))["install"]()  # type: ignore[operator]

# Nobody else is to find this folder, and an installation's own sitecustomize.py is hidden by it.
sys.path[:] = [path for path in sys.path if os.path.abspath(path) != _HERE]  # noqa: PTH100
if _next := importlib.machinery.PathFinder.find_spec("sitecustomize", sys.path):
    _run(_next)
