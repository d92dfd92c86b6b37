"""Stands in for cryptography.x509: certificates can't be read in the browser."""

from cryptography import NotInTheBrowser


def load_pem_x509_certificate(*_: object) -> object:
    """Refuse.

    :raises NotInTheBrowser: always.
    """
    raise NotInTheBrowser("A certificate")
