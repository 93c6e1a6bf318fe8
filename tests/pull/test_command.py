"""`advisor pull` as people run it, against a Hub on loopback."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from huggingface_hub import hf_hub_download, scan_cache_dir

from advisor.pull.lock import locked
from advisor.pull.partial import Partial
from advisor.pull.store import Store
from catalog.hub.listing import HubFile
from tests.hub.fake_files import virtual
from tests.hub.fake_hub import CDN
from tests.hub.small_gguf import Q4_K, Q8_0, sample
from tests.pull.loopback import (
    ADDRESS,
    FILE,
    REPOSITORY,
    SIZE_BYTES,
    content,
    found,
    partial_file,
    sent,
)
from tests.shell import is_one_sentence

posix = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")

# A download


def test_a_named_quant_is_fetched_checked_and_put_where_others_find_it(pull_alone, hub, cache):
    done = pull_alone(ADDRESS)
    assert (done.returncode, done.stderr) == (0, "")
    path = found(cache)
    assert path.read_bytes() == content(hub)
    assert f"\n    {path}\n" in done.stdout
    assert re.search(r"Transfer +3 MB in \d+ s, \S+ [kMG]B/s; its SHA-256 is right\n", done.stdout)
    assert f"llama-server -hf {REPOSITORY} -hff {FILE}\n" in done.stdout
    assert scan_cache_dir(cache).warnings == []
    assert len(hub.asked("/resolve/")) == 1

    again = pull_alone(ADDRESS)
    assert again.returncode == 0
    assert "none: all of it is there already" in again.stdout
    assert sent(hub) == SIZE_BYTES


def test_a_file_that_huggingface_hub_fetched_is_not_fetched_again(pull, hub, cache):
    theirs = hf_hub_download(REPOSITORY, FILE, cache_dir=cache, endpoint=hub.endpoint)
    before = sent(hub)
    done = pull(ADDRESS)
    assert done.returncode == 0
    assert f"\n    {theirs}\n" in done.stdout
    assert "none: all of it is there already" in done.stdout
    assert sent(hub) == before


def test_huggingface_hub_does_not_fetch_again_what_this_fetched(pull, hub, cache):
    pull(ADDRESS)
    before = sent(hub)
    hf_hub_download(REPOSITORY, FILE, cache_dir=cache, endpoint=hub.endpoint)
    assert sent(hub) == before


def test_all_parts_of_a_split_file_are_fetched(pull, hub, cache):
    parts = [f"Q6_K/model-Q6_K-0000{part}-of-00002.gguf" for part in (1, 2)]
    hub.add(REPOSITORY, {part: virtual(200_000, part.encode()) for part in parts})
    done = pull(f"hf:{REPOSITORY}/{parts[1]}")
    assert (done.returncode, done.stderr) == (0, "")
    assert "0 MB in 2 parts" in done.stdout
    for part in parts:
        assert found(cache, part).read_bytes() == content(hub, part)
    assert f"-hff {parts[0]}" in done.stdout


def test_a_model_of_the_catalog_is_fetched_in_its_best_quant_here(pull, hub, cache, run):
    shown = json.loads(run("show", "qwen3-8b", "--device", "RTX 3060 12GB", "--json").stdout)
    best = shown["best"]["quant"]
    row = next(one for one in shown["quants"] if one["quant"] == best)
    repository, name = row["file"]["repository"], row["file"]["name"]
    hub.add(repository, {name: virtual(300_000, b"GGUF")})
    done = pull("qwen3-8b", "--device", "RTX 3060 12GB")
    assert (done.returncode, done.stderr) == (0, "")
    assert found(cache, name, repository).stat().st_size == 300_000
    assert f"{repository}: qwen3-8b in {best}" in done.stdout
    assert f"llama-server -hf {repository} -hff {name} -c 8192 " in done.stdout


def test_an_unknown_model_is_judged_by_the_headers_of_its_files(pull, hub):
    shape = {"context_length": 8192, "feed_forward_length": 512, "attention.head_count": 8}
    keys = [(f"llama.{name}", value) for name, value in shape.items()]
    files = {
        "small-Q8_0.gguf": sample(Q8_0, keys=keys, tokens=1000).content,
        "small-Q4_K_M.gguf": sample(Q4_K, keys=keys, tokens=1000).content,
    }
    hub.add("owner/small-GGUF", files)
    done = pull("hf:owner/small-GGUF", "--dry-run", "--json", "--device", "RTX 3060 12GB")
    assert (done.returncode, done.stderr) == (0, "")
    answer = json.loads(done.stdout)
    assert (answer["quant"], answer["code"]) == ("Q8_0", "best")
    assert "fits: it needs" in answer["reason"]
    assert " -c 8192 -ngl 99" in answer["commands"][0]["lines"][0]
    assert sent(hub) < sum(file.size_bytes for file in files.values()) / 3


def test_what_cannot_be_judged_is_got_in_the_usual_quant(pull):
    done = pull(f"hf:{REPOSITORY}", "--dry-run", "--json")
    assert done.returncode == 0
    answer = json.loads(done.stdout)
    assert (answer["quant"], answer["code"]) == ("Q4_K_M", "usual")
    assert "it was not judged: `" in answer["reason"]
    assert "is not a GGUF file" in answer["reason"]


def test_a_quant_is_named_in_the_address_or_beside_it_but_not_twice(pull):
    assert "model-Q2_K.gguf" in pull(f"hf:{REPOSITORY}", "-q", "q2_k", "--dry-run").stdout
    twice = pull(ADDRESS, "--quant", "Q2_K")
    assert twice.returncode == 2
    assert is_one_sentence(twice.stderr)


def test_a_projector_is_fetched_by_its_name(pull, hub, cache):
    hub.add(REPOSITORY, {"model-Q4_K_M.gguf": b"GGUF", "mmproj-F16.gguf": b"GGUF too"})
    done = pull(f"hf:{REPOSITORY}/mmproj-F16.gguf")
    assert done.returncode == 0
    assert found(cache, "mmproj-F16.gguf").read_bytes() == b"GGUF too"


# Dry runs, JSON


def test_a_dry_run_transfers_listings_and_writes_nothing(pull, hub, cache):
    done = pull(ADDRESS, "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    assert "3 MB to fetch" in done.stdout
    assert re.search(r"Disk +[\d.,]+ [MGT]B free before", done.stdout)
    assert str(cache) in done.stdout
    assert hub.endpoint in done.stdout
    assert hub.asked("/resolve/") == []
    assert not cache.exists()


@pytest.mark.parametrize("words", [[], ["--dry-run"]], ids=["a download", "a dry run"])
def test_json_is_all_there_is_on_stdout_and_meets_its_schema(pull, hub, cache, validator, words):
    done = pull(ADDRESS, "--json", *words)
    assert (done.returncode, done.stderr) == (0, "")
    answer = json.loads(done.stdout)
    validator.validate(answer)
    (file,) = answer["files"]
    assert (file["state"], file["missing_bytes"]) == ("missing", SIZE_BYTES)
    assert answer["is_dry_run"] is bool(words)
    assert answer["received_bytes"] == (0 if words else SIZE_BYTES)
    assert Path(file["path"]).exists() is not bool(words)
    assert (answer["model"], answer["quant"], answer["code"]) == (None, "Q4_K_M", "named")
    assert answer["endpoint"] == hub.endpoint


# Broken off, and gone on with


def started(run, settings, *words):
    return subprocess.Popen(
        run.command("pull", *words),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=run.with_variables(settings),
        cwd=run.home,
    )


def wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.01)
    raise AssertionError("it did not happen")


@posix
@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGTERM, -15)],
    ids=["kill -9", "Ctrl-C", "kill"],
)
def test_a_download_that_was_broken_off_goes_on_where_it_stopped(
    run, pull, settings, hub, cache, number, code
):
    hub.slow(r"\.gguf", 0.002, times=1, origin=CDN)

    def is_well_under_way():
        path = partial_file(cache)
        return path is not None and path.stat().st_size > 500_000

    with started(run, settings, ADDRESS) as process:
        wait_for(is_well_under_way)
        process.send_signal(number)
        said = process.stderr.read().decode()
        assert process.wait() == code
    assert "Traceback" not in said
    if number == signal.SIGINT:
        assert said.endswith("what came so far is kept: the same command goes on from there\n")
    kept = partial_file(cache).stat().st_size
    assert 500_000 < kept < SIZE_BYTES
    assert scan_cache_dir(cache).warnings == []

    done = pull(ADDRESS)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"; {kept / 1e6:,.0f} MB were there already" in done.stdout
    assert hub.asked(origin=CDN)[-1].headers["range"] == f"bytes={kept}-"
    assert found(cache).read_bytes() == content(hub)
    assert partial_file(cache) is None


def test_a_second_download_waits_for_the_first_and_takes_what_it_brought(run, settings, hub, cache):
    held = hub.repositories[REPOSITORY]
    commit = held.branches["main"]
    file = HubFile(path=FILE, size_bytes=SIZE_BYTES, sha256=held.commits[commit][FILE].sha256)
    store = Store(cache=cache, repository=REPOSITORY, commit=commit)
    with locked(store.lock(file), waiting=print, sleep=print):  # the first one
        second = started(run, settings, ADDRESS)
        said = second.stderr.readline().decode()
        store.prepare()
        store.partial(file).write_bytes(content(hub))
        store.settle(file)
    with second:
        assert second.stderr.read() == b""
        assert "none: all of its bytes were there already" in second.stdout.read().decode()
    assert second.returncode == 0
    assert said == f"another program is downloading `{FILE}`: waiting for it\n"
    assert sent(hub) == 0
    assert found(cache).read_bytes() == content(hub)


# The disk


@pytest.mark.parametrize("words", [[], ["--dry-run"]], ids=["a download", "a dry run"])
def test_a_disk_without_room_is_refused_before_the_first_byte(
    pull, hub, cache, monkeypatch, validator, words
):
    monkeypatch.setattr("advisor.pull.plan.free_bytes", lambda _: 539_000_000)
    done = pull(ADDRESS, *words)
    assert done.returncode == 74
    assert done.stderr == (
        f"Error: 3 MB are missing, and the disk of `{cache}` has 539 MB free, of which 537 MB are"
        " left alone\n\nHint: free some space, or set `HF_HUB_CACHE` to a folder on another disk\n"
    )
    assert hub.asked("/resolve/") == []
    assert not cache.exists()
    told = pull(ADDRESS, "--json", *words)
    assert told.returncode == 74
    assert bool(told.stdout) is bool(words)  # what would be, whole, beside the error
    if words:
        answer = json.loads(told.stdout)
        validator.validate(answer)
        assert answer["has_room"] is False


def test_a_disk_that_fills_up_is_a_sentence_and_the_next_run_goes_on(pull, hub, cache, monkeypatch):
    real = Partial.add

    def add(partial, block):
        if partial.position > 1_000_000:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(partial, block)

    with monkeypatch.context() as patch:
        patch.setattr(Partial, "add", add)
        done = pull(ADDRESS)
    assert (done.returncode, done.stdout) == (74, "")
    assert is_one_sentence(done.stderr)
    assert f"the disk of `{cache}` is full" in done.stderr
    kept = partial_file(cache).stat().st_size
    assert kept > 1_000_000
    assert pull(ADDRESS).returncode == 0
    assert hub.asked(origin=CDN)[-1].headers["range"] == f"bytes={kept}-"
    assert found(cache).read_bytes() == content(hub)


# Progress


@posix
def test_a_terminal_sees_the_progress_and_a_pipe_does_not(run, settings, hub):
    import pty

    hub.slow(r"\.gguf", 0.001, times=1, origin=CDN)
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        run.command("pull", ADDRESS),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
        env=run.with_variables({**settings, "TERM": "xterm"}),
        cwd=run.home,
    ) as process:
        os.close(theirs)
        parts = []
        while True:
            try:
                parts.append(os.read(ours, 65536))
            except OSError:  # Linux says so when the other side is closed
                break
            if not parts[-1]:
                break
        answer = process.stdout.read().decode()
    os.close(ours)
    assert process.returncode == 0
    seen = b"".join(parts).decode().split("\r")
    shares = [int(found[1]) for line in seen if (found := re.search(r"(\d+) %", line))]
    assert shares == sorted(shares)
    assert len(set(shares)) > 2
    assert shares[-1] == 100
    assert FILE in seen[-2]
    assert seen[-1] == "\n"
    assert "%" not in answer


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_large_file_costs_no_memory(run, settings, hub):
    """64 MB of file and 6 MB of it in memory would show: what was measured without is the bound."""
    hub.add(REPOSITORY, {FILE: virtual(64_000_000)})
    script = (
        "import resource, sys\n"
        "sys.argv = ['advisor', 'pull', *sys.argv[1:]]\n"
        "from advisor.__main__ import _run\n"
        "import huggingface_hub, httpx2, hashlib\n"
        "from huggingface_hub import get_session; get_session()\n"
        "from advisor.pull import run\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "code = _run()\n"
        "after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "print(code, before, after, file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, ADDRESS],
        env=run.with_variables(settings),
        capture_output=True,
        text=True,
        check=True,
    )
    code, before, after = map(int, done.stderr.split())
    assert code == 0
    assert after - before < 16 << 10  # KiB: blocks of 64 KiB, a hash, and the session's buffers
