"""What the command line takes, refuses and answers; each case is a run of the program."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from advisor.cli import COMMANDS

MODEL = ["llama-3.2-1b", "--device", "RTX 4090"]
"""A model and what it is to run on."""

ONE_SENTENCE = re.compile(r"Error: (?P<sentence>[^\n]+[^.\n])\n\nHint: (?P<hint>[^\n]+)\n")


def case(words, sentence, hint):
    return pytest.param(words, sentence, hint, id=" ".join(words)[:60] or "''")


BAD_INPUT = [
    case(["sca"], "`sca` is not a command", "did you mean `scan`?"),
    case(["zzz"], "`zzz` is not a command", "the commands are scan, show, estimate, devices"),
    case(["scan", "--contxt", "8k"], "No such option", "'--context'"),
    case(["show"], "Missing argument 'MODEL'", "`advisor show --help` shows what it takes"),
    case(["show", "a", "b"], "unexpected extra argument", "`advisor show --help`"),
    case(["show", ""], "the name of the model is empty", "`advisor models` lists them"),
    case(
        ["show", "llama-3.2-1b-instrct"],
        "`llama-3.2-1b-instrct` is not a model in the catalog",
        "`llama-3.2-1b-instruct`",
    ),
    case(["show", "no-such-model"], "is not a model in the catalog", "`advisor models`"),
    case(["show", "qwen3"], "`qwen3` may be any of", "`qwen3-0.6b`"),
    case(["estimate", "model.gguf"], "`model.gguf` does not exist", ""),
    case(["estimate", "hf:owner"], "`hf:owner`", "`hf:owner/repo`"),
    case(["devices", "https://huggingface.co/datasets/a/b"], "datasets/a/b", "`hf:owner/repo`"),
    case(["estimate", *MODEL, "-q", "Q4_X"], "`Q4_X` is not a quantization", "Q4_K_M"),
    case(["devices", MODEL[0], "-q", "4bit"], "`4bit` is not a quantization", "Q4_K_M"),
    case(["scan", "--device", "RTX 9999"], "`RTX 9999` is not a device", "GeForce RTX 4090"),
    case(["scan", "--device", "3060"], "`3060` can be any of 2 devices", "in full"),
    case(["scan", "--device", "8x"], "`8x` can be any of", "in full"),
    case(["scan", "--device", "0x RTX 4090"], "a count of devices is at least 1", "`2x RTX 3090`"),
    case(
        ["scan", "--device", "cpu", "--device", "RTX 4090"],
        "`cpu` means no GPU",
        "leave `cpu` out",
    ),
    case(["estimate", *MODEL, "-c", "-8"], "`-8` is not a count of tokens", "--help"),
    case(
        ["estimate", *MODEL, "-c", "8x"], "`8x` is not a count of tokens; write `4096` or `8k`", ""
    ),
    case(["estimate", *MODEL, "-c", "0"], "`0` is not a count of tokens", "--help"),
    case(
        ["estimate", *MODEL, "-c", "1000k"],
        "a context of 1,024,000 tokens is beyond the model's own 131,072",
        "`--context 131072`",
    ),
    case(["show", *MODEL, "-c", "1000k"], "beyond the model's own", "`--context 131072`"),
    case(["devices", MODEL[0], "-c", "1000k"], "beyond the model's own", "`--context 131072`"),
    case(
        ["estimate", *MODEL, "--gpu-layers", "-1"], "`-1` is not a number of GPU layers", "`auto`"
    ),
    case(["estimate", *MODEL, "--gpu-layers", "1.5"], "not a number of GPU layers", "`auto`"),
    case(["estimate", *MODEL, "--depth", "-1"], "`-1` is not a count of at least 0", "--help"),
    case(["estimate", *MODEL, "--sequences", "0"], "`0` is not a count of at least 1", "--help"),
    case(["estimate", *MODEL, "--ubatch", "none"], "`none` is not a count of tokens", "--help"),
    case(["estimate", *MODEL, "--kv-type-k", "q9_0"], "`q9_0` is not a cache type", "q8_0"),
    case(
        ["estimate", *MODEL, "--kv-type-v", "q8_0", "--flash-attention", "off"],
        "refuses a V cache of type `q8_0` without flash attention",
        "`f16`",
    ),
    case(["estimate", *MODEL, "--runtime", "vllm"], "'vllm' is not one of 'llama-server'", ""),
    case(["estimate", *MODEL, "--backend", "dx12"], "'dx12' is not one of 'cuda'", ""),
    case(["scan", "--min-speed", "-1"], "`-1` is not a number of tokens per second", "--help"),
    case(["scan", "--min-speed", "nan"], "`nan` is not a number of tokens per second", "--help"),
    case(["scan", "--min-speed", "fast"], "`fast` is not a number of tokens per second", ""),
    case(["scan", "--max-params", "0B"], "`0B` is not a count of weights", "--help"),
    case(["models", "--max-params", "huge"], "`huge` is not a count of weights", "--help"),
    case(["models", "--for", "poetry"], "'poetry' is not one of 'chat'", "--help"),
    case(["devices", MODEL[0], "--kind", "toaster"], "'toaster' is not one of 'desktop'", "--help"),
    case(["scan", "--machine", "no-such.json"], "`no-such.json` does not exist", "--save"),
    case(["scan", "--machine", "."], "`.` is a folder, not a machine recording", "--save"),
    case(
        ["scan", "--device", "RTX 4090", "--save", "x.json"],
        "`--save` records this machine",
        "leave one of them out",
    ),
]


@pytest.mark.parametrize(("words", "sentence", "hint"), BAD_INPUT)
def test_bad_input_is_one_sentence_and_a_hint(run, words, sentence, hint, tmp_path):
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    said = ONE_SENTENCE.fullmatch(done.stderr)
    assert said, done.stderr
    assert sentence in said["sentence"]
    assert hint in said["hint"]
    assert list(tmp_path.iterdir()) == []


# Files that are no recording


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "it is not JSON"),
        (b"{", "it is not JSON (line 1, column 2)"),
        (b"[]", "it is JSON, but not an object"),
        (b"\x00\xff\xfe\x80", "it is not JSON"),
        (b'{"name": "somebody\'s package.json"}', "it has no `schema` of `advisor.machine/1`"),
        (b'{"schema": "advisor.machine/2"}', "a machine recording of version 2, not of version 1"),
        (b'{"schema": "advisor.machine/1"}', "`system` is missing"),
        (b'{"schema": "advisor.machine/1", "cpu": {}, "memory": {}, "system": {}}', "is missing"),
        (b"[" * 100_000, "it is not JSON"),
        (b" " * (5 << 20), "it is larger than 4 MiB"),
    ],
    ids=[
        "empty",
        "cut off",
        "a list",
        "binary",
        "foreign",
        "newer",
        "bare",
        "hollow",
        "deep",
        "huge",
    ],
)
def test_a_file_that_is_no_recording_is_one_sentence(run, tmp_path, content, sentence):
    (tmp_path / "machine.json").write_bytes(content)
    done = run("scan", "--machine", "machine.json", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    said = ONE_SENTENCE.fullmatch(done.stderr)
    assert said, done.stderr
    assert "`machine.json` is " in said["sentence"]
    assert sentence in said["sentence"]


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/zero")
def test_a_file_without_an_end_is_not_read_to_it(run):
    done = run("scan", "--machine", "/dev/zero")
    assert (done.returncode, done.stdout) == (2, "")
    assert "it is larger than 4 MiB" in done.stderr


# Exit codes


def small(desktop, available_bytes):
    """The recorded desktop with so little memory left."""
    machine = json.loads(Path(desktop).read_text())
    machine["memory"]["total_bytes"] = machine["memory"]["available_bytes"] = available_bytes
    return machine


@pytest.fixture
def tiny(desktop, tmp_path):
    """A machine on which nothing fits: the smallest model needs 311 MiB."""
    path = tmp_path / "tiny.json"
    path.write_text(json.dumps(small(desktop, 200 << 20)))
    return str(path)


def test_what_fits_exits_with_0(run, desktop):
    assert run("scan", "--machine", desktop, "--max-params", "1B").returncode == 0
    assert run("estimate", "llama-3.2-1b", "--machine", desktop).returncode == 0
    assert run("devices", "llama-3.2-1b", "--vendor", "apple").returncode == 0
    assert run("models", "llama").returncode == 0


def test_a_scan_where_nothing_fits_exits_with_1_and_names_the_smallest(run, tiny):
    done = run("scan", "--machine", tiny)
    assert (done.returncode, done.stderr) == (1, "")
    assert "Nothing fits\n  gemma-3-270m-it in IQ2_M: it needs " in done.stdout
    assert re.search(
        r"^\d+ more need more than that; `--all` lists them\.$", done.stdout, re.MULTILINE
    )


def test_a_scan_of_everything_where_nothing_fits_lists_every_model(run, tiny):
    done = run("scan", "--machine", tiny, "--all", "--max-params", "500M")
    answer = json.loads(
        run("scan", "--machine", tiny, "--all", "--max-params", "500M", "--json").stdout
    )
    assert done.returncode == 1
    assert answer["models"] == []
    assert answer["recommendation"] is None
    assert len(answer["rejected"]) > 3
    for one in answer["rejected"]:
        assert f"{one['model']} in {one['quant']}: it needs " in done.stdout


def test_an_estimate_that_does_not_fit_exits_with_1_and_still_explains(run, tiny):
    done = run("estimate", "qwen3-8b", "-q", "Q4_K_M", "--machine", tiny)
    assert (done.returncode, done.stderr) == (1, "")
    said = " ".join(done.stdout.split())
    assert "no: it needs 5.9 GiB, and the system's memory has 200 MiB" in said
    assert "Decode would be " in said


def test_a_page_of_what_does_not_fit_is_an_answer(run, tiny):
    done = run("show", "qwen3-8b", "--machine", tiny)
    assert (done.returncode, done.stderr) == (0, "")
    assert "None runs here; elsewhere Q4_K_M is the usual choice." in done.stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["models", "no", "such", "words"], "No model of the catalog passes these filters."),
        (["devices", "qwen3-8b", "--vendor", "Acme"], "No device of the catalog is of this kind"),
        (["scan", "--device", "RTX 4090", "--family", "nobody"], "passes these filters; `--all`"),
        (["scan", "--device", "RTX 4090", "--family", "nobody", "--all"], "passes these filters."),
        (
            ["scan", "--device", "RTX 4090", "-c", "9000k"],
            "was made for a context of 9,216,000 tokens",
        ),
    ],
    ids=["models", "devices", "scan", "scan of all", "a long context"],
)
def test_no_row_exits_with_1_and_says_so(run, words, sentence):
    done = run(*words)
    assert (done.returncode, done.stderr) == (1, "")
    assert sentence in " ".join(done.stdout.split())


def test_a_probe_that_failed_is_exit_3_of_doctor(run, desktop, tmp_path):
    machine = json.loads(Path(desktop).read_text())
    machine["findings"] = [
        {
            "probe": "nvidia",
            "code": "driver-mismatch",
            "severity": "error",
            "sentence": "the driver's parts are of two versions",
            "hint": "restart the machine",
        }
    ]
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(machine))
    done = run("doctor", "--machine", str(path))
    assert (done.returncode, done.stderr) == (3, "")
    assert "Error: the driver's parts are of two versions; restart the machine" in done.stdout
    assert run("doctor", "--machine", desktop).returncode == 0


# Help


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_the_group_and_of_the_command_agree(run, name):
    assert f"  {name} ".ljust(12) + COMMANDS[name].split(":")[0][:30] in run("--help").stdout
    assert run(name, "--help").stdout.startswith(f"Usage: advisor {name} [OPTIONS]")


def test_a_group_without_a_command_shows_its_help(run):
    done = run()
    assert done.returncode in {0, 2}  # click 8.1 calls this a question, 8.2 wrong usage
    assert "Begin with `advisor scan`." in done.stdout + done.stderr


def test_the_exit_codes_of_the_help_are_those_of_the_program(run):
    from advisor.errors import ExitCode

    said = re.search(r"Exit codes: (.*?)\.\n", run("--help").stdout, re.DOTALL)
    assert {int(one) for one in re.findall(r"\d+", said[1])} <= set(ExitCode)


def test_the_version_names_the_program_and_the_catalogs_date(run):
    assert re.fullmatch(
        r"advisor \d+\.\d+\.\d+ \(catalog of \d{4}-\d\d-\d\d\)\n", run("--version").stdout
    )


def test_a_shell_learns_how_a_word_goes_on(run):
    done = run(
        env={"_ADVISOR_COMPLETE": "bash_complete", "COMP_WORDS": "advisor es", "COMP_CWORD": "1"}
    )
    assert (done.returncode, done.stdout) == (0, "plain,estimate\n")


# Values as people write them


def estimated(run, *words):
    done = run("estimate", *words, "--json")
    assert done.returncode in {0, 1}, done.stderr
    return json.loads(done.stdout)


def test_every_option_of_estimate_reaches_the_estimate(run):
    answer = estimated(
        run,
        *("qwen3-8b", "--quant", "q5_k_m", "--device", "2x RTX 3090", "--context", "16k"),
        *("--depth", "4096", "--kv-type-k", "Q8_0", "--kv-type-v", "q8_0"),
        *("--flash-attention", "on", "--ubatch", "1k", "--sequences", "2", "--kv-unified"),
        *("--runtime", "llama-bench", "--gpu-layers", "30", "--backend", "vulkan"),
        *("--tensor-split", "2,1", "--era", "before-june-2026", "--load-mode", "mlock"),
    )
    assert answer["quant"] == "Q5_K_M"
    assert answer["target"] == "2x NVIDIA GeForce RTX 3090"
    assert answer["workload"] == {
        "context_tokens": 16_384,
        "depth_tokens": 4096,
        "ubatch_tokens": 1024,
        "sequences": 2,
        "kv_unified": True,
        "kv_type_k": "q8_0",
        "kv_type_v": "q8_0",
        "flash_attention": "on",
        "runtime": "llama-bench",
        "era": "before-june-2026",
        "load_mode": "mlock",
    }
    assert answer["command"]["lines"][0].endswith(
        " -c 16384 -np 2 --kv-unified -ub 1024 --device Vulkan0,Vulkan1 -ngl 30"
        " --tensor-split 2,1 -ctk q8_0 -ctv q8_0 -fa on --no-mmap --mlock"
    )
    assert answer["placement"] == {
        "gpu_layers": 30,
        "layers": 37,
        "n_cpu_moe": 0,
        "tensor_split": [2.0, 1.0],
        "layers_by_gpu": [20, 10],
    }


def test_experts_may_be_kept_on_the_cpu(run):
    words = ["qwen3-30b-a3b", "-q", "Q4_K_M", "--device", "RTX 5090"]
    asked = {text: estimated(run, *words, "--n-cpu-moe", text) for text in ("12", "all", "auto")}
    assert [one["placement"]["n_cpu_moe"] for one in asked.values()] == [12, 48, 0]
    assert [one["fit"]["verdict"] for one in asked.values()] == ["partial", "partial", "fits"]
    said = asked["12"]["fit"]["reason"]
    assert "the experts of the first 12 of 48 layers stay on the CPU" in said


@pytest.mark.parametrize("text", ["8192", "8k", "8K", "8_192", "8,192", " 8k "])
def test_a_count_of_tokens_may_be_written_in_many_ways(run, text):
    assert estimated(run, *MODEL, "-c", text)["workload"]["context_tokens"] == 8192


def test_gpu_layers_may_be_all_or_auto(run):
    all_of_it = estimated(run, *MODEL, "--gpu-layers", "all")["placement"]
    assert (all_of_it["gpu_layers"], all_of_it["layers"]) == (17, 17)
    assert estimated(run, *MODEL, "--gpu-layers", "auto")["placement"] == all_of_it
    assert estimated(run, *MODEL, "--gpu-layers", "0")["placement"]["gpu_layers"] == 0


def test_without_a_quant_the_estimate_is_for_the_one_that_the_page_stars(run):
    page = json.loads(run("show", *MODEL, "--json").stdout)
    assert estimated(run, *MODEL)["quant"] == page["best"]["quant"]


def test_the_cpu_stands_for_a_machine_without_its_gpus(run, desktop):
    words = ["llama-3.2-1b", "-q", "Q8_0", "--machine", desktop]
    asked, without = estimated(run, *words, "--device", "cpu"), estimated(run, *words)
    (line,) = asked.pop("command")["lines"]
    assert without.pop("command")["lines"] == [line.removesuffix(" --device none")]
    assert asked == without


# Saving


def test_a_saved_machine_answers_as_the_machine_did(run, tmp_path):
    first = run(
        *("scan", "--no-measure", "--max-params", "1B", "--save", "machine.json", "--json"),
        cwd=tmp_path,
    )
    again = run("scan", "--max-params", "1B", "--machine", "machine.json", "--json", cwd=tmp_path)
    assert first.returncode == again.returncode
    seen, replayed = json.loads(first.stdout), json.loads(again.stdout)
    for accelerator in seen["machine"].get("accelerators", []):
        accelerator.pop("uuid", None)
        accelerator.pop("holders", None)
    assert replayed["models"] == seen["models"]
    assert replayed["recommendation"] == seen["recommendation"]
    assert [path.name for path in tmp_path.iterdir()] == ["machine.json"]


def test_a_machine_is_saved_into_a_folder_that_exists(run, tmp_path):
    done = run("scan", "--no-measure", "--save", "no/such/folder.json", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (74, "")
    said = ONE_SENTENCE.fullmatch(done.stderr)
    assert said["sentence"].startswith("`no/such/folder.json` cannot be written: ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full")
def test_a_full_disk_saves_nothing_and_says_so(run, tmp_path):
    done = run("scan", "--no-measure", "--save", "/dev/full", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (74, "")
    said = ONE_SENTENCE.fullmatch(done.stderr)
    assert said["sentence"] == "`/dev/full` cannot be written: No space left on device"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit on a file's size")
def test_a_recording_that_does_not_fit_leaves_the_old_one_whole(run, tmp_path):
    import resource

    def with_little_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    (tmp_path / "machine.json").write_text("the old one")
    done = subprocess.run(
        run.command("scan", "--no-measure", "--save", "machine.json"),
        cwd=tmp_path,
        env=run.environ,
        capture_output=True,
        text=True,
        preexec_fn=with_little_room,
        check=False,
    )
    assert (done.returncode, done.stdout) == (74, "")
    assert ONE_SENTENCE.fullmatch(done.stderr)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "machine.json": "the old one"
    }
