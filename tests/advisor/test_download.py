"""What has to be downloaded: a file somebody published, or one that is predicted."""

from __future__ import annotations

import pytest

from advisor.figure import Origin
from advisor.report.download import PREFERRED_PUBLISHERS, download_of


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
