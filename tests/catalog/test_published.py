"""Published files: what their names say, what they measure, what a repository calls them."""

from __future__ import annotations

import pytest

from catalog.file_names import label_span, part_of, quant_label
from catalog.names import find_model
from catalog.published import (
    _by_habit,
    expected_file,
    load_published,
    published_files,
    spread_of_own_mixes,
    uses_imatrix,
)
from catalog.shelf import load_models

FILES = load_published()
REPOSITORIES = sorted({file.repository for file in FILES})


@pytest.mark.parametrize(
    ("file_name", "label"),
    [
        ("Llama-3.2-1B-Instruct-Q4_K_M.gguf", "Q4_K_M"),
        ("qwen2.5-coder-7b-instruct-q5_k_m.gguf", "Q5_K_M"),
        ("qwen2.5-3b-instruct-fp16.gguf", "F16"),
        ("Qwen3.6-35B-A3B-UD-Q4_K_XL.gguf", "UD-Q4_K_XL"),
        ("UD-IQ2_XXS/DeepSeek-V3.1-UD-IQ2_XXS-00001-of-00005.gguf", "UD-IQ2_XXS"),
        ("gemma-2-2b-it-Q6_K_L.gguf", "Q6_K_L"),
        ("gpt-oss-20b-mxfp4.gguf", "MXFP4"),
        ("Qwen3-Coder-Next-MXFP4_MOE.gguf", "MXFP4_MOE"),
        ("Phi-3.5-mini-instruct-Q4_0_4_8.gguf", "Q4_0_4_8"),
        ("Llama-2-7B.i1-IQ3_XXS.gguf", "IQ3_XXS"),
        ("granite-4.1-8b-bf16.gguf", "BF16"),
        ("Bonsai-8B-Q1_0.gguf", "Q1_0"),
        pytest.param("Model-F16-requantized-Q8_0.gguf", "Q8_0", id="the last label decides"),
        pytest.param("LFM2-8B-A1B.gguf", None, id="no label"),
        pytest.param("FAQ4_Kids.gguf", None, id="letters before it make it no label"),
    ],
)
def test_a_file_name_ends_in_its_quant(file_name, label):
    assert quant_label(file_name) == label


def test_the_label_is_found_where_it_stands():
    assert label_span("a-Q8_0.gguf") == (2, 6)
    assert label_span("a.gguf") is None


def test_a_part_of_a_split_file_says_which_of_how_many():
    assert part_of("gpt-oss-120b-mxfp4-00002-of-00003.gguf") == (2, 3)
    assert part_of("gpt-oss-20b-mxfp4.gguf") is None


def test_every_file_of_a_model_names_one_of_the_catalog():
    assert {file.model_name for file in FILES} - {None} <= {model.name for model in load_models()}


def test_every_label_is_the_one_in_the_name():
    assert all(file.quant_label == quant_label(file.file_name) for file in FILES)


def test_files_end_on_a_whole_block_of_32_bytes():
    """llama-quantize and the converter pad the last tensor too."""
    exact = [file for file in FILES if file.bytes is not None]
    assert len(exact) == 522
    assert [file.file_name for file in exact if file.bytes % 32] == []


def test_a_rounded_size_lies_between_its_bounds_and_is_not_called_exact():
    rounded = [file for file in FILES if file.bytes is None]
    assert len(rounded) == 496
    assert all(0 < file.bytes_high - file.bytes_low < 0.11 * 2**30 for file in rounded)


def test_the_files_of_a_model_come_with_exact_sizes():
    files = published_files(find_model("llama-3.2-1b-instruct"))
    sizes = {(file.repository, file.quant_label): file.bytes for file in files}
    assert sizes["bartowski/Llama-3.2-1B-Instruct-GGUF", "Q4_K_M"] == 807_694_464
    assert sizes["hugging-quants/Llama-3.2-1B-Instruct-Q8_0-GGUF", "Q8_0"] == 1_321_079_200


def test_files_in_the_repositories_of_the_models_row_come_first():
    model = find_model("llama-3.2-1b-instruct")
    first = published_files(model)[0].repository
    assert first.lower() in {name.lower() for name in model.gguf_repositories}


def test_a_model_without_known_files_has_none():
    unknown = next(model for model in load_models() if not published_files(model))
    assert published_files(unknown) == ()


