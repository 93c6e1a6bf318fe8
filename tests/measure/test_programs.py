"""Programs that load a file and time it: `llama-bench` and `llama-cpp-python`, as fakes of both."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from advisor.measure import llama_bench, llama_python
from advisor.measure.child import died, last_words, run_child
from advisor.measure.errors import RuntimeFailedError
from advisor.measure.task import Task

TASK = Task(
    path=Path("model.gguf"),
    repetitions=3,
    gpu_layers=0,
    n_cpu_moe=0,
    tensor_split=None,
    threads=8,
    flash_attention=True,
    without_gpus=False,
)

FAKE_LIBRARY = '''
"""Stands for llama-cpp-python: it computes nothing, and says what it was asked."""
import sys
__version__ = "0.9.9"
calls = []

class Llama:
    def __init__(self, model_path, *, n_gpu_layers=0, n_ctx=512, n_batch=512, n_ubatch=512,
                 n_threads=None, n_threads_batch=None, flash_attn=False, verbose=True):
        self.n_threads, self.ctx, self.n_batch = n_threads, object(), n_batch
        asked = f"asked ngl {n_gpu_layers} ctx {n_ctx} batch {n_batch} fa {flash_attn}"
        print(asked, file=sys.stderr)
        print("load_tensors:   CPU_Mapped model buffer size =   762.81 MiB", file=sys.stderr)
        BODY

    def n_vocab(self):
        return 32000

    def reset(self):
        self.seen = 0

    def eval(self, tokens):
        assert all(256 <= token < 32000 for token in tokens)
        self.seen += len(tokens)

def llama_synchronize(ctx):
    pass
'''


def quiet(_step):
    """Shows nothing."""


@pytest.fixture
def fake_library(tmp_path, monkeypatch):
    """`fake_library("raise RuntimeError")` puts a `llama_cpp` on the import path."""
    folder = tmp_path / "library"
    folder.mkdir()

    def make(body="pass"):
        (folder / "llama_cpp.py").write_text(FAKE_LIBRARY.replace("BODY", body), encoding="utf-8")
        monkeypatch.setenv("PYTHONPATH", str(folder))
        monkeypatch.syspath_prepend(str(folder))

    return make


# llama-bench


def test_llama_bench_gives_every_repetition_its_build_and_its_buffers(fake_llama_bench):
    folder = fake_llama_bench()
    steps = []
    found = llama_bench.run(str(folder / "llama-bench"), TASK, steps.append)
    assert found.decode_tokens_per_s == (49.0, 50.0, 51.0)
    assert found.prefill_tokens_per_s == (410.0, 400.0, 405.0)
    assert (found.decode_tokens, found.prefill_tokens) == (128, 512)
    assert (found.version, found.backend, found.threads) == ("b7000 (abc1234)", "cpu", 8)
    assert found.allocated.host.weights_bytes == round(762.81 * (1 << 20))
    assert [one.what for one in steps] == ["loading", "prefill", "prefill", "decode", "decode"]
    assert [one.done for one in steps] == [0, 0, 1, 2, 3]
    assert {one.total for one in steps} == {8}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "-p 512 -n 128 -r 3 -ngl 0 -fa 1 -o json --progress -v -t 8"),
        ({"depth_tokens": 4096}, "-d 4096"),
        ({"flash_attention": False}, "-fa 0"),
        ({"gpu_layers": 33, "n_cpu_moe": 5}, "-ngl 33 -fa 1 -o json --progress -v -ncmoe 5"),
        ({"tensor_split": (3.0, 1.0)}, "-ts 3/1"),
        ({"without_gpus": True}, "-dev none"),
        ({"device_names": ("CUDA0", "CUDA2")}, "-dev CUDA0/CUDA2"),
    ],
)
def test_llama_bench_is_told_the_placement(changes, expected):
    said = " ".join(llama_bench.words("llama-bench", replace(TASK, **changes)))
    assert said.startswith("llama-bench -m model.gguf ")
    assert expected in said


def test_llama_bench_is_left_to_choose_its_threads_where_nobody_knows_the_cores():
    assert "-t" not in llama_bench.words("llama-bench", replace(TASK, threads=None))


def test_a_prompt_at_depth_is_no_prefill_speed_that_is_predicted():
    tests = [
        {"n_prompt": 512, "n_gen": 0, "n_depth": 4096, "samples_ts": [300.0]},
        {"n_prompt": 0, "n_gen": 128, "n_depth": 4096, "samples_ts": [40.0]},
    ]
    found = llama_bench.taken(json.dumps(tests), "", replace(TASK, depth_tokens=4096))
    assert found.prefill_tokens_per_s == ()
    assert found.decode_tokens_per_s == (40.0,)


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("", "something else than JSON"),
        ("error: unknown argument", "something else than JSON"),
        ("{}", "no list of tests"),
        ("[1]", "no list of tests"),
        ("[]", r"did not report the test that was asked for \(n_prompt 0, n_gen 128"),
        ('[{"n_gen": 128}, {"n_prompt": 512}]', "no repetitions"),
        ('[{"n_gen": 128, "samples_ts": [0]}, {"n_prompt": 512}]', "a speed that is none"),
        ('[{"n_gen": 128, "samples_ts": ["fast"]}, {"n_prompt": 512}]', "a speed that is none"),
    ],
)
def test_what_is_no_measurement_is_a_sentence(output, words):
    with pytest.raises(RuntimeFailedError, match=words):
        llama_bench.taken(output, "", replace(TASK, prompt_tokens=512))


# Its end


@pytest.mark.parametrize(
    ("act", "words"),
    [
        pytest.param("sys.exit(1)", "`llama-bench` failed with exit code 1", id="an exit code"),
        pytest.param(
            "sys.stderr.write('error: failed to load model\\n'); sys.exit(1)",
            "exit code 1; its last words: error: failed to load model",
            id="an exit code and words",
        ),
        pytest.param(
            "os.kill(os.getpid(), signal.SIGSEGV)",
            r"`llama-bench` crashed \(signal 11\)",
            id="a crash",
        ),
        pytest.param(
            "os.kill(os.getpid(), signal.SIGKILL)",
            "`llama-bench` was killed while it ran the model, most likely for want of memory",
            id="the kernel for want of memory",
        ),
    ],
)
def test_a_bad_end_is_a_sentence(fake_llama_bench, act, words):
    folder = fake_llama_bench(act=act)
    with pytest.raises(RuntimeFailedError, match=words) as found:
        llama_bench.run(str(folder / "llama-bench"), TASK, quiet)
    assert found.value.hint
    assert not str(found.value).endswith(".")


def test_a_program_that_cannot_be_started_is_a_sentence(tmp_path):
    with pytest.raises(RuntimeFailedError, match="cannot be started: No such file"):
        run_child([str(tmp_path / "nothing")])


def test_the_last_words_are_those_that_say_what_is_wrong():
    log = "load: reading\nerror: out of memory.\nllama_free: done\n\n"
    assert last_words(log) == "error: out of memory"
    assert last_words("one\ntwo\n") == "two"
    assert last_words("") == ""
    assert "last words" not in str(died("program", 1, ""))


def test_a_child_that_talks_much_on_both_sides_is_heard_to_its_end():
    words = "import sys\nfor n in range(20000): print(n); print(n, file=sys.stderr)"
    heard = []
    ended = run_child([sys.executable, "-c", words], on_stderr=heard.append)
    assert ended.stdout.split()[-1] == ended.stderr.split()[-1] == heard[-1] == "19999"


@pytest.mark.skipif(os.name == "nt", reason="needs process groups")
def test_an_interrupt_ends_the_child_and_what_it_started(tmp_path):
    """The grandchild writes its number; afterwards nobody has it."""
    mark = tmp_path / "number"
    grandchild = (
        f"import os, time; open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    )
    child = (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        f" subprocess.Popen([sys.executable, '-c', {grandchild!r}]); print('up', flush=True);"
        " time.sleep(60)"
    )

    def stop(_line):
        while not (mark.exists() and mark.read_text()):
            time.sleep(0.01)
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("advisor.measure.child.GRACE_S", 0.2)
        with pytest.raises(KeyboardInterrupt):
            run_child([sys.executable, "-c", child], on_stdout=stop)
    assert_gone(int(mark.read_text()))


def assert_gone(number, *, within_s=5.0):
    """No process of this number runs any more; a moment is given to be reaped."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        try:
            os.kill(number, 0)
        except ProcessLookupError:
            return
        status = Path(f"/proc/{number}/stat")
        if status.exists() and status.read_text().split(") ")[-1].startswith("Z"):
            return
        time.sleep(0.02)
    pytest.fail(f"process {number} still runs")


