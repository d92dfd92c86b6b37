"""Measure what a program uses, with all that it starts, and describe the machine."""

from __future__ import annotations

import ctypes
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Usage:
    """What a program used.

    :param cpu: seconds of computing, its own and its children's, in user mode and in the kernel.
    :param wall: seconds on the clock.
    """

    cpu: float
    wall: float


def adopt_orphans() -> None:
    """Let this process inherit processes whose parent ends before them, so that they are counted.

    That is possible on Linux. Elsewhere, what a program leaves behind is not counted.
    """
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def measure(command: Sequence[str | Path], folder: Path, variables: Mapping[str, str]) -> Usage:
    """Run a program and wait for it and for all that it started.

    :param command: the program and its arguments.
    :param folder: where it runs.
    :param variables: its environment variables.
    :returns: what it used.
    :raises RuntimeError: if it fails. The message has what it printed.
    """
    before = _children()
    started = time.monotonic()
    done = subprocess.run(
        command,
        cwd=folder,
        env=variables,
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    _wait_for_orphans()
    wall = time.monotonic() - started
    if done.returncode:
        raise RuntimeError(f"«{' '.join(map(str, command))}» failed in {folder}:\n{done.stdout}")
    return Usage(_children() - before, wall)


def _children() -> float:
    times = os.times()
    return times.children_user + times.children_system


def _wait_for_orphans() -> None:
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def machine() -> dict[str, str | int]:
    """Describe this machine.

    :returns: the ``processor``, how many ``cores`` it has, the ``system`` and the version of ``python``.
    """
    processor = platform.processor() or platform.machine()
    listed = Path("/proc/cpuinfo")
    if listed.exists():
        names = [line for line in listed.read_text(encoding="utf-8").splitlines() if "model name" in line]
        processor = names[0].partition(":")[2].strip() if names else processor
    return {
        "processor": processor,
        "cores": os.cpu_count() or 1,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }
