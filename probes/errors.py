"""What can stop a probe. A probe that fails is a `Finding`; these never reach the reader."""

from __future__ import annotations


class ProbeError(Exception):
    """A source that a probe asked did not answer in a usable way; the message says which."""


class RecordError(ProbeError):
    """A `machine.json` that cannot be read as one; the message says what was expected."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint
