"""What a probe has to say besides the facts: what failed, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding costs the reader."""

    ERROR = "error"
    """Hardware that is present cannot be used."""

    WARNING = "warning"
    """It can be used, but something about it is worse than it should be."""

    NOTE = "note"
    """Worth knowing; nothing to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing a probe has to say besides the facts: what failed, and what to do about it."""

    probe: str
    """The probe that found it: `nvidia`, `memory`, `cpu`, `bandwidth`, `amd`, `intel`, `apple`."""

    code: str
    """A stable name in kebab case, such as `nvidia-driver-mismatch`."""

    severity: Severity

    sentence: str
    """One sentence without a full stop; the subject comes first."""

    hint: str | None = None
    """The next action, imperative, without a full stop."""
