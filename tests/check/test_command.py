"""`advisor check` as a shell runs it: exit codes, reports, the environment of servers."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from advisor.check.ci import surroundings
from advisor.check.formats import FORMATS
from advisor.check.keys import KEYS
from advisor.check.stage import runner_names, stage_named
from probes.bandwidth.store import Measure

PROJECT = Path(__file__).parents[2]
GAMING = str(PROJECT / "tests/machines/desktop-rtx-4090/machine.json")
MET = ["check", "--simulate", GAMING, "--gpu", "RTX 4090", "--min-memory", "16GiB"]
NOT_MET = ["check", "--simulate", GAMING, "--gpu", "RTX 5090"]
UNDETERMINED = ["check", "--simulate", "github-t4", "--min-driver", "550"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        pytest.param(MET, 0, id="met"),
        pytest.param(NOT_MET, 1, id="not met"),
        pytest.param(UNDETERMINED, 3, id="undetermined"),
        pytest.param([*UNDETERMINED, "--strict"], 1, id="undetermined, strictly"),
        pytest.param([*MET, "--strict"], 1, id="unknown warnings, strictly"),
        pytest.param(["check", "--simulate", GAMING], 0, id="health alone"),
        pytest.param([*NOT_MET, "--ignore", "ADV302"], 0, id="ignored"),
    ],
)
def test_the_exit_code_is_the_verdict(run, words, code):
    done = run(*words)
    assert (done.returncode, done.stderr) == (code, "")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param(["--min-decode", "30"], "`--min-decode` says something of a model", id="key"),
        pytest.param(["--min-memory", "lots"], "`--min-memory`: `lots` is not a size", id="value"),
        pytest.param(["--gpu", "RTX 9999"], "`gpu`: `RTX 9999` is not a device", id="name"),
        pytest.param(["--model", "gpt-9"], "`gpt-9` is not a model in the catalog", id="model"),
        pytest.param(["--simulate", "azure"], "`azure` is no hosted runner", id="runner"),
        pytest.param(["--ignore", "ADV000"], "`ADV000` is not a rule", id="rule"),
        pytest.param(["--output", "pdf=x"], "`pdf=x` is not a format and a file", id="output"),
        pytest.param(["--config", "none.toml"], "cannot be read: No such file", id="file"),
        pytest.param(["--config", "a.toml", "--gpu", "T4"], "both ask for something", id="both"),
        pytest.param(["--format", "pdf"], "Invalid value for '--format'", id="format"),
    ],
)
def test_wrong_usage_is_2_and_a_sentence(run, words, says):
    done = run("check", "--simulate", GAMING, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: ")
    assert says in done.stderr


def test_several_reports_are_written_at_once_whatever_the_verdict(run, tmp_path):
    names = ("json", "junit", "sarif", "markdown", "openmetrics", "gitlab", "github", "human")
    outputs = [word for name in names for word in ("--output", f"{name}={tmp_path / name}")]
    done = run(*NOT_MET, *outputs)
    assert done.returncode == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    assert json.loads((tmp_path / "json").read_text())["verdict"] == "not met"
    assert ET.parse(tmp_path / "junit").getroot().tag == "testsuites"
    assert (tmp_path / "openmetrics").read_text().endswith("# EOF\n")
    assert "RTX 5090" in (tmp_path / "human").read_text()


def test_a_report_that_cannot_be_written_keeps_no_other_from_being(run, tmp_path):
    outputs = ["--output", f"json={tmp_path}/no/x", "--output", f"junit={tmp_path / 'y'}"]
    done = run(*MET, *outputs)
    assert done.returncode == 74
    assert f"`{tmp_path}/no/x` cannot be written" in done.stderr
    assert (tmp_path / "y").exists()


def test_an_old_report_is_replaced_and_nothing_is_left_beside_it(run, tmp_path):
    report = tmp_path / "report.json"
    report.write_text("old")
    run(*MET, "--output", f"json={report}")
    assert json.loads(report.read_text())["verdict"] == "met"
    assert list(tmp_path.iterdir()) == [report]


def test_json_is_asked_for_as_of_every_command(run):
    fixed = {"SOURCE_DATE_EPOCH": "1700000000"}
    assert run(*MET, "--json", env=fixed).stdout == run(*MET, "--format", "json", env=fixed).stdout


def test_the_time_stands_still_where_reports_have_to_be_the_same(run):
    fixed = {"SOURCE_DATE_EPOCH": "1700000000"}
    done = run(*MET, "--json", env=fixed)
    assert json.loads(done.stdout)["checked_at"] == "2023-11-14T22:13:20Z"
    assert done.stdout == run(*MET, "--json", env=fixed).stdout


def test_every_option_may_be_given_by_a_variable(run):
    given = {
        "ADVISOR_CHECK_SIMULATE": GAMING,
        "ADVISOR_CHECK_GPU": "RTX 5090",
        "ADVISOR_CHECK_STRICT": "false",
        "ADVISOR_CHECK_MODEL": "",
        "ADVISOR_CHECK_FORMAT": "json",
        "ADVISOR_CHECK_IGNORE": "ADV109 ADV204",
    }
    report = json.loads(run("check", env=given).stdout)
    assert report["verdict"] == "not met"
    ids = {one["rule"] for one in report["outcomes"]}
    assert not {"ADV109", "ADV204"} & ids


class TestFile:
    """`--config`."""

    @pytest.fixture
    def config(self, tmp_path):
        path = tmp_path / "advisor.toml"
        path.write_text('[[require]]\nname = "chat"\ngpu = "RTX 4090"\n')
        return path

    def test_a_file_is_asked(self, run, config):
        done = run("check", "--simulate", GAMING, "--config", str(config), "--json")
        report = json.loads(done.stdout)
        assert (done.returncode, report["requirements"][0]["name"]) == (0, "chat")

    def test_settings_of_the_file_hold_and_options_add_to_them(self, run, config):
        config.write_text('[check]\nstrict = true\nignore = ["ADV109"]\n' + config.read_text())
        words = ["check", "--simulate", GAMING, "--config", str(config)]
        assert run(*words).returncode == 1
        others = ["--ignore", "ADV204", "--ignore", "ADV207"]
        assert run(*words, *others).returncode == 0

    def test_each_mistake_is_told_with_its_place(self, run, config):
        config.write_text('[[require]]\ngpus = 1\nmodel = "gpt-9"\n')
        done = run("check", "--simulate", GAMING, "--config", str(config))
        assert done.returncode == 2
        assert f"`{config}`, line 2, column 1: `gpus` is not a key" in done.stderr
        config.write_text('[[require]]\nmodel = "gpt-9"\n')
        done = run("check", "--simulate", GAMING, "--config", str(config))
        assert f"`{config}`, line 2, column 1: `gpt-9` is not a model" in done.stderr

    @pytest.mark.parametrize("form", FORMATS)
    def test_even_then_each_report_is_written_and_names_the_mistakes(
        self, run, config, tmp_path, form
    ):
        config.write_text("[[require]]\ngpus = 1\n[[require]]\nmin_cpus = 0\n")
        report = tmp_path / "report"
        words = ["check", "--config", str(config), "--output", f"{form}={report}"]
        assert run(*words, cwd=tmp_path).returncode == 2
        text = " ".join(report.read_text(encoding="utf-8").split())
        if form == "openmetrics":  # figures only
            assert text.count('rule="ADV300"') == 2
        else:
            assert "`gpus` is not a key of a requirement" in text
            assert "`0` is not a count of at least 1" in text
        if form == "sarif":
            (first, second) = json.loads(text)["runs"][0]["results"]
            lines = [
                one["locations"][0]["physicalLocation"]["region"]["startLine"]
                for one in (first, second)
            ]
            assert lines == [2, 4]


class TestGithub:
    """On a runner of GitHub, which says so itself."""

    @pytest.fixture
    def runner(self, tmp_path):
        return {
            "GITHUB_ACTIONS": "true",
            "GITHUB_WORKSPACE": str(tmp_path),
            "GITHUB_WORKFLOW_REF": "octo/repo/.github/workflows/gpu.yml@refs/heads/main",
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
            "GITHUB_OUTPUT": str(tmp_path / "output"),
        }

    def test_the_log_the_summary_and_the_outputs_are_written(self, run, runner, tmp_path):
        (tmp_path / "summary.md").write_text("# Others' words\n")
        done = run(*NOT_MET, env=runner)
        assert (done.returncode, done.stderr) == (1, "")
        assert "::error file=.github/workflows/gpu.yml,line=1,col=1,title=ADV302" in done.stdout
        summary = (tmp_path / "summary.md").read_text()
        assert summary.startswith("# Others' words\n### ❌ advisor check: not met\n")
        assert (tmp_path / "output").read_text().startswith("verdict=not met\nfailed=ADV302\n")

    def test_another_format_is_no_business_of_the_runner(self, run, runner, tmp_path):
        run(*NOT_MET, "--format", "human", env=runner)
        assert not (tmp_path / "summary.md").exists()

    def test_a_mistake_in_the_file_is_marked_in_it(self, run, runner, tmp_path):
        config = tmp_path / "advisor.toml"
        config.write_text('[[require]]\n  modle = "x"\n')
        done = run("check", "--simulate", GAMING, "--config", str(config), env=runner)
        assert done.returncode == 2
        assert done.stdout == (
            "::error file=advisor.toml,line=2,col=3,title=advisor check::`modle` is not a key of a"
            " requirement (did you mean `model`?)\n"
        )

    def test_a_page_that_cannot_be_written_decides_nothing(self, run, runner, tmp_path):
        runner["GITHUB_STEP_SUMMARY"] = str(tmp_path / "no/summary.md")
        done = run(*MET, env=runner)
        assert done.returncode == 0
        assert done.stderr.startswith("Note: ")

    def test_gitlab_is_told_from_its_variables(self):
        around = surroundings({"GITLAB_CI": "true", "CI_PROJECT_DIR": "/builds/x"})
        assert (around.is_github, around.workflow_file) == (False, ".gitlab-ci.yml")

    def test_a_shell_is_neither(self):
        assert surroundings({}) == surroundings({"GITHUB_ACTIONS": "false"})
        assert surroundings({}).workflow_file is None


class TestSimulated:
    """Runners that one does not have."""

    def test_the_two_hosted_runners_are_there(self):
        assert runner_names() == ["github-t4", "gitlab-t4"]

    @pytest.mark.parametrize(
        ("name", "memory_gb", "disk_gb"), [("github-t4", 28, 176), ("gitlab-t4", 15, 50)]
    )
    def test_a_runner_is_what_its_service_publishes(self, name, memory_gb, disk_gb):
        stage = stage_named(name, Measure.SKIP)
        assert stage.machine.memory.total_bytes == memory_gb * 10**9
        assert stage.disk.total_bytes == disk_gb * 10**9
        assert stage.machine.cpu.logical_cores == 4
        (gpu,) = stage.target.gpus
        assert (gpu.row_name, gpu.capacity_bytes.value) == ("NVIDIA Tesla T4", 15_840_641_024)

    @pytest.mark.parametrize("name", ["github-t4", "gitlab-t4"])
    def test_a_runner_says_where_each_part_comes_from(self, name):
        path = PROJECT / f"advisor/check/runners/{name}.json"
        described = json.loads(path.read_text(encoding="utf-8"))
        assert described["checked"] == "2026-11-24"
        assert any(source.startswith("https://docs.git") for source in described["sources"])

    def test_a_file_too_large_for_the_whole_disk_is_refused(self, run):
        """A file of 60 GB, and a runner with 50 GB of disk."""
        done = run("check", "--simulate", "gitlab-t4", "--min-free-disk", "60GB")
        assert done.returncode == 1
        assert "the disk has 50.0 GB in all" in done.stdout

    def test_what_a_description_lacks_is_undetermined(self, run):
        done = run("check", "--simulate", "github-t4", "--min-free-disk", "30GB", "--json")
        report = json.loads(done.stdout)
        (disk,) = [one for one in report["outcomes"] if one["rule"] == "ADV407"]
        assert (done.returncode, disk["status"]) == (3, "undetermined")


def test_this_machine_is_checked_without_a_word_on_stderr(run, tmp_path):
    """Whatever it is like: a verdict, and nothing written."""
    done = run("check", "--json", cwd=tmp_path)
    assert done.returncode in {0, 1, 3}
    assert done.stderr == ""
    assert json.loads(done.stdout)["simulated"] is None
    assert list(tmp_path.iterdir()) == []


def test_every_key_is_an_option(run):
    told = run("check", "--help").stdout
    assert all(f" {key.option} " in told or f" {key.option}\n" in told for key in KEYS)
