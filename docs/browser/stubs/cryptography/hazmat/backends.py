"""Stands in for cryptography.hazmat.backends."""

from cryptography import NotInTheBrowser


def default_backend() -> object:
    """Refuse.

    :raises NotInTheBrowser: always.
    """
    raise NotInTheBrowser("Cryptography")
