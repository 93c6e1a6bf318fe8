"""One download of a file at a time on this machine, whoever makes it.

The lock is huggingface_hub's own: the same file, locked the same way (filelock 4: `flock`, on
Windows the first byte), so that its downloads and ours wait for each other. It goes away with the
process that holds it, however that ends.

A file system without locks is no reason to stop: two programs would write the same bytes to the
same places, and what they wrote is checked.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

POLL_S = 0.2

BUSY = frozenset({errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK})
"""What systems answer when somebody else holds the lock."""


@contextmanager
def locked(
    path: Path, *, waiting: Callable[[], None], sleep: Callable[[float], None]
) -> Iterator[None]:
    """Hold the lock of a file.

    Args:
        path: The lock file; it is made, and left behind.
        waiting: Called once, when somebody else holds it.
        sleep: Pauses between two tries.

    Raises:
        OSError: The lock file cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    number = os.open(path, os.O_RDWR | os.O_CREAT, 0o664)
    try:
        is_told = False
        while not _take(number):
            if not is_told:
                waiting()
                is_told = True
            sleep(POLL_S)
        yield
    finally:
        _release(number)
        os.close(number)


def _take(number: int) -> bool:
    """Try once; true as well where the file system knows no locks."""
    try:
        _lock(number)
    except OSError as error:
        return error.errno not in BUSY
    return True


if sys.platform == "win32":
    import msvcrt

    def _lock(number: int) -> None:
        msvcrt.locking(number, msvcrt.LK_NBLCK, 1)

    def _release(number: int) -> None:
        with suppress(OSError):
            os.lseek(number, 0, os.SEEK_SET)
            msvcrt.locking(number, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(number: int) -> None:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _release(number: int) -> None:
        with suppress(OSError):
            fcntl.flock(number, fcntl.LOCK_UN)
