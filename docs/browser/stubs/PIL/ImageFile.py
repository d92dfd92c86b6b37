"""Stands in for PIL.ImageFile."""

from typing import NoReturn

from PIL import refuse


def __getattr__(name: str) -> NoReturn:
    """Refuse."""
    refuse(__name__, name)
