"""Stands in for the package cryptography, which has no version for the browser. moto imports it for IAM."""


class NotInTheBrowser(RuntimeError):
    """A part of cryptography is used, which isn't in the browser."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} needs the package cryptography, which can't run in a browser.")
