"""All that is asked in one run: by options, or by a file.

Holds how the two exclude or add to each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from advisor.check.keys import BY_NAME, KEYS, OF_REQUEST, Kind
from advisor.check.problem import Problem, RequirementError
from advisor.check.read import requirement_from, rule_ids
from advisor.errors import UsageError
from probes.finding import Severity

if TYPE_CHECKING:
    from advisor.check.requirement import Requirement


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked, and what of it decides."""

    requirements: tuple[Requirement, ...] = ()
    """None asks for the machine's health alone."""

    strict: bool = False
    fail_on: Severity = Severity.ERROR
    ignore: tuple[str, ...] = ()
    """Rules that are not asked of anything."""

    @property
    def has_floor(self) -> bool:
        """True where a speed is asked for."""
        return any(
            one.min_decode_tokens_per_s or one.min_prefill_tokens_per_s for one in self.requirements
        )


def asked_of(
    config: str | None,
    values: Mapping[str, str | bool],
    *,
    strict: bool,
    fail_on: str | None,
    ignore: Sequence[str],
) -> Asked:
    """What the command line and the file ask for together.

    Args:
        config: The requirement file; ``None`` for the options alone.
        values: What the options say, by key.
        strict: Fail on what cannot be determined.
        fail_on: The least severity that decides; ``None`` for the file's, or an error.
        ignore: Rules that are left out, besides the file's.

    Raises:
        UsageError: Both ask for something, or the file cannot be read.
        RequirementError: A requirement cannot be understood.
    """
    try:
        ignored = rule_ids(ignore)
    except ValueError as error:
        msg = f"`--ignore`: {error}"
        raise UsageError(msg) from error
    if config is None:
        return Asked(
            requirements=typed(values),
            strict=strict,
            fail_on=Severity(fail_on or Severity.ERROR),
            ignore=ignored,
        )
    if values:
        options = ", ".join(f"`{BY_NAME[name].option}`" for name in values)
        msg = f"{options} and `--config` both ask for something"
        raise UsageError(msg, "write it into the file, or leave the file out")
    from advisor.check.file import read_file

    said = read_file(config)
    return Asked(
        requirements=said.requirements,
        strict=strict or said.strict,
        fail_on=Severity(fail_on or said.fail_on),
        ignore=(*said.ignore, *ignored),
    )


def typed(values: Mapping[str, str | bool]) -> tuple[Requirement, ...]:
    """The one requirement that options make; none without any.

    Raises:
        RequirementError: It cannot be understood; the mistakes name the options.
    """
    if not values:
        return ()
    given: dict[str, Any] = dict(values)
    for name in OF_REQUEST:
        if BY_NAME[name].kind is Kind.COUNT and str(given.get(name, "")).isdecimal():
            given[name] = int(given[name])
    found, problems = requirement_from(given, name="the requirement", place_of=lambda _: None)
    if found is not None:
        return (found,)
    raise RequirementError(
        [Problem(sentence=_with_options(one.sentence), hint=one.hint) for one in problems]
    )


def _with_options(sentence: str) -> str:
    """Keys as whoever typed the options knows them."""
    for key in KEYS:
        sentence = sentence.replace(f"`{key.name}`", f"`{key.option}`")
    return sentence
