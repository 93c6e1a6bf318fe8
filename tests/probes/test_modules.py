"""The memory modules, from what systemd recorded of the firmware's tables."""

from __future__ import annotations

import pytest

from probes.ask import Asker
from probes.memory.modules import Modules, read_modules

UDEV_DESKTOP = """\
I:1893
E:ID_VENDOR=ASUSTeK
E:MEMORY_ARRAY_NUM_DEVICES=4
E:MEMORY_DEVICE_0_PRESENT=0
E:MEMORY_DEVICE_0_TYPE=Unknown
E:MEMORY_DEVICE_0_CONFIGURED_SPEED_MTS=3000
E:MEMORY_DEVICE_1_SIZE=34359738368
E:MEMORY_DEVICE_1_TYPE=DDR5
E:MEMORY_DEVICE_1_SPEED_MTS=6000
E:MEMORY_DEVICE_1_SERIAL_NUMBER=E1A2B3C4
E:MEMORY_DEVICE_1_CONFIGURED_SPEED_MTS=5600
E:MEMORY_DEVICE_2_PRESENT=0
E:MEMORY_DEVICE_3_SIZE=34359738368
E:MEMORY_DEVICE_3_TYPE=DDR5
E:MEMORY_DEVICE_3_CONFIGURED_SPEED_MTS=5600
"""


@pytest.mark.parametrize(
    ("record", "count", "rate"),
    [
        pytest.param(UDEV_DESKTOP, 2, 5600e6, id="two of four slots filled, below their rating"),
        pytest.param(
            UDEV_DESKTOP.replace("3_CONFIGURED_SPEED_MTS=5600", "3_CONFIGURED_SPEED_MTS=4800"),
            2,
            4800e6,
            id="modules of two rates run at the slower",
        ),
        pytest.param(
            "E:MEMORY_DEVICE_0_SIZE=17179869184\nE:MEMORY_DEVICE_0_TYPE=RAM\n",
            1,
            None,
            id="a virtual machine names no rate",
        ),
        pytest.param(
            "E:MEMORY_DEVICE_0_SIZE=17179869184\nE:MEMORY_DEVICE_0_CONFIGURED_SPEED_MTS=65535\n",
            1,
            None,
            id="a placeholder is no rate",
        ),
        pytest.param("E:ID_VENDOR=QEMU\n", None, None, id="no slots, nothing known"),
    ],
)
def test_memory_modules(tmp_path, record, count, rate):
    path = tmp_path / "run/udev/data/+dmi:id"
    path.parent.mkdir(parents=True)
    path.write_text(record, encoding="utf-8")
    expected = None if count is None else Modules(count=count, rate_transfers_per_s=rate)
    assert read_modules(Asker(root=tmp_path, environ={}, os="linux")) == expected


def test_modules_are_unknown_where_systemd_recorded_nothing(tmp_path):
    assert read_modules(Asker(root=tmp_path, environ={}, os="linux")) is None
