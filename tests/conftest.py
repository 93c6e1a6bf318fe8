"""What every test shares."""

from __future__ import annotations

from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]


@pytest.fixture
def project() -> Path:
    """The checkout's root."""
    return PROJECT