# llama-cpp-python


def test_the_library_is_loaded_by_a_child_and_times_what_llama_bench_times(fake_library):
    fake_library()
    steps = []
    found = llama_python.run(TASK, steps.append)
    assert found.program == "llama-cpp-python"
    assert found.version == "0.9.9"
    assert len(found.decode_tokens_per_s) == len(found.prefill_tokens_per_s) == 3
    assert min(*found.decode_tokens_per_s, *found.prefill_tokens_per_s) > 0
    assert (found.threads, found.backend) == (8, "cpu")
    assert [one.what for one in steps] == ["loading", *["prefill"] * 4, *["decode"] * 4]
    assert "llama_cpp" not in sys.modules


def test_the_library_is_told_what_its_version_takes(fake_library, monkeypatch):
    fake_library()
    seen = {}

    def listen(words, **_how):
        ended = run_child(words, **_how)
        seen["log"] = ended.stderr
        return ended

    monkeypatch.setattr(llama_python, "run_child", listen)
    llama_python.run(replace(TASK, gpu_layers=17, depth_tokens=1000), quiet)
    assert "asked ngl 17 ctx 1512 batch 512 fa True" in seen["log"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise ValueError('no such model')", "exit code 1; its last words: ValueError: no such"),
        ("import os; os.abort()", r"crashed \(signal 6\)"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "for want of memory"),
        ("import os; os._exit(0)", "ended without a result"),
    ],
)
def test_what_ends_the_library_ends_nothing_else(fake_library, body, words):
    fake_library(body)
    with pytest.raises(RuntimeFailedError, match=words):
        llama_python.run(TASK, quiet)


