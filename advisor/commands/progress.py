"""A line that shows on a terminal how far a command is."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Moment = TypeVar("Moment")


@contextmanager
def progress_shown(
    line_of: Callable[[Moment], str], *, kept: str
) -> Iterator[Callable[[Moment], None]]:
    """What shows the progress on a terminal, and ends its line; nothing where nobody looks.

    Args:
        line_of: The line that says a moment.
        kept: What Ctrl-C leaves behind, said when somebody presses it.
    """
    from advisor.output import is_terminal, overwrite, talk

    is_seen = is_terminal(sys.stderr) and os.environ.get("TERM") != "dumb"
    moments = 0

    def show(moment: Moment) -> None:
        nonlocal moments
        if is_seen:
            moments += 1
            overwrite(line_of(moment))

    try:
        yield show
    except KeyboardInterrupt:
        if moments:
            talk("")
            moments = 0
        talk(kept)
        raise
    finally:
        if moments:
            talk("")
