"""What ``manage.py runserver`` finds ready: a bucket that moto serves, and a database with all tables.

Django's autoreloader runs the server in a child process and replaces it whenever code changes. The bucket and
the database therefore belong to the parent, and the child learns of them from the environment: uploads
survive a reload.
"""

import logging
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path

from django.core.management import execute_from_command_line
from django.utils.autoreload import DJANGO_AUTORELOAD_ENV

BUCKET = "media"


def prepared_for(arguments: list[str]) -> AbstractContextManager[None]:
    """Prepare what a command needs.

    :param arguments: The command line, such as ``["manage.py", "runserver", "8001"]``.
    :returns: :func:`server_environment` for ``runserver``; nothing for the autoreloader's child and
        for other commands.
    """
    is_runserver = arguments[1:2] == ["runserver"] and not {"-h", "--help"} & set(arguments)
    if is_runserver and DJANGO_AUTORELOAD_ENV not in os.environ:
        return server_environment(arguments[0])
    return nullcontext()


@contextmanager
def server_environment(program: str = "manage.py") -> Iterator[None]:
    """Set what the environment leaves open, apply the migrations, and say in one sentence where files go.

    ``DEFAULT_STORAGE_DSN`` becomes a bucket that moto serves on the loopback interface, ``DATABASE_PATH`` a
    SQLite file in a temporary directory; both vanish with the block. ``DEBUG`` is switched on, without which
    Django's server delivers no style sheet.

    :param program: The name to show if the migrations fail.
    """
    # Asked to end by a signal, Python would leave the temporary directory behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with ExitStack() as stack:
        os.environ.setdefault("DEBUG", "1")
        if "DATABASE_PATH" not in os.environ:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="gallery-"))
            os.environ["DATABASE_PATH"] = str(Path(folder) / "gallery.sqlite3")
        place = "the storage that DEFAULT_STORAGE_DSN names"
        if "DEFAULT_STORAGE_DSN" not in os.environ:
            address = stack.enter_context(moto_server())
            os.environ["DEFAULT_STORAGE_DSN"] = f"s3+http://testing:testing@{address}/{BUCKET}/"
            place = f"the bucket http://{address}/{BUCKET}/, which moto serves until you stop this server"
        execute_from_command_line([program, "migrate", "--verbosity=0"])
        print(f"Uploads go to {place}.", flush=True)
        yield


@contextmanager
def moto_server() -> Iterator[str]:
    """Serve S3 with moto, silently, with an empty bucket called :data:`BUCKET`.

    :returns: The server's address, such as ``127.0.0.1:40123``; the operating system picks the port.
    """
    # Imported here, because every other command does without: both take a moment.
    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        boto3.client(
            "s3",
            endpoint_url=f"http://{host}:{port}",
            region_name="us-east-1",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        ).create_bucket(Bucket=BUCKET)
        yield f"{host}:{port}"
    finally:
        server.stop()
