"""Runs the program that times a model, in a process of its own, and ends it whatever happens.

Holds starting, listening, and ending; never what the program says. A crash, an abort or a kill by
the kernel for want of memory becomes a sentence, and Ctrl-C takes the child along.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from advisor.measure.errors import RuntimeFailedError

if TYPE_CHECKING:
    import subprocess

LARGEST_OUTPUT_CHARACTERS = 16 << 20
"""Of each stream; a verbose log of a large model is far shorter."""

GRACE_S = 3.0
"""Between asking a child to end and ending it."""

SIGKILL = 9

Listen = Callable[[str], None]
"""Gets each line of a stream as it comes, without its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What a child wrote before it ended well."""

    stdout: str
    stderr: str
    cpu_s: float | None
    """CPU time that it and its children used; ``None`` where the system does not count it."""


def run_child(
    words: Sequence[str],
    *,
    environ: Mapping[str, str] | None = None,
    on_stdout: Listen = lambda _: None,
    on_stderr: Listen = lambda _: None,
) -> Ended:
    """Run a program to its end.

    Args:
        words: The program and its arguments.
        environ: Its environment; this program's own unless given.
        on_stdout: Gets each line of its output as it comes.
        on_stderr: Likewise of its log.

    Raises:
        RuntimeFailedError: It cannot be started, or did not end well.
        KeyboardInterrupt: Somebody pressed Ctrl-C; the child has ended.
    """
    import subprocess

    before_s = _children_cpu_s()
    try:
        child = subprocess.Popen(
            list(words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=None if environ is None else dict(environ),
            start_new_session=os.name == "posix",
        )
    except OSError as error:
        msg = f"`{words[0]}` cannot be started: {error.strerror or error}"
        raise RuntimeFailedError(msg) from error
    try:
        out, err = _listened(child, on_stdout, on_stderr)
        code = child.wait()
    finally:
        end(child)
    if code != 0:
        raise died(words[0], code, err or out)
    after_s = _children_cpu_s()
    used = None if before_s is None or after_s is None else after_s - before_s
    return Ended(stdout=out, stderr=err, cpu_s=used)


def _listened(
    child: subprocess.Popen[bytes], on_stdout: Listen, on_stderr: Listen
) -> tuple[str, str]:
    """Both streams to their ends, read side by side so that neither fills up."""
    from threading import Thread

    assert child.stdout is not None
    assert child.stderr is not None
    log: list[str] = []
    aside = Thread(target=_collect, args=(child.stderr, log, on_stderr), daemon=True)
    aside.start()
    said: list[str] = []
    _collect(child.stdout, said, on_stdout)
    aside.join()
    return "".join(said), "".join(log)


def _collect(stream: IO[bytes], kept: list[str], listen: Listen) -> None:
    room = LARGEST_OUTPUT_CHARACTERS
    for raw in stream:
        line = raw.decode("utf-8", "replace")
        if room > 0:
            kept.append(line)
            room -= len(line)
        listen(line.rstrip("\r\n"))


def end(child: subprocess.Popen[bytes]) -> None:
    """End a child that still runs, with all that it started; ask first, then insist."""
    import subprocess
    from contextlib import suppress

    if child.poll() is None:
        _signal(child, insist=False)
        with suppress(subprocess.TimeoutExpired):
            child.wait(GRACE_S)
        if child.poll() is None:
            _signal(child, insist=True)
            child.wait()
    for stream in (child.stdout, child.stderr):
        if stream is not None:
            stream.close()


def _signal(child: subprocess.Popen[bytes], *, insist: bool) -> None:
    import signal
    from contextlib import suppress

    if os.name != "posix":
        child.terminate()
        return
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL if insist else signal.SIGTERM)


def died(program: str, code: int, log: str) -> RuntimeFailedError:
    """What a program's bad end means to whoever wanted a measurement."""
    name = os.path.basename(program)  # noqa: PTH119  (of a path that may be any system's)
    last = last_words(log)
    said = f"; its last words: {last}" if last else ""
    if code == -SIGKILL:
        msg = f"`{name}` was killed while it ran the model, most likely for want of memory{said}"
        return RuntimeFailedError(msg, "close other programs, or measure a smaller quant")
    if code < 0:
        msg = f"`{name}` crashed (signal {-code}){said}"
        return RuntimeFailedError(msg, "run it by hand on the same file to see more")
    msg = f"`{name}` failed with exit code {code}{said}"
    return RuntimeFailedError(msg, "run it by hand on the same file to see more")


LONGEST_WORDS = 160


def last_words(log: str) -> str:
    """The last line of a log that says what is wrong, else the last line; without a full stop."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    telling = [line for line in lines if "error" in line.lower() or "failed" in line.lower()]
    chosen = (telling or lines or [""])[-1]
    return chosen[:LONGEST_WORDS].rstrip(".")


def _children_cpu_s() -> float | None:
    """CPU time of ended children; ``None`` on Windows."""
    try:
        import resource
    except ImportError:
        return None
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
