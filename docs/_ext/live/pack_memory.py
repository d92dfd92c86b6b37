"""Make the interpreter's memory small, once everything is imported. Runs in Pyodide, started by pack.mjs."""

import gc
import importlib
import json
import linecache
import sys
import zipimport

LIBRARY = f"/lib/python{sys.version_info.major}.{sys.version_info.minor}"
STANDARD = f"/lib/python{sys.version_info.major}{sys.version_info.minor}.zip"


def tidied() -> str:
    """Tidy up.

    :returns: as JSON, the paths of the files whose content is in memory now.
    """
    specs = [getattr(module, "__spec__", None) for module in list(sys.modules.values())]
    files = {(getattr(spec, "origin", None) or "").replace(STANDARD, LIBRARY) for spec in specs}
    # What else is needed of the standard library comes as files.
    for module in list(sys.modules.values()):
        if isinstance(getattr(module, "__path__", None), list):
            module.__path__[:] = [path.replace(STANDARD, LIBRARY) for path in module.__path__]
    sys.path.remove(STANDARD)
    sys.path_importer_cache.clear()
    zipimport._zip_directory_cache.clear()  # type: ignore[attr-defined]
    linecache.clearcache()
    importlib.invalidate_caches()
    gc.collect()
    return json.dumps(sorted(files))
