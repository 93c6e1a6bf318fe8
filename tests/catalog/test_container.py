"""What a file measures beyond its tensors."""

from __future__ import annotations

from collections import defaultdict
from statistics import median

import pytest

from catalog.container import (
    TEMPLATE_BYTES,
    TOKEN_BYTES,
    file_bytes,
    header_around,
)
from catalog.file_traits import file_table, retyped, traits_of
from catalog.labels import recipe_of
from catalog.load import csv_rows
from catalog.names import find_model
from catalog.published import load_published, spread_of_own_mixes, uses_imatrix
from catalog.quants import find_quant, ggml_type
from catalog.tables import tensor_table
from catalog.tensor_list import padding_bytes, tensor_list_bytes
from catalog.tensors import Role, TensorGroup, TensorTable

VOCABULARIES = list(csv_rows("vocabularies.csv"))
OTHER_TENSORS = {
    "bartowski/google_gemma-3-12b-it-GGUF": "262,144 rows of tokens instead of 262,208",
    "QuantFactory/Phi-3.5-mini-instruct-GGUF": "a header three times the usual",
    "lmstudio-community/Qwen3.5-2B-GGUF": "neither rule for a fused QKV gives its bytes",
    "lmstudio-community/Qwen3.5-4B-GGUF": "neither rule for a fused QKV gives its bytes",
    "unsloth/GLM-5.2-GGUF": "a prediction block that nobody described",
}
"""Repositories whose tensors are not known to the byte."""

OTHER_FILES = {("unsloth/Qwen3-235B-A22B-GGUF", "IQ4_XS")}


def is_known(file):
    """True for a file whose tensors are known to the byte."""
    return (
        file.bytes is not None
        and file.model_name is not None
        and not file.quant_label.startswith(("UD-", "Q4_0_"))
        and file.repository not in OTHER_TENSORS
        and (file.repository, file.quant_label) not in OTHER_FILES
        and spread_of_own_mixes(find_model(file.model_name), file.repository) is None
    )


def table_of(file):
    model = find_model(file.model_name)
    publisher = file.repository.partition("/")[0]
    recipe = recipe_of(publisher, file.quant_label, model)
    traits = traits_of(model, file.repository)
    has_imatrix = bool(uses_imatrix(file.repository))
    table = file_table(model, recipe.quant, traits, has_imatrix=has_imatrix)
    return retyped(table, recipe.types)


def observed():
    """(architecture, vocabulary size) -> repository -> header less the list of tensors."""
    found = defaultdict(lambda: defaultdict(list))
    for file in filter(is_known, load_published()):
        model, table = find_model(file.model_name), table_of(file)
        rest = file.bytes - table.bytes - padding_bytes(table) - tensor_list_bytes(table)
        key = (model.architecture, model.hyperparameters.vocab_size)
        found[key][file.repository].append(rest)
    return found


OBSERVED = observed()


def header_of(model, table):
    return header_around(model, tensor_list_bytes(table) + padding_bytes(table))


def test_llama_3_2_1b_in_q4_k_m_has_the_header_of_its_published_file():
    """bartowski/Llama-3.2-1B-Instruct-GGUF: 807,694,464 less 799,862,912 bytes of tensors."""
    model, quant = find_model("llama-3.2-1b-instruct"), find_quant("Q4_K_M")
    table = tensor_table(model, quant)
    header = header_of(model, table)
    assert table.bytes == 799_862_912
    assert header.bytes == 7_831_552
    assert header.low < header.bytes < header.high
    assert file_bytes(model, quant).bytes == 807_694_464


def test_the_list_of_tensors_holds_names_shapes_types_and_places():
    """`blk.9.attn_q.weight` has 19 letters and `blk.10.…` has 20; 8 + 4 + 2x8 + 4 + 8 = 40 each."""
    q8_0 = ggml_type("q8_0")
    table = TensorTable(
        groups=(
            TensorGroup(
                name="attn_q.weight",
                role=Role.ATTENTION,
                shape=(64, 64),
                layers=(9, 10),
                type=q8_0,
            ),
            TensorGroup(
                name="output.weight", role=Role.OUTPUT, shape=(64, 8), layers=None, type=q8_0
            ),
        )
    )
    assert tensor_list_bytes(table) == (19 + 40) + (20 + 40) + (13 + 40)