def test_the_library_cannot_keep_experts_on_the_cpu():
    with pytest.raises(RuntimeFailedError, match="cannot keep experts on the CPU"):
        llama_python.run(replace(TASK, n_cpu_moe=4), quiet)


# The whole command


@pytest.fixture
def bench(run, fake_llama_bench, model_file, tmp_path):
    """`bench(...)` runs `advisor bench` with a fake `llama-bench`, and a home of its own."""
    home = tmp_path / "home"
    home.mkdir()

    def call(*words, folder=None, **env):
        return run("bench", *words, env=usual(folder or fake_llama_bench_folder(), **env))

    def fake_llama_bench_folder():
        folder = tmp_path / "bin"
        return folder if folder.exists() and any(folder.iterdir()) else fake_llama_bench()

    def usual(folder, **env):
        return {
            "HOME": str(home),
            "LOCALAPPDATA": str(home),
            "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
            **env,
        }

    call.usual, call.folder, call.file = usual, fake_llama_bench_folder, str(model_file)
    call.home = home
    return call


def test_a_measurement_is_told_kept_listed_shared_and_forgotten(bench):
    done = bench(bench.file, "--backend", "cpu")
    assert done.returncode == 0, done.stderr
    assert "measuring Llama-3.2-1B-Instruct-Q4_K_M.gguf (800 MB) …\n" in done.stderr
    assert "50 (49–51) tokens/s over 128 with an empty cache, 3 runs;" in flat(done.stdout)
    assert "405 (400–410) tokens/s for a prompt of 512, 3 runs;" in flat(done.stdout)
    assert "host  weights" in done.stdout
    assert "Kept as 1 and 2" in flat(done.stdout)

    listed = json.loads(bench("--list", "--json").stdout)
    assert [one["number"] for one in listed["measurements"]] == [1, 2]
    assert listed["measurements"][0]["machine"] == listed["machine"]
    assert "llama-3.2-1b" in bench("--list").stdout.lower()

    rows = bench("--export").stdout.splitlines()
    assert rows[0].startswith("source,checked,device,")

    assert bench("--forget", "1").stdout == "1 measurement forgotten\n"
    again = bench("--forget", "1")
    assert (again.returncode, again.stdout) == (2, "")
    assert "there is no measurement 1" in again.stderr
    assert bench("--forget", "all").stdout == "1 measurement forgotten\n"
    assert bench("--list").stdout == "Nothing is kept; `advisor bench` measures.\n"


