"""What the Hub says to `advisor pull`, and what that means to whoever waits for the file."""

from __future__ import annotations

import os
import re

import pytest

from tests.hub.fake_files import stored, virtual
from tests.hub.fake_hub import CDN, TOKEN
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

# The Hub, and what it says


def test_a_connection_that_is_cut_is_gone_on_with_in_the_same_run(pull, hub, cache):
    hub.cut(r"\.gguf", 1_200_000, origin=CDN)
    done = pull(ADDRESS)
    assert (done.returncode, done.stderr) == (0, "")
    assert found(cache).read_bytes() == content(hub)
    ranges = [request.headers.get("range") for request in hub.asked(origin=CDN)]
    assert (ranges[0], len(ranges)) == (None, 2)
    assert re.fullmatch(r"bytes=1\d{6}-", ranges[1])  # what the system held back is lost


def test_a_model_of_which_nothing_runs_here_is_not_fetched(pull, hub):
    done = pull("llama-3.3-70b-instruct", "--device", "Raspberry Pi 5 8GB")
    assert (done.returncode, done.stdout) == (1, "")
    assert is_one_sentence(done.stderr)
    assert hub.requests == []


def test_a_server_that_ignores_ranges_is_read_from_its_beginning(pull, hub, cache):
    hub.cut(r"\.gguf", 1_000_000, origin=CDN)
    hub.fail(r"\.gguf", 200, origin=CDN, body=content(hub))
    hub.faults[-1].headers["Content-Type"] = "application/octet-stream"
    done = pull(ADDRESS)
    assert (done.returncode, done.stderr) == (0, "")
    assert found(cache).read_bytes() == content(hub)
    assert len(hub.asked(origin=CDN)) == 2


def test_wrong_bytes_are_deleted_and_the_exit_code_says_so(pull, hub, cache):
    hub.corrupt(REPOSITORY, FILE)
    done = pull(ADDRESS)
    assert (done.returncode, done.stdout) == (5, "")
    assert is_one_sentence(done.stderr)
    assert "what came is not what the Hub listed, and was deleted" in done.stderr
    assert list(cache.glob("*/blobs/*")) == []


def test_a_file_that_changed_upstream_is_begun_anew(pull, hub, cache):
    pull(ADDRESS, "--dry-run")
    blobs = cache / f"models--{REPOSITORY.replace('/', '--')}" / "blobs"
    blobs.mkdir(parents=True)
    old = hub.repositories[REPOSITORY].commits[hub.repositories[REPOSITORY].branches["main"]][FILE]
    left = blobs / f"{old.sha256}.advisor-partial"
    left.write_bytes(old.content.read(0, 1_000_000))
    hub.add(REPOSITORY, {FILE: virtual(SIZE_BYTES, b"a later version")})
    done = pull(ADDRESS)
    assert (done.returncode, done.stderr) == (0, "")
    assert found(cache).read_bytes() == content(hub)
    assert str(left) in done.stdout  # it says what is left of the old one
    assert "1 MB" in done.stdout


def test_a_renamed_repository_is_followed(pull, hub, cache):
    hub.rename(REPOSITORY, "owner/new-name-GGUF")
    done = pull(ADDRESS)
    assert done.returncode == 0
    assert "owner/new-name-GGUF: Q4_K_M" in done.stdout
    assert "-hf owner/new-name-GGUF" in done.stdout
    assert found(cache, repository="owner/new-name-GGUF").stat().st_size == SIZE_BYTES


def test_a_gated_file_comes_with_a_token_that_only_the_hub_sees(pull_alone, hub, cache):
    hub.repositories[REPOSITORY].is_gated = True
    done = pull_alone(ADDRESS, HF_TOKEN=TOKEN)
    assert (done.returncode, done.stderr) == (0, "")
    assert found(cache).read_bytes() == content(hub)
    assert "authorization" in hub.asked("/resolve/")[0].headers
    assert hub.leaked == []
    assert TOKEN not in done.stdout


def gated(hub):
    hub.repositories[REPOSITORY].is_gated = True


def private(hub):
    hub.repositories[REPOSITORY].is_private = True


def busy(hub):
    hub.limit("/api/models", 400, times=9)


def login_page(hub):
    hub.fail("/api/models", 200, times=9, body=b"<html>Sign in</html>")


def without_checksum(hub):
    hub.add(REPOSITORY, {FILE: stored(b"GGUF", is_large=False)})


REFUSALS = {
    "gated": (gated, ADDRESS, {}, 2, "gated"),
    "missing or private": (private, ADDRESS, {}, 2, "private"),
    "another revision": (None, f"hf:{REPOSITORY}@nowhere:Q4_K_M", {}, 2, "revision `nowhere`"),
    "another file": (None, f"hf:{REPOSITORY}/model-Q9_K.gguf", {}, 2, "has no `model-Q9_K.gguf`"),
    "another quant": (None, f"hf:{REPOSITORY}:Q6_K", {}, 2, "has no `Q6_K`"),
    "no address": (None, "hf:owner", {}, 2, "is not an address on the Hub"),
    "a file of this machine": (None, "model.gguf", {}, 2, "is a file"),
    "a repository without `hf:`": (None, REPOSITORY, {}, 2, "may be a repository of the Hub"),
    "too many requests": (busy, ADDRESS, {}, 5, "too many requests"),
    "a hotel's login page": (login_page, ADDRESS, {}, 5, "does not answer as a Hub"),
    "no network": (None, ADDRESS, {"HF_ENDPOINT": "http://127.0.0.1:9"}, 5, "no network"),
    "offline": (None, ADDRESS, {"HF_HUB_OFFLINE": "1"}, 5, "offline mode is set"),
    "without a checksum": (without_checksum, ADDRESS, {}, 2, "lists no SHA-256"),
    "no folder": (None, ADDRESS, {"HF_HUB_CACHE": os.devnull + "/x"}, 74, "cannot be written"),
}


@pytest.mark.parametrize(
    ("prepare", "words", "env", "code", "said"), REFUSALS.values(), ids=REFUSALS
)
def test_every_refusal_is_one_sentence_with_its_exit_code(
    pull, pull_alone, hub, cache, prepare, words, env, code, said
):
    if prepare is not None:
        prepare(hub)
    done = pull_alone(words, **env) if env else pull(words)
    assert (done.returncode, done.stdout) == (code, "")
    assert is_one_sentence(done.stderr), done.stderr
    assert said in done.stderr
    assert sent(hub) == 0
    assert partial_file(cache) is None or partial_file(cache).stat().st_size == 0


def test_offline_what_is_there_is_found(pull, pull_alone, hub, cache):
    pull(ADDRESS)
    asked = len(hub.requests)
    done = pull_alone(ADDRESS, HF_HUB_OFFLINE="1")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"\n    {found(cache)}\n" in done.stdout
    assert len(hub.requests) == asked
