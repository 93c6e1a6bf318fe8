"""`CUDA_VISIBLE_DEVICES`, as CUDA means it."""

from __future__ import annotations

import pytest

from probes.visible import CudaGpu, CudaInstance, Doubt, Place, visible_devices

PAIR = [
    CudaGpu(uuid="GPU-aaaa1111", name="NVIDIA GeForce RTX 3090", pci_address="0000:01:00.0"),
    CudaGpu(uuid="GPU-aaaa2222", name="NVIDIA GeForce RTX 3090", pci_address="0000:02:00.0"),
]
MIXED = [
    CudaGpu(uuid="GPU-cccc3060", name="NVIDIA GeForce RTX 3060", pci_address="0000:01:00.0"),
    CudaGpu(uuid="GPU-dddd3090", name="NVIDIA GeForce RTX 3090", pci_address="0000:02:00.0"),
]
SPLIT = [
    CudaGpu(
        uuid="GPU-5d5ba0d6",
        name="NVIDIA A100-SXM4-40GB",
        pci_address="0000:01:00.0",
        is_partitioned=True,
        instances=(
            CudaInstance(uuid="MIG-c6d4f1ef", gpu_instance=1, compute_instance=0),
            CudaInstance(uuid="MIG-cba663e8", gpu_instance=1, compute_instance=1),
            CudaInstance(uuid="MIG-1e099852", gpu_instance=2, compute_instance=0),
        ),
    ),
    CudaGpu(uuid="GPU-0aa11ebd", name="NVIDIA A100-SXM4-40GB", pci_address="0000:02:00.0"),
]


def seen(visible):
    return [
        place.gpu if place.instance is None else (place.gpu, place.instance)
        for place in visible.places
    ]


@pytest.mark.parametrize(
    ("value", "expected", "doubt"),
    [
        pytest.param(None, [0, 1], None, id="unset shows all"),
        pytest.param("0", [0], None, id="a number shows that one"),
        pytest.param("1,0", [1, 0], None, id="the order of the list is CUDA's order"),
        pytest.param(" 1 , 0", [1, 0], None, id="blanks around numbers do not matter"),
        pytest.param("1gpu", [1], None, id="what follows a number does not matter"),
        pytest.param("", [], None, id="the empty string shows none"),
        pytest.param("-1", [], None, id="-1 shows none"),
        pytest.param("0,-1,1", [0], None, id="the list ends at -1"),
        pytest.param("0,2,1", [0], Doubt.INVALID, id="the list ends at a number too large"),
        pytest.param("none", [], Doubt.INVALID, id="a word shows none"),
        pytest.param("0,,1", [0], Doubt.INVALID, id="the list ends at an empty entry"),
        pytest.param("0,0", [], Doubt.REPEATED, id="the same number twice shows none"),
        pytest.param("0,-1,0", [0], None, id="what stands behind -1 is not read"),
        pytest.param("GPU-aaaa2222", [1], None, id="a UUID shows that one"),
        pytest.param("GPU-aaaa2", [1], None, id="the beginning of a UUID is enough"),
        pytest.param("GPU-aaaa", [], Doubt.INVALID, id="a beginning that fits two fits none"),
        pytest.param("GPU-eeee", [], Doubt.INVALID, id="an unknown UUID shows none"),
        pytest.param("GPU-aaaa2,GPU-aaaa1", [1, 0], None, id="UUIDs order devices too"),
        pytest.param("GPU-aaaa2,GPU-aaaa2222", [], Doubt.REPEATED, id="twice in two spellings"),
        pytest.param("GPU-aaaa2,0", [1], Doubt.INVALID, id="numbers do not follow UUIDs"),
        pytest.param("0,GPU-aaaa2", [0], Doubt.INVALID, id="UUIDs do not follow numbers"),
    ],
)
def test_two_cards_of_one_model(value, expected, doubt):
    visible = visible_devices(PAIR, value)
    assert (seen(visible), visible.is_ordered, visible.doubt) == (expected, True, doubt)


@pytest.mark.parametrize(
    ("value", "order", "expected", "is_ordered", "doubt"),
    [
        pytest.param(None, None, [0, 1], False, None, id="unset shows all in an unknown order"),
        pytest.param("0", None, [0, 1], False, Doubt.AMBIGUOUS, id="a number is ambiguous"),
        pytest.param("1,0", None, [1, 0], False, None, id="all numbers show all, unordered"),
        pytest.param("", None, [], False, None, id="the empty string is clear"),
        pytest.param("1", "PCI_BUS_ID", [1], True, None, id="by bus address a number is clear"),
        pytest.param("1", "FASTEST_FIRST", [0, 1], False, Doubt.AMBIGUOUS, id="by speed not"),
        pytest.param("GPU-dddd", None, [1], True, None, id="a UUID is clear"),
        pytest.param(None, "PCI_BUS_ID", [0, 1], True, None, id="by bus address all are ordered"),
    ],
)
def test_two_cards_of_different_models(value, order, expected, is_ordered, doubt):
    visible = visible_devices(MIXED, value, device_order=order)
    assert (seen(visible), visible.is_ordered, visible.doubt) == (expected, is_ordered, doubt)


