"""The library, asked once for each architecture, and what a run found, at its end."""

from __future__ import annotations

import os
from functools import cache

import pytest

from tests.conformance.draws import SEED_VARIABLE, seed
from tests.conformance.report import report_lines

FOUND = pytest.StashKey()


def pytest_configure():
    """Have one seed for all that is drawn, whoever asks for it."""
    os.environ.setdefault(SEED_VARIABLE, seed())


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    """The real llama.cpp."""
    from tests.conformance.library import Library

    running = Library(tmp_path_factory.mktemp("library"))
    yield running
    running.close()


@pytest.fixture(scope="session")
def compared(library, tmp_path_factory, pytestconfig):
    """`compared("llama")` holds every draw of an architecture, the library's answer beside ours."""
    from tests.conformance.comparison import compare

    folder = tmp_path_factory.mktemp("skeletons")
    found = pytestconfig.stash.setdefault(FOUND, [])

    @cache
    def ask(architecture):
        answers = list(compare(library, architecture, folder))
        found.extend(answers)
        return answers

    return ask


def pytest_terminal_summary(terminalreporter, config):
    """Say what was drawn, so that a failure can be had again."""
    found = config.stash.get(FOUND, [])
    if not found:
        return
    terminalreporter.section("conformance with llama.cpp")
    terminalreporter.write_line(f"{SEED_VARIABLE}={seed()} draws the same again")
    for line in report_lines(found):
        terminalreporter.write_line(line)
