"""How fresh the catalog is: the newest day on which a row of it was checked."""

from __future__ import annotations

from catalog.hardware import load_devices
from catalog.shelf import load_models


def last_checked() -> str:
    """The ISO date of the newest check of a model or a device."""
    models = max(model.checked for model in load_models())
    devices = max(device.checked for device in load_devices())
    return max(models, devices)
