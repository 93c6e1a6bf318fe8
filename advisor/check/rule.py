"""What a rule is: a stable id, what it demands, and the function that finds out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from probes.finding import Severity

if TYPE_CHECKING:
    from advisor.check.case import Case
    from advisor.check.outcome import Found

Ask = Callable[["Case"], Iterator["Found"]]
"""Finds out: one answer for each subject that a rule is about."""


class Scope(StrEnum):
    """Of what a rule is asked."""

    MACHINE = "machine"
    """Once, whatever is required."""

    REQUIREMENT = "requirement"
    """Once for each requirement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule; its id never changes its meaning, and is never given to another."""

    id: str
    """`ADV101`."""

    name: str
    """In kebab case: `gpu-driven`."""

    scope: Scope
    severity: Severity
    title: str
    """What holds when it passes, in one sentence without a full stop."""

    about: str
    """When it fails, when it is undetermined, when it is skipped; for `docs/rules.md`."""

    keys: tuple[str, ...] = ()
    """The keys of a requirement that ask for it; none where it is always asked."""

    ask: Ask = field(repr=False)


def machine_rule(  # noqa: PLR0913  (what makes a rule)
    number: int, name: str, ask: Ask, *, title: str, about: str, severity: Severity = Severity.ERROR
) -> Rule:
    """A rule that is asked of every machine once."""
    return Rule(
        id=f"ADV{number}",
        name=name,
        scope=Scope.MACHINE,
        severity=severity,
        title=title,
        about=about,
        ask=ask,
    )


def asked_rule(number: int, name: str, ask: Ask, *keys: str, title: str, about: str) -> Rule:
    """A rule that keys of a requirement ask for; failing it is an error."""
    return Rule(
        id=f"ADV{number}",
        name=name,
        scope=Scope.REQUIREMENT,
        severity=Severity.ERROR,
        title=title,
        about=about,
        keys=keys,
        ask=ask,
    )
