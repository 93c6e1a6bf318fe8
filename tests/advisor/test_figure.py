"""A number that knows where it came from."""

from __future__ import annotations

import pytest

from advisor.figure import Figure, Origin, weakest


def figure(origin):
    return Figure(value=1.0, origin=origin, source="a test")


@pytest.mark.parametrize(
    ("origins", "expected"),
    [
        pytest.param(["measured"], "measured", id="one figure's own"),
        pytest.param(["measured", "reported"], "reported", id="a driver's word is less sure"),
        pytest.param(["published", "reported"], "published", id="a catalog row less than that"),
        pytest.param(["assumed", "measured", "published"], "assumed", id="an assumption least"),
    ],
)
def test_an_answer_claims_its_weakest_origin(origins, expected):
    assert weakest(*(figure(Origin(name)) for name in origins)) is Origin(expected)


@pytest.mark.parametrize(
    ("low", "high", "sentence"),
    [
        pytest.param(2.0, 3.0, "1.0 is not between 2.0 and 3.0", id="a value below its interval"),
        pytest.param(0.0, 0.5, "1.0 is not between 0.0 and 0.5", id="a value above it"),
        pytest.param(0.5, None, "an interval has two ends", id="one end only"),
    ],
)
def test_an_interval_that_does_not_hold_its_value_is_refused(low, high, sentence):
    with pytest.raises(ValueError, match=sentence):
        Figure(value=1.0, low=low, high=high, origin=Origin.PUBLISHED, source="a test")


def test_an_interval_may_end_at_its_value():
    assert Figure(value=1.0, low=1.0, high=1.0, origin=Origin.MEASURED, source="a test").low == 1
