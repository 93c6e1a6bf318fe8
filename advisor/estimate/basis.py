"""What a speed was predicted from, so that the same devices can be asked about other work.

Holds the parts of a prediction and the device of each; no formula of its own. A measurement keeps
the *work* of its parts (layers, bytes, kernels) and not what the devices are like, so that it is
compared with what the program predicts for that work today.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from math import fsum
from typing import TYPE_CHECKING, Any, TypeVar

from advisor.estimate.speed import decode_speed
from advisor.measurement import Work

if TYPE_CHECKING:
    from advisor.estimate.prefill import PrefillPart
    from advisor.estimate.speed import DecodePart, Speed
    from advisor.workload import Runtime

OF_THE_DEVICE = frozenset(
    {
        "speed_class",
        "bandwidth_bytes_per_s",
        "bandwidth_low_bytes_per_s",
        "bandwidth_high_bytes_per_s",
        "alu_flops_per_s",
        "fp16_flops_per_s",
        "is_half_rate",
        "cores",
        "instruction_sets",
    }
)
"""Fields of a part that say what its device is like; all others say what it does."""

_DEVICE_FIELDS = tuple(sorted(OF_THE_DEVICE))

_Part = TypeVar("_Part", "DecodePart", "PrefillPart")


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeBasis:
    """What a decode speed was predicted from."""

    devices: tuple[str, ...]
    """The device of each part; `host` for the processor."""

    parts: tuple[DecodePart, ...]
    handovers: int
    runtime: Runtime

    def speed(self) -> Speed:
        """The prediction."""
        return decode_speed(self.parts, runtime=self.runtime, handovers=self.handovers)

    def works(self) -> tuple[Work, ...]:
        """What each device does."""
        return works_of(self.devices, self.parts)

    def doing(self, works: Sequence[Work], handovers: int) -> DecodeBasis | None:
        """The same devices doing other work; ``None`` for what this version cannot time."""
        parts = _doing(self.devices, self.parts, works)
        return None if parts is None else replace(self, parts=parts, handovers=handovers)

    def devices_alone(self) -> tuple[object, ...]:
        """What the devices are like, without what they do: equal for equal devices."""
        return (self.runtime, self.devices, *(_device_of(part) for part in self.parts))

    def cacheless_share(self) -> float:
        """Share of the time that does not go to reading the cache. 0 to 1."""
        if not any(part.cache_bytes or part.attention_flops for part in self.parts):
            return 1.0
        parts = tuple(replace(part, cache_bytes=0, attention_flops=0) for part in self.parts)
        return self.speed().tokens_per_s / replace(self, parts=parts).speed().tokens_per_s


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefillBasis:
    """What a prefill speed was predicted from."""

    devices: tuple[str, ...]
    parts: tuple[PrefillPart, ...]
    prompt_tokens: int
    runtime: Runtime

    def speed(self) -> Speed | None:
        """The prediction; ``None`` where a device's rate is not known."""
        from advisor.estimate.prefill import prefill_speed

        return prefill_speed(self.parts, prompt_tokens=self.prompt_tokens, runtime=self.runtime)

    def works(self) -> tuple[Work, ...]:
        """What each device does."""
        return works_of(self.devices, self.parts)

    def devices_alone(self) -> tuple[object, ...]:
        """What the devices are like, without what they do: equal for equal devices."""
        return (self.runtime, self.devices, *(_device_of(part) for part in self.parts))

    def doing(self, works: Sequence[Work], prompt_tokens: int) -> PrefillBasis | None:
        """The same devices doing other work; ``None`` for what this version cannot time."""
        parts = _doing(self.devices, self.parts, works)
        return None if parts is None else replace(self, parts=parts, prompt_tokens=prompt_tokens)


def works_of(devices: Sequence[str], parts: Sequence[DecodePart | PrefillPart]) -> tuple[Work, ...]:
    """What each part does, without what its device is like."""
    return tuple(
        Work(
            device=device,
            values=tuple((name, getattr(part, name)) for name in _names_of_work(part)),
        )
        for device, part in zip(devices, parts, strict=True)
    )


def weight_bytes(works: Sequence[Work]) -> int:
    """Weights that all devices read together."""
    return round(fsum(float(dict(one.values).get("weight_bytes") or 0) for one in works))


def _device_of(part: DecodePart | PrefillPart) -> tuple[object, ...]:
    return tuple(getattr(part, name, None) for name in _DEVICE_FIELDS)


def _names_of_work(part: DecodePart | PrefillPart) -> tuple[str, ...]:
    return tuple(field.name for field in fields(part) if field.name not in OF_THE_DEVICE)


def _doing(
    devices: Sequence[str], parts: tuple[_Part, ...], works: Sequence[Work]
) -> tuple[_Part, ...] | None:
    """Parts of these devices with other work.

    Returns:
        ``None`` where the devices differ, or the work was noted by a version of the program that
        described it otherwise.
    """
    if tuple(one.device for one in works) != tuple(devices):
        return None
    noted: list[Mapping[str, Any]] = [dict(one.values) for one in works]
    if any(set(one) != set(_names_of_work(part)) for one, part in zip(noted, parts, strict=True)):
        return None
    return tuple(replace(part, **one) for part, one in zip(parts, noted, strict=True))
