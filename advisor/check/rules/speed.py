"""ADV511 and ADV512: whether the model is fast enough, by the interval of the prediction.

A measurement on this machine takes the place of the prediction; see `advisor.check.run`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from advisor.check.outcome import Compared, Found, Status
from advisor.check.rule import asked_rule
from advisor.check.rules.findings import NOT_ASKED, skipped
from advisor.check.rules.model import answered, fits_as_asked, unanswered
from advisor.check.words import speed_with_ends
from advisor.render.units import speed_number

if TYPE_CHECKING:
    from advisor.check.case import Case
    from advisor.check.model import ModelAnswer
    from advisor.estimate.result import Timed

FLOORS = {
    "min_decode": ("decode_tokens_per_s", "decode"),
    "min_prefill": ("prefill_tokens_per_s", "prefill"),
}


def faster_than(
    key: str, timed_of: Callable[[ModelAnswer], Timed | None]
) -> Callable[[Case], Iterator[Found]]:
    """A rule that compares a speed with a floor."""
    field = f"{key}_tokens_per_s"

    def ask(case: Case) -> Iterator[Found]:
        floor = getattr(case.asked, field)
        answer = answered(case)
        if floor is None:
            yield skipped(NOT_ASKED)
        elif answer is None:
            yield unanswered(case)
        elif not fits_as_asked(case, answer):
            yield skipped("it does not fit as is asked, and another rule says so", answer.name)
        else:
            yield _asked(case, answer, timed_of(answer), floor, key)

    return ask


def _asked(case: Case, answer: ModelAnswer, timed: Timed | None, floor: float, key: str) -> Found:
    """The comparison; with `--measure` only of what was measured."""
    if case.unmeasured is not None:
        return _unmeasured(answer, case.unmeasured, floor, key)
    if case.must_be_measured and not is_exact(timed):
        reason = "what was timed is another placement, depth or length than is asked for"
        return _unmeasured(answer, reason, floor, key)
    return compare(answer, timed, floor, key)


def is_exact(timed: Timed | None) -> bool:
    """True for a speed that is itself a measurement, not one built on measurements."""
    return timed is not None and timed.calibration is not None and timed.calibration.is_exact


def _how(timed: Timed) -> str:
    """How a speed is known."""
    if timed.calibration is None:
        return "predicted"
    return "measured" if is_exact(timed) else "predicted from what was measured here"


def _unmeasured(answer: ModelAnswer, reason: str, floor: float, key: str) -> Found:
    """A measurement was asked for, so that no prediction takes its place."""
    quantity, noun = FLOORS[key]
    return Found(
        status=Status.UNDETERMINED,
        subject=answer.name,
        sentence=f"{noun} of {answer.name} was not measured: {reason}",
        hint="leave `--measure` out to go by the prediction",
        key=key,
        compared=Compared(quantity=quantity, value=None, limit=floor),
    )


def compare(answer: ModelAnswer, timed: Timed | None, floor: float, key: str) -> Found:
    """The interval decides: above the floor, below it, or around it."""
    quantity, noun = FLOORS[key]
    if timed is None:
        return Found(
            status=Status.UNDETERMINED,
            subject=answer.name,
            sentence=f"the {noun} speed of {answer.name} is not known;"
            f" {speed_number(floor)} tokens/s are asked for",
            hint="measure it (`--measure`)",
            key=key,
            compared=Compared(quantity=quantity, value=None, limit=floor),
        )
    speed = timed.speed
    compared = Compared(
        quantity=quantity,
        value=speed.tokens_per_s,
        low=speed.low,
        high=speed.high,
        limit=floor,
        origin=timed.origin,
    )
    speed_said = f"{speed_with_ends(compared)} tokens/s"
    sentence = f"{noun} of {answer.name} is {_how(timed)} at {speed_said}"
    status, ending, hint = _judged(compared, floor)
    return Found(
        status=status,
        subject=answer.name,
        sentence=f"{sentence}, {ending} of {speed_number(floor)}",
        hint=hint,
        key=key,
        compared=compared,
    )


def _judged(compared: Compared, floor: float) -> tuple[Status, str, str | None]:
    value = compared.value or 0.0
    low = value if compared.low is None else compared.low
    high = value if compared.high is None else compared.high
    if low >= floor:
        return Status.PASS, "above the floor", None
    if high < floor:
        hint = "take a smaller quant or model, or a faster machine"
        return Status.FAIL, "below the floor", hint
    hint = "measure it (`--measure`), or lower the floor"
    return Status.UNDETERMINED, "around the floor", hint


ABOUT = (
    "Passes when the low end of the 80 % interval is above the floor, fails when its high end is"
    " below, and is undetermined in between. What `advisor bench` measured on this machine takes"
    " the place of the prediction; with `--measure` it is measured now, and what cannot be measured"
    " is undetermined."
)

RULES = (
    asked_rule(
        511,
        "decode-speed",
        faster_than("min_decode", lambda answer: answer.estimate.decode),
        "min_decode",
        "model",
        title="decode (tokens of the answer) is as fast as is asked",
        about=ABOUT,
    ),
    asked_rule(
        512,
        "prefill-speed",
        faster_than("min_prefill", lambda answer: answer.estimate.prefill),
        "min_prefill",
        "model",
        title="prefill (tokens of the prompt) is as fast as is asked",
        about=ABOUT,
    ),
)
