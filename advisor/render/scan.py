"""A scan as text: the machine, the ranking, the recommendation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.estimate.result import Verdict
from advisor.rank import Demotion
from advisor.render.machine import write_target
from advisor.render.paper import BOLD, DIM, PLAIN, Column, Paper, Row, Section
from advisor.render.run_lines import write_commands
from advisor.render.sentences import (
    demotion,
    now_and_idle,
    own_mix,
    reason,
    speed_origin,
    why_not_larger,
)
from advisor.render.units import gb, gb_interval, gb_number, gib_number, memory, speed, tokens
from advisor.report.download import download_of

if TYPE_CHECKING:
    from advisor.estimate.result import Estimate
    from advisor.rank import Candidate
    from advisor.report.scan import Recommendation, ScanReport

WIDE = 100
"""From this width on a table has a column for the quant's loss."""

STAR = "★"

SHOWN_REJECTED = 3
"""Of the models that do not fit, when none does."""


def scan_text(report: ScanReport, paper: Paper) -> str:
    """The whole answer."""
    write_target(paper, report.question.target, report.machine)
    if not report.rows and not report.rejected:
        paper.heading("Nothing to rank")
        paper.say(_nobody(report))
        return paper.text()
    if report.recommendation is None:
        _write_nothing(paper, report)
        return paper.text()
    fast = [one for one in report.rows if not one.demotions]
    shown = report.rows if report.filter.everything else (fast or report.rows[:10])
    paper.heading(_title(report))
    _write_rows(paper, shown)
    _write_rest(paper, report, shown)
    _write_recommendation(paper, report, report.recommendation)
    for note in report.notes:
        paper.say(f"Note: {note}.")
    return paper.text()


def _nobody(report: ScanReport) -> str:
    """Why there is no model at all."""
    which = (
        "of the catalog's models" if report.filter.everything else "of the models people run most"
    )
    context = report.question.workload.context_tokens
    long = "" if context is None else f" and was made for a context of {tokens(context)} tokens"
    others = "" if report.filter.everything else "; `--all` considers the others"
    return f"None {which} passes these filters{long}{others}."


def _write_nothing(paper: Paper, report: ScanReport) -> None:
    """Nothing fits: the smallest that does not, or with `--all` each of them."""
    shown = report.rejected if report.filter.everything else report.rejected[:SHOWN_REJECTED]
    paper.heading("Nothing fits")
    _write_rejected(paper, shown)
    left_out = len(report.rejected) - len(shown)
    if left_out:
        paper.say(f"{left_out} more need more than that; `--all` lists them.", style=DIM)


def _title(report: ScanReport) -> str:
    which = "every model" if report.filter.everything else "the models people run most"
    context = report.question.workload.context_tokens
    length = (
        "8,192 tokens, or the model's own context"
        if context is None
        else (f"{tokens(context)} tokens")
    )
    return f"Best quant of {which}, for a context of {length}"


def _write_rows(paper: Paper, rows: list[Candidate] | tuple[Candidate, ...]) -> None:
    columns = [
        Column(title=""),
        Column(title="Model", folds=True),
        Column(title="Quant"),
        Column(title="GB to\nget", right=True),
        Column(title="GiB of\nmemory", right=True),
        Column(title="Fit"),
        Column(title="Tokens/s", right=True),
    ]
    wide = paper.width >= WIDE
    if wide:
        columns.append(Column(title="Quant's loss,\nat worst"))
    table: list[Row | Section] = []
    above = None
    for number, one in enumerate(rows):
        title = _section(one)
        if title != above:
            table.append(Section(title=title))
            above = title
        table.append(_row(one, starred=number == 0, wide=wide))
    paper.table(columns, table)


def _section(one: Candidate) -> str:
    """What the rows of one part have in common, in the order of the ranking."""
    if one.demotions:
        return "Listed last: slow, of unknown speed, or of severe loss"
    return f"Evidence: {one.evidence.label}{_limits(one)}"


def _limits(one: Candidate) -> str:
    """What keeps a row behind those that fit."""
    if one.estimate.fit.verdict is Verdict.TIGHT:
        return ", tight"
    if one.estimate.fit.verdict is not Verdict.PARTIAL:
        return ""
    host = one.estimate.allocations[-1]
    unsure = ", if the system has the memory" if host.available_bytes is None else ""
    return f", partly on the CPU{unsure}"


