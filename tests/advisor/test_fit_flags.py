"""What llama.cpp's own `--fit` would choose, beside what it did choose on imagined GPUs."""

from __future__ import annotations

import csv
import re
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest

from advisor.estimate.estimator import costs_of, estimate
from advisor.estimate.fit_filling import converted, with_part_of_next
from advisor.estimate.fit_flags import Question, llama_cpp_fit
from advisor.estimate.fit_layers import Fraction, Layers, flags_of, placement_of
from advisor.estimate.overhead import driver_context_bytes
from advisor.estimate.result import Verdict
from advisor.estimate.setup import resolve
from advisor.workload import Runtime, Workload

GIB = 1 << 30
LLAMA = "llama-3.1-8b-instruct"
MIXTURE = "qwen3-30b-a3b"
FILE = Path(__file__).parents[1] / "measured" / "llama_cpp_fit.csv"

DRIVER_BYTES = driver_context_bytes(backend="cuda", architecture=None, kind="desktop").value
"""Of what a card has, the table's does not count what a driver takes."""

PARTS = {
    r"ffn_(up|down|gate_up|gate)_(ch|)exps": "experts",
    r"ffn_(gate|gate_up|down).*": "all-but-up",
    r"ffn_(gate|up|gate_up|down).*": "feed-forward",
    r"ffn_down.*": "down",
}
"""What a pattern of `--override-tensor` takes away from its layer, as the table names it."""


def rows():
    with FILE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


@pytest.fixture(scope="session")
def chosen(subject, gpu, target):
    """`chosen(model, [bytes free on each card], context)` is what `--fit` chooses."""

    def find(model, free, context_tokens=None, **asked):
        one = subject(model)

        @cache
        def costs_at(tokens):
            return costs_of(one, resolve(Workload(context_tokens=tokens), trained_tokens=1 << 40))

        cards = [gpu((size + DRIVER_BYTES) / GIB) for size in free]
        question = {
            "costs_at": costs_at,
            "target": target(*cards, host_gib=64),
            "context_tokens": context_tokens,
            "trained_tokens": one.model.gguf_context_tokens or one.model.context_tokens,
            "streams": 1,
            "is_placed": False,
        }
        return llama_cpp_fit(Question(**{**question, **asked}))

    return find


def overrides(flags):
    """`-ot` as the table writes it: layers, what of them, and where to."""
    groups = []
    for one in re.findall(r"blk\\\.(\d+)\\\.([^=]+)=(\w+)", flags):
        layer, pattern, place = int(one[0]), PARTS[one[1]], one[2]
        if groups and groups[-1][1] == layer - 1 and groups[-1][2:] == [pattern, place]:
            groups[-1][1] = layer
        else:
            groups.append([layer, layer, pattern, place])
    return " ".join(f"{first}-{last}:{part}:{place}" for first, last, part, place in groups)


def answer(row, chosen):
    """What the program says beside a row."""
    free = [int(size) for size in row["free_bytes"].split()]
    asked = int(row["context_tokens"]) if row["context_tokens"] else None
    choice = chosen(row["model"], free, asked).choice
    counts = [one.count for one in choice.layers or ()]
    return SimpleNamespace(
        context_tokens=choice.context_tokens,
        gpu_layers=sum(counts) if counts else -1,
        split=counts if len(counts) > 1 else [],
        overrides=overrides(choice.flags),
    )


def is_same(row, found):
    return (
        found.context_tokens == int(row["chosen_tokens"])
        and found.gpu_layers == int(row["gpu_layers"])
        and found.split == [int(count) for count in row["split"].split()]
        and found.overrides == row["overrides"]
    )


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row['model']} on {row['free_bytes']}")
def test_it_chooses_as_llama_cpp_did(row, chosen):
    """The context within 1 % (or 1,024 tokens, at 20 KiB each), each card's layers within one."""
    found = answer(row, chosen)
    assert found.context_tokens == pytest.approx(int(row["chosen_tokens"]), rel=0.01, abs=1024)
    assert found.gpu_layers == pytest.approx(int(row["gpu_layers"]), abs=1)
    assert found.split == pytest.approx([int(count) for count in row["split"].split()], abs=1)


