"""Asks every rule of every requirement, and puts the outcomes together.

Holds the order and what happens when a rule breaks: its outcome is undetermined, the report is
whole all the same, and the traceback goes along. No rule can keep another from being asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from advisor.check.case import Case
from advisor.check.gpus import ANY_GPU, NO_GPU, is_for, named_gpus
from advisor.check.model import judge_model
from advisor.check.outcome import CheckReport, Found, Outcome, Status
from advisor.check.problem import Problem, RequirementError
from advisor.check.requirement import Requirement
from advisor.check.rule import Rule, Scope
from advisor.check.rules import RULES
from advisor.check.rules.findings import MACHINE
from advisor.errors import translate
from catalog.errors import CatalogError
from probes.errors import ProbeError
from probes.plain import UNPRINTABLE

if TYPE_CHECKING:
    from advisor.check.asked import Asked
    from advisor.check.model import ModelAnswer, ModelUnknown
    from advisor.check.stage import Stage
    from advisor.measurement import Measurement
    from advisor.target import Target

THE_MACHINE = "The machine"
"""What reports call what is asked whatever is required, so that no requirement is called so."""

THE_REQUIREMENT = "The requirement"
UNDERSTOOD = "ADV300"
APPLIES = "ADV301"
KNOWN = "ADV112"


Measure = Callable[["Requirement"], "tuple[Measurement, ...]"]
"""Times the model of a requirement; raises an error of this program when that cannot be."""


def check(
    asked: Asked,
    stage_of: Callable[[], Stage],
    *,
    version: str,
    checked_at: str,
    measure: Measure | None = None,
) -> CheckReport:
    """Everything that is found.

    Args:
        asked: The requirements.
        stage_of: Gives the machine; called once.
        version: Of this program.
        checked_at: When, as ISO 8601 says.
        measure: Times the models whose speed is asked for; ``None`` to go by predictions.

    Raises:
        RequirementError: A requirement names a model, quant or GPU that does not exist.
        UsageError: There is no such machine.
    """
    asked = replace(asked, requirements=_told_apart(asked.requirements))
    _check_names(asked.requirements)
    report = CheckReport(
        version=version,
        checked_at=checked_at,
        target="a machine that does not say what it is",
        simulated=None,
        machine=None,
        requirements=asked.requirements,
        outcomes=(),
        strict=asked.strict,
        fail_on=asked.fail_on,
    )
    try:
        stage = stage_of()
    except ProbeError as error:
        return replace(report, outcomes=(_unknown_machine(error),))
    crashes: list[str] = []
    outcomes = tuple(_outcomes(asked, stage, crashes, measure))
    return replace(
        report,
        target=stage.target.name,
        simulated=stage.simulated,
        machine=stage.machine,
        outcomes=outcomes,
        notes=(*stage.notes, *stage.target.notes),
        crashes=tuple(crashes),
    )


def misunderstood(problems: Sequence[Problem], *, version: str, checked_at: str) -> CheckReport:
    """The report on a requirement that cannot be understood: each mistake, at its place."""
    (rule,) = (one for one in RULES if one.id == UNDERSTOOD)
    places = [one.place for one in problems]
    requirements = tuple(
        Requirement(name=name, places=() if place is None else (("", place),))
        for name, place in zip(_numbered([THE_REQUIREMENT] * len(places)), places, strict=True)
    )
    return CheckReport(
        version=version,
        checked_at=checked_at,
        target="a machine that was not asked",
        simulated=None,
        machine=None,
        requirements=requirements,
        outcomes=tuple(
            Outcome(
                rule=rule,
                found=_clean(
                    Found(
                        status=Status.FAIL,
                        subject=MACHINE,
                        sentence=one.sentence,
                        hint=one.hint,
                    )
                ),
                requirement=asked,
            )
            for one, asked in zip(problems, requirements, strict=True)
        ),
    )


def _told_apart(requirements: Sequence[Requirement]) -> tuple[Requirement, ...]:
    """The same with a number behind a name that another has, too."""
    names = _numbered([THE_MACHINE, *(one.name for one in requirements)])[1:]
    return tuple(replace(one, name=name) for one, name in zip(requirements, names, strict=True))


def _numbered(names: Sequence[str]) -> list[str]:
    """Each name, with a number from its second time on."""
    return [
        name if name not in names[:place] else f"{name} ({names[: place + 1].count(name)})"
        for place, name in enumerate(names)
    ]


def _check_names(requirements: Sequence[Requirement]) -> None:
    """Refuse names of GPUs that mean nothing, before anything is asked."""
    problems = []
    for one in requirements:
        for key, text in (("gpu", one.gpu), ("where", one.where)):
            if text is None or (key == "where" and text.casefold() in {ANY_GPU, NO_GPU}):
                continue
            try:
                named_gpus(text)
            except CatalogError as error:
                place = one.place_of(key)
                problems.append(Problem(sentence=f"`{key}`: {error}", hint=error.hint, place=place))
    if problems:
        raise RequirementError(problems)


def _unknown_machine(error: ProbeError) -> Outcome:
    """What stands for all outcomes where not even the memory is known."""
    (rule,) = (one for one in RULES if one.id == KNOWN)
    found = Found(
        status=Status.UNDETERMINED,
        subject=MACHINE,
        sentence=str(error),
        hint=getattr(error, "hint", None),
    )
    return Outcome(rule=rule, found=found, requirement=None)


def _outcomes(
    asked: Asked, stage: Stage, crashes: list[str], measure: Measure | None
) -> Iterator[Outcome]:
    case = Case(
        machine=stage.machine,
        target=stage.target,
        disk=stage.disk,
        is_stateless=stage.is_stateless,
    )
    yield from _ask_all(case, Scope.MACHINE, asked.ignore, crashes)
    applied = [is_for(one.where, stage.machine) for one in asked.requirements]
    for one, applies in zip(asked.requirements, applied, strict=True):
        ignored = (*asked.ignore, *one.ignore)
        if not applies:
            asked_anyway = {UNDERSTOOD, APPLIES}
            ignored = tuple(rule.id for rule in RULES if rule.id not in asked_anyway)
        timed = _timed(one, stage.target, measure if applies else None)
        model = judged(one, timed.target, crashes) if applies else None
        case = replace(
            case,
            requirement=one,
            model=model,
            must_be_measured=measure is not None,
            unmeasured=timed.problem,
        )
        yield from _ask_all(case, Scope.REQUIREMENT, ignored, crashes)
    if applied and not any(applied) and APPLIES not in asked.ignore:
        yield _none_applies(asked.requirements, stage.target)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Timed:
    """The target with what was measured just now, or why nothing was."""

    target: Target
    problem: str | None = None


def _timed(asked: Requirement, target: Target, measure: Measure | None) -> _Timed:
    """Measures what a floor is asked for; a measurement takes the place of the prediction."""
    has_floor = asked.min_decode_tokens_per_s or asked.min_prefill_tokens_per_s
    if measure is None or not has_floor:
        return _Timed(target=target)
    try:
        taken = measure(asked)
    except Exception as error:
        known = translate(error)
        if known is None:
            raise
        return _Timed(target=target, problem=str(known))
    doubts = [one.disturbance for one in taken if one.disturbance is not None]
    if doubts:
        return _Timed(target=target, problem=f"the measurement is not to be trusted: {doubts[0]}")
    # What was kept before would widen the spread of what was timed just now.
    return _Timed(target=replace(target, measured=taken))


def judged(
    asked: Requirement, target: Target, crashes: list[str]
) -> ModelAnswer | ModelUnknown | None:
    """What becomes of the model; a bug in the estimate makes it unknown, not the report broken."""
    from advisor.check.model import ModelUnknown

    try:
        return judge_model(asked, target)
    except RequirementError:
        raise
    except Exception as error:  # noqa: BLE001  (one broken estimate must not hide the rest)
        crashes.append(_traceback())
        name = asked.request.model if asked.request else asked.name
        sentence = f"the estimate failed: {type(error).__name__}: {error}"
        return ModelUnknown(name=name, status=Status.UNDETERMINED, sentence=sentence, hint=_REPORT)


def _none_applies(requirements: Sequence[Requirement], target: Target) -> Outcome:
    (rule,) = (one for one in RULES if one.id == APPLIES)
    found = Found(
        status=Status.UNDETERMINED,
        subject=MACHINE,
        sentence=f"none of the {len(requirements)} requirements is for {target.name}",
        hint="add one without `where`, or one for this machine",
        key="where",
    )
    return Outcome(rule=rule, found=found, requirement=None)


def _ask_all(
    case: Case, scope: Scope, ignored: Sequence[str], crashes: list[str]
) -> Iterator[Outcome]:
    for rule in RULES:
        if rule.scope is scope and rule.id not in ignored:
            yield from _ask(rule, case, crashes)


_REPORT = "report it, with the traceback on standard error"


def _ask(rule: Rule, case: Case, crashes: list[str]) -> list[Outcome]:
    try:
        answers = [_clean(one) for one in rule.ask(case)]
        # Servers tell outcomes apart by rule, requirement and subject.
        subjects = _numbered([one.subject for one in answers])
        return [
            Outcome(rule=rule, found=replace(one, subject=subject), requirement=case.requirement)
            for one, subject in zip(answers, subjects, strict=True)
        ]
    except Exception as error:  # noqa: BLE001  (one broken rule must not hide the others)
        crashes.append(_traceback())
        found = Found(
            status=Status.UNDETERMINED,
            subject=MACHINE,
            sentence=f"the rule itself failed: {type(error).__name__}: {error}",
            hint=_REPORT,
        )
        return [Outcome(rule=rule, found=_clean(found), requirement=case.requirement)]


def _clean(found: Found) -> Found:
    """The same without what a terminal obeys: a process may call itself anything."""
    hint = None if found.hint is None else UNPRINTABLE.sub("?", found.hint)
    sentence = UNPRINTABLE.sub("?", found.sentence)
    return replace(found, sentence=sentence, hint=hint, subject=UNPRINTABLE.sub("?", found.subject))


def _traceback() -> str:
    import traceback

    return traceback.format_exc()
