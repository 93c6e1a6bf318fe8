"""Cards split into MIG instances."""

from __future__ import annotations

import pytest

from probes.nvidia.mig import memory_slices

MIB = 1 << 20


def codes(answer):
    return [finding.code for finding in answer.findings]


def test_the_whole_card_stays_listed_as_partitioned_though_its_memory_is_closed(told):
    parent = told["h100_mig"].accelerators[0]
    assert (parent.name, parent.state) == ("NVIDIA H100 80GB HBM3", "partitioned")
    assert parent.memory_total_bytes is None
    # 2619 MHz x 2 x 5120 / 8.
    assert parent.memory_bandwidth_bytes_per_s == 3352.32e9


def test_each_instance_is_the_device_it_is(told):
    _, large, small = told["h100_mig"].accelerators
    assert [(part.kind, part.state) for part in (large, small)] == [("mig", "ready")] * 2
    assert large.name == "NVIDIA H100 80GB HBM3 MIG 3g.40gb"
    assert (large.memory_total_bytes, small.memory_total_bytes) == (40_448 * MIB, 9_984 * MIB)
    assert (large.core_count, small.core_count) == (60, 16)
    assert (large.memory_slices, small.memory_slices) == (4, 1)
    assert large.memory_bandwidth_bytes_per_s == 3352.32e9 / 2
    assert small.memory_bandwidth_bytes_per_s == 3352.32e9 / 8
    assert (large.parent_name, small.parent_memory_bandwidth_bytes_per_s) == (
        "NVIDIA H100 80GB HBM3",
        3352.32e9,
    )
    assert (small.architecture, small.ecc, small.driver) == ("9.0", True, "550.90.07")
    assert small.uuid == "MIG-b4b2228d-6933-5839-bc0e-41ab9edb61c6"


def test_what_cannot_be_known_without_privileges_is_said(told):
    assert codes(told["h100_mig"]) == ["nvidia-mig-share-assumed", "nvidia-mig-single"]


def test_an_administrator_gets_the_shares_from_the_sizes(told):
    parent, large, small = told["h100_mig_admin"].accelerators
    assert parent.memory_total_bytes == 81_559 * MIB
    # 20096 MiB of 81559 are two eighths, though it has one compute slice (1g.20gb).
    assert (large.memory_slices, small.memory_slices) == (4, 2)
    assert small.memory_bandwidth_bytes_per_s == 3352.32e9 / 4


def test_later_drivers_show_programs_one_instance_of_each_gpu_instance(told):
    assert codes(told["h100_mig_admin"]) == ["nvidia-mig-several"]


def test_mig_mode_without_an_instance_is_a_warning(told):
    (parent,) = told["mig_empty"].accelerators
    assert parent.state == "partitioned"
    (finding,) = told["mig_empty"].findings
    assert (finding.code, finding.severity) == ("nvidia-mig-empty", "warning")


def test_a_lost_card_in_mig_mode_is_lost(nvml):
    answer = nvml.ask("h100_mig", instead=["0.memory.ret=15"])
    (card,) = answer.accelerators
    assert (card.name, card.state) == ("NVIDIA H100 80GB HBM3", "lost")
    assert codes(answer) == ["nvidia-gpu-lost"]


def test_an_instance_that_cannot_be_opened_hides_no_other(nvml):
    answer = nvml.ask("h100_mig", instead=["0.mig.0.handle.ret=4"])
    assert [part.name for part in answer.accelerators] == [
        "NVIDIA H100 80GB HBM3",
        "NVIDIA H100 80GB HBM3 MIG 1g.10gb",
    ]
    assert "MIG instance 0 of NVIDIA H100 80GB HBM3 is closed to this user" in [
        finding.sentence for finding in answer.findings
    ]


def test_an_instance_whose_memory_query_fails_has_the_size_of_its_attributes(nvml):
    answer = nvml.ask("h100_mig", instead=["0.mig.2.memory.ret=3"])
    small = answer.accelerators[2]
    assert (small.kind, small.memory_total_bytes) == ("mig", 9_984 * MIB)
    assert (small.memory_free_bytes, small.memory_slices) == (None, 1)


def test_an_instance_chosen_by_uuid_leaves_the_others_hidden(nvml):
    chosen = {"CUDA_VISIBLE_DEVICES": "MIG-b4b2228d-6933-5839-bc0e-41ab9edb61c6"}
    answer = nvml.ask("h100_mig", environ=chosen)
    states = [(part.state, part.cuda_index) for part in answer.accelerators]
    assert states == [("partitioned", None), ("hidden", None), ("ready", 0)]
    assert codes(answer) == ["nvidia-mig-share-assumed", "nvidia-hidden"]


@pytest.mark.parametrize(
    ("instance_mib", "parent_mib", "expected"),
    [
        pytest.param(9_984, 81_559, 1, id="H100 1g.10gb is 1/8"),
        pytest.param(20_096, 81_559, 2, id="H100 2g.20gb is 2/8"),
        pytest.param(40_448, 81_559, 4, id="H100 3g.40gb is 4/8"),
        pytest.param(81_153, 81_559, 8, id="H100 7g.80gb is 8/8"),
        pytest.param(4_864, 40_537, 1, id="A100 1g.5gb is 1/8"),
        pytest.param(5_952, 24_258, 2, id="A30 1g.6gb is 1/4"),
        pytest.param(81_559, 81_559, 8, id="all of it is 8/8"),
    ],
)
def test_memory_slices_follow_the_sizes_where_both_are_known(instance_mib, parent_mib, expected):
    slices = memory_slices(
        instance_bytes=instance_mib * MIB,
        parent_bytes=parent_mib * MIB,
        compute_slices=1,
        most_instances=7,
    )
    assert slices == expected


@pytest.mark.parametrize(
    ("compute_slices", "most", "expected"),
    [
        pytest.param(1, 7, 1, id="1g of an A100, H100 or B200 is 1/8"),
        pytest.param(2, 7, 2, id="2g of one is 2/8"),
        pytest.param(3, 7, 4, id="3g of one is 4/8"),
        pytest.param(4, 7, 4, id="4g of one is 4/8"),
        pytest.param(7, 7, 8, id="7g of one is all"),
        pytest.param(1, 4, 2, id="1g of an A30 or RTX PRO 6000 is 1/4"),
        pytest.param(2, 4, 4, id="2g of one is 2/4"),
        pytest.param(4, 4, 8, id="4g of one is all"),
        pytest.param(1, 2, 4, id="1g of an RTX PRO 5000 is half"),
        pytest.param(5, 7, None, id="a profile that does not exist is not guessed"),
        pytest.param(1, 5, None, id="a card of a kind unheard of is not guessed"),
        pytest.param(None, 7, None, id="without compute slices there is nothing to go by"),
    ],
)
def test_memory_slices_follow_the_compute_slices_else(compute_slices, most, expected):
    slices = memory_slices(
        instance_bytes=9_984 * MIB,
        parent_bytes=None,
        compute_slices=compute_slices,
        most_instances=most,
    )
    assert slices == expected
