"""The fixed sentences: one for each way a model fits or does not, each with its two numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.estimate.result import Verdict, Why
from advisor.rank import Demotion
from advisor.render.units import gb, gib, speed_number

if TYPE_CHECKING:
    from advisor.estimate.result import Estimate, Fit, Timed
    from advisor.rank import Candidate
    from advisor.report.scan import Recommendation

_REASONS = {
    Why.ENOUGH: "it needs {needed} of the {available} that {device} has free",
    Why.LITTLE_SPARE: "it needs {needed}, which leaves under 5 % of the {available} {device} has",
    Why.MAY_NEED_MORE: (
        "it needs about {needed}, perhaps {high}, and {device} has {available} free"
    ),
    Why.WHEN_FREED: (
        "it needs {needed}, and {device} has {available} free now;"
        " it fits when other programs free theirs"
    ),
    Why.SOME_LAYERS: (
        "all of it would need {needed}, and {device} has {available} free;"
        " {layers} of {all_layers} layers go to the GPU, the rest to the CPU"
    ),
    Why.SOME_EXPERTS: (
        "all of it would need {needed}, and {device} has {available} free;"
        " the experts of the first {bare} of {blocks} layers stay on the CPU"
    ),
    Why.LAYERS_WITHOUT_EXPERTS: (
        "all of it would need {needed}, and {device} has {available} free;"
        " {layers} of {all_layers} layers go to the GPU, {bare} of them without their experts,"
        " the rest to the CPU"
    ),
    Why.TOO_LITTLE: "it needs {needed}, and {device} has {available}",
    Why.ALL_LAYERS_ASKED: "{layers} layers need {needed}, and {device} has {available}",
    Why.UNKNOWN_MEMORY: "it needs {needed}; how much memory {device} has is not known",
    Why.UNKNOWN_CACHE: "its weights alone need {needed}; how much its cache needs is not known",
}


def reason(estimate: Estimate) -> str:
    """Why the verdict is what it is, with the two numbers compared; without a full stop."""
    fit, placement = estimate.fit, estimate.placement
    available = fit.available_bytes
    return _REASONS[fit.why].format(
        needed=gib(fit.needed_bytes),
        high=gib(fit.needed_bytes if fit.high_bytes is None else fit.high_bytes),
        available="?" if available is None else gib(available),
        device=device(fit.device),
        layers=placement.gpu_layers,
        all_layers=placement.layers,
        blocks=placement.blocks,
        bare=placement.bare_blocks,
    )


def device(name: str) -> str:
    """A device as a sentence names it."""
    names = {"host": "the system's memory", "unified memory": "the unified memory"}
    return names.get(name, f"`{name}`")


def now_and_idle(fit: Fit) -> str | None:
    """What differs between now and an idle machine; ``None`` when nothing does."""
    if fit.now is fit.idle:
        return None
    return f"now: {fit.now}; with nothing else running: {fit.idle}"


def speed_origin(timed: Timed) -> str:
    """Where a speed comes from: a bandwidth, or what was measured on this machine."""
    used = timed.calibration
    if used is None:
        return f"from {timed.origin} bandwidth"
    if used.is_exact or used.factor is None:
        return "measured here"
    models = "1 model" if used.models == 1 else f"{used.models} models"
    return f"{used.factor:.2f} of the prediction, by {models} measured here"


OWN_MIX_SHARE = 0.015
"""By so much more than its tensors a file is only larger when it holds other tensors."""


def own_mix(best: Recommendation) -> str | None:
    """How much more memory a publisher's own mix of types takes; ``None`` for a stock file."""
    answer = best.candidate.estimate
    tensors = answer.subject.weights.tensor_bytes
    more = best.download.size_bytes.value - tensors
    if more < OWN_MIX_SHARE * tensors:
        return None
    return (
        f"its publisher mixes types in a way of his own, which makes the file about {gb(more)}"
        f" larger than llama-quantize would: count {gib(answer.total_bytes + more)} of memory;"
        " `--hub` reads what the file really holds"
    )


def demotion(candidate: Candidate, min_tokens_per_s: float) -> str | None:
    """Why a candidate that runs is listed last; ``None`` when it is not."""
    said = []
    rate = candidate.tokens_per_s
    for one in candidate.demotions:
        if one is Demotion.SLOW and rate is not None:
            said.append(
                f"{speed_number(rate)} tokens/s is below the floor of"
                f" {speed_number(min_tokens_per_s)}"
            )
        elif one is Demotion.UNKNOWN_SPEED:
            said.append("its speed is not known")
        elif one is Demotion.SEVERE_LOSS:
            said.append(f"{candidate.estimate.subject.quant.name} loses severely in quality")
    return "; ".join(said) or None


def why_not_larger(chosen: Candidate, larger: Candidate | None, floor: float) -> str:
    """Why the next larger quant was not chosen; without a full stop."""
    if larger is None:
        return "there is no larger quant"
    name = larger.estimate.subject.quant.name
    if larger.estimate.fit.verdict is Verdict.NO:
        return f"{name}, the next larger: {reason(larger.estimate)}"
    slower = demotion(larger, floor)
    if slower and not chosen.demotions:
        return f"{name}, the next larger: {slower}"
    if larger.estimate.fit.verdict.rank > chosen.estimate.fit.verdict.rank:
        return f"{name}, the next larger, is only {larger.estimate.fit.verdict}: " + reason(
            larger.estimate
        )
    if (larger.loss.cautious_band or 0) > (chosen.loss.cautious_band or 0):
        return f"{name}, the next larger, may lose more: {larger.loss.cautious_label} at worst"
    more = (
        larger.estimate.subject.weights.tensor_bytes - chosen.estimate.subject.weights.tensor_bytes
    )
    return (
        f"{name}, the next larger, is no better ({larger.loss.cautious_label} at worst), but"
        f" {gb(more)} larger{_and_slower(chosen.tokens_per_s, larger.tokens_per_s)}"
    )


def _and_slower(chosen: float | None, larger: float | None) -> str:
    """What the larger quant costs in speed, where that is known and shows."""
    if chosen is None or larger is None or speed_number(chosen) == speed_number(larger):
        return ""
    slower = "slower" if larger < chosen else "faster"
    return f" and {slower}: {speed_number(larger)} instead of {speed_number(chosen)} tokens/s"
