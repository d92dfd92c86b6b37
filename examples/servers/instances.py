"""Instances of the gallery under a production server, each a process with a disk of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Self

from servers.processes import Processes

_ROOT = Path(__file__).resolve().parents[2]
_PATH = os.pathsep.join([str(_ROOT), str(_ROOT / "examples")])


def create_database(path: Path) -> None:
    """Make an empty database for instances to share.

    :param path: where the SQLite file shall be.
    :raises subprocess.CalledProcessError: if the migrations fail; what they printed is in ``stderr``.
    """
    subprocess.run(
        [sys.executable, str(_ROOT / "examples" / "manage.py"), "migrate", "--verbosity=0"],
        env={"DATABASE_PATH": str(path)},
        check=True,
        capture_output=True,
    )


class Instance:
    """The gallery under waitress, on a port of its own, ready when it is made.

    Its disk is empty at first, holds what it writes without naming a place, and is gone with the instance.

    :param database: the SQLite file that all instances share.
    :param dsn: the DSN of the media storage that all instances share; ``None`` for a directory on the
        instance's own disk, which is the mistake that this project is about.
    :raises servers.ServerError: if it doesn't start, as without waitress (environment ``seaweedfs``).
    """

    def __init__(self, database: Path, dsn: str | None = None) -> None:
        self._processes = Processes()
        #: The instance's disk, a directory.
        self.disk = self._processes.folder / "instance"
        try:
            self._start(database, dsn or f"file://{self.disk}/media/?url=%2Fmedia%2F")
        except BaseException:
            self._processes.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.lose()

    def __repr__(self) -> str:
        return f"<Instance {'running' if self._process.running else 'lost'}>"

    @property
    def pid(self) -> int:
        """The number of the instance's process."""
        return self._process.pid

    def printed(self) -> str:
        """:returns: what the instance wrote to its log so far."""
        return self._process.printed()

    def lose(self) -> None:
        """Kill the instance without warning, as a platform may at any time. Its disk is gone with it."""
        self._processes.close()

    def _start(self, database: Path, dsn: str) -> None:
        self._process = self._processes.start(
            "instance",
            [
                sys.executable,
                "-m",
                "waitress",
                "--listen=127.0.0.1:0",
                "--call",
                "django.core.wsgi:get_wsgi_application",
            ],
            {
                "PYTHONPATH": _PATH,
                "PYTHONUNBUFFERED": "1",
                "DJANGO_SETTINGS_MODULE": "servers.settings",
                "DATABASE_PATH": str(database),
                "DEFAULT_STORAGE_DSN": dsn,
            },
        )
        self._processes.wait_until(
            lambda: "Serving on" in self.printed(), "the instance listens", [self._process], secrets=[dsn]
        )
        listening = re.search(r"Serving on (http://\S+)", self.printed())
        assert listening
        #: The address of the instance, without a slash at the end.
        self.url = listening[1]
