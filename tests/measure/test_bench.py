"""One measurement: the plan, the comparison, and what becomes of it in later estimates."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from advisor.commands.bench import kept
from advisor.estimate.estimator import estimate
from advisor.estimate.subject import subject_of
from advisor.figure import Origin
from advisor.measure.bench import Wish, expect, measure, plan, task_of
from advisor.measure.errors import DoesNotFitError, NotHereError
from advisor.measure.identity import machine_identity
from advisor.measure.log import Allocated, Buffers
from advisor.measure.outcome import Chosen
from advisor.measure.runners import Runner
from advisor.measure.served import Served
from advisor.measure.store import keep, store_path
from advisor.measure.task import Taken
from advisor.measurement import Pace
from advisor.offer.local import local_offer
from advisor.render.bench import (
    EXPORTED,
    bench_json,
    bench_text,
    export_csv,
    list_json,
    list_text,
)
from advisor.render.estimate import estimate_text
from advisor.render.estimate_json import estimate_object
from advisor.render.paper import Paper
from advisor.situation import situation, with_measurements
from advisor.target import target_of_machine
from advisor.workload import Runtime, Workload
from catalog.names import find_model
from catalog.quants import find_quant
from probes.ask import Asker
from probes.finding import Finding, Severity

PROJECT = Path(__file__).parents[2]
WISH = Wish(prompt_tokens=512, answer_tokens=128, depth_tokens=0, repetitions=3)
MIB = 1 << 20


def quiet(_step):
    """Shows nothing."""


@pytest.fixture
def chosen(model_file):
    """Llama 3.2 1B in Q4_K_M, from its file."""
    return Chosen(subject=next(local_offer(str(model_file)).subjects()), path=model_file)


def a_runner(runtime=Runtime.LLAMA_BENCH, **changes):
    """A program that takes no time and says this; its decode is the first argument's."""
    taken = Taken(
        **{
            "program": "llama-bench",
            "version": "b7000",
            "decode_tokens_per_s": (49.0, 50.0, 51.0),
            "decode_tokens": 128,
            "prefill_tokens_per_s": (400.0, 410.0),
            "prefill_tokens": 512,
            "backend": "cpu",
            "threads": 8,
            "cpu_s": 1e9,
            **changes,
        }
    )
    asked = []

    def run(task, show):
        asked.append(task)
        return taken

    runner = Runner(program=taken.program, runtime=runtime, run=run)
    return runner, asked


# The plan


def test_the_program_is_asked_for_what_estimate_would_run(chosen, recorded):
    runner, asked = a_runner()
    report = measure(chosen, recorded, runner, WISH, quiet)
    (task,) = asked
    assert (task.path, task.gpu_layers, task.flash_attention) == (chosen.path, 0, True)
    assert task.threads == recorded.machine.cpu.usable_cores
    assert (task.prompt_tokens, task.answer_tokens, task.context_tokens) == (512, 128, 512)
    assert report.target_name == recorded.target.name


def test_the_prediction_is_for_exactly_that_run(chosen, recorded):
    runner, _ = a_runner()
    report = measure(chosen, recorded, runner, WISH, quiet)
    workload = Workload(context_tokens=512, runtime=Runtime.LLAMA_BENCH)
    speed = estimate(chosen.subject, workload, recorded.target).decode.speed
    decode = report.measured[0]
    assert decode.predicted_tokens_per_s == speed.tokens_per_s
    assert (decode.predicted_low, decode.predicted_high) == (speed.low, speed.high)


def test_a_prediction_is_not_helped_by_what_was_measured_before(chosen, recorded):
    runner, _ = a_runner(decode_tokens_per_s=(20.0, 20.0))
    first = measure(chosen, recorded, runner, WISH, quiet)
    second = measure(chosen, recorded, runner, WISH, quiet)
    assert first.measured[0].predicted_tokens_per_s == second.measured[0].predicted_tokens_per_s


def test_a_model_that_does_not_fit_is_not_loaded(chosen, recorded):
    runner, asked = a_runner()
    with pytest.raises(DoesNotFitError, match="does not fit this machine") as found:
        measure(chosen, too_small(recorded), runner, WISH, quiet)
    assert found.value.exit_code == 1
    assert asked == []


