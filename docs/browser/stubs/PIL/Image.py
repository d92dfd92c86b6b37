"""Stands in for PIL.Image."""

from typing import NoReturn

from PIL import refuse

#: Filer takes it over when it is imported.
MAX_IMAGE_PIXELS = 89478485


def registered_extensions() -> dict[str, str]:
    """Name the kinds of pictures that can be read.

    :returns: none.
    """
    return {}


def __getattr__(name: str) -> NoReturn:
    """Refuse."""
    refuse(__name__, name)
