"""As much of a GitHub runner as a composite action needs: inputs, expressions, files, steps.

It does what GitHub's documents say a runner does, on this machine, in a folder of the test. An
expression may only name an input or a step's output: our action needs no more, and another is an
error, so that nothing is evaluated that a runner would evaluate otherwise.

Source: GitHub Docs, "Metadata syntax reference", "Workflow syntax", "Workflow commands". Checked
2026-11-24.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import yaml

PROJECT = Path(__file__).parents[2]
EXPRESSION = re.compile(r"\$\{\{ *([\w.-]+) *\}\}")


@dataclass(kw_only=True)
class Runner:
    """One job."""

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)
    log: str = ""

    def __post_init__(self):
        for name in ("workspace", "temp"):
            (self.folder / name).mkdir(exist_ok=True)

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace"

    @property
    def temp(self) -> Path:
        return self.folder / "temp"

    @property
    def summary(self) -> str:
        path = self.folder / "summary"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def use(self, inputs: dict[str, str]) -> tuple[int, dict[str, str]]:
        """Run the action of this checkout; its exit code and outputs."""
        action = yaml.safe_load((PROJECT / "action.yml").read_text(encoding="utf-8"))
        unknown = inputs.keys() - action["inputs"].keys()
        assert not unknown, f"the action has no input {unknown}"
        given = {
            name: str(inputs.get(name, about.get("default", "")))
            for name, about in action["inputs"].items()
        }
        outputs: dict[str, dict[str, str]] = {}
        path = [str(Path(sys.executable).parent), os.environ["PATH"]]
        code = 0
        for step in action["runs"]["steps"]:
            if code or not self._applies(step, given):
                continue
            code = self._step(step, given, outputs, path)
        names = {
            name: self._filled(about["value"], given, outputs)
            for name, about in action["outputs"].items()
        }
        return code, names

    @staticmethod
    def _applies(step, given) -> bool:
        """`if: inputs.name != 'value'`, the one form that the action uses."""
        if "if" not in step:
            return True
        name, value = re.fullmatch(r"inputs\.([\w-]+) != '(\w+)'", step["if"]).groups()
        return given[name] != value

    def _step(self, step, given, outputs, path) -> int:
        assert step["shell"] == "bash"
        assert not EXPRESSION.search(step["run"]), "an input must not become part of a script"
        files = {name: self.folder / name.lower() for name in ("OUTPUT", "PATH", "SUMMARY")}
        files["OUTPUT"].write_text("")
        files["PATH"].write_text("")
        environ = {
            "PATH": os.pathsep.join(path),
            "HOME": str(self.folder),
            "LC_ALL": "C.UTF-8",
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(PROJECT),
            "GITHUB_WORKSPACE": str(self.workspace),
            "GITHUB_WORKFLOW_REF": "octo/repo/.github/workflows/gpu.yml@refs/heads/main",
            "GITHUB_OUTPUT": str(files["OUTPUT"]),
            "GITHUB_PATH": str(files["PATH"]),
            "GITHUB_STEP_SUMMARY": str(files["SUMMARY"]),
            "RUNNER_TEMP": str(self.temp),
            "RUNNER_OS": "Linux",
            **self.environ,
            **{
                name: self._filled(str(text), given, outputs)
                for name, text in step.get("env", {}).items()
            },
        }
        script = self.folder / "step.sh"
        script.write_text(step["run"])
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=self.workspace,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        self.log += done.stdout.decode("utf-8")
        lines = files["OUTPUT"].read_text(encoding="utf-8").splitlines()
        outputs[step.get("id", "")] = dict(line.split("=", 1) for line in lines)
        path[:0] = reversed(files["PATH"].read_text(encoding="utf-8").split())
        return done.returncode

    @staticmethod
    def _filled(text: str, given, outputs) -> str:
        def value(found: re.Match[str]) -> str:
            first, *rest = found[1].split(".")
            if first == "inputs":
                return given[rest[0]]
            assert (first, rest[1]) == ("steps", "outputs"), f"unknown expression {found[0]}"
            return outputs.get(rest[0], {}).get(rest[2], "")

        filled = EXPRESSION.sub(value, text)
        assert "${{" not in filled, f"an expression that is not understood: {text}"
        return filled