def flat(text):
    """Text without the line breaks of its layout."""
    return " ".join(text.split())


def test_nothing_is_kept_where_nothing_is_to_be(bench):
    done = bench(bench.file, "--backend", "cpu", "--no-keep")
    assert "It is not kept" in done.stdout
    assert not [*bench.home.rglob("*.sqlite3")]


def test_a_broken_store_costs_the_keeping_and_not_the_measurement(bench):
    folder = bench.home / ".local/share/gguf-advisor"
    if sys.platform == "darwin":
        folder = bench.home / "Library/Application Support/gguf-advisor"
    folder.mkdir(parents=True)
    (folder / "measurements.sqlite3").write_bytes(b"no database at all, but long" * 100)
    done = bench(bench.file, "--backend", "cpu")
    assert done.returncode == 0
    assert "50 (49–51) tokens/s" in flat(done.stdout)
    assert "cannot be kept: file is not a database" in flat(done.stdout)
    listed = bench("--list")
    assert (listed.returncode, listed.stdout) == (74, "")
    assert "move the file away to begin anew" in listed.stderr


def test_a_program_that_fails_ends_with_3_and_keeps_nothing(bench, fake_llama_bench):
    folder = fake_llama_bench(act="sys.exit(1)")
    done = bench(bench.file, "--backend", "cpu", folder=folder)
    assert (done.returncode, done.stdout) == (3, "")
    assert "`llama-bench` failed with exit code 1" in done.stderr
    assert bench("--list").stdout.startswith("Nothing is kept")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--list", "--export"], "`--list` and `--export` measure nothing, and stand alone"),
        (["model.gguf", "--list"], "`--list` measure nothing"),
        (["--forget", "first"], "`first` is not the number of a measurement"),
        (["no-such-model"], "`no-such-model` is not a model in the catalog"),
        (["nothing.gguf"], "nothing.gguf"),
        (["llama-3.2-1b"], "`llama-3.2-1b-instruct` is not on this machine"),
        (["--runtime", "ollama", "--url", "http://192.0.2.1:11434"], "is another machine"),
    ],
)
def test_what_cannot_be_measured_is_wrong_usage(bench, words, expected):
    done = bench(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert expected in done.stderr


def test_without_any_program_it_says_how_to_get_one(bench, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    nobody = {"OLLAMA_HOST": "127.0.0.1:9"}
    done = bench(bench.file, "--runtime", "llama-bench", PATH=str(empty), **nobody)
    assert done.returncode == 2
    assert "`llama-bench` is not here" in done.stderr
    assert "gguf-advisor[bench]" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="needs signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_measurement_leaves_nothing_behind(
    bench, run, fake_llama_bench, tmp_path, number
):
    mark = tmp_path / "number"
    folder = fake_llama_bench(
        act=f"open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    )
    with subprocess.Popen(
        run.command("bench", bench.file, "--backend", "cpu"),
        env=run.with_variables(bench.usual(folder)),
        cwd=run.home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        until = time.monotonic() + 30
        while not (mark.exists() and mark.read_text()) and time.monotonic() < until:
            time.sleep(0.02)
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert out == b""
    assert b"nothing was kept" in err
    assert b"Traceback" not in err
    assert_gone(int(mark.read_text()))
    assert not [*bench.home.rglob("*.sqlite3")]


def test_the_child_is_found_on_the_path(fake_llama_bench, monkeypatch):
    monkeypatch.setenv("PATH", str(fake_llama_bench()))
    assert llama_bench.find() == shutil.which("llama-bench")
