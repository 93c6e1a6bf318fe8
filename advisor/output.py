"""The only place that writes to the terminal: the answer to stdout, talk to stderr.

Holds how text reaches a console that may not know its characters, a pipe that may be closed and
a disk that may be full; never what the text says.
"""

from __future__ import annotations

import codecs
import os
import sys
from typing import TextIO

from advisor.errors import AdvisorError, CannotWriteError

PLAIN = {
    "★": "*",
    "–": "-",
    "—": "-",
    "−": "-",
    "×": "x",
    "→": "->",
    "≥": ">=",
    "≤": "<=",
    "≈": "~",
    "·": ".",
    "…": "...",
    "\N{REPLACEMENT CHARACTER}": "?",
    "±": "+/-",
    "√": "sqrt",
    "─": "-",
    "━": "-",
    "Σ": "sum",
    "µ": "u",
    "®": "(R)",
    "™": "(TM)",
    "✓": "yes",
    "✗": "no",
    "✅": "OK:",
    "❌": "NO:",
    "❔": "?:",
    "°": "degrees ",
    "“": '"',
    "”": '"',
    "\N{RIGHT SINGLE QUOTATION MARK}": "'",
    "\N{NO-BREAK SPACE}": " ",
}
"""What stands for a character on a console that does not have it (cp1252, ASCII)."""


USUAL_COLUMNS = 80
"""Of a terminal that does not say how wide it is."""


def _plainly(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(PLAIN.get(letter, "?") for letter in missing), error.end


def prepare_streams() -> None:
    """Make both streams write something readable for every character."""
    codecs.register_error("advisor-plain", _plainly)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="advisor-plain")


def check_stdout() -> None:
    """Refuse to work out an answer that nobody could get.

    Raises:
        CannotWriteError: Standard output is closed.
    """
    if sys.stdout is None:
        msg = "the answer cannot be written: standard output is closed"
        raise CannotWriteError(msg, "leave it open, or send it to a file")


def answer(text: str) -> None:
    """Write the answer to stdout, ending in one newline.

    Raises:
        CannotWriteError: The disk is full, or stdout is closed.
        BrokenPipeError: The reader has gone.
    """
    check_stdout()
    try:
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        msg = f"the answer cannot be written to standard output: {reason}"
        raise CannotWriteError(msg, "free some space, or send the output elsewhere") from error


def answer_json(text: str) -> None:
    """Write JSON to stdout, in bytes that any program reads.

    JSON is UTF-8. Where stdout is something else, what ASCII lacks is written with JSON's own
    escapes, so that no letter is replaced.

    Raises:
        CannotWriteError: The disk is full, or stdout is closed.
        BrokenPipeError: The reader has gone.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    answer(text if codecs.lookup(encoding).name == "utf-8" else escaped(text))


def escaped(text: str) -> str:
    """JSON with its letters beyond ASCII, which stand in strings only, as JSON's own escapes."""
    import json
    import re

    return re.sub(r"[^\x00-\x7f]+", lambda found: json.dumps(found[0])[1:-1], text)


def talk(text: str) -> None:
    """Write a line to stderr; where even that cannot be written, nothing is lost by silence."""
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        return


def overwrite(text: str) -> None:
    """Write over the line of stderr that the cursor is in; stderr must be a terminal.

    What is too long for the terminal is cut, for a line that wraps cannot be written over.
    """
    if sys.stderr is None:
        return
    try:
        room = (os.get_terminal_size(sys.stderr.fileno()).columns or USUAL_COLUMNS) - 1
        sys.stderr.write("\r" + text[:room].ljust(room))
        sys.stderr.flush()
    except (OSError, ValueError):
        return


def tell(error: AdvisorError) -> None:
    """Write an error and its hint."""
    talk(f"Error: {error}" + (f"\n\nHint: {error.hint}" if error.hint else ""))


def is_terminal(stream: TextIO | None) -> bool:
    """True when somebody looks at the stream."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False


def close_quietly() -> None:
    """Keep the interpreter from complaining about what could not be written.

    Python flushes stdout once more when it ends; after a closed pipe or a full disk that would
    print a second error, so what is left goes nowhere.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is None:
            continue
        try:
            stream.flush()
        except (OSError, ValueError):
            try:
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
            except (OSError, ValueError):
                continue
