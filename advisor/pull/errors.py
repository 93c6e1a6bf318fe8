"""Why a download stops: the disk, the network, or a file that is not what the Hub listed."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from advisor.errors import CannotWriteError, ExitCode, UsageError
from catalog.hub.errors import UnreachableError

if TYPE_CHECKING:
    from pathlib import Path


class NoRoomError(CannotWriteError):
    """The cache's disk has less free than is missing, or is full."""


class NothingRunsError(UsageError):
    """Nobody named a quant, and none runs on the target."""

    exit_code = ExitCode.NOTHING_FITS


class TransferError(UnreachableError):
    """The server stops too often, or sends something else than the Hub listed."""


class CutError(Exception):
    """The connection ended or stood still; what came so far is kept, and another try may do."""

    def __init__(self, message: str, wait_s: float = 0.0) -> None:
        """Say what happened.

        Args:
            message: Without a full stop.
            wait_s: How long the server wants to be left alone.
        """
        super().__init__(message)
        self.wait_s = wait_s


def unwritable(error: OSError, place: Path) -> CannotWriteError:
    """What a failed write into the cache means to whoever waits for the file.

    Args:
        error: As the system raised it.
        place: The folder that was written in.
    """
    kept = "what came so far is kept, and the same command goes on from there"
    reason = error.strerror or str(error)
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        msg = f"the disk of `{place}` is full"
        return NoRoomError(msg, f"free some space: {kept}")
    if error.errno == errno.EFBIG:
        msg = f"the file system of `{place}` takes no file this large"
        return CannotWriteError(msg, "set `HF_HUB_CACHE` to a folder on another disk")
    msg = f"the cache `{place}` cannot be written: {reason}"
    hint = "make it writable, or set `HF_HUB_CACHE` to a folder that is"
    return CannotWriteError(msg, kept if error.errno == errno.EIO else hint)
