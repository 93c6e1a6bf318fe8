"""What every test shares."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]

LEFT_OUT = (
    "COLUMNS",
    "LINES",
    "NO_COLOR",
    "FORCE_COLOR",
    "TERM",
    "LANG",
    "LANGUAGE",
    "LC_",
    "XDG_",
    "GITHUB_",
    "GITLAB_",
    "ADVISOR_",
)
"""Beginnings of variables that change what the program prints, besides Python's own."""


class Program:
    """Runs the program in a process of its own, as a shell would, with nobody's settings.

    It runs outside of the checkout, so that what is installed is what runs.
    """

    def __init__(self, home):
        self.home = home
        mine = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith((*LEFT_OUT, "PYTHON", "HF_", "CUDA_"))
        }
        steady = {"LC_ALL": "C.UTF-8", "PYTHONUTF8": "1", "SOURCE_DATE_EPOCH": "1764000000"}
        self.environ = {**mine, "HOME": str(home), **steady}

    def __call__(self, *words, **how):
        """Run `advisor` with these words; its output as text."""
        done = self.bytes(*words, **how)
        done.stdout = (done.stdout or b"").decode("utf-8").replace("\r\n", "\n")
        done.stderr = (done.stderr or b"").decode("utf-8").replace("\r\n", "\n")
        return done

    def bytes(self, *words, env=None, python=(), stdin=b"", **how):
        """The same with the output as it came.

        A variable of ``env`` that is ``None`` is taken out of the environment; ``python`` holds
        options of the interpreter.
        """
        usual = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "cwd": self.home}
        return subprocess.run(
            self.command(*words, python=python),
            input=stdin,
            env=self.with_variables(env),
            check=False,
            **{**usual, **how},
        )

    @staticmethod
    def command(*words, python=()):
        """The words that start the program."""
        return [sys.executable, *python, "-m", "advisor", *words]

    def with_variables(self, env):
        """The environment of a run."""
        changed = {**self.environ, **(env or {})}
        return {name: value for name, value in changed.items() if value is not None}


@pytest.fixture
def project() -> Path:
    """The checkout's root."""
    return PROJECT


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """`run("scan", "--device", "RTX 4090")` runs the program, in a home directory of its own."""
    return Program(tmp_path_factory.mktemp("home"))


@pytest.fixture
def desktop() -> str:
    """The path of a recorded machine: a desktop without a GPU."""
    return str(PROJECT / "tests/advisor/desktop.json")


@pytest.fixture
def fake_hub():
    """A Hub on loopback (`tests/hub/fake_hub.py`), without anybody's token or telemetry."""
    from huggingface_hub import constants

    from tests.hub.fake_hub import FakeHub

    with pytest.MonkeyPatch.context() as patch, FakeHub() as hub:
        patch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)
        patch.setattr(constants, "HF_TOKEN_PATH", os.devnull)
        patch.setattr(constants, "HF_HUB_OFFLINE", False)
        for name in list(os.environ):
            if name.startswith(("HF_", "HUGGING")) or name.lower().endswith("_proxy"):
                patch.delenv(name)
        yield hub
