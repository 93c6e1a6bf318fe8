"""Our client, pointed at the fake Hub, with a clock and a cache of the test's own."""

from __future__ import annotations

import pytest

from catalog.hub.access import Access
from catalog.hub.client import Hub
from catalog.hub.store import Store
from tests.hub.fake_hub import TOKEN

NOON = 1_795_435_200.0
"""2026-11-23 12:00 UTC."""


class Clock:
    """Time that passes only when somebody waits or says so."""

    def __init__(self):
        self.now = NOON
        self.waits = []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.waits.append(seconds)
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def client(fake_hub, clock, tmp_path):
    """`client()` is a new program's view of the fake Hub; all share one cache."""

    def made(*, endpoint=None, token=None, is_offline=False, folder=tmp_path / "cache"):
        access = Access(
            endpoint=endpoint or fake_hub.endpoint,
            token_of=lambda: TOKEN if token is True else token,
            is_offline=is_offline,
        )
        return Hub(access, store=Store(folder), sleep=clock.sleep, now=clock)

    return made