def test_what_a_server_holds_is_timed_whatever_the_estimate_says(chosen, recorded):
    held = Served(
        program="llama-server", version=None, name="x", path=None, quant=None, context_tokens=None
    )
    runner, asked = a_runner(Runtime.LLAMA_SERVER, backend=None, knows_placement=False)
    measure(chosen, too_small(recorded), replace(runner, served=held), WISH, quiet)
    assert len(asked) == 1


def too_small(place):
    """The same machine with 100 MiB of memory."""
    tiny = replace_value(place.target.host.capacity_bytes)
    host = replace(place.target.host, capacity_bytes=tiny, available_bytes=tiny)
    return replace(place, target=replace(place.target, host=host))


def replace_value(figure):
    """The same figure of 100 MiB."""
    return replace(figure, value=100 * MIB, low=None, high=None)


def test_an_encoder_writes_nothing_that_could_be_timed(recorded, chosen):
    model = replace(chosen.subject.model, architecture="bert")
    with pytest.raises(NotHereError, match="makes embeddings"):
        plan(replace(chosen.subject, model=model), recorded.target, WISH)


def test_threads_and_depth_are_as_somebody_wishes(chosen, recorded):
    wish = replace(WISH, threads=3, depth_tokens=4096)
    task = task_of(plan(chosen.subject, recorded.target, wish), chosen.path, recorded, wish)
    assert (task.threads, task.depth_tokens, task.context_tokens) == (3, 4096, 4096 + 512)
    expected = expect(chosen.subject, recorded.target, task, Runtime.LLAMA_BENCH)
    assert expected.setup.depth_tokens == 4096


# The comparison


def held(report):
    return [one.is_inside for one in report.measured]


@pytest.mark.parametrize(("share", "expected"), [(1.0, True), (0.2, False), (4.0, False)])
def test_it_says_whether_the_interval_held(chosen, recorded, share, expected):
    workload = Workload(context_tokens=512, runtime=Runtime.LLAMA_BENCH)
    speed = estimate(chosen.subject, workload, recorded.target).decode.speed.tokens_per_s
    runner, _ = a_runner(decode_tokens_per_s=(speed * share,) * 3)
    report = measure(chosen, recorded, runner, WISH, quiet)
    assert held(report)[0] is expected
    said = " ".join(bench_text(report, Paper(80)).split())
    assert ("the interval held" if expected else "the interval did not hold") in said


def test_where_nothing_is_predicted_it_says_so(chosen, recorded):
    runner, _ = a_runner()
    report = measure(chosen, recorded, runner, WISH, quiet)
    nothing = replace(
        report.measured[1], predicted_tokens_per_s=None, predicted_low=None, predicted_high=None
    )
    assert nothing.is_inside is None
    said = bench_text(replace(report, measured=(report.measured[0], nothing)), Paper(80))
    assert "405 (400–410) tokens/s for a prompt of 512, 2 runs; nothing was predicted" in " ".join(
        said.split()
    )


def test_a_machine_whose_read_rate_is_not_known_says_why_nothing_is_predicted(chosen, recorded):
    finding = Finding(
        probe="bandwidth",
        code="bandwidth-busy",
        severity=Severity.WARNING,
        sentence="the memory's speed was not measured: other programs held the CPU",
    )
    host = replace(recorded.target.host, read_bytes_per_s=None)
    place = replace(
        recorded,
        target=replace(recorded.target, host=host),
        machine=replace(recorded.machine, findings=(finding,)),
    )
    runner, _ = a_runner()
    report = measure(chosen, place, runner, WISH, quiet)
    assert report.measured[0].is_inside is None
    assert report.measured[0].works == ()
    assert finding.sentence in report.notes


