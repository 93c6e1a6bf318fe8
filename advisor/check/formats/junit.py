"""The report as JUnit XML: a suite for each requirement, a case for each outcome.

A failed rule that decides is a `failure`, one that does not a `skipped` that says so. What is
undetermined is an `error` where it decides, which servers count as not passed. The form is the
common part of what Jenkins (`junit-10.xsd` of its xUnit plugin) and Ant (`JUnit.xsd`) take.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from advisor.check.formats.order import group_of, groups, sums
from advisor.check.outcome import Status

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from advisor.check.ci import Surroundings
    from advisor.check.outcome import CheckReport, Outcome

PACKAGE = "advisor.check"


def write(report: CheckReport, _: Surroundings) -> str:
    """The document."""
    from xml.etree.ElementTree import Element, indent, tostring

    whole = Element("testsuites")
    for number, (name, outcomes) in enumerate(groups(report)):
        whole.append(_suite(report, number, name, outcomes))
    indent(whole)
    text = tostring(whole, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _suite(report: CheckReport, number: int, name: str, outcomes: Sequence[Outcome]) -> Element:
    from xml.etree.ElementTree import Element, SubElement

    kinds = [_kind(report, one) for one in outcomes]
    suite = Element(
        "testsuite",
        {
            "name": printable(name),
            "package": PACKAGE,
            "id": str(number),
            "timestamp": report.checked_at.removesuffix("Z"),
            "hostname": "localhost",
            "tests": str(len(outcomes)),
            "failures": str(kinds.count("failure")),
            "errors": str(kinds.count("error")),
            "skipped": str(kinds.count("skipped")),
            "time": "0",
        },
    )
    properties = SubElement(suite, "properties")
    for key, value in _facts(report):
        SubElement(properties, "property", {"name": key, "value": printable(value)})
    for one, kind in zip(outcomes, kinds, strict=True):
        suite.append(_case(one, kind))
    SubElement(suite, "system-out").text = printable(sums(report))
    SubElement(suite, "system-err")
    return suite


def _facts(report: CheckReport) -> list[tuple[str, str]]:
    facts = [("target", report.target), ("verdict", str(report.verdict))]
    facts.append(("version", report.version))
    if report.simulated:
        facts.append(("simulated", report.simulated))
    drivers = {one.driver for one in report.machine.accelerators} if report.machine else set()
    return facts + [("driver", one) for one in sorted(one for one in drivers if one)]


def _kind(report: CheckReport, one: Outcome) -> str | None:
    """The element that says what became of it; ``None`` for a pass."""
    if one.status is Status.PASS:
        return None
    if one.status is Status.SKIPPED or not (report.decides(one) or report.breaks(one)):
        return "skipped"
    return "failure" if one.status is Status.FAIL else "error"


def _case(one: Outcome, kind: str | None) -> Element:
    from xml.etree.ElementTree import Element, SubElement

    name = f"{one.rule.id} {one.rule.name}"
    subject = one.found.subject
    case = Element(
        "testcase",
        {
            "classname": printable(f"{PACKAGE}.{group_of(one).replace('.', '_')}"),
            "name": printable(name if subject == "machine" else f"{name}: {subject}"),
            "time": "0",
        },
    )
    if kind is not None:
        prefix = {Status.FAIL: "", Status.UNDETERMINED: "undetermined: "}.get(one.status, "")
        if one.status is Status.FAIL and kind == "skipped":
            prefix = f"{one.severity}: "
        message = printable(prefix + one.found.sentence)
        told = SubElement(case, kind, {"message": message})
        if kind != "skipped":
            told.set("type", one.rule.id)
            hint = f"\nHint: {one.found.hint}" if one.found.hint else ""
            told.text = printable(f"{one.found.sentence}{hint}")
    return case


def printable(text: str) -> str:
    """The text without what no XML document may hold."""
    return "".join(
        letter
        for letter in text
        if letter in "\t\n"
        or 0x20 <= ord(letter) < 0xD800
        or 0xE000 <= ord(letter) < 0xFFFE
        or ord(letter) > 0xFFFF
    )
