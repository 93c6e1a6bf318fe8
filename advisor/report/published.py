"""A scan's answer with files that the Hub lists today in place of predicted ones.

Holds the asking for many models at once; how one model's files stand beside the catalog's answer
is `advisor.offer.published`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from advisor.offer.published import repository_of
from advisor.rank import ranked
from advisor.report.candidates import judged
from advisor.report.scan import recommended
from catalog.errors import CatalogError
from catalog.hub.errors import UnreachableError

if TYPE_CHECKING:
    from advisor.rank import Candidate
    from advisor.report.candidates import Question
    from advisor.report.scan import ScanReport
    from catalog.hub.client import Hub

AT_ONCE = 8
"""Repositories that are listed side by side."""


def with_listed_files(report: ScanReport, hub: Hub) -> ScanReport:
    """The same scan, with each model's file as its repository has it now.

    A model whose repository lacks the quant, or cannot be read, keeps its predicted file. Without
    network it is the catalog's answer, with a note that says why.
    """
    if not report.rows:
        return report
    first, *others = report.rows
    try:
        rows = [_listed(first, report.question, hub)]
    except UnreachableError as error:
        return replace(report, notes=(*report.notes, f"{error}; this is the catalog's answer"))
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(AT_ONCE) as pool:
        rows += pool.map(lambda one: _listed_or_same(one, report.question, hub), others)
    order = ranked(rows)
    seen = sum(1 for one in order if one.estimate.subject.file is not None)
    note = f"{seen} of {len(order)} files were seen on the Hub; the others are predicted"
    return replace(
        report,
        rows=tuple(order),
        recommendation=recommended(order, report.question),
        notes=(*report.notes, note),
    )


def _listed_or_same(one: Candidate, question: Question, hub: Hub) -> Candidate:
    try:
        return _listed(one, question, hub)
    except CatalogError:
        return one


def _listed(one: Candidate, question: Question, hub: Hub) -> Candidate:
    """The candidate with the file that is listed; the same where there is none."""
    subject = one.estimate.subject
    repository = repository_of(subject.model, hub)
    if repository is None or not repository.has(subject.quant.name):
        return one
    found = repository.subject(repository.find(subject.quant.name))
    return judged([found], question, one.evidence)[0]
