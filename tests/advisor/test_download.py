"""What has to be downloaded: a file somebody published, or one that is predicted."""

from __future__ import annotations

import pytest

from advisor.figure import Origin
from advisor.report.download import download_of, download_of_label
from catalog.published import PREFERRED_PUBLISHERS


def test_a_published_file_has_its_exact_size_and_its_name(subject):
    found = download_of(subject("llama-3.2-1b-instruct", "Q4_K_M"))
    assert found.repository == "bartowski/Llama-3.2-1B-Instruct-GGUF"
    assert found.file_name == "Llama-3.2-1B-Instruct-Q4_K_M.gguf"
    assert (found.size_bytes.value, found.size_bytes.low) == (807_694_464, None)
    assert found.is_certain


def test_of_split_files_the_first_part_is_named_and_all_parts_counted(subject):
    found = download_of(subject("gpt-oss-120b", "MXFP4_MOE"))
    assert found.file_name == "gpt-oss-120b-mxfp4-00001-of-00003.gguf"
    assert found.size_bytes.value > 60e9
    assert found.is_certain


def test_a_size_that_is_only_known_rounded_is_an_interval(subject):
    size = download_of(subject("qwen3-next-80b-a3b-instruct", "Q4_K_S")).size_bytes
    assert size.low < size.value < size.high
    assert size.high / size.low < 1.01


def test_a_file_that_nobody_listed_is_predicted_and_named_as_its_publisher_would(subject):
    """Gemma 3 4B: the repositories are known, none of their files is."""
    one = subject("gemma-3-4b-it", "Q4_K_M")
    found = download_of(one)
    assert not found.is_certain
    assert found.repository == "unsloth/gemma-3-4b-it-GGUF"
    assert found.file_name == "gemma-3-4b-it-Q4_K_M.gguf"
    size = found.size_bytes
    assert size.low <= size.value <= size.high
    assert size.low > one.weights.tensor_bytes
    assert (size.origin, bool(size.source)) == (Origin.PUBLISHED, True)


def test_without_a_repository_there_is_a_size_and_no_address(subject):
    found = download_of(subject("bge-m3", "F16"))
    assert (found.repository, found.file_name, found.is_certain) == (None, None, False)
    assert found.size_bytes.value > 1e9


@pytest.mark.parametrize("model", ["llama-3.2-1b-instruct", "gemma-3-4b-it", "qwen3-8b"])
def test_publishers_with_plain_quants_come_first(subject, model):
    one = subject(model, "Q4_K_M")
    owners = {name.partition("/")[0] for name in one.model.gguf_repositories}
    first = next(name for name in PREFERRED_PUBLISHERS if name in owners)
    assert download_of(one).repository.partition("/")[0] == first


def test_a_publishers_own_label_is_a_published_file_where_one_was_seen(subject):
    found = download_of_label(subject("qwen3-32b").model, "UD-Q4_K_XL")
    assert found.repository == "unsloth/Qwen3-32B-GGUF"
    assert found.file_name == "Qwen3-32B-UD-Q4_K_XL.gguf"
    assert (found.size_bytes.value, found.size_bytes.low) == (20_021_713_568, None)
    assert found.is_certain


def test_a_publishers_own_label_is_estimated_in_its_repository_where_none_was_seen(subject):
    found = download_of_label(subject("qwen3.8-27b").model, "UD-Q6_K_XL")
    assert found.repository == "unsloth/Qwen3.8-27B-GGUF"
    assert found.file_name == "Qwen3.8-27B-UD-Q6_K_XL.gguf"
    size = found.size_bytes
    assert size.low < size.value < size.high
    assert "own mix" in size.source
    assert not found.is_certain


def test_a_label_that_nobody_can_size_has_no_download(subject):
    assert download_of_label(subject("qwen3-32b").model, "UD-Q7_K_XL") is None


def test_what_a_publisher_does_otherwise_counts_in_the_size(subject):
    """bartowski's own mixes under plain names since 2026: an interval, not the recipe's size."""
    one = subject("qwen3.8-27b", "Q4_K_M")
    found = download_of(one)
    assert found.repository == "bartowski/Qwen3.8-27B-GGUF"
    assert "bartowski's own mix" in found.size_bytes.source
    assert found.size_bytes.value > 1.03 * one.weights.tensor_bytes
