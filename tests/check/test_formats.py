"""Each format is valid by its own validator, whole whatever the verdict, and says what is found."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import pytest
import xmlschema
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from advisor.check import run
from advisor.check.asked import Asked
from advisor.check.ci import Surroundings
from advisor.check.file import parse
from advisor.check.formats import FORMATS, written
from advisor.check.formats.github import MOST_OF_A_LEVEL, commands, problem_command, summary_outputs
from advisor.check.formats.human import text as human_text
from advisor.check.outcome import Found, Status
from advisor.check.problem import Problem
from advisor.check.requirement import Place
from advisor.check.rules import RULES
from advisor.render.paper import Paper
from probes.errors import ProbeError
from probes.finding import Severity
from tests.check.conftest import NOW, checked, requirement
from tests.check.machines import desktop, gaming, recorded, with_condition, with_gpu

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
SCHEMAS = HERE / "schemas"
NOWHERE = Surroundings()
GITHUB = Surroundings(is_github=True, workflow_file=".github/workflows/gpu.yml")

FILE = """\
[[require]]
name = "chat & <code> | 日本"
model = "qwen3-8b"
quant = "Q4_K_M"
min_decode = 500
max_gpu_in_use = "512MiB"

[[require]]
name = "other"
min_driver = "550"
"""


def from_file(machine, text=FILE, **asked):
    return checked(machine, *parse(text.encode(), "advisor.toml").requirements, **asked)


def crashed():
    """A report in which a rule has a bug."""

    def fail(_):
        msg = "a \x07 bell & <tag> in 100% of cases"
        raise ZeroDivisionError(msg)
        yield

    with pytest.MonkeyPatch.context() as patch:
        rules = tuple(replace(rule, ask=fail) if rule.id == "ADV202" else rule for rule in RULES)
        patch.setattr(run, "RULES", rules)
        return checked(gaming())


def unknown_machine():
    def stage():
        msg = "the size of the memory cannot be known"
        raise ProbeError(msg)

    return run.check(Asked(), stage, version="0.1.0", checked_at=NOW)


REPORTS = {
    "met": checked(with_condition(gaming()), requirement(gpu="RTX 4090")),
    "health alone": checked(desktop()),
    "not met": from_file(gaming()),
    "not met by warnings": checked(
        with_gpu(gaming(), power_limit_watts=100.0), fail_on=Severity.WARNING
    ),
    "undetermined": checked(with_gpu(gaming(), driver=None), requirement(min_driver="550")),
    "strict": checked(gaming(), strict=True),
    "several cards": checked(recorded("dual-3090-and-3060"), requirement(min_gpus=2)),
    "a rule with a bug": crashed(),
    "a machine that cannot be known": unknown_machine(),
}

every_report = pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)


@pytest.fixture(scope="module")
def sarif():
    schema = json.loads((SCHEMAS / "sarif-2.1.0-rtm.4.json").read_text(encoding="utf-8"))
    return jsonschema.Draft4Validator(schema, format_checker=jsonschema.FormatChecker())


@pytest.fixture(scope="module", params=["junit-10.xsd", "JUnit.xsd"], ids=["Jenkins", "Ant"])
def junit(request):
    return xmlschema.XMLSchema(SCHEMAS / request.param)


CODE_QUALITY = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "properties": {
            "description": {"type": "string", "minLength": 1},
            "check_name": {"type": "string", "minLength": 1},
            "fingerprint": {"type": "string", "minLength": 1},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {
                    "path": {"type": "string", "not": {"pattern": r"^(\./|/)"}},
                    "lines": {
                        "type": "object",
                        "required": ["begin"],
                        "properties": {"begin": {"type": "integer", "minimum": 1}},
                    },
                },
            },
        },
    },
}
"""GitLab Docs, "Code Quality report format": required fields, and no path that begins with `./`."""


# Validators


@every_report
def test_junit_is_what_servers_take(report, junit):
    junit.validate(ET.fromstring(written("junit", report, NOWHERE)))


@every_report
@pytest.mark.parametrize("around", [NOWHERE, GITHUB], ids=["anywhere", "GitHub"])
def test_sarif_is_sarif(report, around, sarif):
    sarif.validate(json.loads(written("sarif", report, around)))


@every_report
def test_openmetrics_are_read_by_the_official_parser(report):
    families = list(text_string_to_metric_families(written("openmetrics", report, NOWHERE)))
    found = {family.name: family.samples for family in families}
    assert len(found["advisor_check_outcome"]) == len(report.outcomes)
    (met,) = found["advisor_check_met"]
    assert met.value == (report.verdict == "met")


@every_report
def test_gitlab_gets_a_code_quality_report(report):
    issues = json.loads(written("gitlab", report, NOWHERE))
    jsonschema.validate(issues, CODE_QUALITY)
    assert len(issues) == report.count(Status.FAIL) + report.count(Status.UNDETERMINED)
    assert len({issue["fingerprint"] for issue in issues}) == len(issues)


@every_report
def test_json_is_of_the_published_form(report):
    schema = json.loads((PROJECT / "docs/schema/check.schema.json").read_text(encoding="utf-8"))
    whole = json.loads(written("json", report, NOWHERE))
    jsonschema.validate(whole, schema)
    assert whole["schema"] == "advisor.check/1"


@every_report
def test_lines_of_json_are_the_same_outcomes_and_then_the_verdict(report):
    lines = [json.loads(line) for line in written("jsonl", report, NOWHERE).splitlines()]
    whole = json.loads(written("json", report, NOWHERE))
    assert lines[:-1] == whole["outcomes"]
    assert lines[-1]["verdict"] == whole["verdict"] == report.verdict


@every_report
@pytest.mark.parametrize("form", FORMATS)
def test_every_format_ends_with_one_line_end_and_says_each_problem(report, form):
    text = written(form, report, NOWHERE)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", text)
    for one in report.outcomes:
        if one.is_problem:
            assert one.rule.id in text


# What each says


class TestHuman:
    """Text as a log shows it."""

    def lines(self, report, **how):
        return human_text(report, NOWHERE, Paper(80, colour=False), **how).splitlines()

    @every_report
    def test_no_line_is_wider_than_a_log(self, report):
        assert max(map(len, self.lines(report))) <= 80

    def test_a_failing_requirement_reads_well(self):
        text = "\n".join(self.lines(from_file(gaming())))
        assert text.startswith(
            "advisor check: not met\n"
            "Not all requirements are met: 2 failed, 3 undetermined, 25 passed, 35 skipped\n"
            "On NVIDIA GeForce RTX 4090\n"
            "\n"
            "chat & <code> | 日本\n"
            "  fail ADV306  programs hold 1.0 GiB of NVIDIA GeForce RTX 4090, more than the\n"
            "               512 MiB that may be in use: `Xorg` 432 MiB, `firefox` 288 MiB and\n"
            "               `gnome-shell` 180 MiB\n"
            "               Hint: end them, or wait until they have ended; `nvidia-smi` lists\n"
            "               them\n"
            "               asked for in advisor.toml:6\n"
            "  fail ADV511  decode of qwen3-8b in Q4_K_M is predicted at "
        )

    def test_what_matters_most_comes_first(self):
        text = "\n".join(self.lines(from_file(gaming())))
        assert text.index("fail ADV306") < text.index("pass ADV501")

    def test_what_was_skipped_is_counted_and_listed_on_demand(self):
        report = checked(desktop())
        assert "  skipped" not in "\n".join(self.lines(report))
        assert f"{report.count(Status.SKIPPED)} rules do not apply" in "\n".join(self.lines(report))
        assert "  skipped ADV201" in "\n".join(self.lines(report, everything=True))

    def test_a_warning_is_called_one(self):
        text = "\n".join(self.lines(checked(with_gpu(gaming(), power_limit_watts=100.0))))
        assert "  warning ADV205 " in text
        assert text.startswith("advisor check: met\nThe machine is well: 1 warning,")


class TestGithub:
    """Workflow commands."""

    def test_an_error_points_at_the_key_that_asks(self):
        found = commands(from_file(gaming()), NOWHERE)
        speed = next(line for line in found if "ADV511" in line)
        assert speed.startswith(
            "::error file=advisor.toml,line=5,col=1,title=ADV511 decode-speed::decode of qwen3-8b"
        )
        assert "%0AHint: take a smaller quant" in speed

    def test_without_a_file_it_points_at_the_workflow(self):
        (error,) = [
            line
            for line in commands(checked(gaming(), requirement(min_gpus=2)), GITHUB)
            if line.startswith("::error")
        ]
        assert error.startswith("::error file=.github/workflows/gpu.yml,line=1,col=1,title=ADV303")

    def test_what_would_not_decide_is_one_notice(self):
        lines = commands(checked(gaming()), NOWHERE)
        assert lines == ["::notice title=not known::not known: ADV109, ADV204, ADV207"]

    def test_a_warning_is_a_warning(self):
        lines = commands(checked(with_gpu(gaming(), power_limit_watts=100.0)), NOWHERE)
        assert lines[0].startswith("::warning title=ADV205 power-limit::the power limit of")

    def test_ten_of_a_level_are_shown_and_the_last_counts_the_rest(self):
        many = [requirement(name=str(number), min_gpus=2) for number in range(14)]
        errors = [line for line in commands(checked(gaming(), *many), NOWHERE) if "::error" in line]
        assert len(errors) == MOST_OF_A_LEVEL
        assert errors[-1].startswith("::error title=advisor check::5 more: ADV303, ADV303")

    def test_no_text_can_end_a_command_or_begin_another(self):
        evil = "100%\n::set-output name=x::y"
        one = problem_command(
            Problem(sentence=evil, place=Place(file="a,b:c.toml", line=1, column=2)), NOWHERE
        )
        assert one.startswith("::error file=a%2Cb%3Ac.toml,line=1,col=2,title=advisor check::")
        assert one.endswith("::100%25%0A::set-output name=x::y")
        assert "\n" not in one

    def test_the_outputs_are_the_verdict_and_the_rules(self):
        assert summary_outputs(from_file(gaming())) == (
            "verdict=not met\nfailed=ADV306,ADV511\nundetermined=ADV109,ADV204,ADV207\n"
        )


class TestJunit:
    """Suites and cases."""

    def suites(self, report):
        return ET.fromstring(written("junit", report, NOWHERE)).findall("testsuite")

    def test_a_suite_is_the_machine_or_a_requirement(self):
        names = [suite.get("name") for suite in self.suites(from_file(gaming()))]
        assert names == ["The machine", "chat & <code> | 日本", "other"]

    def test_a_failed_rule_is_a_failure_with_its_sentence_and_hint(self):
        _, chat, _ = self.suites(from_file(gaming()))
        cases = {case.get("name"): case for case in chat.findall("testcase")}
        failure = cases["ADV511 decode-speed: qwen3-8b in Q4_K_M"].find("failure")
        assert failure.get("message").endswith("below the floor of 500")
        assert "Hint: take a smaller quant" in failure.text
        assert (chat.get("failures"), chat.get("errors")) == ("2", "0")

    def test_what_is_undetermined_and_decides_is_an_error_and_no_pass(self):
        _, suite = self.suites(REPORTS["undetermined"])
        case = next(one for one in suite.findall("testcase") if "ADV309" in one.get("name"))
        assert case.find("error").get("message").startswith("undetermined: the version of")

    def test_a_failed_warning_is_skipped_with_its_sentence(self):
        report = checked(with_gpu(gaming(), power_limit_watts=100.0))
        (machine,) = self.suites(report)
        case = next(one for one in machine.findall("testcase") if "ADV205" in one.get("name"))
        assert case.find("skipped").get("message").startswith("warning: the power limit of")

    @every_report
    def test_the_counts_are_those_of_the_elements(self, report):
        for suite in self.suites(report):
            for attribute, element in (
                ("tests", "testcase"),
                ("failures", "testcase/failure"),
                ("errors", "testcase/error"),
                ("skipped", "testcase/skipped"),
            ):
                assert int(suite.get(attribute)) == len(suite.findall(element))

    def test_nothing_names_the_host(self):
        text = written("junit", REPORTS["met"], NOWHERE)
        assert 'hostname="localhost"' in text


class TestSarif:
    """Results and rules."""

    def run_of(self, report, around=NOWHERE):
        (only,) = json.loads(written("sarif", report, around))["runs"]
        return only

    def test_kinds_tell_the_four_outcomes_apart(self):
        results = self.run_of(from_file(gaming()))["results"]
        kinds = {(one["kind"], one["level"]) for one in results}
        assert kinds == {
            ("fail", "error"),
            ("open", "none"),
            ("pass", "none"),
            ("notApplicable", "none"),
        }

    def test_a_result_points_at_the_line_that_asks(self):
        results = self.run_of(from_file(gaming()))["results"]
        speed = next(one for one in results if one["ruleId"] == "ADV511")
        (location,) = speed["locations"]
        assert location["physicalLocation"] == {
            "artifactLocation": {"uri": "advisor.toml"},
            "region": {"startLine": 5, "startColumn": 1},
        }

    def test_an_index_names_its_rule(self):
        only = self.run_of(from_file(gaming()))
        rules = only["tool"]["driver"]["rules"]
        assert all(rules[one["ruleIndex"]]["id"] == one["ruleId"] for one in only["results"])

    def test_a_bug_is_told(self):
        assert (
            self.run_of(REPORTS["a rule with a bug"])["invocations"][0]["executionSuccessful"]
            is False
        )


class TestMarkdown:
    """A table that any text can stand in."""

    def test_a_cell_holds_what_would_end_it(self):
        text = written("markdown", from_file(gaming()), NOWHERE)
        assert "chat &amp; &lt;code&gt; \\| 日本" in text
        rows = [line for line in text.splitlines() if line.startswith("| ")]
        assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {5, 6}

    def test_the_verdict_is_the_heading(self):
        assert written("markdown", REPORTS["met"], NOWHERE).startswith(
            "### ✅ advisor check: met\n"
        )


class TestOpenmetrics:
    """Gauges by quantity."""

    def test_a_speed_has_its_interval_and_its_floor(self):
        text = written("openmetrics", from_file(gaming()), NOWHERE)
        families = {one.name: one for one in text_string_to_metric_families(text)}
        samples = {
            sample.labels["bound"]: sample.value
            for sample in families["advisor_decode_tokens_per_s"].samples
        }
        assert samples["limit"] == 500
        assert samples["low"] < samples["value"] < samples["high"]


def test_a_report_points_into_the_checkout(tmp_path):
    (tmp_path / "ci").mkdir()
    around = Surroundings(workspace=str(tmp_path))
    assert around.relative(str(tmp_path / "ci/advisor.toml")) == "ci/advisor.toml"


def test_a_sentence_of_any_letters_survives_every_format():
    odd = Found(status=Status.FAIL, subject='a "b"\\', sentence="x\x00y\ud800 ☃ ]]> & \n", hint="%")
    report = REPORTS["met"]
    outcome = replace(report.outcomes[0], found=odd)
    report = replace(report, outcomes=(outcome,))
    ET.fromstring(written("junit", report, NOWHERE))
    list(text_string_to_metric_families(written("openmetrics", report, NOWHERE)))
    for form in ("json", "jsonl", "sarif", "gitlab"):
        assert "☃" in written(form, report, NOWHERE)
