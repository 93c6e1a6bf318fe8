"""Every way the program stops, with the exit code that tells a shell which it was.

A message is one sentence without a full stop: the subject in backticks, what it is, what was
expected. The hint is the next action.
"""

from __future__ import annotations

import errno
from enum import IntEnum

DISK_ERRORS = frozenset({errno.ENOSPC, errno.EIO, errno.EDQUOT})


class ExitCode(IntEnum):
    """What the exit code says to a script."""

    FITS = 0
    NOTHING_FITS = 1
    WRONG_USAGE = 2
    PROBE_FAILED = 3
    BAD_HEADER = 4
    NO_NETWORK = 5
    BUG = 70
    CANNOT_WRITE = 74
    """The answer could not be written (`EX_IOERR`): the disk is full."""


class AdvisorError(Exception):
    """Base of every error that ends the program with a sentence."""

    exit_code = ExitCode.WRONG_USAGE

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(AdvisorError):
    """Somebody asked for something that cannot be."""


class ProbeFailedError(AdvisorError):
    """A probe that the answer needs failed."""

    exit_code = ExitCode.PROBE_FAILED


class BadHeaderError(AdvisorError):
    """A model's file whose header cannot be read, or is not borne out by the file."""

    exit_code = ExitCode.BAD_HEADER


class NoNetworkError(AdvisorError):
    """The network, or who should be there, did not answer."""

    exit_code = ExitCode.NO_NETWORK


class CannotWriteError(AdvisorError):
    """The answer, or a file that was asked for, could not be written."""

    exit_code = ExitCode.CANNOT_WRITE


class BrokenInstallError(AdvisorError):
    """The program's own data files cannot be used."""

    exit_code = ExitCode.BUG


def translate(error: Exception) -> AdvisorError | None:
    """The program's own error for what `probes`, `catalog` or a full disk raised.

    Returns:
        ``None`` for what nobody foresaw: a bug.
    """
    if isinstance(error, AdvisorError):
        return error
    if isinstance(error, OSError) and error.errno in DISK_ERRORS:
        msg = f"the answer cannot be written: {error.strerror}"
        return CannotWriteError(msg, "free some space, or send the output elsewhere")
    from catalog.errors import CatalogError, RowError
    from catalog.gguf.errors import FileAccessError, GgufError, NotGgufError
    from catalog.hub.errors import UnreachableError
    from probes.errors import ProbeError, RecordError

    kinds = (
        (RowError, BrokenInstallError),
        (FileAccessError, UsageError),
        (NotGgufError, UsageError),
        (GgufError, BadHeaderError),
        (UnreachableError, NoNetworkError),
        (CatalogError, UsageError),
        (RecordError, UsageError),
        (ProbeError, ProbeFailedError),
    )
    for raised, meant in kinds:
        if isinstance(error, raised):
            return meant(str(error), getattr(error, "hint", None))
    return None
