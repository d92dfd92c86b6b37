#!/usr/bin/env python
"""Django's command line for the gallery, from any working directory.

``python examples/manage.py runserver`` needs no preparation: unless ``DEFAULT_STORAGE_DSN`` names a bucket,
moto serves one for as long as the server runs.
"""

import os
import sys
from pathlib import Path


def main(arguments: list[str]) -> None:
    """Run a command.

    :param arguments: The command line, such as ``["manage.py", "check"]``.
    """
    # This file's folder, where gallery is, is on the path already; conf is one above.
    sys.path.insert(1, str(Path(__file__).resolve().parent.parent))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "conf.settings")
    from django.core.management import execute_from_command_line

    from gallery.devserver import prepared_for

    with prepared_for(arguments):
        execute_from_command_line(arguments)


if __name__ == "__main__":
    main(sys.argv)