def test_most_of_its_flags_are_the_very_same(chosen):
    """To the last tensor in four of five; the others differ by what the scratch is off."""
    table = rows()
    same = sum(is_same(row, answer(row, chosen)) for row in table)
    assert same >= 0.8 * len(table)


def test_what_fits_needs_no_change(chosen):
    """8 GiB of weights and cache on 24: all layers, and the model's whole context."""
    found = chosen(LLAMA, [48 * GIB])
    assert found.choice.flags == "-c 131072 -ngl all"
    assert found.is_exact
    assert not found.choice.gives_up


def test_a_context_that_was_asked_for_is_kept(chosen):
    found = chosen(LLAMA, [4 * GIB], 8192)
    assert found.choice.context_tokens == 8192
    assert re.fullmatch(r"-c 8192 -ngl \d+", found.choice.flags)


def test_a_context_that_was_not_is_shortened_first(chosen):
    found = chosen(LLAMA, [10 * GIB]).choice
    assert 4096 < found.context_tokens < 131_072
    assert found.context_tokens % 256 == 0
    assert found.flags == f"-c {found.context_tokens} -ngl all"


def test_but_to_no_less_than_4096_tokens(chosen):
    found = chosen(LLAMA, [4 * GIB]).choice
    assert found.context_tokens == 4096
    assert 0 < found.layers[0].count < 33


def test_of_a_mixture_the_experts_go_first(chosen):
    (layers,) = chosen(MIXTURE, [8 * GIB], 8192).choice.layers
    assert layers.count == 49
    assert 0 < layers.part < 49


def test_layers_that_were_asked_for_are_left_alone(chosen):
    """`--fit` gives up then, and llama.cpp starts with what it was told."""
    found = chosen(LLAMA, [4 * GIB], 8192, is_placed=True)
    assert found.choice.gives_up
    assert found.choice.layers is None


@pytest.mark.parametrize("asked", [{"gpu_layers": 3}, {"n_cpu_moe": 3}, {"tensor_split": (3, 1)}])
def test_a_placement_is_asked_for_by_any_of_its_options(asked, subject, gpu, target):
    machine = target(gpu(4), gpu(4), host_gib=64)
    found = estimate(subject(MIXTURE), Workload(context_tokens=8192, **asked), machine)
    assert found.fit.llama_cpp_fit.choice.gives_up


def test_each_stream_may_have_the_whole_context(chosen):
    found = chosen(LLAMA, [400 * GIB], streams=2).choice
    assert found.context_tokens == 2 * 131_072


def test_where_the_need_is_uncertain_both_ends_are_told(chosen):
    """A context is cut to 256 tokens, 32 MiB, finer than the driver's context is known."""
    found = chosen(LLAMA, [10 * GIB])
    assert not found.is_exact
    assert found.if_more.context_tokens <= found.choice.context_tokens
    assert found.choice.context_tokens <= found.if_less.context_tokens
    assert found.if_more.context_tokens < found.if_less.context_tokens


def test_a_card_whose_memory_is_not_known_has_no_answer(subject, gpu, target):
    found = estimate(subject(LLAMA), Workload(), target(gpu(None), host_gib=64))
    assert found.fit.llama_cpp_fit is None


RUNS_IT = {Runtime.LLAMA_SERVER, Runtime.OLLAMA}


def test_ollama_leaves_the_layers_to_it_and_says_the_context(subject, gpu, target):
    """On 24 GiB it wants 32,768 tokens of each of two sequences, whether they fit or not."""
    asked = Workload(runtime=Runtime.OLLAMA, sequences=2)
    found = estimate(subject(LLAMA), asked, target(gpu(24), host_gib=64))
    assert found.fit.llama_cpp_fit.choice.flags == "-c 65536 -ngl all"
    tight = estimate(subject(LLAMA), asked, target(gpu(24, free_gib=8), host_gib=64))
    chosen = tight.fit.llama_cpp_fit.choice
    assert chosen.context_tokens == 65536
    assert chosen.layers[0].count < 33


