"""What a GPU's driver takes for itself."""

from __future__ import annotations

import pytest

from advisor.estimate.overhead import (
    desktop_note,
    driver_context_bytes,
    overhead_bytes,
    pool_bytes,
)
from advisor.figure import Origin
from advisor.request import BACKENDS
from catalog.hardware import load_devices

MIB = 1 << 20


@pytest.mark.parametrize(
    ("backend", "architecture", "kind", "expected_mib", "source"),
    [
        pytest.param(
            "cuda", "8.6", "laptop", 195, "RTX 3070 Ti laptop", id="an architecture and a kind"
        ),
        pytest.param("cuda", "8.6", "desktop", 305, "GeForce of 16 GB", id="else the architecture"),
        pytest.param("cuda", "10.3", "desktop", 350, "the middle", id="else the backend"),
        pytest.param("cuda", None, "desktop", 350, "the middle", id="an unknown architecture too"),
        pytest.param("metal", "M4 Max", "unified", 0, "Apple silicon", id="Metal takes nothing"),
    ],
)
def test_the_nearest_measured_context_is_taken(backend, architecture, kind, expected_mib, source):
    found = driver_context_bytes(backend=backend, architecture=architecture, kind=kind)
    assert found.value == expected_mib * MIB
    assert source in found.source
    assert found.origin is Origin.PUBLISHED


def test_every_device_of_the_catalog_has_a_context_under_every_backend():
    """With an interval that holds its value: `Figure` refuses any other."""
    for device in load_devices():
        for backend in set(BACKENDS) - {"cpu"}:
            found = driver_context_bytes(
                backend=backend, architecture=device.architecture, kind=device.kind.value
            )
            assert found.low is not None
            assert found.value < 2048 * MIB


@pytest.mark.parametrize(
    ("backend", "is_mixture", "ubatch_tokens", "expected_mib"),
    [
        pytest.param("cuda", False, 4096, 298, id="CUDA, as measured"),
        pytest.param("cuda", True, 512, 37.25, id="an eighth of the batch, an eighth of it"),
        pytest.param("vulkan", False, 2048, 240, id="Vulkan, as measured"),
        pytest.param("vulkan", True, 2048, 1872, id="Vulkan dequantizes experts"),
        pytest.param("metal", True, 2048, 0, id="Metal takes nothing"),
    ],
)
def test_pools_are_there_at_the_peak_only(backend, is_mixture, ubatch_tokens, expected_mib):
    found = pool_bytes(backend=backend, is_mixture=is_mixture, ubatch_tokens=ubatch_tokens)
    assert (found.value, found.low) == (0, 0)
    assert found.high == expected_mib * MIB
    assert found.source


def test_an_overhead_is_the_context_and_at_most_the_pools_too():
    """A desktop RTX 3090: 305 (195 to 350) MiB, and 37.25 at most for 512 tokens at once."""
    found = overhead_bytes(
        backend="cuda", architecture="8.6", kind="desktop", is_mixture=False, ubatch_tokens=512
    )
    assert [found.value / MIB, found.low / MIB, found.high / MIB] == [305, 195, 350 + 37.25]
    assert "GeForce of 16 GB" in found.source
    assert "145,000 tokens" in found.source


def test_every_backend_has_pools():
    for backend in set(BACKENDS) - {"cpu"}:
        for is_mixture in (False, True):
            assert pool_bytes(backend=backend, is_mixture=is_mixture, ubatch_tokens=512).high >= 0


def test_a_desktop_is_said_and_not_counted():
    assert desktop_note().startswith("a card that draws a desktop has 0.5 to 2.2 GiB less")
