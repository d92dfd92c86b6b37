"""Clean up after a process that may be killed at any moment, which then can't do it itself.

This is a program of its own: :class:`~servers.processes.Processes` starts it with the end of a pipe as its
standard input. Nobody writes to that pipe. It closes when its owner closes it or ends, even by ``SIGKILL``;
then all processes of one group are killed, and the temporary directory that they used is removed.

The group has a leader that does nothing but wait for that moment. New members join by asking for its number
as they start. A member holds the pipe open until it has joined, so that none can be missed.
"""

import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

#: The file, in the temporary directory, that lists what else is to be removed: one path a line.
OUTSIDE = "outside"

# A process that was killed may write one last file while the directory is being removed.
DEADLINE = 10  # seconds


def main() -> None:
    """Print the number of the process group and the temporary directory, wait, and clean up."""
    # Whoever sends these means the owner of the pipe.
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    folder = Path(tempfile.mkdtemp(prefix="servers-"))
    leader = os.fork()
    if not leader:
        os.setpgid(0, 0)
        os.read(0, 1)
        os.killpg(0, signal.SIGKILL)
    # Here too, so that the group exists before anybody hears of it.
    os.setpgid(leader, leader)
    print(leader, folder, flush=True)
    os.waitpid(leader, 0)
    outside = folder / OUTSIDE
    if outside.exists():
        for path in outside.read_text(encoding="utf-8").splitlines():
            Path(path).unlink(missing_ok=True)
    deadline = time.monotonic() + DEADLINE
    while folder.exists() and time.monotonic() < deadline:
        shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        sys.exit(f"The temporary directory {folder} could not be removed. Remove it by hand.")


if __name__ == "__main__":
    main()