@pytest.mark.parametrize("runtime", [one for one in Runtime if one not in RUNS_IT])
def test_other_programs_do_not_ask_for_it(runtime, subject, gpu, target):
    found = estimate(subject(LLAMA), Workload(runtime=runtime), target(gpu(24), host_gib=64))
    assert found.fit.llama_cpp_fit is None


def test_without_a_gpu_the_context_is_all_it_changes(subject, target):
    """Of 16 GiB, 1 left over, 4.6 of weights: the 16 GiB of a whole cache are too much."""
    found = estimate(subject(LLAMA), Workload(), target(host_gib=16)).fit.llama_cpp_fit.choice
    assert 4096 < found.context_tokens < 131_072
    assert found.flags == f"-c {found.context_tokens}"
    short = estimate(subject(LLAMA), Workload(), target(host_gib=2)).fit.llama_cpp_fit.choice
    assert (short.context_tokens, short.gives_up) == (4096, True)


def test_where_all_fits_with_the_margin_its_answer_is_ours(subject, gpu, target):
    found = estimate(subject(LLAMA), Workload(context_tokens=8192), target(gpu(8), host_gib=64))
    assert found.fit.verdict is Verdict.FITS
    assert found.fit.llama_cpp_fit.choice.flags == "-c 8192 -ngl all"


@pytest.mark.parametrize(
    ("layers", "flags"),
    [
        pytest.param([Layers(count=15)], "-ngl 15", id="one card"),
        pytest.param([Layers(count=20), Layers(count=13)], "-ngl 33 -ts 20,13", id="two cards"),
        pytest.param(
            [Layers(count=20), Layers()], "-ngl 20", id="a card at the end without any is not named"
        ),
        pytest.param(
            [Layers(count=33, part=2)],
            r'-ngl 33 -ot "blk\.31\.ffn_(up|down|gate_up|gate)_(ch|)exps=CPU,'
            r'blk\.32\.ffn_(up|down|gate_up|gate)_(ch|)exps=CPU"',
            id="the last layers without experts, the output counted",
        ),
        pytest.param(
            [Layers(count=20, part=1, fraction=Fraction.GATE), Layers(count=13)],
            r'-ngl 33 -ts 20,13 -ot "blk\.19\.ffn_down.*=CUDA1"',
            id="what overflows goes to the next card",
        ),
    ],
)
def test_flags_are_those_that_llama_fit_params_prints(layers, flags):
    names = ["CUDA0", "CUDA1"]
    assert flags_of(layers, block_count=32, device_names=names) == flags


def test_parts_are_counted_from_the_end_of_a_cards_layers():
    """Of 32 blocks, 20 and 12: the last three, and four, because the output layer is a fifth."""
    found = placement_of([Layers(count=20, part=3), Layers(count=13, part=5)], 32)
    assert [share.bare for share in found.gpus] == [(17, 20), (28, 32)]
    assert found.host.experts == ((17, 20), (28, 32))
    assert (found.gpu_layers, found.host.blocks) == (33, 0)


def test_whole_layers_are_taken_from_the_back():
    """Seven layers without experts, of which five become whole on the first card."""
    layers = [Layers(count=2, part=2), Layers(count=6, part=5)]
    after, start = converted(layers, 0, 0, 5)
    assert after == [Layers(count=5, part=0), Layers(count=3, part=2)]
    assert start == 1


def test_part_of_the_next_layer_moves_with_it():
    layers = [Layers(count=5), Layers(count=3, part=2)]
    after, start = with_part_of_next(layers, 1, 0, Fraction.UP)
    assert after == [
        Layers(count=6, part=1, fraction=Fraction.UP),
        Layers(count=2, part=1),
    ]
    assert start == 1