def test_each_tensor_ends_on_32_bytes():
    """Five floats are 20 bytes, 12 short of 32; in three layers 36."""
    group = TensorGroup(
        name="ssm_dt.bias",
        role=Role.RECURRENT,
        shape=(5,),
        layers=(0, 1, 2),
        type=ggml_type("f32"),
    )
    assert padding_bytes(TensorTable(groups=(group,))) == 36


@pytest.mark.parametrize("row", VOCABULARIES, ids=lambda row: row["name"])
def test_published_files_of_a_vocabulary_lie_within_its_row(row):
    rests = [
        rest
        for architecture in row["architectures"].split()
        for vocab_size in row["vocab_sizes"].split()
        for of_repository in OBSERVED.get((architecture, int(vocab_size)), {}).values()
        for rest in of_repository
    ]
    assert int(row["bytes_low"]) <= int(row["bytes"]) <= int(row["bytes_high"])
    for rest in rests:
        assert int(row["bytes_low"]) - 512 <= rest <= int(row["bytes_high"]) + 512
    if rests:
        assert abs(median(rests) - int(row["bytes"])) <= 512


def test_what_is_known_of_headers_comes_from_these_files():
    assert len(OBSERVED) == 23
    assert sum(len(repositories) for repositories in OBSERVED.values()) == 62


@pytest.mark.parametrize(
    "key",
    [key for key, of in OBSERVED.items() if len(of) > 1],
    ids=lambda key: f"{key[0]} {key[1]}",
)
def test_a_repository_is_foretold_by_the_others_to_ten_kilobytes(key):
    """Leave one repository out: the others' median is at most half a chat template off."""
    for repository, rests in OBSERVED[key].items():
        others = [
            rest
            for name, of_other in OBSERVED[key].items()
            if name != repository
            for rest in of_other
        ]
        assert max(abs(rest - median(others)) for rest in rests) <= TEMPLATE_BYTES // 2


def test_every_known_vocabulary_lies_within_the_formula_for_unknown_ones():
    least, usual, most = TOKEN_BYTES
    per_token = [
        int(row[column]) / int(row["vocab_sizes"].split()[0])
        for row in VOCABULARIES
        for column in ("bytes_low", "bytes", "bytes_high")
    ]
    assert all(least <= each <= most for each in per_token)
    assert least < median(per_token) < most
    assert least < usual < most


def test_an_unknown_vocabulary_gets_wide_bounds_and_says_so():
    size = file_bytes(find_model("deepseek-v3.2"), find_quant("Q8_0"))
    assert size.basis == (
        "tensors by llama-quantize's recipe; header from"
        " no file of this vocabulary of 129280 tokens is known; 20 to 68 bytes a token"
    )
    assert size.high - size.low > 129280 * 40


def test_a_header_known_without_a_chat_template_leaves_room_for_one():
    size = file_bytes(find_model("gemma-4-12b-it"), find_quant("Q8_0"))
    assert size.basis == (
        "tensors by llama-quantize's recipe; header from"
        " llama.cpp's own file of the Gemma 4 vocabulary, without a chat template"
    )
    assert size.high - size.low >= TEMPLATE_BYTES


def test_a_file_is_its_tensors_and_its_header():
    model, quant = find_model("qwen3-8b"), find_quant("IQ4_XS")
    for has_imatrix in (False, True):
        table = tensor_table(model, quant, has_imatrix=has_imatrix)
        header = header_of(model, table)
        whole = file_bytes(model, quant, has_imatrix=has_imatrix)
        assert whole.bytes == table.bytes + header.bytes
        assert (whole.low, whole.high) == (table.bytes + header.low, table.bytes + header.high)


def test_a_known_repository_counts_its_own_traits():
    """Qwen stores the tied head of Qwen 2.5 3B twice: 151,936 x 2,048 weights more in Q8_0."""
    model, quant = find_model("qwen2.5-3b-instruct"), find_quant("Q8_0")
    stock = file_bytes(model, quant)
    theirs = file_bytes(model, quant, repository="Qwen/Qwen2.5-3B-Instruct-GGUF")
    head = 151_936 * 2_048 * 34 // 32
    assert theirs.bytes == pytest.approx(stock.bytes + head, abs=100)
    assert theirs.low <= 3_616_088_480 <= theirs.high  # as Qwen publishes it
    assert file_bytes(model, quant, repository="bartowski/Qwen2.5-3B-GGUF").bytes == stock.bytes
