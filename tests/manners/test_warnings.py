"""Nothing but the answer: no warning in it, and a bug is called one."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.shell import QUICK, every_command


@every_command
def test_no_command_warns(run, words):
    done = run(*words, python=["-X", "dev", "-W", "error"])
    assert done.stderr == ""
    assert done.returncode in {0, 1}


@pytest.mark.parametrize("name", ["advisor", "gguf-advisor"])
def test_both_console_scripts_do_the_same_without_a_warning(run, told, name):
    script = shutil.which(name, path=str(Path(sys.executable).parent))
    assert script, f"`{name}` is not installed"
    done = subprocess.run(
        [script, *QUICK],
        env=run.with_variables({"PYTHONWARNINGS": "error"}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == (told(*QUICK), "")


def test_a_bug_is_reported_as_one(run, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import catalog.shelf\n"
        "def broken(*_, **__):\n"
        "    raise ZeroDivisionError('a bug')\n"
        "catalog.shelf.load_models = broken\n"
    )
    done = run("models", env={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 70
    assert done.stdout == ""
    assert "ZeroDivisionError: a bug" in done.stderr
    assert "Error: this is a bug in advisor\n\nHint: report it" in done.stderr
