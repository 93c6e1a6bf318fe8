"""The rule of thumb that everybody quotes, kept so that the accuracy report can compare with it.

Nothing in an answer uses it.
"""

from __future__ import annotations

SHARES = {"amd": 0.55}
"""Share of the bandwidth by vendor, where it is not the usual one."""

USUAL_SHARE = 0.65
"""Quoted for NVIDIA, and taken for everybody else."""


def rule_of_thumb_tokens_per_s(
    *, bandwidth_bytes_per_s: float, file_bytes: float, vendor: str
) -> float:
    """Decode speed as bandwidth over file size, times a constant.

    Args:
        bandwidth_bytes_per_s: Peak of the device. [B/s]
        file_bytes: Of the whole file, experts that are not used included. [B]
        vendor: In any case.

    Returns:
        Tokens per second.

    Raises:
        ValueError: The file is empty.
    """
    if file_bytes <= 0:
        msg = f"a file of {file_bytes:g} bytes has no speed"
        raise ValueError(msg)
    return bandwidth_bytes_per_s / file_bytes * SHARES.get(vendor.lower(), USUAL_SHARE)
