"""Saves a machine where somebody asked for it.

Holds how a file that cannot be written becomes a sentence; the format is `probes.record`'s.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from advisor.errors import CannotWriteError

if TYPE_CHECKING:
    from probes.machine import Machine


def save_machine(path: Path, machine: Machine) -> None:
    """Write a recording, whole or not at all.

    Raises:
        CannotWriteError: The file cannot be written.
    """
    from probes.errors import RecordError
    from probes.record import write

    try:
        write(path, machine)
    except RecordError as error:
        raise CannotWriteError(str(error), error.hint) from error
