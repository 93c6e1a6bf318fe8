"""Experts on the CPU and a split of the layers, as people ask for them."""

from __future__ import annotations

import pytest

from advisor.errors import UsageError
from advisor.request import n_cpu_moe_of, request_from_mapping, tensor_split_of


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, (None, False)),
        ("auto", (None, False)),
        (12, (12, False)),
        ("12", (12, False)),
        ("all", (None, True)),
        (0, (0, False)),
    ],
)
def test_experts_are_a_number_of_layers_auto_or_all(value, expected):
    assert n_cpu_moe_of(value) == expected


@pytest.mark.parametrize("value", [-1, "some", 2.5, True])
def test_other_words_for_experts_are_refused(value):
    with pytest.raises(UsageError, match="is not a number of layers"):
        n_cpu_moe_of(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, None), ("3,1", (3, 1)), ("3/1", (3, 1)), ([3, 1.5], (3, 1.5)), ("0,1", (0, 1))],
)
def test_a_split_is_a_share_for_each_gpu(value, expected):
    assert tensor_split_of(value) == expected


@pytest.mark.parametrize("value", ["", "a,b", "0,0", "-1,2", [], 3, [True], "nan,1", "inf,1"])
def test_what_is_no_split_is_refused(value):
    with pytest.raises(UsageError, match="is not a split of the layers over GPUs"):
        tensor_split_of(value)


def test_both_reach_the_workload():
    values = {"model": "qwen3-30b-a3b", "n_cpu_moe": "all", "tensor_split": "3,1"}
    workload = request_from_mapping(values).workload
    assert (workload.cpu_moe, workload.tensor_split) == (True, (3.0, 1.0))