def test_numbers_follow_the_bus_and_not_the_list():
    visible = visible_devices([PAIR[1], PAIR[0]], "0")
    assert visible.places == (Place(gpu=1),)


def test_a_number_is_ambiguous_where_a_lost_card_may_count():
    visible = visible_devices(PAIR, "1", all_answer=False)
    assert (seen(visible), visible.doubt) == ([0, 1], Doubt.AMBIGUOUS)


def test_without_devices_nothing_is_visible_and_nothing_fails():
    assert visible_devices([], None).places == ()
    assert visible_devices([], "0").places == ()


@pytest.mark.parametrize(
    ("value", "expected", "is_ordered"),
    [
        pytest.param(None, [(0, 0), (0, 1), (0, 2), 1], False, id="unset shows all"),
        pytest.param("0", [(0, 0), (0, 1), (0, 2)], False, id="a split card is its instances"),
        pytest.param("1", [1], True, id="a number may name a whole card beside it"),
        pytest.param("MIG-cba663e8", [(0, 1)], True, id="a UUID shows that instance"),
        pytest.param("MIG-GPU-5d5ba0d6/2/0", [(0, 2)], True, id="the form before R470"),
        pytest.param("MIG-cba6", [], True, id="an instance's UUID is not shortened"),
        pytest.param("MIG-GPU-5d5ba0d6/3/0", [], True, id="an instance that does not exist"),
        pytest.param("MIG-1e099852,MIG-cba663e8", [(0, 2), (0, 1)], True, id="of two owners"),
        pytest.param("MIG-cba663e8,MIG-c6d4f1ef", [(0, 1)], True, id="of one owner the first"),
        pytest.param("MIG-1e099852,GPU-0aa1", [(0, 2), 1], True, id="beside a whole card"),
    ],
)
def test_a_card_that_is_split_into_instances(value, expected, is_ordered):
    visible = visible_devices(SPLIT, value)
    assert (seen(visible), visible.is_ordered) == (expected, is_ordered)


def test_before_r570_one_instance_is_all_that_a_program_gets():
    several = "MIG-1e099852,MIG-cba663e8,GPU-0aa1"
    assert seen(visible_devices(SPLIT, several, single_instance=True)) == [(0, 2)]


class TestInTheProbe:
    """The same rules on a machine with a 3060 and two 3090."""

    def states(self, nvml, **environ):
        answer = nvml.ask("pair_and_3060", environ=environ)
        devices = [(device.state, device.cuda_index) for device in answer.accelerators]
        return devices, [finding.code for finding in answer.findings]

    def test_hidden_cards_stay_listed(self, nvml):
        chosen = {"CUDA_VISIBLE_DEVICES": "GPU-bbbb2,GPU-aaaa"}
        assert self.states(nvml, **chosen) == (
            [("ready", 1), ("hidden", None), ("ready", 0)],
            ["nvidia-hidden"],
        )

    def test_an_ambiguous_number_hides_nothing_and_says_so(self, nvml):
        assert self.states(nvml, CUDA_VISIBLE_DEVICES="1") == (
            [("ready", None)] * 3,
            ["nvidia-visible-ambiguous"],
        )

    def test_numbers_by_bus_address_are_nvmls_own(self, nvml):
        chosen = {"CUDA_VISIBLE_DEVICES": "2", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
        assert self.states(nvml, **chosen) == (
            [("hidden", None), ("hidden", None), ("ready", 0)],
            ["nvidia-hidden"],
        )

    def test_the_empty_string_hides_all(self, nvml):
        assert self.states(nvml, CUDA_VISIBLE_DEVICES="") == (
            [("hidden", None)] * 3,
            ["nvidia-hidden"],
        )

    def test_a_device_named_twice_hides_all_with_a_warning(self, nvml):
        chosen = {"CUDA_VISIBLE_DEVICES": "GPU-aaaa,GPU-aaaa"}
        assert self.states(nvml, **chosen) == (
            [("hidden", None)] * 3,
            ["nvidia-visible-repeated", "nvidia-hidden"],
        )

    def test_findings_never_repeat_a_uuid(self, nvml):
        chosen = {"CUDA_VISIBLE_DEVICES": "GPU-bbbb2,GPU-eeee"}
        answer = nvml.ask("pair_and_3060", environ=chosen)
        assert answer.findings
        assert not any("GPU-" in finding.sentence for finding in answer.findings)
