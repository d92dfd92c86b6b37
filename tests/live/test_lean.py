"""jupyter-sphinx is the same, whether it was imported lean or not."""

from __future__ import annotations

import json
import os
import subprocess
import sys

HEAVY = ["nbconvert", "jupyter_client", "nbclient", "ipywidgets"]


def python(program: str) -> object:
    """Run a program in a Python of its own, and give what it printed as JSON."""
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_what_only_execution_needs_is_not_imported():
    program = f"""\
import json, sys
from live import lean
with lean.imports():
    import jupyter_sphinx, jupytext
import live.sphinx
print(json.dumps([name for name in {HEAVY} if name in sys.modules]))
"""
    assert python(program) == []


def test_the_real_packages_come_when_they_are_called():
    program = """\
import json, sys
from live import lean
with lean.imports():
    import jupyter_sphinx
from jupyter_sphinx import execute, utils
notebook = utils.blank_nb("python3")
writer = execute.FilesWriter(build_directory="somewhere")
import nbconvert.writers
import ipywidgets.embed
try:
    utils.get_kernel_spec("no-such-kernel")
except Exception as error:
    missing = type(error).__module__
print(json.dumps([
    notebook.metadata.kernelspec.language,
    writer.build_directory,
    isinstance(writer, nbconvert.writers.FilesWriter),
    jupyter_sphinx.ipywidgets.embed.DEFAULT_EMBED_SCRIPT_URL == ipywidgets.embed.DEFAULT_EMBED_SCRIPT_URL,
    missing,
]))
"""
    assert python(program) == ["python", "somewhere", True, True, "jupyter_client.kernelspec"]


def test_what_was_imported_before_stays():
    program = """\
import json, sys
import nbconvert, jupyter_client.kernelspec
from live import lean
with lean.imports():
    import jupyter_sphinx.execute
print(json.dumps([jupyter_sphinx.execute.nbconvert is nbconvert, sys.modules["nbconvert"] is nbconvert]))
"""
    assert python(program) == [True, True]
