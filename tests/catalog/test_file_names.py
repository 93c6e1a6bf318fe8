"""What the name of a GGUF file says."""

from __future__ import annotations

import pytest

from catalog.file_names import names_model, part_of, quant_label, stem_of


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Llama-3.2-1B-Instruct-Q4_K_M.gguf", "Q4_K_M"),
        ("qwen2.5-7b-instruct-q4_k_m-00001-of-00002.gguf", "Q4_K_M"),
        ("Qwen3-8B-UD-Q4_K_XL.gguf", "UD-Q4_K_XL"),
        ("gpt-oss-20b-mxfp4.gguf", "MXFP4"),
        ("model-fp16.gguf", "F16"),
        ("Q8_0-of-a-model-IQ2_XXS.gguf", "IQ2_XXS"),
        ("model.gguf", None),
        ("FAQ4_K_MODEL.gguf", None),
    ],
)
def test_the_last_quant_in_a_name_is_its_label(name, label):
    assert quant_label(name) == label


@pytest.mark.parametrize(
    ("name", "stem", "part"),
    [
        ("m-Q8_0-00002-of-00003.gguf", "m-Q8_0", (2, 3)),
        ("BF16/m-00001-of-00002.gguf", "BF16/m", (1, 2)),
        ("m-Q8_0.gguf", "m-Q8_0", None),
        ("m-Q8_0.GGUF", "m-Q8_0", None),
        ("m-1-of-2.gguf", "m-1-of-2", None),
        ("m.gguf.part", "m.gguf.part", None),
    ],
)
def test_parts_of_one_file_have_one_stem(name, stem, part):
    assert (stem_of(name), part_of(name)) == (stem, part)


@pytest.mark.parametrize(
    "name", ["mmproj-F16.gguf", "m-mmproj-f16.gguf", "m.imatrix.gguf", "mtp-m-Q8_0.gguf"]
)
def test_what_stands_beside_a_model_is_none(name):
    assert not names_model(name)
    assert names_model("m-Q8_0.gguf")
