"""What people write to name something on the Hub."""

from __future__ import annotations

import pytest

from catalog.hub.address import Address, is_address, parse_address
from catalog.hub.errors import AddressError

NAME = "owner/model-GGUF"
PAGE = "https://huggingface.co/owner/model-GGUF"


def address(**rest):
    return Address(repository=NAME, **rest)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hf:owner/model-GGUF", address()),
        ("HF:owner/model-GGUF", address()),
        ("  hf:owner/model-GGUF/ ", address()),
        ("hf://owner/model-GGUF", address()),
        ("hf:owner/model-GGUF:Q4_K_M", address(quant_label="Q4_K_M")),
        ("hf:owner/model-GGUF:ud-q4_k_xl", address(quant_label="UD-Q4_K_XL")),
        ("hf:owner/model-GGUF/a.gguf", address(path="a.gguf")),
        ("hf:owner/model-GGUF/BF16/a b.gguf", address(path="BF16/a b.gguf")),
        ("hf:owner/model-GGUF@v1", address(revision="v1")),
        ("hf:owner/model-GGUF@v1:Q8_0", address(revision="v1", quant_label="Q8_0")),
        ("hf:owner/model-GGUF@v1/a/b.gguf", address(revision="v1", path="a/b.gguf")),
        ("hf:owner/model-GGUF@refs/pr/3/a.gguf", address(revision="refs/pr/3", path="a.gguf")),
        ("hf:owner/model-GGUF@feature%2Fx/a.gguf", address(revision="feature/x", path="a.gguf")),
        (PAGE, address()),
        (f"{PAGE}/", address()),
        (f"{PAGE}/tree/main", address(revision="main")),
        (f"{PAGE}/tree/main/BF16", address(revision="main")),
        (f"{PAGE}/blob/main/a.gguf", address(revision="main", path="a.gguf")),
        (f"{PAGE}/resolve/v1/b/a.gguf?download=true", address(revision="v1", path="b/a.gguf")),
        (f"{PAGE}/blob/refs%2Fpr%2F1/a%20b.gguf", address(revision="refs/pr/1", path="a b.gguf")),
        ("https://hf.co/owner/model-GGUF:Q8_0", address(quant_label="Q8_0")),
        ("http://www.huggingface.co/owner/model-GGUF", address()),
    ],
)
def test_an_address_means(text, expected):
    assert is_address(text.strip())
    assert parse_address(text) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("owner/model-GGUF", "it begins with neither `hf:` nor `https://`"),
        ("hf:", "`/` is not the name of a repository, `owner/name`"),
        ("hf:owner", "`owner/` is not the name of a repository, `owner/name`"),
        ("hf:own er/model", "`own er/model` is not the name of a repository, `owner/name`"),
        ("hf:../model", "`../model` is not the name of a repository, `owner/name`"),
        ("hf:owner/..", "`owner/..` is not the name of a repository, `owner/name`"),
        ("hf:owner/m--n", "`owner/m--n` is not the name of a repository, `owner/name`"),
        ("hf:owner/model:", "`` is not the name of a quant, such as `Q4_K_M`"),
        ("hf:owner/model:Q4 K", "`Q4 K` is not the name of a quant, such as `Q4_K_M`"),
        ("hf:owner/model/README.md", "`README.md` is not the path of a `.gguf` file"),
        ("hf:owner/model/../a.gguf", "`../a.gguf` is not the path of a `.gguf` file"),
        ("hf:owner/model//a.gguf", "`/a.gguf` is not the path of a `.gguf` file"),
        ("hf:owner/model@", "no revision follows its `@`"),
        ("https://example.org/owner/model", "`example.org` is not a Hub that is known here"),
        (
            "https://huggingface.co/datasets/owner/data",
            "it is of the Hub's datasets, where a model is expected",
        ),
        (
            f"{PAGE}/discussions/1",
            "it is another page of the Hub than a repository's or a file's",
        ),
        (f"{PAGE}/blob/main/README.md", "`README.md` is not the path of a `.gguf` file"),
        ("https://huggingface.co", "`` is not the name of a repository, `owner/name`"),
    ],
)
def test_what_is_no_address_is_one_sentence(text, why):
    with pytest.raises(AddressError) as wrong:
        parse_address(text)
    assert str(wrong.value) == f"`{text}` is not an address on the Hub: {why}"
    assert wrong.value.hint.startswith("write `hf:owner/repo`")


def test_the_pages_of_a_mirror_are_understood():
    mirror = "https://mirror.example:8080/hf"
    page = f"{mirror}/owner/model-GGUF/blob/main/a.gguf"
    assert parse_address(page, endpoint=mirror) == address(revision="main", path="a.gguf")
    with pytest.raises(AddressError, match=r"mirror\.example:8080"):
        parse_address(page)


@pytest.mark.parametrize("text", ["llama-3.2-1b", "./model.gguf", "owner/model", "hfx"])
def test_names_and_files_are_no_addresses(text):
    assert not is_address(text)
