"""What a GPU's driver takes for itself."""

from __future__ import annotations

import pytest

from advisor.estimate.overhead import driver_context_bytes
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
