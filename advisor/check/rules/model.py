"""ADV501 to ADV504: whether the model that is asked for fits, where, and in how much context."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from advisor.check.model import ModelAnswer
from advisor.check.outcome import Compared, Found, Status
from advisor.check.rule import asked_rule
from advisor.check.rules.findings import skipped
from advisor.check.words import listed
from advisor.estimate.result import Verdict, Why
from advisor.figure import Origin
from advisor.render.sentences import reason
from advisor.render.units import tokens

if TYPE_CHECKING:
    from advisor.check.case import Case

NO_MODEL = "no model is asked for"
UNKNOWN = frozenset({Why.UNKNOWN_MEMORY, Why.UNKNOWN_CACHE})


def answered(case: Case) -> ModelAnswer | None:
    """What the estimator says; ``None`` where there is no model, or nothing is known of it."""
    return case.model if isinstance(case.model, ModelAnswer) else None


def unanswered(case: Case) -> Found:
    """Why a rule about the model is not asked."""
    return skipped(NO_MODEL if case.model is None else "nothing is known of the model")


def is_shorter(case: Case, answer: ModelAnswer) -> bool:
    """True when the model fits as is asked, but not with so much context."""
    longest = answer.longest_tokens
    if longest is None or fits_as_asked(case, answer):
        return False
    return longest < answer.estimate.setup.context_tokens


def fits_as_asked(case: Case, answer: ModelAnswer) -> bool:
    """True when it fits now with the wanted context, on the GPUs unless that is not asked."""
    fit = answer.estimate.fit
    worst = Verdict.PARTIAL if case.asked.allow_partial else Verdict.TIGHT
    return fit.verdict.rank <= worst.rank and fit.now is not Verdict.NO


def _known(case: Case) -> Iterator[Found]:
    model = case.model
    if model is None:
        yield skipped(NO_MODEL)
    elif isinstance(model, ModelAnswer):
        subject = model.estimate.subject
        where = subject.file.name if subject.file else "the catalog"
        sentence = f"{model.name} is known from {where}"
        yield Found(status=Status.PASS, subject=model.name, sentence=sentence, key="model")
    else:
        yield Found(
            status=model.status,
            subject=model.name,
            sentence=model.sentence,
            hint=model.hint,
            key="model",
        )


def _fits(case: Case) -> Iterator[Found]:
    answer = answered(case)
    if answer is None:
        yield unanswered(case)
        return
    fit = answer.estimate.fit
    compared = Compared(
        quantity="needed_bytes",
        value=fit.needed_bytes,
        high=fit.high_bytes,
        low=fit.needed_bytes if fit.high_bytes is not None else None,
        limit=fit.available_bytes,
        origin=Origin.REPORTED,
    )
    sentence = f"{answer.name}: {reason(answer.estimate)}"
    status, hint = Status.PASS, None
    if fit.why in UNKNOWN:
        status = Status.UNDETERMINED
    elif is_shorter(case, answer):
        sentence = f"{answer.name} fits, with less context than is asked for"
    elif fit.now is Verdict.NO:
        status, hint = Status.FAIL, nearest(case, answer)
    elif fit.why is Why.MAY_NEED_MORE:
        # What it needs at most is more than there is: the interval holds the limit.
        status, hint = Status.UNDETERMINED, nearest(case, answer)
    yield Found(
        status=status,
        subject=answer.name,
        sentence=sentence,
        hint=hint,
        key="model",
        compared=compared,
    )


def nearest(case: Case, answer: ModelAnswer) -> str:
    """The nearest thing that would pass, as a hint."""
    fit = answer.estimate.fit
    ways = []
    longest = answer.longest_tokens
    if longest is not None and longest < answer.estimate.setup.context_tokens:
        ways.append(f"ask for at most {tokens(longest)} tokens of context")
    if answer.smaller_quant is not None:
        ways.append(f"take {answer.smaller_quant}")
    if fit.idle is not Verdict.NO and fit.now is Verdict.NO:
        ways.append("end the programs that hold the memory")
    if case.target.gpus and not case.asked.allow_partial and fit.verdict is Verdict.PARTIAL:
        ways.append("allow some of it on the CPU (`allow_partial`)")
    ways.append("use a larger machine" if ways else "use a larger machine, or a smaller model")
    return listed(ways).replace(" and ", ", or ") if len(ways) > 1 else ways[0]


def _on_gpu(case: Case) -> Iterator[Found]:
    answer = answered(case)
    if answer is None:
        yield unanswered(case)
        return
    fit = answer.estimate.fit
    if not case.target.gpus:
        yield skipped("there is no GPU that could hold it", answer.name)
    elif fit.why in UNKNOWN or fit.verdict is Verdict.NO or is_shorter(case, answer):
        yield skipped("another rule says that it does not fit", answer.name)
    elif fit.verdict is not Verdict.PARTIAL:
        sentence = f"all of {answer.name} is on the GPUs"
        yield Found(status=Status.PASS, subject=answer.name, sentence=sentence, key="model")
    else:
        sentence = f"{answer.name} runs only partly on the GPUs: {reason(answer.estimate)}"
        is_allowed = case.asked.allow_partial
        yield Found(
            status=Status.PASS if is_allowed else Status.FAIL,
            subject=answer.name,
            sentence=sentence,
            hint=None if is_allowed else nearest(case, answer),
            key="allow_partial" if is_allowed else "model",
        )


def _context(case: Case) -> Iterator[Found]:
    answer = answered(case)
    if answer is None:
        yield unanswered(case)
        return
    wanted, longest = answer.estimate.setup.context_tokens, answer.longest_tokens
    if answer.estimate.subject.caches is None:
        yield Found(
            status=Status.UNDETERMINED,
            subject=answer.name,
            sentence=f"how much memory the cache of {answer.name} needs is not known",
            key="context",
        )
        return
    if longest is None:
        yield skipped("it fits with no context at all", answer.name)
        return
    holds = longest >= wanted
    sentence = f"{answer.name} fits with up to {tokens(longest)} tokens of context"
    yield Found(
        status=Status.FAIL if is_shorter(case, answer) else Status.PASS,
        subject=answer.name,
        sentence=f"{sentence}; {tokens(wanted)} are asked for",
        hint=None if holds else nearest(case, answer),
        key="context",
        compared=Compared(
            quantity="max_context_tokens", value=longest, limit=wanted, origin=Origin.REPORTED
        ),
    )


RULES = (
    asked_rule(
        501,
        "model-known",
        _known,
        "model",
        title="the model's specification or header can be read",
        about="Fails for a file whose header cannot be read; undetermined when the Hub does not"
        " answer. A name that the catalog lacks is wrong usage (exit code 2).",
    ),
    asked_rule(
        502,
        "model-fits",
        _fits,
        "model",
        title="the model fits into the memory that is free now",
        about="Fails when it needs more than is free, whatever would be free on an idle machine."
        " Undetermined when only the upper end of what it needs is more, or the memory or its"
        " cache is not known. That it fits only with less context is ADV504, only partly on the"
        " GPU ADV503.",
    ),
    asked_rule(
        503,
        "model-on-gpu",
        _on_gpu,
        "model",
        "allow_partial",
        title="all of the model is on the GPUs",
        about="Fails when layers or experts would be on the CPU, unless `allow_partial` says that"
        " they may. Skipped without a GPU.",
    ),
    asked_rule(
        504,
        "context-fits",
        _context,
        "model",
        "context",
        title="the wanted context fits",
        about="Fails when the model fits, but only with less context than is asked for.",
    ),
)
