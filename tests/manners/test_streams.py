"""Readers that go away, disks that are full, streams that are closed, Ctrl-C, progress."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.shell import (
    COMMANDS,
    IN_JSON,
    QUICK,
    every_output,
    is_one_sentence,
    linux,
    posix,
    through_a_shell,
)


@posix
@every_output
def test_a_reader_that_has_gone_ends_the_program_without_a_word(run, words):
    reader, writer = os.pipe()
    os.close(reader)
    done = run(*words, stdout=writer)
    os.close(writer)
    assert done.returncode == 141
    assert done.stderr == ""


@posix
@pytest.mark.parametrize("words", [IN_JSON["models"], COMMANDS["models"]], ids=["json", "text"])
def test_a_reader_of_one_line_sees_one_line(run, words):
    script = '"$@" | head -n 1; echo "${PIPESTATUS[0]}"'
    if shutil.which("bash") is None:
        pytest.skip("needs bash")
    done = subprocess.run(
        ["bash", "-c", script, "bash", *run.command(*words)],
        capture_output=True,
        text=True,
        env=run.environ,
        check=True,
    )
    first, status = done.stdout.splitlines()
    assert first in {"{", "271 models"}
    assert status in {"0", "141"}
    assert done.stderr == ""


@linux
@every_output
def test_a_full_disk_is_one_sentence(run, words):
    with Path("/dev/full").open("wb") as full:
        done = run(*words, stdout=full)
    assert done.returncode == 74
    assert is_one_sentence(done.stderr)
    assert "No space left on device" in done.stderr


@posix
@pytest.mark.parametrize("name", ["estimate", "help", "version"])
def test_a_closed_stdout_is_one_sentence(run, name):
    words = COMMANDS[name]
    done = through_a_shell(run, words, ">&-")
    assert done.returncode == 74
    assert is_one_sentence(done.stderr)


@posix
def test_a_closed_stderr_costs_no_answer(run):
    done = through_a_shell(run, QUICK, "2>&-")
    assert (done.returncode, done.stdout) == (0, run(*QUICK).stdout)
    done = through_a_shell(run, ["show", "no-such-model"], "2>&-")
    assert (done.returncode, done.stdout) == (2, "")


@posix
def test_a_closed_stdin_matters_only_to_who_reads_it(run):
    assert through_a_shell(run, QUICK, "<&-").returncode == 0
    done = through_a_shell(run, ["estimate", "-"], "<&-")
    assert done.returncode == 2
    assert is_one_sentence(done.stderr)


@linux
def test_a_full_disk_for_errors_too_still_has_its_exit_code(run):
    assert through_a_shell(run, ["show", "no-such-model"], "2>/dev/full").returncode == 2
    assert through_a_shell(run, QUICK, ">/dev/full 2>&1").returncode == 74


# Ctrl-C, progress


def interrupted(process):
    """What a program says that is told to end; told again where the signal came between two calls.

    Not at once: while Python ends, a second signal would end it as the system does, without a code.
    """
    for _ in range(5):
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=10)
            break
    process.kill()
    return process.stderr.read()


@posix
def test_ctrl_c_ends_the_program_without_a_traceback(run):
    with subprocess.Popen(
        run.command("estimate", "-", "--device", "RTX 4090"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=run.environ,
    ) as process:
        process.stdin.write(b'{"model": "llama-3.2-1b", "quant": "Q4_K_M"}\n')
        process.stdin.flush()
        answered = process.stdout.readline()  # it now waits for the next request
        said = interrupted(process)
    assert json.loads(answered)["model"] == "llama-3.2-1b-instruct"
    assert process.returncode == 130
    assert said.strip() == b""


class Stream:
    """A stream that is a terminal, or not, and keeps what is written."""

    def __init__(self, *, terminal):
        self.terminal, self.text = terminal, ""

    def isatty(self):
        return self.terminal

    def write(self, text):
        self.text += text

    def flush(self):
        """Nothing is buffered."""


@pytest.mark.parametrize("terminal", [True, False], ids=["a terminal", "a pipe"])
def test_progress_is_told_to_a_terminal_only(terminal, monkeypatch):
    import probes.detect
    from advisor.situation import machine_of

    stream = Stream(terminal=terminal)
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(probes.detect, "detect", lambda asker, measure, progress: progress())
    machine_of(None, None)
    assert stream.text == ("timing how fast this machine reads its memory …\n" if terminal else "")


def test_a_pipe_hears_nothing_of_a_measurement(run):
    done = run("doctor", "--measure")
    assert done.stderr == ""
