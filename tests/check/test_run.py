"""How outcomes become a verdict, and that no broken rule can hide the others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from advisor.check import run
from advisor.check.asked import Asked
from advisor.check.ci import Surroundings
from advisor.check.formats import FORMATS, written
from advisor.check.outcome import Status, Verdict
from advisor.check.problem import RequirementError
from advisor.check.rules import RULES
from probes.errors import ProbeError
from probes.finding import Severity
from tests.check.conftest import NOW, checked, of_rule, requirement
from tests.check.machines import (
    TESTS,
    desktop,
    gaming,
    recorded,
    with_condition,
    with_finding,
    with_gpu,
)

WELL = with_condition(gaming(), compute_mode="shared")
LIMITED = with_gpu(WELL, power_limit_watts=300.0)
"""One warning fails: the power limit."""

FAILS = {"min_gpus": 2}
OPEN = {"min_driver": "550"}
"""Undetermined where no driver says its version."""


class TestVerdict:
    """What the whole is worth."""

    def test_a_machine_that_is_well_is_met(self):
        report = checked(WELL)
        assert report.verdict is Verdict.MET
        assert report.count(Status.UNDETERMINED) == report.count(Status.FAIL) == 0

    def test_a_failed_warning_is_met_and_told(self):
        report = checked(LIMITED)
        assert report.verdict is Verdict.MET
        assert [one.rule.id for one in report.outcomes if one.status == "fail"] == ["ADV205"]

    def test_a_failed_warning_decides_where_warnings_do(self):
        assert checked(LIMITED, fail_on=Severity.WARNING).verdict is Verdict.NOT_MET

    def test_a_failed_error_is_not_met(self):
        assert checked(WELL, requirement(**FAILS)).verdict is Verdict.NOT_MET

    def test_an_error_that_is_undetermined_makes_the_whole_so(self):
        silent = with_gpu(WELL, driver=None)
        assert checked(silent, requirement(**OPEN)).verdict is Verdict.UNDETERMINED

    def test_a_failure_outweighs_what_is_undetermined(self):
        silent = with_gpu(WELL, driver=None)
        both = (requirement(**OPEN), requirement(**FAILS))
        assert checked(silent, *both).verdict is Verdict.NOT_MET

    def test_a_warning_that_is_undetermined_is_told_and_does_not_decide(self):
        report = checked(gaming())
        assert report.verdict is Verdict.MET
        unknown = {one.rule.id for one in report.outcomes if one.status == "undetermined"}
        assert unknown == {"ADV109", "ADV204", "ADV207"}

    def test_strict_fails_on_whatever_is_undetermined(self):
        assert checked(gaming(), strict=True).verdict is Verdict.NOT_MET
        assert checked(WELL, strict=True).verdict is Verdict.MET

    def test_unknown_never_becomes_a_pass(self):
        """A machine of which only the memory is known: nothing that is asked of it passes."""
        mute = replace(desktop(), cpu=replace(desktop().cpu, instruction_sets=()), findings=())
        asked = requirement(min_driver="550", gpu="RTX 4090", min_free_disk="1GB")
        report = checked(mute, asked, disk=None)
        passed = [one.rule.id for one in report.outcomes if one.status == "pass"]
        assert passed == ["ADV111", "ADV112", "ADV405", "ADV300"]


class TestAsked:
    """Which rules are asked of what."""

    def test_without_a_requirement_the_machine_alone_is_asked(self):
        report = checked(WELL)
        assert {one.requirement for one in report.outcomes} == {None}
        assert {one.rule.scope for one in report.outcomes} == {"machine"}

    def test_every_rule_says_something_of_every_requirement(self):
        one, other = requirement(min_cpus=1), requirement(min_gpus=1)
        report = checked(WELL, one, other)
        asked = {rule.id for rule in RULES if rule.scope == "requirement"}
        for name in (report.requirements[0].name, report.requirements[1].name):
            ids = {
                each.rule.id
                for each in report.outcomes
                if each.requirement is not None and each.requirement.name == name
            }
            assert ids == asked

    def test_requirements_of_one_name_are_told_apart(self):
        report = checked(WELL, requirement(min_cpus=1), requirement(min_cpus=2))
        assert [one.name for one in report.requirements] == [
            "the requirement",
            "the requirement (2)",
        ]

    def test_no_requirement_is_taken_for_the_machine(self):
        report = checked(WELL, requirement(name="The machine", min_cpus=1))
        assert report.requirements[0].name == "The machine (2)"

    def test_two_findings_of_one_rule_are_told_apart(self, nvidia):
        twice = nvidia("lost", instead=["1.handle.ret=15"])
        subjects = [one.found.subject for one in of_rule(checked(twice), "ADV106")]
        assert subjects == ["machine", "machine (2)"]

    def test_an_ignored_rule_is_not_asked(self):
        report = checked(LIMITED, requirement(**FAILS), ignore=("ADV205", "ADV303"))
        assert of_rule(report, "ADV205") == of_rule(report, "ADV303") == []
        assert report.verdict is Verdict.MET

    def test_a_requirement_ignores_for_itself_alone(self):
        report = checked(
            WELL, requirement(**FAILS, ignore=["ADV303"]), requirement(name="b", **FAILS)
        )
        assert [one.requirement.name for one in of_rule(report, "ADV303")] == ["b"]

    def test_a_requirement_for_other_machines_is_not_asked(self):
        report = checked(
            WELL,
            requirement(name="small", where="cpu", min_memory="1TiB"),
            requirement(name="large", where="RTX 4090", min_gpus=1),
        )
        assert report.verdict is Verdict.MET
        small = [
            one for one in report.outcomes if one.requirement and one.requirement.name == "small"
        ]
        assert [(one.rule.id, one.status) for one in small] == [
            ("ADV300", "pass"),
            ("ADV301", "skipped"),
        ]

    def test_a_broken_gpu_does_not_make_its_requirement_vanish(self):
        """By the numbers on the bus: an RTX 3080 whose driver does not answer."""
        broken = recorded("driver-mismatch")
        for where in ("gpu", "RTX 3080 10GB"):
            report = checked(broken, requirement(where=where, min_gpus=1))
            assert of_rule(report, "ADV303")[0].status == "fail"

    def test_a_gpu_that_nobody_makes_is_wrong_usage(self):
        with pytest.raises(RequirementError) as wrong:
            checked(WELL, requirement(gpu="RTX 9999"), requirement(where="Voodoo", min_cpus=1))
        assert [one.sentence.partition(":")[0] for one in wrong.value.problems] == [
            "`gpu`",
            "`where`",
        ]

    @pytest.mark.parametrize(
        ("keys", "says"),
        [
            ({"model": "qwen3-8bb"}, "`qwen3-8bb` is not a model in the catalog"),
            ({"model": "qwen3-8b", "quant": "Q4_K_Q"}, "`Q4_K_Q` is not a quantization"),
            ({"model": "qwen3-8b", "context": "1M"}, "is beyond the model's own 40,960"),
            ({"model": "qwen3-8b", "kv_type_k": "f4"}, "`f4`"),
        ],
        ids=["model", "quant", "context", "cache"],
    )
    def test_a_model_that_does_not_exist_is_wrong_usage(self, keys, says):
        with pytest.raises(RequirementError, match=says):
            checked(WELL, requirement(**keys))


class TestBroken:
    """What happens when the program itself, or the machine, does not do its part."""

    @pytest.fixture
    def broken_rule(self, monkeypatch):
        def fail(_):
            msg = "on purpose"
            raise ZeroDivisionError(msg)
            yield

        rules = tuple(replace(rule, ask=fail) if rule.id == "ADV202" else rule for rule in RULES)
        monkeypatch.setattr(run, "RULES", rules)

    @pytest.mark.usefixtures("broken_rule")
    def test_a_broken_rule_hides_no_other_and_is_no_pass(self):
        report = checked(WELL)
        (only,) = of_rule(report, "ADV202")
        assert only.status == "undetermined"
        assert only.found.sentence == "the rule itself failed: ZeroDivisionError: on purpose"
        assert of_rule(report, "ADV203")[0].status == "pass"
        assert report.verdict is Verdict.UNDETERMINED, "although the rule is but a warning"
        assert "on purpose" in report.crashes[0]

    def test_a_broken_estimate_leaves_the_other_rules(self, monkeypatch):
        def fail(*_):
            msg = "on purpose"
            raise ZeroDivisionError(msg)

        monkeypatch.setattr(run, "judge_model", fail)
        report = checked(WELL, requirement(model="qwen3-8b", min_gpus=1))
        assert of_rule(report, "ADV501")[0].status == "undetermined"
        assert of_rule(report, "ADV502")[0].status == "skipped"
        assert of_rule(report, "ADV303")[0].status == "pass"
        assert report.verdict is Verdict.UNDETERMINED

    def test_a_machine_that_cannot_be_known_is_undetermined(self):
        def stage():
            msg = "the size of the memory cannot be known: no /proc"
            raise ProbeError(msg)

        report = run.check(Asked(), stage, version="0.1.0", checked_at=NOW)
        assert report.verdict is Verdict.UNDETERMINED
        (only,) = report.outcomes
        assert (only.rule.id, only.status) == ("ADV112", "undetermined")
        assert "no /proc" in only.found.sentence


def test_a_finding_that_no_rule_claims_is_not_lost():
    odd = with_finding(WELL, "amd-on-fire", "the card is on fire", severity=Severity.ERROR)
    (only,) = [one for one in of_rule(checked(odd), "ADV111") if one.status == "fail"]
    assert only.found.sentence == "the card is on fire"


EVERYTHING = requirement(
    model="qwen3-8b",
    quant="Q4_K_M",
    min_decode=10,
    min_prefill=100,
    gpu="RTX 4090",
    min_gpus=1,
    min_gpu_memory="8GiB",
    min_free_gpu_memory="4GiB",
    max_gpu_in_use="2GiB",
    dedicated=True,
    mig="none",
    min_driver="550",
    min_memory="4GiB",
    min_cpus=2,
    min_free_disk="10GB",
)
MACHINES = sorted(path.parent.name for path in (TESTS / "machines").glob("*/machine.json"))


@pytest.mark.parametrize("name", MACHINES)
def test_every_recorded_machine_is_answered_in_every_format(name):
    report = checked(recorded(name), EVERYTHING)
    assert report.crashes == ()
    asked = {one.rule.id for one in report.outcomes if one.status is not Status.SKIPPED}
    assert {"ADV112", "ADV302", "ADV303", "ADV304", "ADV402", "ADV404", "ADV407"} <= asked
    for form in FORMATS:
        text = written(form, report, Surroundings())
        assert text.endswith("\n")
        assert "None" not in text, form
