"""What a program used is counted with all that it started."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from benchmarks.usage import machine, measure

BUSY = "import time\nwhile time.process_time() < 0.4: pass\n"
STARTS = f"import subprocess, sys\nprocess = subprocess.Popen([sys.executable, '-c', {BUSY!r}])\n"


def test_children_are_counted(tmp_path):
    used = measure([sys.executable, "-c", f"{STARTS}process.wait()"], tmp_path, os.environ)
    assert used.cpu >= 0.4
    assert used.wall >= used.cpu / (os.cpu_count() or 1) / 2


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Only Linux lets a process adopt orphans.")
def test_orphans_are_waited_for_and_counted(tmp_path):
    # In a process of its own, because there is no way back from adopting.
    program = f"""\
import os, sys
from pathlib import Path
from benchmarks import usage
usage.adopt_orphans()
print(usage.measure([sys.executable, "-c", {STARTS!r}], Path({str(tmp_path)!r}), os.environ).cpu)
"""
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    assert float(done.stdout) >= 0.4


def test_a_program_that_fails_is_an_error_with_what_it_said(tmp_path):
    with pytest.raises(RuntimeError, match="told why"):
        measure([sys.executable, "-c", "import sys; sys.exit('told why')"], tmp_path, os.environ)


def test_the_machine_is_described():
    described = machine()
    assert described["cores"] == os.cpu_count()
    assert described["processor"]
    assert described["python"] == sys.version.split()[0]