def test_memory_is_compared_part_by_part(chosen, recorded):
    buffers = Buffers(
        weights_bytes=763 * MIB,
        cache_bytes=16 * MIB,
        scratch_bytes=250 * MIB,
        output_bytes=MIB,
    )
    runner, _ = a_runner(allocated=Allocated(gpu=None, host=buffers, backend="cpu"))
    report = measure(chosen, recorded, runner, WISH, quiet)
    rows = {one.part: one for one in report.memory}
    # 16 layers × 512 cells × (512 + 512) elements × 2 B
    assert rows["cache"].predicted_bytes == 16 * 512 * 1024 * 2 == 16 * MIB
    assert rows["weights"].logged_bytes == 763 * MIB
    assert list(rows) == ["weights", "cache", "scratch"]
    assert "host  cache        16.0   16.0  +0.0%" in bench_text(report, Paper(80))


def test_a_log_without_buffers_is_compared_with_nothing(chosen, recorded):
    runner, _ = a_runner()
    report = measure(chosen, recorded, runner, WISH, quiet)
    assert report.memory == ()
    assert "Memory" not in bench_text(report, Paper(80))


def test_a_program_of_another_backend_is_compared_with_that_one(chosen, recorded):
    from tests.advisor.conftest import a_gpu

    with_card = replace(recorded.target, gpus=(a_gpu(24),))
    place = replace(
        recorded,
        target=with_card,
        under=lambda backend: replace(
            with_card,
            gpus=()
            if backend == "cpu"
            else tuple(replace(one, backend=backend) for one in with_card.gpus),
        ),
        has_gpus=True,
    )
    runner, asked = a_runner(backend="cpu")
    report = measure(chosen, place, runner, WISH, quiet)
    assert asked[0].gpu_layers == 17
    decode = report.measured[0]
    assert (decode.backend, decode.devices, decode.gpu_layers) == ("cpu", ("host",), 0)
    assert "`llama-bench` ran on cpu, where cuda was expected" in report.notes[0]
    runner, _ = a_runner(backend="vulkan")
    report = measure(chosen, place, runner, WISH, quiet)
    assert (report.measured[0].backend, report.measured[0].devices) == ("vulkan", ("a card",))
    runner, _ = a_runner(backend="cuda")
    assert measure(chosen, place, runner, WISH, quiet).notes == ()


def test_a_gpu_that_the_probes_do_not_see_makes_the_comparison_void(chosen, recorded):
    runner, _ = a_runner(backend="cuda")
    report = measure(chosen, recorded, runner, WISH, quiet)
    expected = "`llama-bench` used a GPU by cuda that the probes do not see"
    assert report.notes[0] == expected
    assert {one.disturbance for one in report.measured} == {expected}
    assert report.memory == ()


def test_a_server_that_does_not_say_where_layers_are_is_only_believed_without_gpus(
    chosen, recorded
):
    runner, _ = a_runner(backend=None, knows_placement=False)
    assert measure(chosen, recorded, runner, WISH, quiet).measured[0].works
    report = measure(chosen, replace(recorded, has_gpus=True), runner, WISH, quiet)
    assert report.measured[0].works == ()


def test_a_busy_machine_is_said_and_nothing_concluded(chosen, recorded):
    runner, _ = a_runner(decode_tokens_per_s=(30.0, 50.0))
    report = measure(chosen, recorded, runner, WISH, quiet)
    assert report.measured[0].disturbance == "its repetitions differ by 50%"
    said = " ".join(bench_text(report, Paper(80)).split())
    assert "It is not kept, and was disturbed: its repetitions differ by 50%." in said
    said = " ".join(bench_text(replace(report, is_kept=True), Paper(80)).split())
    assert "no estimate uses it: its repetitions differ by 50%" in said


