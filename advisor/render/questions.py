"""The questions people ask about a model, answered from its page, each with its arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.estimate.result import Verdict
from advisor.render.sentences import demotion, now_and_idle, reason, speed_origin
from advisor.render.units import exact, gb, gb_interval, gib, memory, speed, tokens
from advisor.report.download import download_of
from catalog.device import DeviceKind

if TYPE_CHECKING:
    from advisor.estimate.result import Estimate, Timed
    from advisor.rank import Candidate
    from advisor.report.device_list import DeviceRow
    from advisor.report.page import Page


def questions(page: Page) -> list[tuple[str, str]]:
    """Each question and its answer."""
    name = page.model.name
    return [
        (f"How much memory does {name} need?", _memory(page)),
        ("Which quant is best?", _best(page)),
        (f"Can a Mac run {name}?", _mac(page)),
        ("Can I run it here?", _here(page)),
        ("How fast is it here?", _speed(page)),
        ("How large is the download?", _download(page)),
    ]


def memory_sum(estimate: Estimate) -> str:
    """The memory's arithmetic: weights + cache + scratch + overhead."""
    parts = estimate.allocations
    weights = sum(one.weights_bytes for one in parts)
    cache = sum(one.kv_cache_bytes for one in parts)
    scratch = sum(one.compute_bytes for one in parts)
    overhead = sum(one.overhead_bytes for one in parts)
    return (
        f"{gib(weights)} of weights + {gib(cache)} of cache for"
        f" {tokens(estimate.setup.context_tokens)} tokens + {gib(scratch)} of scratch"
        f" + {gib(overhead)} of overhead = {memory(estimate)}"
    )


def _memory(page: Page) -> str:
    answer = page.starred.estimate
    text = f"In {answer.subject.quant.name}: {memory_sum(answer)}."
    if len(page.rows) == 1:
        return text
    smallest = min(page.rows, key=lambda one: one.estimate.total_bytes).estimate
    largest = max(page.rows, key=lambda one: one.estimate.total_bytes).estimate
    return (
        f"{text} From {gib(smallest.total_bytes)} in {smallest.subject.quant.name} to"
        f" {gib(largest.total_bytes)} in {largest.subject.quant.name}."
    )


def _best(page: Page) -> str:
    if len(page.rows) == 1:
        return f"There is only {_quant(page)}: {_loss(page.starred)}."
    if page.best is None:
        usual = page.starred.estimate.subject.quant.name
        return f"None runs here; elsewhere {usual} is the usual choice."
    chosen = page.best.candidate
    if chosen.demotions:
        text = demotion(chosen, page.question.min_tokens_per_s)
        return f"{_quant(page)}, the least bad here: {text}."
    return (
        f"{_quant(page)}: its loss is {chosen.loss.cautious_label} at worst, the least of those"
        f" that run well here; {chosen.loss.basis}."
    )


def _loss(one: Candidate) -> str:
    loss = one.loss
    if loss.high is None:
        return f"its loss is not known; {loss.basis}"
    return f"its loss is {loss.cautious_label} at worst; {loss.basis}"


def _quant(page: Page) -> str:
    return page.starred.estimate.subject.quant.name


def _mac(page: Page) -> str:
    macs = [
        row
        for row in page.devices
        if row.device.vendor == "Apple" and row.device.kind is DeviceKind.UNIFIED
    ]
    quant = page.starred.estimate.subject.quant.name
    if not macs:
        return f"No Mac of the catalog holds {quant} whole."
    smallest = min(macs, key=_memory_then_speed)
    fastest = macs[0]
    return (
        f"Yes: {len(macs)} Macs of the catalog hold {quant}, from the"
        f" {smallest.device.full_name} at {speed(smallest.estimate.decode)} tokens/s to the"
        f" {fastest.device.full_name} at {speed(fastest.estimate.decode)}."
    )


def _memory_then_speed(row: DeviceRow) -> tuple[int, float]:
    decode = row.estimate.decode
    return (row.device.memory_bytes, -(decode.speed.tokens_per_s if decode else 0.0))


def _here(page: Page) -> str:
    answer = page.starred.estimate
    words = {
        Verdict.FITS: "Yes",
        Verdict.TIGHT: "Just",
        Verdict.PARTIAL: "Partly",
        Verdict.NO: "No",
    }
    differs = now_and_idle(answer.fit)
    said = f"{words[answer.fit.verdict]}, in {answer.subject.quant.name}: {reason(answer)}."
    return f"{said} ({differs[0].upper()}{differs[1:]}.)" if differs else said


def _speed(page: Page) -> str:
    answer = page.starred.estimate
    if answer.fit.verdict is Verdict.NO:
        return "It does not run here."
    if answer.decode is None:
        return "That is not known: a bandwidth it depends on is not."
    terms = " + ".join(f"{one.arithmetic}" for one in answer.decode.speed.terms)
    return (
        f"{speed(answer.decode)} tokens/s in {answer.subject.quant.name}, bound by"
        f" {answer.decode.speed.bound_by}. {_arithmetic(answer.decode, terms)}"
    )


def _arithmetic(decode: Timed, terms: str) -> str:
    if decode.calibration is None:
        return f"One token takes {terms}."
    return f"That is {speed_origin(decode)}; one token was predicted to take {terms}."


def _download(page: Page) -> str:
    answer = page.starred.estimate
    file = answer.subject.file
    if file is not None and file.repository is None:
        parts = f" in {file.parts} parts" if file.parts > 1 else ""
        return f"None: the file is on this machine, {exact(file.size_bytes)}{parts}."
    download = download_of(answer.subject)
    size = download.size_bytes
    text = f"{gb(size.value)} in {answer.subject.quant.name}"
    if size.low is None or size.high is None:
        return f"{text}: {exact(size.value)}, as {download.repository} publishes it."
    return (
        f"{text}, predicted: {exact(answer.subject.weights.tensor_bytes)} of tensors + header and"
        f" vocabulary = {gb_interval(size.low, size.high)}."
    )
