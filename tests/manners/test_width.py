"""How wide, and in which colours, the program writes to pipes and terminals."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from tests.shell import COMMANDS, QUICK, every_command, posix

COPIED = ("llama-server ", "ollama run ", "lms ")
"""What is copied into a shell is never broken over lines."""


def too_wide(text, width):
    """Lines beyond a width, but for what a reader copies whole: commands and paths."""
    return [
        line
        for line in text.splitlines()
        if len(line) > width
        and not line.strip().startswith(COPIED)
        and not re.fullmatch(r"\s*(File  +)?[\w./-]+", line)
    ]


@every_command
def test_a_pipe_gets_80_columns_without_colour(told, words):
    assert "\x1b" not in told(*words)
    assert too_wide(told(*words), 80) == []


@pytest.mark.parametrize("columns", ["40", "0", "-7", "many"])
def test_no_width_is_too_odd(run, told, columns):
    done = run(*QUICK, env={"COLUMNS": columns})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split()[:2] == told(*QUICK).split()[:2]


def test_200_columns_show_more_and_break_less(run, told):
    narrow = told(*COMMANDS["scan"])
    wide = run(*COMMANDS["scan"], env={"COLUMNS": "200"})
    assert "at worst" in wide.stdout.partition("Evidence")[0]
    assert "at worst" not in narrow.partition("Evidence")[0]
    assert len(wide.stdout.splitlines()) < len(narrow.splitlines())
    assert too_wide(wide.stdout, 200) == []


# Terminals


def on_a_terminal(run, words, *, columns=100, **env):
    """What the program writes to a pseudo-terminal."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    with subprocess.Popen(
        run.command(*words),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env=run.with_variables({"TERM": "xterm-256color", **env}),
    ) as process:
        os.close(theirs)
        parts = []
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # Linux says so when the other side is closed
                break
            if not part:
                break
            parts.append(part)
    os.close(ours)
    assert process.returncode == 0
    return b"".join(parts).decode().replace("\r\n", "\n")


def without_colour(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@posix
def test_colour_adds_nothing_that_the_words_lack(run):
    seen = on_a_terminal(run, COMMANDS["estimate"])
    assert "\x1b[1m" in seen
    piped = run(*COMMANDS["estimate"], env={"COLUMNS": "100"})
    assert without_colour(seen) == piped.stdout


@posix
def test_a_terminal_is_filled_as_wide_as_it_is(run):
    piped = run(*QUICK, env={"COLUMNS": "150"})
    assert without_colour(on_a_terminal(run, QUICK, columns=150)) == piped.stdout


@posix
@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["NO_COLOR", "dumb"])
def test_nobody_gets_colour_who_refuses_it(run, env):
    assert "\x1b" not in on_a_terminal(run, QUICK, **env)