def _row(one: Candidate, *, starred: bool, wide: bool) -> Row:
    answer = one.estimate
    cells = [
        STAR if starred else "",
        answer.subject.model.name,
        answer.subject.quant.name,
        gb_number(download_of(answer.subject).size_bytes.value),
        gib_number(answer.total_bytes),
        answer.fit.verdict.value,
        speed(answer.decode),
    ]
    if wide:
        cells.append(one.loss.cautious_label)
    return Row(cells=tuple(cells), style=BOLD if starred else PLAIN)


def _write_rest(paper: Paper, report: ScanReport, shown: object) -> None:
    """How many are not shown, and why; with `--all`, each of them."""
    if report.filter.everything:
        if report.rejected:
            paper.heading(f"{len(report.rejected)} do not fit, even in their smallest quant")
            _write_rejected(paper, report.rejected)
        return
    slow = sum(1 for one in report.rows if Demotion.SLOW in one.demotions)
    floor = report.question.min_tokens_per_s
    said = []
    if slow and shown is not report.rows:
        said.append(f"{slow} more {'runs' if slow == 1 else 'run'} below {floor:g} tokens/s")
    if report.rejected:
        many = len(report.rejected)
        said.append(f"{many} {'does' if many == 1 else 'do'} not fit")
    if said:
        paper.say(f"{' and '.join(said)}; `--all` lists them.", style=DIM)


def _write_rejected(paper: Paper, rejected: tuple[Candidate, ...]) -> None:
    for one in rejected:
        subject = one.estimate.subject
        paper.say(f"{subject.model.name} in {subject.quant.name}: {reason(one.estimate)}", indent=2)


def _write_recommendation(paper: Paper, report: ScanReport, best: Recommendation) -> None:
    answer = best.candidate.estimate
    model, quant = answer.subject.model, answer.subject.quant
    floor = report.question.min_tokens_per_s
    paper.heading(f"Recommended: {model.name} in {quant.name}")
    rows = [
        ("File", _file(best)),
        ("Download", _download(best)),
        ("Memory", f"{memory(answer)}: {reason(answer)}"),
        ("Speed", _speed(answer)),
        ("Why this model", f"{best.candidate.evidence.label}: {best.candidate.evidence.basis}"),
        (
            "Why this quant",
            f"{_loss(best.candidate)}; {why_not_larger(best.candidate, best.larger, floor)}",
        ),
    ]
    differs = now_and_idle(answer.fit)
    if differs:
        rows.insert(3, ("Fit", differs))
    rows += [("But", text) for text in (demotion(best.candidate, floor), own_mix(best)) if text]
    paper.pairs(rows)
    write_commands(paper, best.commands)
    paper.say(
        f"`advisor show {model.name}` shows every quant of it, and which devices run it.",
        style=DIM,
    )


def _file(best: Recommendation) -> str:
    download = best.download
    if download.repository is None:
        return "no repository of GGUF files is known here"
    if download.file_name is None:
        return download.repository
    mark = "" if download.is_certain else " (named as its publisher names files; not seen)"
    return f"{download.repository}/{download.file_name}{mark}"


def _download(best: Recommendation) -> str:
    size = best.download.size_bytes
    if size.low is None or size.high is None:
        return f"{gb(size.value)} ({size.value:,.0f} bytes, as published)"
    return f"{gb_interval(size.low, size.high)}, predicted from its tensors"


def _speed(answer: Estimate) -> str:
    decode = answer.decode
    if decode is None:
        return "not known"
    bound = decode.speed.bound_by
    return f"{speed(decode)} tokens/s, bound by {bound}; {speed_origin(decode)}"


def _loss(candidate: Candidate) -> str:
    loss = candidate.loss
    if loss.kld_mean is None:
        return f"its loss is not known ({loss.basis})"
    return (
        f"its loss is {loss.cautious_label} at worst (mean KL divergence {loss.kld_mean:.2g},"
        f" {loss.low:.2g}–{loss.high:.2g})"
    )
