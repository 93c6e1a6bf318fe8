"""Numbers as people read them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.figure import Figure, Origin
from advisor.render import units

GIB = 1 << 30
MIB = 1 << 20


@pytest.mark.parametrize(
    ("size_bytes", "text", "number"),
    [
        (0, "0 MiB", "0.00"),
        (300 * MIB, "300 MiB", "0.29"),
        (GIB, "1.0 GiB", "1.0"),
        (5.25 * GIB, "5.2 GiB", "5.2"),
        (141.96 * GIB, "142.0 GiB", "142.0"),
        (2048 * GIB, "2,048 GiB", "2,048"),
    ],
)
def test_memory_is_in_gib(size_bytes, text, number):
    assert (units.gib(size_bytes), units.gib_number(size_bytes)) == (text, number)


@pytest.mark.parametrize(
    ("size_bytes", "text", "number"),
    [
        (807_694_464, "808 MB", "0.81"),
        (4_920_739_232, "4.9 GB", "4.9"),
        (21_200_000_000, "21.2 GB", "21.2"),
        (1_340_000_000_000, "1,340 GB", "1,340"),
    ],
)
def test_a_file_is_in_gb_as_the_hub_shows_it(size_bytes, text, number):
    assert (units.gb(size_bytes), units.gb_number(size_bytes)) == (text, number)


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (15.38e9, 15.52e9, "15.4–15.5 GB"),
        (15.41e9, 15.44e9, "15.4 GB"),
        (990e6, 1.01e9, "990 MB–1.0 GB"),
        (400e6, 410e6, "400 MB–410 MB"),
    ],
)
def test_a_predicted_size_is_an_interval(low, high, text):
    assert units.gb_interval(low, high) == text


def test_exact_bytes_have_all_their_digits():
    assert units.exact(807_694_464) == "807,694,464 B"


@pytest.mark.parametrize(
    ("bytes_per_s", "text"),
    [(1008e9, "1,008 GB/s"), (83.2e9, "83.2 GB/s"), (9.87e9, "9.87 GB/s"), (99.96e9, "100 GB/s")],
)
def test_a_bandwidth(bytes_per_s, text):
    assert units.rate(bytes_per_s) == text


@pytest.mark.parametrize(
    ("low", "value", "high", "text"),
    [
        (None, 50e9, None, "50 GB/s"),
        (20e9, 30e9, 45e9, "20–45 GB/s"),
        (45e9, 45.1e9, 45.2e9, "45–45.2 GB/s"),
        (45e9, 45e9, 45.02e9, "45 GB/s"),
    ],
)
def test_a_measured_bandwidth_shows_both_ends_where_they_differ(low, value, high, text):
    figure = Figure(value=value, low=low, high=high, origin=Origin.MEASURED, source="a test")
    assert units.rate_interval(figure) == text


@pytest.mark.parametrize(
    ("flops_per_s", "text"),
    [(9.87e12, "9.87 TFLOPS"), (165.2e12, "165 TFLOPS"), (2250e12, "2,250 TFLOPS")],
)
def test_a_rate_of_arithmetic(flops_per_s, text):
    assert units.flops(flops_per_s) == text


@pytest.mark.parametrize(
    ("tokens_per_s", "text"), [(0.84, "0.8"), (9.44, "9.4"), (10.4, "10"), (1234.5, "1,234")]
)
def test_a_speed_has_two_or_three_digits(tokens_per_s, text):
    assert units.speed_number(tokens_per_s) == text


def test_a_speed_comes_with_its_interval():
    timed = SimpleNamespace(speed=SimpleNamespace(tokens_per_s=127.4, low=112.0, high=141.2))
    assert units.speed(timed) == "127 (112–141)"
    assert units.speed(None) == "unknown"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (134_515_008, "135M"),
        (999_400_000, "999M"),
        (999_900_000, "1B"),
        (8_030_261_248, "8.03B"),
        (70_553_706_496, "70.6B"),
        (671_026_419_200, "671B"),
        (1_026_408_232_448, "1.03T"),
    ],
)
def test_a_count_of_weights(count, text):
    assert units.params(count) == text


def test_a_count_of_tokens_has_its_thousands_apart():
    assert units.tokens(131_072) == "131,072"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12e-6, "12 µs"),
        (999e-6, "999 µs"),
        (0.0012, "1.2 ms"),
        (0.041, "41 ms"),
        (0.0997, "0.1 s"),
        (0.21, "0.21 s"),
        (9.6, "9.6 s"),
        (9.97, "10 s"),
        (75.2, "75 s"),
    ],
)
def test_a_duration(value, text):
    assert units.seconds(value) == text


def test_an_interval_of_durations_says_one_unit_once():
    assert units.seconds_between(0.78, 1.4) == "0.78–1.4 s"
    assert units.seconds_between(0.012, 0.041) == "12–41 ms"
    assert units.seconds_between(0.041, 0.21) == "41 ms–0.21 s"


@settings(deadline=None)
@given(sizes=st.tuples(*[st.floats(0, 1e15)] * 2))
def test_a_larger_size_never_reads_as_a_smaller_number(sizes):
    small, large = sorted(sizes)

    def number(text):
        return float(text.replace(",", ""))

    assert number(units.gib_number(small)) <= number(units.gib_number(large))
    assert number(units.gb_number(small)) <= number(units.gb_number(large))


@settings(deadline=None)
@given(st.floats(0.01, 1e9))
def test_no_number_is_in_powers_of_ten(value):
    texts = (units.seconds(value), units.flops(value * 1e12), units.rate(value * 1e9))
    assert not any("e" in text.removesuffix(" TFLOPS") for text in texts)
