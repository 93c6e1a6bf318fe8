"""A model's page as text: specification, quants, devices, and the questions people ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.estimate.result import Verdict
from advisor.render.device_list import write_device_rows
from advisor.render.machine import write_target
from advisor.render.paper import BOLD, DIM, PLAIN, Column, Paper, Row
from advisor.render.questions import questions
from advisor.render.sentences import why_not_larger
from advisor.render.units import gb_number, gib_number, params, speed, tokens
from advisor.report.download import download_of
from catalog.device import DeviceKind

if TYPE_CHECKING:
    from advisor.figure import Figure
    from advisor.rank import Candidate
    from advisor.report.page import Page
    from catalog.model import Model
    from probes.machine import Machine

STAR = "★"

SHOWN_LINES = 12
"""Of devices of each kind, on the page; `advisor devices` lists them all."""


def page_text(page: Page, machine: Machine | None, paper: Paper) -> str:
    """The whole page."""
    _write_specification(paper, page)
    write_target(paper, page.question.target, machine)
    _write_quants(paper, page)
    _write_own_mixes(paper, page)
    _write_devices(paper, page)
    _write_questions(paper, page)
    if page.related:
        paper.heading("Related models")
        paper.say(", ".join(f"{one.name} ({params(one.params_total)})" for one in page.related))
    return paper.text()


def _write_specification(paper: Paper, page: Page) -> None:
    model = page.model
    paper.heading(f"{model.name}: {_whence(page)}")
    publisher = ", ".join(_said(model.publisher, "") + _said(model.family, "family "))
    rows = [
        ("Publisher", ", ".join([publisher, *_said(model.release_date, "")])),
        ("Licence", model.license),
        ("Weights", _weights(model)),
        ("Architecture", f"{model.architecture}, {_layers(model)}"),
        ("Context", f"{tokens(model.context_tokens)} tokens"),
        ("Made for", model.modality),
        ("Evidence", f"{page.evidence.label}: {page.evidence.basis}"),
        ("GGUF files", _repositories(page)),
    ]
    paper.pairs([(name, text) for name, text in rows if text])
    for note in (*model.notes, *page.offer.notes):
        paper.say(f"Note: {note}", indent=2)


def _whence(page: Page) -> str:
    """The publisher's repository of a catalog model; of another, its file or address."""
    return page.model.repository if page.offer.is_shelved else page.offer.address


def _repositories(page: Page) -> str:
    named = ", ".join(page.model.gguf_repositories)
    return named or ("no repository known here" if page.offer.is_shelved else "")


def _said(text: str, before: str) -> list[str]:
    return [before + text] if text else []


def _weights(model: Model) -> str:
    text = f"{params(model.params_total)} ({model.params_total:,})"
    if model.params_active != model.params_total:
        text += f", {params(model.params_active)} of them active per token"
    if not model.is_verified:
        text += "; the count is its publisher's, not verified here"
    return text


def _layers(model: Model) -> str:
    hyper = model.hyperparameters
    text = f"{hyper.block_count} layers of width {hyper.embedding_length:,}"
    if hyper.expert_count:
        text += f", {hyper.expert_used_count} of {hyper.expert_count} experts per token"
    return text


def _write_quants(paper: Paper, page: Page) -> None:
    context = page.starred.estimate.setup.context_tokens
    paper.heading(f"Quants, for a context of {tokens(context)} tokens")
    columns = [
        Column(title=""),
        Column(title="Quant"),
        Column(title="Bits", right=True),
        Column(title="GB to\nget", right=True),
        Column(title="GiB of\nmemory", right=True),
        Column(title="Fit"),
        Column(title="Tokens/s here", right=True),
        Column(title="Loss, at worst"),
    ]
    best = page.best.candidate if page.best else None
    rows = [_quant_row(one, starred=one is best) for one in page.rows]
    paper.table(columns, rows)
    paper.say(
        "GB to get without a ~ is of a published file; with it, predicted from the tensors. Loss"
        " is the mean KL divergence from the unquantized model; the word is for the upper end of"
        " its interval.",
        style=DIM,
    )
    if page.best is not None and len(page.rows) > 1:
        floor = page.question.min_tokens_per_s
        quant = page.best.candidate.estimate.subject.quant.name
        why = why_not_larger(page.best.candidate, page.best.larger, floor)
        paper.say(f"{STAR} {quant}: {why}.")


def _write_own_mixes(paper: Paper, page: Page) -> None:
    """What publishers make besides, by recipes of their own."""
    if not page.own_mixes:
        return
    paper.heading("Publishers' own mixes")
    columns = [
        Column(title="Label"),
        Column(title="GB to get", right=True),
        Column(title="Repository"),
    ]
    rows = [
        Row(cells=(one.label, _size(one.download.size_bytes), one.download.repository or ""))
        for one in page.own_mixes
    ]
    paper.table(columns, rows)
    paper.say(
        "What is in them only their headers say: `advisor show hf:REPOSITORY:LABEL` reads one.",
        style=DIM,
    )


def _size(size: Figure) -> str:
    """A published size in GB, or the interval of a predicted one."""
    if size.low is None or size.high is None:
        return gb_number(size.value)
    low, high = gb_number(size.low), gb_number(size.high)
    return f"~{high}" if low == high else f"{low}–{high}"


def _quant_row(one: Candidate, *, starred: bool) -> Row:
    answer = one.estimate
    subject = answer.subject
    size = download_of(subject).size_bytes
    predicted = "" if size.low is None else "~"
    bits = 8 * subject.weights.tensor_bytes / subject.table.elements
    cells = (
        STAR if starred else "",
        subject.quant.name,
        f"{bits:.2f}",
        predicted + gb_number(size.value),
        gib_number(answer.total_bytes),
        answer.fit.verdict.value,
        speed(answer.decode) if answer.fit.verdict is not Verdict.NO else "",
        _loss(one),
    )
    return Row(cells=cells, style=BOLD if starred else PLAIN)


def _loss(one: Candidate) -> str:
    if one.loss.kld_mean is None:
        return one.loss.cautious_label
    return f"{one.loss.cautious_label} {one.loss.kld_mean:.2g}"


def _write_devices(paper: Paper, page: Page) -> None:
    quant = page.starred.estimate.subject.quant.name
    groups = {
        "graphics cards": [
            row
            for row in page.devices
            if row.device.kind in {DeviceKind.DESKTOP, DeviceKind.LAPTOP, DeviceKind.DATACENTER}
        ],
        "machines with unified memory": [
            row for row in page.devices if row.device.kind is DeviceKind.UNIFIED
        ],
    }
    for title, rows in groups.items():
        paper.heading(f"{quant} on one device: {len(rows)} {title} hold it whole")
        left_out = write_device_rows(paper, rows, most=SHOWN_LINES)
        if left_out:
            paper.say(
                f"{left_out} more: `advisor devices {page.offer.address} --quant {quant}`",
                style=DIM,
            )


def _write_questions(paper: Paper, page: Page) -> None:
    paper.heading("Questions")
    for question, answer in questions(page):
        paper.say(question, style=BOLD)
        paper.say(answer, indent=2)
