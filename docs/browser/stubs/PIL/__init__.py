"""Stands in for Pillow where the site doesn't offer it for the browser: pictures can't be read or made.

Django, Easy Thumbnails and Filer import Pillow at their top. With this they can be imported, and everything that
isn't about pictures works.
"""

from typing import NoReturn


class NotInTheBrowser(RuntimeError):
    """A part of Pillow is used, which this site doesn't offer for the browser."""


def refuse(module: str, name: str) -> NoReturn:
    """Say that something is missing.

    :param module: a module of Pillow.
    :param name: what was looked up in it.
    :raises AttributeError: if Python itself has looked it up.
    :raises NotInTheBrowser: otherwise.
    """
    if name.startswith("__"):
        raise AttributeError(name)
    raise NotInTheBrowser(
        f"{module}.{name} needs Pillow, which this site doesn't offer for the browser. Everything that isn't "
        "about pictures works here."
    )