@pytest.mark.parametrize(
    ("repository", "quant", "file_name", "is_certain"),
    [
        pytest.param(
            "bartowski/Llama-3.2-1B-Instruct-GGUF",
            "Q4_K_M",
            "Llama-3.2-1B-Instruct-Q4_K_M.gguf",
            True,
            id="a known file",
        ),
        pytest.param(
            "bartowski/Llama-3.2-1B-Instruct-GGUF",
            "IQ3_XXS",
            "Llama-3.2-1B-Instruct-IQ3_XXS.gguf",
            False,
            id="after another file of the repository",
        ),
        pytest.param(
            "ggml-org/gpt-oss-120b-GGUF",
            "MXFP4",
            "gpt-oss-120b-mxfp4-00001-of-00003.gguf",
            True,
            id="of a split file the first part",
        ),
        pytest.param(
            "unsloth/Qwen3-235B-A22B-GGUF",
            "Q4_K_M",
            "Qwen3-235B-A22B-Q4_K_M.gguf",
            False,
            id="larger than the Hub takes in one piece",
        ),
        pytest.param(
            "bartowski/google_gemma-3-27b-it-GGUF",
            "Q4_K_M",
            "google_gemma-3-27b-it-Q4_K_M.gguf",
            False,
            id="by the publisher's habit",
        ),
        pytest.param(
            "bartowski/google_gemma-3-27b-it-GGUF",
            "BF16",
            "google_gemma-3-27b-it-bf16.gguf",
            False,
            id="half precision in lower case",
        ),
        pytest.param(
            "mradermacher/Llama-3.1-8B-i1-GGUF",
            "Q4_K_M",
            "Llama-3.1-8B.i1-Q4_K_M.gguf",
            False,
            id="mradermacher's files with a matrix",
        ),
        pytest.param(
            "Qwen/Qwen2.5-7B-Instruct-GGUF",
            "Q4_K_M",
            "qwen2.5-7b-instruct-q4_k_m.gguf",
            False,
            id="Qwen 2.5 in lower case",
        ),
        pytest.param(
            "Qwen/Qwen3-8B-GGUF", "Q4_K_M", "Qwen3-8B-Q4_K_M.gguf", False, id="Qwen 3 is not"
        ),
        pytest.param(
            "somebody/My-Model-Q8_0-GGUF",
            "Q8_0",
            "my-model-q8_0.gguf",
            False,
            id="made by the Hub's converter",
        ),
        pytest.param(
            "somebody/My-Model-GGUF", "Q8_0", "My-Model-Q8_0.gguf", False, id="as most people do"
        ),
    ],
)
def test_a_repository_calls_its_file_so(repository, quant, file_name, is_certain):
    assert expected_file(repository, quant) == (file_name, is_certain)


def test_habits_name_98_of_100_known_files_rightly():
    right = sum(_by_habit(file.repository, file.quant_label) == file.file_name for file in FILES)
    assert (right, len(FILES)) == (1005, 1018)


def test_another_file_of_the_repository_names_the_rest_rightly():
    """Each file from the name of one other in its repository, as if it were not known itself."""
    from catalog.published import _renamed

    right = tried = 0
    for repository in REPOSITORIES:
        files = [file for file in FILES if file.repository == repository]
        for file in files:
            other = next((o for o in files if o.quant_label != file.quant_label), None)
            if other is not None and file.parts == 1 and other.parts == 1:
                tried += 1
                right += _renamed(other, file.quant_label) == file.file_name
    assert right / tried > 0.98


@pytest.mark.parametrize(
    ("repository", "answer"),
    [
        ("bartowski/Llama-3.2-1B-Instruct-GGUF", True),
        ("unsloth/Qwen3-8B-GGUF", True),
        ("mradermacher/Llama-3.1-8B-i1-GGUF", True),
        ("mradermacher/Llama-3.1-8B-GGUF", None),
        ("Qwen/Qwen3-8B-GGUF", False),
        ("somebody/My-Model-GGUF", None),
    ],
)
def test_whether_a_publisher_uses_an_importance_matrix(repository, answer):
    assert uses_imatrix(repository) is answer


@pytest.mark.parametrize(
    ("repository", "model", "spread"),
    [
        pytest.param("bartowski/a-GGUF", "qwen3.6-27b", 0.03, id="bartowski in 2026"),
        pytest.param("bartowski/a-GGUF", "llama-3.1-8b-instruct", None, id="bartowski before"),
        pytest.param("unsloth/a-GGUF", "qwen3.6-27b", 0.015, id="Unsloth in 2026"),
        pytest.param("Qwen/a-GGUF", "qwen3.6-27b", None, id="others never"),
    ],
)
def test_some_publishers_fill_plain_names_by_mixes_of_their_own(repository, model, spread):
    assert spread_of_own_mixes(find_model(model), repository) == spread
