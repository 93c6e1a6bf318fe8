"""The program's commands as a shell runs them, and what their tests share.

Holds which words are tried and how an error reads; how the program is run is the fixture `run`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
RECORDED = str(PROJECT / "tests/advisor/desktop.json")

ANSWERS = {
    "scan": ["scan", "--machine", RECORDED, "--max-params", "4B"],
    "scan of a device": ["scan", "--device", "RTX 4090", "--max-params", "4B", "--all"],
    "show": ["show", "llama-3.2-1b", "--machine", RECORDED],
    "estimate": ["estimate", "qwen3-8b", "--device", "RTX 3060 12GB", "--explain"],
    "devices": ["devices", "llama-3.2-1b"],
    "models": ["models"],
    "doctor": ["doctor", "--machine", RECORDED],
    "verify": ["verify", str(PROJECT / "tests/gguf/valid/blocks.gguf")],
    "check": ["check", "--simulate", RECORDED, "--model", "qwen3-1.7b", "--ignore", "ADV408"],
}
COMMANDS = {
    **ANSWERS,
    "help": ["--help"],
    "help of a command": ["scan", "--help"],
    "version": ["--version"],
}
IN_JSON = {name: [*words, "--json"] for name, words in ANSWERS.items()}
QUICK = ["models", "llama"]
"""A command that prints a table in a tenth of a second."""

posix = pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full and /proc")
every_command = pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
every_json = pytest.mark.parametrize("words", IN_JSON.values(), ids=IN_JSON)

OUTPUTS = {
    "text": COMMANDS["estimate"],
    "json": IN_JSON["models"],
    "help": COMMANDS["help"],
    "help of a command": COMMANDS["help of a command"],
    "version": COMMANDS["version"],
}
every_output = pytest.mark.parametrize("words", OUTPUTS.values(), ids=OUTPUTS)
"""Each way in which something reaches standard output."""


def is_one_sentence(text):
    """An error as the program writes them: a sentence, an empty line, perhaps a hint."""
    return re.fullmatch(r"Error: [^\n]+[^.\n]\n(\nHint: [^\n]+\n)?", text) is not None


def through_a_shell(run, words, redirection, **how):
    """The program with its streams redirected."""
    return subprocess.run(
        ["sh", "-c", f'"$@" {redirection}', "sh", *run.command(*words)],
        capture_output=True,
        text=True,
        env=run.environ,
        check=False,
        **how,
    )
