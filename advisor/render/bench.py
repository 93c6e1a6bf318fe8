"""A measurement as text, JSON and CSV: what was predicted, what was measured, and how they agree.

Holds the words and the layout only.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from advisor.measurement import FAMILY, Pace, family
from advisor.render.json import dumps
from advisor.render.paper import Column, Row
from advisor.render.units import MIB, gb, speed_number, tokens

if TYPE_CHECKING:
    from advisor.measure.bench import BenchReport
    from advisor.measure.outcome import MemoryRow
    from advisor.measure.task import Step
    from advisor.measurement import Measurement
    from advisor.render.json_parts import Json
    from advisor.render.paper import Paper

BAR_CELLS = 20

_NAMES = {Pace.DECODE: "Decode", Pace.PREFILL: "Prefill"}

_WHERE = {"gpu": "GPU", "host": "host"}


def bench_text(report: BenchReport, paper: Paper) -> str:
    """The whole measurement."""
    subject = report.subject
    paper.heading(f"{subject.model.name} in {subject.quant.name} on {report.target_name}")
    paper.pairs(
        [
            ("Program", _program(report)),
            *((_NAMES[one.pace], _agreement(one)) for one in report.measured),
            ("Machine", _conditions(report)),
        ]
    )
    if report.memory:
        paper.heading("Memory as the program's log has it, in MiB")
        paper.table(_COLUMNS, [_memory_row(one) for one in report.memory])
    for note in report.notes:
        paper.say(f"Note: {note}.")
    paper.say(_kept(report))
    return paper.text()


_COLUMNS = [
    Column(title="Where"),
    Column(title="Part"),
    Column(title="Predicted", right=True),
    Column(title="Logged", right=True),
    Column(title="Off by", right=True),
]


def _program(report: BenchReport) -> str:
    taken, one = report.taken, report.measured[0]
    said = [taken.program + (f" {taken.version}" if taken.version else ""), one.backend]
    if one.threads:
        said.append(f"{one.threads} threads")
    if one.gpu_layers:
        said.append(f"{one.gpu_layers} layers on the GPU")
    said.append(f"flash attention {'on' if one.flash_attention else 'off'}")
    return ", ".join(said)


def _agreement(one: Measurement) -> str:
    """`76 tokens/s …; predicted 67 (46–94): the interval held`."""
    said = f"{_speed(one)} tokens/s {_how(one)}; "
    if one.predicted_tokens_per_s is None:
        return said + "nothing was predicted"
    held = "the interval held" if one.is_inside else "the interval did not hold"
    ratio = one.tokens_per_s / one.predicted_tokens_per_s
    return f"{said}predicted {predicted(one)}: {held} (measured is {ratio:.2f} of predicted)"


def _how(one: Measurement) -> str:
    runs = f"{len(one.samples_tokens_per_s)} runs"
    if one.pace is Pace.PREFILL:
        return f"for a prompt of {tokens(one.tokens)}, {runs}"
    depth = f"{tokens(one.depth_tokens)} in the cache" if one.depth_tokens else "an empty cache"
    return f"over {tokens(one.tokens)} with {depth}, {runs}"


def _speed(one: Measurement) -> str:
    """The median and the spread: `76 (69–77)`."""
    low, high = speed_number(one.low), speed_number(one.high)
    spread = low if low == high else f"{low}–{high}"
    return f"{speed_number(one.tokens_per_s)} ({spread})"


def predicted(one: Measurement) -> str:
    """What was predicted with its interval: `67 (46–94)`; `?` for nothing."""
    if one.predicted_tokens_per_s is None or one.predicted_low is None:
        return "?"
    return (
        f"{speed_number(one.predicted_tokens_per_s)}"
        f" ({speed_number(one.predicted_low)}–{speed_number(one.predicted_high or 0)})"
    )


def _conditions(report: BenchReport) -> str:
    seen = report.conditions
    said = []
    if seen.others_share is not None:
        said.append(f"other programs took {seen.others_share:.0%} of the processor")
    if seen.load_before is not None and seen.load_after is not None:
        said.append(f"load {seen.load_before:.1f} before and {seen.load_after:.1f} after")
    return "; ".join(said) or "how busy it was is not known"


def _memory_row(one: MemoryRow) -> Row:
    off = "" if not one.logged_bytes else f"{one.predicted_bytes / one.logged_bytes - 1:+.1%}"
    cells = (
        _WHERE[one.place],
        one.part,
        f"{one.predicted_bytes / MIB:,.1f}",
        f"{one.logged_bytes / MIB:,.1f}",
        off,
    )
    return Row(cells=cells)


def _kept(report: BenchReport) -> str:
    """What becomes of it."""
    why = next((one.disturbance for one in report.measured if one.disturbance), None)
    if not report.is_kept:
        return "It is not kept." if why is None else f"It is not kept, and was disturbed: {why}."
    numbers = " and ".join(str(one.number) for one in report.measured)
    if why is None:
        return (
            f"Kept as {numbers}: `scan`, `show` and `estimate` use it on this machine from now on."
        )
    return (
        f"Kept as {numbers}, but where it was disturbed no estimate uses it: {why}. Measure again"
        " when the machine is quiet."
    )


def bench_json(report: BenchReport) -> str:
    """`advisor.bench/1`."""
    subject, seen = report.subject, report.conditions
    return dumps(
        {
            "schema": "advisor.bench/1",
            "model": subject.model.name,
            "quant": subject.quant.name,
            "target": report.target_name,
            "is_kept": report.is_kept,
            "measurements": [measurement_object(one) for one in report.measured],
            "memory": [
                {
                    "place": one.place,
                    "part": one.part,
                    "predicted_bytes": one.predicted_bytes,
                    "logged_bytes": one.logged_bytes,
                }
                for one in report.memory
            ],
            "others_share": None if seen.others_share is None else round(seen.others_share, 4),
            "load_before": seen.load_before,
            "load_after": seen.load_after,
            "notes": list(report.notes),
        }
    )


def measurement_object(one: Measurement) -> Json:
    """One speed that was measured."""
    return {
        "number": one.number,
        "taken_at": one.taken_at,
        "machine": one.machine,
        "speed": one.pace.value,
        "model": one.model_name,
        "repository": one.model,
        "quant": one.quant,
        "file": one.file_name,
        "file_bytes": one.file_bytes,
        "file_mark": one.file_mark,
        "program": one.program,
        "program_version": one.program_version,
        "advisor_version": one.advisor_version,
        "runtime": one.runtime.value,
        "backend": one.backend,
        "devices": list(one.devices),
        "gpu_layers": one.gpu_layers,
        "n_cpu_moe": one.n_cpu_moe,
        "threads": one.threads,
        "flash_attention": "on" if one.flash_attention else "off",
        "kv_type_k": one.kv_type_k,
        "kv_type_v": one.kv_type_v,
        "tokens": one.tokens,
        "depth_tokens": one.depth_tokens,
        "samples_tokens_per_s": [round(sample, 3) for sample in one.samples_tokens_per_s],
        "measured_tokens_per_s": round(one.tokens_per_s, 3),
        "predicted_tokens_per_s": _rounded(one.predicted_tokens_per_s),
        "predicted_low": _rounded(one.predicted_low),
        "predicted_high": _rounded(one.predicted_high),
        "interval_held": one.is_inside,
        "disturbance": one.disturbance,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def list_text(kept: Sequence[Measurement], machine: str, paper: Paper) -> str:
    """Every measurement that is kept, those of other machines too."""
    if not kept:
        return "Nothing is kept; `advisor bench` measures.\n"
    paper.table(
        [
            Column(title="No.", right=True),
            Column(title="Taken (UTC)"),
            Column(title="Model", folds=True),
            Column(title="Quant"),
            Column(title="Speed"),
            Column(title="Tokens/s", right=True),
            Column(title="Predicted", right=True),
        ],
        [_list_row(one) for one in kept],
    )
    for one in kept:
        if one.disturbance:
            paper.say(f"{one.number} is not used: {one.disturbance}.")
    others = [str(one.number) for one in kept if one.machine != machine]
    if others:
        paper.say(f"Taken on another machine, and not used on this one: {', '.join(others)}.")
    return paper.text()


def _list_row(one: Measurement) -> Row:
    deep = f" at {tokens(one.depth_tokens)}" if one.depth_tokens else ""
    return Row(
        cells=(
            str(one.number),
            one.taken_at[:16].replace("T", " "),
            one.model_name,
            one.quant,
            f"{one.pace}{deep}",
            _speed(one),
            predicted(one),
        )
    )


def list_json(kept: Sequence[Measurement], machine: str) -> str:
    """`advisor.measurements/1`."""
    return dumps(
        {
            "schema": "advisor.measurements/1",
            "machine": machine,
            "measurements": [measurement_object(one) for one in kept],
        }
    )


EXPORTED = (
    "source",
    "checked",
    "device",
    "units",
    "backend",
    "runtime",
    "era",
    "model",
    "quant",
    "file_bytes",
    "test",
    "depth_tokens",
    "tokens",
    "flash_attention",
    "tokens_per_s",
)
"""The columns of `tests/measured/decode_speed.csv`, so that a row can be added to it."""


def export_csv(kept: Sequence[Measurement]) -> str:
    """The undisturbed measurements as rows of published runs."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(EXPORTED)
    for one in kept:
        if one.disturbance is None:
            rows.writerow(_exported(one))
    return out.getvalue()