# What becomes of it


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A user's home directory of its own."""
    for name in ("XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    return tmp_path


def of_this_machine(report, machine):
    return tuple(
        replace(one, machine=machine_identity(machine), disturbance=None) for one in report.measured
    )


def test_from_then_on_an_estimate_is_what_was_measured(chosen, recorded, home):
    runner, _ = a_runner()
    report = measure(chosen, recorded, runner, WISH, quiet)
    keep(store_path(Asker()), of_this_machine(report, recorded.machine))
    target = with_measurements(target_of_machine(recorded.machine), recorded.machine)
    assert len(target.measured) == 2
    found = estimate(chosen.subject, Workload(context_tokens=8192), target)
    decode = found.decode
    assert (decode.speed.low, decode.speed.tokens_per_s, decode.speed.high) == (49.0, 50.0, 51.0)
    assert decode.origin is Origin.MEASURED
    assert found.prefill.speed.tokens_per_s == 405.0
    assert found.time_to_first_token_s == pytest.approx(512 / 405)
    assert found.decode_full.calibration is not None
    assert not found.decode_full.calibration.is_exact


def test_other_models_get_a_factor(chosen, recorded, home, model_file):
    other = subject_of(find_model("llama-3.1-8b-instruct"), find_quant("Q4_K_M"))
    plain = estimate(other, Workload(), recorded.target).decode
    workload = Workload(context_tokens=512, runtime=Runtime.LLAMA_BENCH)
    speed = estimate(chosen.subject, workload, recorded.target).decode.speed.tokens_per_s
    runner, _ = a_runner(decode_tokens_per_s=(0.729 * speed,) * 3)
    report = measure(chosen, recorded, runner, WISH, quiet)
    keep(store_path(Asker()), of_this_machine(report, recorded.machine))
    target = with_measurements(target_of_machine(recorded.machine), recorded.machine)
    found = estimate(other, Workload(), target).decode
    # 0.729 to the power of 1 / 1.5: one measured model counts twice as much as the prediction.
    assert found.speed.tokens_per_s == pytest.approx(0.81 * plain.speed.tokens_per_s)
    assert found.origin is Origin.MEASURED
    assert found.speed.high / found.speed.low < plain.speed.high / plain.speed.low


def test_the_same_without_a_store_is_the_same_to_the_last_digit(chosen, recorded, home):
    target = with_measurements(target_of_machine(recorded.machine), recorded.machine)
    assert target.measured == ()
    assert target == target_of_machine(recorded.machine)


def test_another_machines_measurements_and_stand_ins_are_left_alone(
    chosen, recorded, home, desktop
):
    runner, _ = a_runner()
    report = measure(chosen, recorded, runner, WISH, quiet)
    others = tuple(replace(one, machine="another") for one in report.measured)
    keep(store_path(Asker()), others)
    keep(store_path(Asker()), of_this_machine(report, recorded.machine))
    found = with_measurements(target_of_machine(recorded.machine), recorded.machine)
    assert {one.number for one in found.measured} == {3, 4}
    assert situation(machine=desktop).target.measured == ()
    assert situation(devices=["RTX 4090"]).target.measured == ()


def test_a_store_that_cannot_be_read_is_a_note_beside_the_answer(recorded, home):
    path = store_path(Asker())
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no database at all, but long" * 100)
    target = with_measurements(target_of_machine(recorded.machine), recorded.machine)
    assert target.measured == ()
    assert target.notes[-1].endswith("cannot be read: file is not a database")


def test_a_home_that_nobody_names_keeps_nothing_and_says_so(chosen, recorded, monkeypatch):
    for name in ("HOME", "XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    runner, _ = a_runner()
    report = kept(measure(chosen, recorded, runner, WISH, quiet))
    assert not report.is_kept
    assert report.notes[-1] == "nothing is kept: no data directory of this user is known"


# How it is written


def check(value, name):
    """Refuse what the published schema does not describe."""
    path = PROJECT / f"docs/schema/{name}.schema.json"
    schema = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(value)


def test_a_calibrated_estimate_meets_its_schema_and_says_what_it_is_from(chosen, recorded, home):
    runner, _ = a_runner()
    report = measure(chosen, recorded, runner, WISH, quiet)
    keep(store_path(Asker()), of_this_machine(report, recorded.machine))
    target = with_measurements(target_of_machine(recorded.machine), recorded.machine)
    found = estimate(chosen.subject, Workload(), target)
    value = estimate_object(found)
    check(value, "estimate")
    assert value["speed"]["decode_tokens_per_s"]["origin"] == "measured"
    calibration = value["speed"]["decode_tokens_per_s"]["calibration"]
    assert (calibration["is_exact"], calibration["measurements"]) == (True, [1])
    said = " ".join(estimate_text(found, Paper(80), explain=True).split())
    assert "50 (49–51) tokens/s with an empty cache, bound by bandwidth; measured here" in said
    assert "decode: measured 50 (49–51) tokens/s here (`advisor bench --list`: 1)" in said


def test_a_factor_is_said_in_text_and_json(chosen, recorded, home):
    other = subject_of(find_model("llama-3.1-8b-instruct"), find_quant("Q4_K_M"))
    runner, _ = a_runner()
    report = measure(chosen, recorded, runner, WISH, quiet)
    keep(store_path(Asker()), of_this_machine(report, recorded.machine))
    target = with_measurements(target_of_machine(recorded.machine), recorded.machine)
    found = estimate(other, Workload(), target)
    calibration = estimate_object(found)["speed"]["decode_tokens_per_s"]["calibration"]
    assert (calibration["is_exact"], calibration["models"]) == (False, 1)
    said = " ".join(estimate_text(found, Paper(80), explain=True).split())
    assert f"{calibration['factor']:.2f} of the prediction, by 1 model measured here" in said
    assert (
        f"decode: factor = {calibration['factor']:.3f}, measured over predicted of 1 model ("
        in said
    )


def test_the_json_holds_what_the_text_says(chosen, recorded, home):
    runner, _ = a_runner()
    report = kept(measure(chosen, recorded, runner, WISH, quiet))
    value = json.loads(bench_json(report))
    assert value["schema"] == "advisor.bench/1"
    check(value, "bench")
    check(json.loads(list_json(report.measured, "a machine")), "measurements")
    assert [one["number"] for one in value["measurements"]] == [1, 2]
    decode, prefill = value["measurements"]
    assert (decode["speed"], prefill["speed"]) == ("decode", "prefill")
    assert decode["measured_tokens_per_s"] == 50.0
    assert decode["samples_tokens_per_s"] == [49.0, 50.0, 51.0]


def test_an_exported_row_is_one_of_the_published_runs(measurement):
    with (PROJECT / "tests/measured/decode_speed.csv").open(encoding="utf-8") as file:
        header = next(line for line in file if not line.startswith("#"))
    assert header.strip().split(",") == list(EXPORTED)
    kept_ones = [
        measurement(),
        measurement(
            pace=Pace.PREFILL,
            tokens=512,
            devices=("host",),
            backend="cpu",
            machine="AMD Ryzen 7 7700X, 8 cores | 31 GiB",
            runtime=Runtime.OLLAMA,
            program="ollama",
            program_version=None,
            flash_attention=False,
        ),
        measurement(disturbance="its repetitions differ by 31%"),
    ]
    rows = [*csv.DictReader(export_csv(kept_ones).splitlines())]
    assert len(rows) == 2
    assert rows[0] == {
        "source": "advisor bench 0.1.0 with llama-bench b7000 (abc1234)",
        "checked": "2026-11-24",
        "device": "a card",
        "units": "1",
        "backend": "cuda",
        "runtime": "llama.cpp",
        "era": "",
        "model": "model-1b",
        "quant": "Q4_K_M",
        "file_bytes": "1000000000",
        "test": "decode",
        "depth_tokens": "0",
        "tokens": "128",
        "flash_attention": "on",
        "tokens_per_s": "100",
    }
    assert rows[1]["device"] == "AMD Ryzen 7 7700X"
    assert (rows[1]["runtime"], rows[1]["test"]) == ("ollama", "prefill")
    assert rows[1]["flash_attention"] == "off"


def test_the_list_says_what_is_not_used_and_why(measurement):
    shown = list_text(
        [
            measurement(number=1),
            measurement(number=2, disturbance="its repetitions differ by 31%"),
            measurement(number=3, machine="another", depth_tokens=4096),
        ],
        "a machine",
        Paper(100),
    )
    assert "  1 2026-11-24 03:00 model-1b Q4_K_M decode" in shown
    assert "decode at 4,096" in shown
    assert "2 is not used: its repetitions differ by 31%." in shown
    assert "Taken on another machine, and not used on this one: 3." in shown
