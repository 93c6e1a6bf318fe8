"""The GitHub action and the pipelines of `docs/ci.md`, run as their servers run them."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from importlib import util
from pathlib import Path

import pytest
import yaml

from advisor.check.keys import KEYS
from tests.check.runner import Runner

PROJECT = Path(__file__).parents[2]
ACTION = yaml.safe_load((PROJECT / "action.yml").read_text(encoding="utf-8"))
GUIDE = (PROJECT / "docs/ci.md").read_text(encoding="utf-8")
GAMING = str(PROJECT / "tests/machines/desktop-rtx-4090/machine.json")
SETTINGS = {
    "config",
    "simulate",
    "measure",
    "strict",
    "fail-on",
    "ignore",
    "output",
    "python",
    "install",
}

posix = pytest.mark.skipif(os.name == "nt", reason="the steps are for bash")


def blocks(language, first):
    """The code blocks of the guide that begin with a line."""
    found = re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)
    return [block for block in found if block.startswith(first)]


@pytest.fixture
def runner(tmp_path):
    return Runner(folder=tmp_path)


class TestForms:
    """What servers would say before anything runs."""

    @pytest.mark.parametrize(
        ("name", "document"),
        [
            ("vendor.github-actions", (PROJECT / "action.yml").read_text(encoding="utf-8")),
            ("vendor.github-workflows", blocks("yaml", "# .github")[0]),
            ("vendor.gitlab-ci", blocks("yaml", "# .gitlab-ci.yml")[0]),
        ],
        ids=["action", "workflow", "pipeline"],
    )
    def test_a_document_is_of_the_form_that_its_server_publishes(self, name, document, tmp_path):
        path = tmp_path / "document.yml"
        path.write_text(document, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "check_jsonschema", "--builtin-schema", name, str(path)],
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout.decode()

    def test_the_inputs_are_the_options(self):
        options = {key.option.removeprefix("--") for key in KEYS}
        assert set(ACTION["inputs"]) == options | SETTINGS

    def test_every_input_reaches_the_step_as_the_variable_of_its_option(self):
        environ = ACTION["runs"]["steps"][-1]["env"]
        for key in KEYS:
            name = key.option.removeprefix("--")
            assert environ[f"ADVISOR_CHECK_{key.name.upper()}"] == f"${{{{ inputs.{name} }}}}"

    def test_no_input_becomes_part_of_a_script(self):
        assert not any("${{" in step["run"] for step in ACTION["runs"]["steps"])


@posix
class TestAction:
    """The steps of `action.yml`, with the environment that a runner sets."""

    def test_a_requirement_that_is_met(self, runner):
        code, outputs = runner.use(
            {"install": "false", "simulate": GAMING, "gpu": "RTX 4090", "min-memory": "16GiB"}
        )
        assert (code, outputs["verdict"], outputs["failed"]) == (0, "met", "")
        report = json.loads(Path(outputs["report"]).read_text(encoding="utf-8"))
        assert report["verdict"] == "met"
        assert runner.summary.startswith("### ✅ advisor check: met")

    def test_a_requirement_that_is_not(self, runner):
        code, outputs = runner.use(
            {
                "install": "false",
                "simulate": GAMING,
                "model": "qwen3-8b",
                "quant": "Q4_K_M",
                "min-decode": "5000",
                "output": "junit=ju nit.xml\nsarif=advisor.sarif\n",
            }
        )
        assert (code, outputs["verdict"], outputs["failed"]) == (1, "not met", "ADV511")
        assert "::error file=.github/workflows/gpu.yml,line=1,col=1,title=ADV511" in runner.log
        assert runner.summary.startswith("### ❌ advisor check: not met")
        written = {path.name for path in runner.workspace.iterdir()}
        assert written == {"ju nit.xml", "advisor.sarif"}
        assert Path(outputs["report"]).exists()

    def test_a_flag_is_true_or_false(self, runner):
        given = {"install": "false", "simulate": GAMING}
        assert runner.use({**given, "strict": "false"})[0] == 0
        assert runner.use({**given, "strict": "true"})[0] == 1

    def test_a_requirement_file_of_the_checkout(self, runner):
        (runner.workspace / "advisor.toml").write_text("[[require]]\nmin_gpus = 2\n")
        given = {"install": "false", "simulate": GAMING, "config": "advisor.toml"}
        code, outputs = runner.use(given)
        assert (code, outputs["failed"]) == (1, "ADV303")
        assert "::error file=advisor.toml,line=2,col=1,title=ADV303" in runner.log

    def test_what_somebody_puts_into_an_input_is_never_run(self, runner):
        evil = '"; touch evil; $(touch evil) `touch evil` "'
        code, _ = runner.use({"install": "false", "simulate": GAMING, "gpu": evil, "output": evil})
        assert code == 2
        assert list(runner.workspace.iterdir()) == []

    def test_it_is_installed_into_a_place_of_its_own(self, runner, tmp_path):
        """A stand-in for Python notes what it is asked, and makes the environment."""
        stand_in = tmp_path / "python3.12"
        notes = tmp_path / "notes"
        inner = f'#!/bin/sh\necho "pip: $*" >> "{notes}"\n'
        real = f'#!/bin/sh\nexec "{sys.executable}" -m advisor "$@"\n'
        stand_in.write_text(
            f'#!/bin/sh\necho "python: $*" >> "{notes}"\nmkdir -p "$3/bin"\n'
            f"cat > \"$3/bin/python\" <<'END'\n{inner}END\n"
            f"cat > \"$3/bin/advisor\" <<'END'\n{real}END\n"
            'chmod +x "$3"/bin/*\n'
        )
        stand_in.chmod(stand_in.stat().st_mode | stat.S_IEXEC)
        code, outputs = runner.use({"python": str(stand_in), "simulate": GAMING})
        assert (code, outputs["verdict"]) == (0, "met")
        assert notes.read_text().splitlines() == [
            f"python: -m venv {runner.temp}/advisor",
            f"pip: -m pip install --quiet --disable-pip-version-check {PROJECT}",
        ]


@posix
class TestGuide:
    """What a new user copies from the guide."""

    def test_the_workflow_runs_its_steps(self, runner):
        (text,) = blocks("yaml", "# .github/workflows")
        (job,) = yaml.safe_load(text)["jobs"].values()
        (step,) = [one for one in job["steps"] if "/advisor@" in one.get("uses", "")]
        given = {**step["with"], "install": "false", "simulate": "github-t4"}
        code, outputs = runner.use(given)
        # A hosted T4 is fast enough; how much of its disk is free nobody knows before.
        assert (code, outputs["verdict"], outputs["failed"]) == (3, "undetermined", "")
        written = {path.name for path in runner.workspace.iterdir()}
        assert written == {"advisor-junit.xml", "advisor.sarif"}
        later = job["steps"][-1]
        assert later["env"]["VERDICT"] == f"${{{{ steps.{step['id']}.outputs.verdict }}}}"

    def test_the_pipeline_runs_its_script(self, tmp_path):
        (text,) = blocks("yaml", "# .gitlab-ci.yml")
        job = yaml.safe_load(text)["advisor"]
        environ = {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "HOME": str(tmp_path),
            "LC_ALL": "C.UTF-8",
            "GITLAB_CI": "true",
            "CI_PROJECT_DIR": str(tmp_path),
            "ADVISOR_CHECK_SIMULATE": "gitlab-t4",
            **job["variables"],
        }
        script = "\n".join([*job["before_script"], *job["script"]])
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", script],
            cwd=tmp_path,
            env=environ,
            capture_output=True,
            check=False,
        )
        assert done.stderr.decode() == ""
        assert done.returncode == 0, done.stdout.decode()
        reports = job["artifacts"]["reports"]
        assert {path.name for path in tmp_path.iterdir()} == set(reports.values())

    def test_the_hook_before_a_job_refuses_it(self, run, tmp_path):
        (text,) = blocks("sh", "advisor check --min-gpus")
        scripts = str(Path(sys.executable).parent)
        done = subprocess.run(
            ["sh", "-c", text + "echo the job begins"],
            cwd=tmp_path,
            env={
                **run.environ,
                "PATH": os.pathsep.join([scripts, os.environ["PATH"]]),
                "ADVISOR_CHECK_SIMULATE": str(PROJECT / "tests/advisor/desktop.json"),
            },
            capture_output=True,
            check=False,
        )
        assert done.returncode == 1
        assert b"the job begins" not in done.stdout

    def test_the_commands_of_the_guide_are_understood(self, run):
        commands = re.findall(r"advisor check [^\n`|]*", GUIDE)
        assert len(commands) >= 4
        for command in commands:
            words = [word for word in command.split()[1:] if word != "||"]
            if "--config" in words or "--simulate machine.json" in command:
                continue
            given = [] if "--simulate" in words else ["--simulate", "github-t4"]
            assert run(*words, *given).returncode in {0, 1, 3}, command


def test_what_is_said_of_rules_and_keys_is_what_there_is():
    path = PROJECT / "tools/check_docs.py"
    spec = util.spec_from_file_location("check_docs", path)
    tool = util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    for name, text in tool.texts().items():
        assert (PROJECT / "docs" / name).read_text(encoding="utf-8") == text, "run `make docs`"


def test_every_quantity_that_is_compared_has_its_row_among_the_names():
    sources = (PROJECT / "advisor/check/rules").glob("*.py")
    used = {
        name
        for path in sources
        for name in re.findall(
            r'"([a-z_]+_(?:bytes|tokens|tokens_per_s|watts|celsius))"',
            path.read_text(encoding="utf-8"),
        )
    }
    section = (PROJECT / "docs/names.md").read_text(encoding="utf-8").partition("`compared`\n")[2]
    rows = set(re.findall(r"`(\w+)`", section.partition("\n## ")[0]))
    assert len(used) >= 10
    assert used <= rows
