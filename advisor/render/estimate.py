"""One estimate as text: memory by part and device, fit, speed, and the arithmetic on request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.estimate.result import Verdict
from advisor.render.fit import llama_cpp_fit, longest_contexts
from advisor.render.paper import Column, Paper, Row
from advisor.render.run_lines import write_commands
from advisor.render.sentences import now_and_idle, reason, speed_origin
from advisor.render.units import exact, gb, seconds, seconds_between, speed, tokens
from advisor.report.download import download_of
from advisor.report.run_commands import server_command
from advisor.workload import Era

if TYPE_CHECKING:
    from advisor.estimate.memory import Allocation
    from advisor.estimate.result import Estimate, Timed


_BUILT = {Era.CURRENT: "", Era.BEFORE_JUNE_2026: " built before June 2026"}


def estimate_text(estimate: Estimate, paper: Paper, *, explain: bool = False) -> str:
    """The whole estimate."""
    subject, setup = estimate.subject, estimate.setup
    paper.heading(f"{subject.model.name} in {subject.quant.name} on {estimate.target_name}")
    download = download_of(subject)
    size = download.size_bytes
    decode = _rate(estimate.decode, _depth(setup.depth_tokens))
    if estimate.fit.verdict is Verdict.NO:
        decode = f"would be {decode}"
    flash = "on" if setup.flash_attention else "off"
    paper.pairs(
        [
            ("Download", gb(size.value)),
            (
                "Workload",
                (
                    f"{tokens(setup.context_tokens)} tokens of context, {setup.sequences} at once,"
                    f" cache {setup.kv_type_k}/{setup.kv_type_v}, flash attention {flash},"
                    f" as {setup.runtime}{_BUILT[setup.era]} runs it"
                ),
            ),
            ("Placement", _placement(estimate)),
            ("Fit", f"{estimate.fit.verdict}: {reason(estimate)}"),
            *_optional_rows(estimate),
            ("Decode", decode),
            ("", _rate(estimate.decode_full, _depth(setup.context_tokens))),
            ("Prefill", _prefill(estimate)),
        ]
    )
    paper.heading("Memory by device and part, in GiB")
    paper.table(_COLUMNS, [_row(one) for one in estimate.allocations] + [_sum(estimate)])
    for note in estimate.notes:
        paper.say(f"Note: {note}")
    command = server_command(estimate, download)
    if command is not None and estimate.fit.verdict is not Verdict.NO:
        paper.heading("To run it so")
        write_commands(paper, [command])
    if explain:
        _write_arithmetic(paper, estimate)
    return paper.text()


_COLUMNS = [
    Column(title="Device", folds=True),
    Column(title="Weights", right=True),
    Column(title="Cache", right=True),
    Column(title="Scratch", right=True),
    Column(title="Overhead", right=True),
    Column(title="Sum", right=True),
    Column(title="Low", right=True),
    Column(title="High", right=True),
    Column(title="Free", right=True),
]


def _optional_rows(estimate: Estimate) -> list[tuple[str, str]]:
    rows = []
    differs = now_and_idle(estimate.fit)
    if differs:
        rows.append(("", differs))
    longest = longest_contexts(estimate)
    if longest:
        rows.append(("Longest context", longest))
    if estimate.fit.llama_cpp_fit is not None:
        rows.append(("llama.cpp --fit", llama_cpp_fit(estimate.fit.llama_cpp_fit)))
    return rows


def _placement(estimate: Estimate) -> str:
    placement = estimate.placement
    if len(estimate.allocations) == 1:
        return f"all {placement.layers} layers on the CPU"
    said = f"{placement.gpu_layers} of {placement.layers} layers on the GPU"
    if len(placement.gpus) > 1:
        counts = (share.blocks + share.has_output for share in placement.gpus)
        said += f"s ({' + '.join(map(str, counts))})"
    if placement.bare_blocks:
        said += f", {placement.bare_blocks} of them without their experts"
    return said


def _depth(count: int) -> str:
    return f"with {tokens(count)} tokens in the cache" if count else "with an empty cache"


def _rate(timed: Timed | None, when: str) -> str:
    if timed is None:
        return f"not known {when}"
    return f"{speed(timed)} tokens/s {when}, bound by {timed.speed.bound_by}; {speed_origin(timed)}"


def _prefill(estimate: Estimate) -> str:
    first = estimate.time_to_first_token_s
    if estimate.prefill is None or first is None:
        on_cpu = not estimate.placement.is_whole
        return "not predicted for layers on the CPU" if on_cpu else "not known"
    here = estimate.prefill.calibration is not None
    origin = f"; {speed_origin(estimate.prefill)}" if here else ""
    low, high = estimate.time_to_first_token_low_s, estimate.time_to_first_token_high_s
    between = "" if low is None or high is None else f" ({seconds_between(low, high)})"
    return (
        f"{speed(estimate.prefill)} tokens/s, bound by {estimate.prefill.speed.bound_by}, so"
        f" {seconds(first)}{between} to the first token of an answer"
        f" to {tokens(estimate.prompt_tokens)} tokens{origin}"
    )


def _number(size_bytes: float) -> str:
    return f"{size_bytes / (1 << 30):,.2f}"


def _row(one: Allocation) -> Row:
    cells = (
        one.name,
        _number(one.weights_bytes),
        _number(one.kv_cache_bytes),
        _number(one.compute_bytes),
        _number(one.overhead_bytes),
        _number(one.total_bytes),
        _number(one.low_bytes),
        _number(one.high_bytes),
        "?" if one.available_bytes is None else _number(one.available_bytes),
    )
    return Row(cells=cells)


def _sum(estimate: Estimate) -> Row:
    parts = estimate.allocations
    cells = (
        "together",
        _number(sum(one.weights_bytes for one in parts)),
        _number(sum(one.kv_cache_bytes for one in parts)),
        _number(sum(one.compute_bytes for one in parts)),
        _number(sum(one.overhead_bytes for one in parts)),
        _number(estimate.total_bytes),
        _number(estimate.low_bytes),
        _number(estimate.high_bytes),
        "",
    )
    return Row(cells=cells)


def _write_arithmetic(paper: Paper, estimate: Estimate) -> None:
    """Every sum, with the names of `docs/names.md`."""
    from advisor.estimate.explain_memory import memory_terms

    paper.heading("Arithmetic")
    for one_of in memory_terms(estimate):
        said = f"{one_of.name} = {one_of.arithmetic} = {exact(one_of.size_bytes)}"
        paper.say(f"{one_of.device}: {said}", indent=2)
    for one in estimate.allocations:
        paper.say(
            f"{one.name}: total_bytes = weights_bytes {exact(one.weights_bytes)}"
            f" + kv_cache_bytes {exact(one.kv_cache_bytes)}"
            f" + compute_bytes {exact(one.compute_bytes)}"
            f" + overhead_bytes {exact(one.overhead_bytes)} = {exact(one.total_bytes)}"
            f"{'' if one.kind == 'gpu' else ', the most that is resident at once'}",
            indent=2,
        )
    for name, timed in (("decode", estimate.decode), ("prefill", estimate.prefill)):
        if timed is None:
            continue
        for term in timed.speed.terms:
            paper.say(
                f"{name}: {term.name} = {term.arithmetic} = {seconds(term.seconds)}", indent=2
            )
        if timed.calibration is not None:
            paper.say(f"{name}: {_calibration(timed)}", indent=2)


def _calibration(timed: Timed) -> str:
    """What was measured here made of the sum of the lines before."""
    used = timed.calibration
    if used is None:
        return ""
    numbers = ", ".join(map(str, used.numbers))
    if used.is_exact:
        return f"measured {speed(timed)} tokens/s here (`advisor bench --list`: {numbers})"
    models = "1 model" if used.models == 1 else f"{used.models} models"
    return (
        f"factor = {used.factor or 1:.3f}, measured over predicted of {models}"
        f" (`advisor bench --list`: {numbers}), so {speed(timed)} tokens/s"
    )
