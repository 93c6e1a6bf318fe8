"""A Hub on loopback, and the command line that downloads from it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from advisor.__main__ import _run
from tests.hub.fake_files import virtual
from tests.pull.loopback import FILE, REPOSITORY, SIZE_BYTES


@pytest.fixture
def hub(fake_hub):
    """A Hub with one repository of three quants."""
    sizes = {FILE: SIZE_BYTES, "model-Q8_0.gguf": 2_000_000, "model-Q2_K.gguf": 1_000_000}
    fake_hub.add(REPOSITORY, {name: virtual(size, name.encode()) for name, size in sizes.items()})
    return fake_hub


@pytest.fixture
def settings(hub, tmp_path):
    """Variables that lead a process to the Hub on loopback, and to a cache of its own."""
    return {
        "HF_ENDPOINT": hub.endpoint,
        "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }


@pytest.fixture
def pull_alone(run, settings):
    """`pull_alone("hf:owner/model-GGUF")` runs the command in a process of its own."""

    def pulled(*words, **env):
        return run("pull", *words, env={**settings, **env})

    return pulled


@pytest.fixture
def pull(settings, monkeypatch, capsys):
    """The same command line in this process, which is twice as fast."""
    from huggingface_hub import constants

    from advisor.hub import the_hub

    monkeypatch.setenv("XDG_CACHE_HOME", settings["XDG_CACHE_HOME"])
    monkeypatch.setenv("COLUMNS", "80")

    def pulled(*words):
        capsys.readouterr()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["advisor", "pull", *words])
            patch.setattr(constants, "ENDPOINT", settings["HF_ENDPOINT"])
            patch.setattr(constants, "HF_HUB_CACHE", str(Path(settings["HF_HOME"]) / "hub"))
            the_hub.cache_clear()
            code = _run()
            the_hub.cache_clear()
        said = capsys.readouterr()
        return subprocess.CompletedProcess(words, code, said.out, said.err)

    return pulled


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "hf" / "hub"


@pytest.fixture
def validator(project):
    schema = json.loads((project / "docs/schema/pull.schema.json").read_text(encoding="utf-8"))
    return jsonschema.Draft202012Validator(schema)
