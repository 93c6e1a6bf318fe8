"""What a command says when nothing is in its way."""

from __future__ import annotations

from functools import cache

import pytest


@pytest.fixture(scope="session")
def told(run):
    """What a command says to a pipe, once it ended well: `told("models")`."""

    @cache
    def said(*words):
        done = run(*words)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    return said
