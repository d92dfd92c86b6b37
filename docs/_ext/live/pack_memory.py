"""Make the interpreter's memory small, once everything is imported. Runs in Pyodide, started by pack.mjs."""

import _imp
import gc
import importlib
import json
import linecache
import random
import sys
import zipimport
from pathlib import Path

from live import in_browser

LIBRARY = f"/lib/python{sys.version_info.major}.{sys.version_info.minor}"
STANDARD = f"/lib/python{sys.version_info.major}{sys.version_info.minor}.zip"


def tidied(at_once: list[str]) -> str:
    """Tidy up.

    :param at_once: files that are to be kept in memory as they are.
    :returns: as JSON, the paths of the files whose content is in memory now.
    """
    in_browser.FILES.update((path, Path(path).read_bytes()) for path in at_once)
    specs = [getattr(module, "__spec__", None) for module in list(sys.modules.values())]
    files = {(getattr(spec, "origin", None) or "").replace(STANDARD, LIBRARY) for spec in specs}
    # What is frozen in the machine code isn't read from a file.
    frozen = _imp._frozen_module_names()  # type: ignore[attr-defined]
    files |= {f"{LIBRARY}/{name.replace('.', '/')}.pyc" for name in frozen}
    # What else is needed of the standard library comes as files.
    for module in list(sys.modules.values()):
        if isinstance(getattr(module, "__path__", None), list):
            module.__path__[:] = [path.replace(STANDARD, LIBRARY) for path in module.__path__]
    sys.path[sys.path.index(STANDARD)] = LIBRARY
    sys.path_importer_cache.clear()
    zipimport._zip_directory_cache.clear()  # type: ignore[attr-defined]
    linecache.clearcache()
    # By type(): an object of Django that is made when it is needed would be made now.
    generators = [one for one in gc.get_objects() if issubclass(type(one), random.Random)]
    in_browser.GENERATORS[:] = [one for one in generators if type(one) is not random.SystemRandom]
    importlib.invalidate_caches()
    gc.collect()
    # What is there now stays there, so that no collection in a reader's browser looks through it: the first
    # of them would take longer than most cells.
    gc.freeze()
    return json.dumps(sorted({*files, *at_once}))
