"""What the tests of GGUF files share: the samples, and the bytes to make others of."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def samples():
    """The folder of small files, right ones and wrong ones."""
    return PROJECT / "tests/gguf"


@pytest.fixture(scope="session")
def build():
    """The functions of `tools/gguf_bytes.py`, which know nothing of the parser."""
    spec = importlib.util.spec_from_file_location("gguf_bytes", PROJECT / "tools/gguf_bytes.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def vocabulary(build):
    """The header of a file with so many tokens, each with its score and its type."""

    def of(tokens, *tensors):
        words = b"".join(build.string(f"token{number}") for number in range(tokens))
        return build.header(
            [
                build.key("general.architecture", "str", "llama"),
                build.key("llama.block_count", "u32", 32),
                build.array_key("tokenizer.ggml.tokens", build.u32(8) + build.u64(tokens) + words),
                build.array_key(
                    "tokenizer.ggml.scores", build.u32(6) + build.u64(tokens) + bytes(4 * tokens)
                ),
                build.key("general.file_type", "u32", 15),
            ],
            tensors,
        )

    return of
