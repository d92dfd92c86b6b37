"""The service of the environment ``seaweedfs``: a SeaweedFS of its own for each notebook.

``live.service`` starts this script and says what it must do. The server holds an empty bucket, and the
notebook finds its DSN where a platform puts it: in ``DEFAULT_STORAGE_DSN``. Run by hand, it prints that DSN.
"""

import json
import sys
from contextlib import suppress
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(EXAMPLES), str(EXAMPLES.parent)]

from servers import SeaweedFS, ServerError  # noqa: E402

# The name that the notebooks' bucket has with moto, so that both print the same.
BUCKET = "media"


def main() -> None:
    """Run the server until standard input ends."""
    try:
        server = SeaweedFS()
    except ServerError as error:
        sys.exit(str(error))
    # Whoever runs it by hand ends it by Ctrl-C.
    with server, suppress(KeyboardInterrupt):
        print(json.dumps({"DEFAULT_STORAGE_DSN": server.create_bucket(BUCKET)}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