def _exported(one: Measurement) -> tuple[object, ...]:
    gpus = [name for name in one.devices if name != "host"]
    processor = one.machine.partition(",")[0]
    of_what = family(one.runtime)
    version = f" {one.program_version}" if one.program_version else ""
    return (
        f"advisor bench {one.advisor_version or '?'} with {one.program}{version}",
        one.taken_at[:10],
        gpus[0] if gpus else processor,
        max(len(gpus), 1),
        one.backend,
        FAMILY if of_what == FAMILY else of_what,
        "",
        one.model_name,
        one.quant,
        one.file_bytes or "",
        one.pace.value,
        one.depth_tokens,
        one.tokens,
        "on" if one.flash_attention else "off",
        f"{one.tokens_per_s:.4g}",
    )


def progress_line(step: Step) -> str:
    """One line: bar, share, what is being done."""
    share = step.done / step.total if step.total else 0.0
    cells = int(share * BAR_CELLS)
    bar = f"[{'=' * cells}{' ' * (BAR_CELLS - cells)}]"
    return f"{bar} {int(100 * share):3d} %  {step.what}"


def forgotten_text(count: int) -> str:
    """What `--forget` did."""
    return f"{count} {'measurement' if count == 1 else 'measurements'} forgotten"


def file_said(name: str, size_bytes: int) -> str:
    """The file that is measured, as the talk before it names it."""
    return f"measuring {name} ({gb(size_bytes)}) …"
