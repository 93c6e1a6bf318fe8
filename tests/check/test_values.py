"""How people write figures of a requirement."""

from __future__ import annotations

import pytest

from advisor.check import values


@pytest.mark.parametrize(
    ("text", "expected_bytes"),
    [
        pytest.param("20GiB", 20 * 1024**3, id="GiB is binary"),
        pytest.param("30GB", 30 * 1000**3, id="GB is decimal"),
        pytest.param("30 gb", 30 * 1000**3, id="blanks and case do not matter"),
        pytest.param("1.5TiB", 3 * 1024**4 // 2, id="a fraction"),
        pytest.param("512MiB", 512 * 1024**2, id="MiB"),
        pytest.param("4096", 4096, id="a plain number is bytes"),
        pytest.param(4096, 4096, id="also as a number"),
        pytest.param("0", 0, id="nothing at all"),
        pytest.param("1_000B", 1000, id="digits in groups"),
    ],
)
def test_a_size(text, expected_bytes):
    assert values.size_bytes(text) == expected_bytes


@pytest.mark.parametrize(
    "text", ["20G", "20 gigs", "", "GiB", "-1GiB", "1,5GiB", "9999999TiB", -1, True, None, 1.5, []]
)
def test_what_is_no_size_is_refused(text):
    with pytest.raises(ValueError, match="is not a size"):
        values.size_bytes(text)


@pytest.mark.parametrize("text", ["0", "-3", "fast", "nan", "inf", True, None, [], "1e300"])
def test_what_is_no_speed_is_refused(text):
    with pytest.raises(ValueError, match="is not a speed"):
        values.tokens_per_s(text)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        pytest.param("550", "550.54", id="a beginning is older than what begins with it"),
        pytest.param("550.9", "550.54.14", id="parts are numbers"),
        pytest.param("99.1", "550", id="also the first one"),
    ],
)
def test_versions_are_compared_number_by_number(older, newer):
    assert values.version_parts(older) < values.version_parts(newer)


def test_leading_zeros_of_a_part_do_not_matter():
    assert values.version_parts("570.124.04") == values.version_parts("570.124.4")


@pytest.mark.parametrize("text", ["new", "550.", "v550", "", True, "1.2.3.4.5"])
def test_what_is_no_version_is_refused(text):
    with pytest.raises(ValueError, match="is not a version"):
        values.driver_version(text)


@pytest.mark.parametrize("text", ["none", "1g.10gb", "3G.40GB", "1g.10gb+me"])
def test_a_layout_of_mig(text):
    assert values.mig_layout(text) == text.lower()


def test_a_value_is_shown_short_and_harmless():
    assert values.shown("a\x1b[31m" + "b" * 60) == "`a?[31m" + "b" * 34 + "…`"
