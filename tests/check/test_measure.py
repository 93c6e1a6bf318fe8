"""`--measure`, from the command line down to a stand-in for `llama-bench`."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from advisor.__main__ import _invoke
from advisor.commands import bench
from tests.measure import conftest as measured

fake_llama_bench = measured.fake_llama_bench
model_file = measured.model_file


def undisturbed(measure):
    """The same measurement as on a machine where nothing else runs."""

    def measured_in_peace(*words, **how):
        report = measure(*words, **how)
        quiet = tuple(replace(one, disturbance=None) for one in report.measured)
        return replace(report, measured=quiet)

    return measured_in_peace


@pytest.fixture
def outcomes(fake_llama_bench, model_file, monkeypatch, capsys, tmp_path):
    """What a check says of both speeds; the stand-in decodes at 49 to 51 tokens/s."""
    folder = fake_llama_bench()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(bench, "measured", undisturbed(bench.measured))

    def ask(*words):
        code = _invoke(
            ["check", "--model", str(model_file), "--backend", "cpu", "--measure", "--json", *words]
        )
        report = json.loads(capsys.readouterr().out)
        assert not (tmp_path / "data").exists(), "a gate keeps nothing"
        return code, {one["rule"]: one for one in report["outcomes"]}

    return ask


@pytest.mark.parametrize(
    ("floor", "status"), [("49", "pass"), ("50", "undetermined"), ("52", "fail")]
)
def test_the_floor_is_compared_with_what_the_program_timed(outcomes, floor, status):
    code, found = outcomes("--min-decode", floor)
    decode = found["ADV511"]
    assert decode["status"] == status
    assert decode["compared"]["value"] == 50
    assert (decode["compared"]["low"], decode["compared"]["high"]) == (49, 51)
    assert "is measured at 50 (49–51) tokens/s" in decode["sentence"]
    assert (code == 1) is (status == "fail")


def test_without_a_program_it_is_undetermined(outcomes, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("advisor.measure.llama_python.is_installed", lambda: False)
    code, found = outcomes("--min-decode", "1")
    assert (code, found["ADV511"]["status"]) == (3, "undetermined")
    assert "was not measured: " in found["ADV511"]["sentence"]


def test_a_simulated_machine_is_not_timed(run):
    done = run("check", "--simulate", "github-t4", "--measure")
    assert done.returncode == 2
    assert done.stderr.startswith("Error: `--measure` times this machine")
