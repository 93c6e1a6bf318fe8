"""A model's page: its quants here, the starred one, and the devices that run it."""

from __future__ import annotations

import pytest

from advisor.estimate.result import Verdict
from advisor.estimate.sharing import Sharing
from advisor.offer.shelf import quants_of, shelf_offer
from advisor.render.page import page_text
from advisor.render.paper import Paper
from advisor.report.candidates import Question
from advisor.report.device_list import device_list, devices_that_run
from advisor.report.page import page, related
from advisor.workload import Workload
from catalog.hardware import load_devices
from catalog.names import find_model
from catalog.published import published_files
from catalog.shelf import load_models

LLAMA = find_model("llama-3.2-1b-instruct")
SOME_DEVICES = tuple(
    device
    for device in load_devices()
    if device.name in {"GeForce RTX 4090", "GeForce RTX 3060 12 GB", "Raspberry Pi 5 8GB"}
)


@pytest.fixture(scope="session")
def a_page(gpu, target):
    """The page of a model on a machine with one card of so many GiB."""

    def find(model=LLAMA, gib=24, *, host_gib=64, devices=SOME_DEVICES):
        question = Question(target=target(gpu(gib), host_gib=host_gib), workload=Workload())
        return page(shelf_offer(model), load_models(), question, devices)

    return find


def test_devices_that_hold_only_some_layers_are_not_searched(subject, monkeypatch):
    """The list is of what holds a model whole: other cards need no placement."""
    monkeypatch.setattr(Sharing, "most_layers", None)
    monkeypatch.setattr(Sharing, "fewest_bare", None)
    rows = devices_that_run(subject("qwen3-30b-a3b"), Workload(), SOME_DEVICES)
    assert [row.device.name for row in rows] == ["GeForce RTX 4090"]


def names(rows):
    return [one.estimate.subject.quant.name for one in rows]


def test_quants_are_listed_largest_first(a_page):
    found = a_page()
    sizes = [one.estimate.subject.weights.tensor_bytes for one in found.rows]
    assert sizes == sorted(sizes, reverse=True)
    assert {"F16", "Q8_0", "Q4_K_M", "IQ3_M", "Q2_K"} <= set(names(found.rows))


def test_a_quant_is_listed_when_somebody_published_it_or_its_loss_is_known():
    published = {file.quant_name for file in published_files(LLAMA)} - {None}
    listed = {quant.name for quant in quants_of(LLAMA)}
    assert published <= listed
    assert "F32" not in listed


def test_the_starred_quant_is_recommended_where_it_runs(a_page):
    found = a_page()
    assert found.best.candidate is found.starred
    assert found.starred.estimate.fit.verdict is Verdict.FITS
    larger = found.best.larger.estimate.subject
    assert larger.weights.tensor_bytes > found.starred.estimate.subject.weights.tensor_bytes


def test_where_none_runs_the_usual_quant_is_starred_and_nothing_recommended(a_page):
    found = a_page(find_model("llama-3.1-70b-instruct"), 4, host_gib=4)
    assert found.best is None
    assert found.starred.estimate.subject.quant.name == "Q4_K_M"
    assert {one.estimate.fit.verdict for one in found.rows} == {Verdict.NO}


def test_devices_that_hold_the_starred_quant_are_fastest_first(a_page):
    found = a_page()
    assert [row.device.name for row in found.devices] == [
        "GeForce RTX 4090",
        "GeForce RTX 3060 12 GB",
        "Raspberry Pi 5 8GB",
    ]
    speeds = [row.estimate.decode.speed.tokens_per_s for row in found.devices]
    assert speeds == sorted(speeds, reverse=True)


def test_a_device_that_would_need_the_host_is_not_among_them(subject):
    """Llama 3.1 8B in F16 takes 15 GiB."""
    found = devices_that_run(subject("llama-3.1-8b-instruct", "F16"), Workload(), SOME_DEVICES)
    assert [row.device.name for row in found] == ["GeForce RTX 4090"]


def test_a_list_of_devices_can_be_of_a_kind_and_a_maker(subject):
    one = subject("llama-3.2-1b-instruct")
    everything = device_list(one, Workload())
    laptops = device_list(one, Workload(), kind="laptop", vendor="nvidia")
    assert everything.considered == len(load_devices())
    assert everything.context_tokens == 8192
    assert 0 < laptops.considered < everything.considered
    assert {(row.device.kind, row.device.vendor) for row in laptops.rows} == {("laptop", "NVIDIA")}
    assert device_list(one, Workload(context_tokens=4096), kind="laptop").context_tokens == 4096


def test_related_models_are_of_the_family_nearest_in_size_first():
    found = related(find_model("qwen3-8b"), load_models())
    assert {model.family for model in found} == {find_model("qwen3-8b").family}
    assert "qwen3-8b" not in [model.name for model in found]
    ratios = [
        max(model.params_total, 8_190_735_360) / min(model.params_total, 8_190_735_360)
        for model in found
    ]
    assert ratios == sorted(ratios)


def test_the_page_as_text_has_a_star_the_arithmetic_and_the_questions(a_page):
    text = page_text(a_page(), None, Paper(100, colour=False))
    assert text.count("★") >= 2
    for words in (
        "llama-3.2-1b-instruct: meta-llama/Llama-3.2-1B-Instruct",
        "1.24B (1,235,814,400)",
        "Quants, for a context of 8,192 tokens",
        "graphics cards hold it whole",
        "Questions",
        "Related models",
        "1,321,083,008 B",
    ):
        assert words in text
    assert max(map(len, text.splitlines())) <= 100


def test_a_page_where_nothing_runs_has_no_star(a_page):
    found = a_page(find_model("llama-3.1-70b-instruct"), 4, host_gib=4)
    text = page_text(found, None, Paper(100, colour=False))
    assert "★" not in text
    assert "Questions" in text


def test_publishers_own_mixes_are_listed_beside_with_their_sizes(a_page):
    """bartowski's Q4_K_L of this model was seen: 871,309,440 bytes."""
    found = a_page()
    sizes = {one.label: one.download.size_bytes for one in found.own_mixes}
    assert (sizes["Q4_K_L"].value, sizes["Q4_K_L"].low) == (871_309_440, None)
    assert sizes["UD-Q4_K_XL"].low < sizes["UD-Q4_K_XL"].value < sizes["UD-Q4_K_XL"].high
    assert "Q4_K_M" not in sizes
    text = page_text(found, None, Paper(100, colour=False))
    assert "0.87 bartowski/Llama-3.2-1B-Instruct-GGUF" in text


def test_a_mix_whose_size_nobody_knows_well_is_not_listed(a_page):
    for one in a_page().own_mixes:
        size = one.download.size_bytes
        assert size.low is None or size.high - size.low <= 0.12 * size.value
