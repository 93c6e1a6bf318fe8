"""Requests into estimates: one from the command line, or one a line from standard input."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from advisor.errors import UsageError, translate
from advisor.estimate.estimator import estimate
from advisor.offer.named import offer_named
from advisor.request import object_of_line, request_from_mapping
from advisor.situation import situation

if TYPE_CHECKING:
    from advisor.estimate.result import Estimate
    from advisor.estimate.subject import Subject
    from advisor.offer.offer import Offer
    from advisor.request import Request
    from advisor.situation import Situation
    from advisor.target import Target
    from probes.bandwidth.store import Measure


@cache
def _situation(
    devices: tuple[str, ...], machine: str | None, backend: str | None, measure: Measure
) -> Situation:
    """One look at the machine serves all lines."""
    return situation(devices=devices, machine=machine, backend=backend, measure=measure)


def estimate_of(request: Request, *, measure: Measure) -> Estimate:
    """The answer to one request.

    Args:
        request: What was asked.
        measure: Whether this machine's memory may be timed.

    Raises:
        AdvisorError: The request contradicts itself.
        CatalogError: A name in it is not known, or ambiguous.
        ProbeError: The memory of this machine cannot be known.
    """
    offer = offer_named(request.model)
    here = _situation(request.devices, request.machine, request.workload.backend, measure)
    return estimate(chosen_subject(offer, request, here.target), request.workload, here.target)


def chosen_subject(offer: Offer, request: Request, target: Target) -> Subject:
    """The quant that was asked for, else the one that `advisor show` would star."""
    if request.quant is not None:
        return offer.subject(request.quant)
    from advisor.report.candidates import Question, considered, preferred

    question = Question(target=target, workload=request.workload)
    return preferred(considered(offer, question)).estimate.subject


def standard_input() -> Iterable[str]:
    """The lines of standard input, which are UTF-8 whatever the console's own encoding is.

    Raises:
        UsageError: It is closed.
    """
    if sys.stdin is None:
        msg = "`-` reads requests from standard input, which is closed"
        raise UsageError(msg, "send them through a pipe, or name a model")
    reconfigure = getattr(sys.stdin, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(encoding="utf-8-sig", errors="replace")
    return sys.stdin


def answer_lines(
    lines: Iterable[str], *, defaults: Mapping[str, Any], measure: Measure
) -> Iterable[str]:
    """One line of JSON for each line that is not empty, in the same order.

    A line that cannot be answered gets an error object, and the rest go on.

    Args:
        lines: Requests in JSON.
        defaults: Keys that the command line gave for all of them.
        measure: Whether this machine's memory may be timed.
    """
    from advisor.render.estimate_json import estimate_object
    from advisor.render.json import error_object, line

    for text in lines:
        if not text.strip():
            continue
        try:
            request = request_from_mapping({**defaults, **object_of_line(text)})
            yield line(estimate_object(estimate_of(request, measure=measure)))
        except Exception as error:
            known = translate(error)
            if known is None:
                raise
            yield line(error_object(known))
