"""Every test, and every program that a test starts, is held back as a build is."""

import os

from live import offline

offline.hold_back()
# It may hold an access key of the machine's owner.
os.environ.pop("DEFAULT_STORAGE_DSN", None)
