"""Norms and biases that a graph is drawn without, put in where their weights are lent."""

from __future__ import annotations

import pytest

from advisor.estimate.graph.beside import Beside
from advisor.estimate.graph.draft import Draft
from advisor.estimate.graph.lending import extras_of, taken_over
from advisor.estimate.graph.naming import names_of
from advisor.estimate.graph.scratch import drawing
from advisor.estimate.subject import caches_of
from advisor.workload import FlashAttention


@pytest.fixture
def completed(subject, resolved):
    """The graph of the first and the last layer, the first being the host's, and what is lent."""

    def complete(name):
        own = subject(name)
        model = own.model
        setup = resolved(context_tokens=4096, sequences=1, flash_attention=FlashAttention.ON)
        draft = Draft(model.architecture, model.hyperparameters, caches_of(model)[0], setup)
        draft.norms_apart = True
        drawing(model.architecture)(draft, [0, model.hyperparameters.block_count - 1])
        lent = set(taken_over(draft, lambda home, _: home == 0))
        before = list(draft.sketch.order)
        names = names_of(draft, own.table, lent.intersection(draft.sketch.matrices))
        beside = Beside(
            draft=draft,
            lent=lent,
            names=names,
            vectors=extras_of(own.table).vectors,
            host_layers={0},
        )
        beside.complete()
        added = [one for one in draft.sketch.order if one not in set(before)]
        assert [one for one in draft.sketch.order if one not in set(added)] == before
        return draft, names, added

    return complete


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        pytest.param("llama-3.1-8b-instruct", [], id="Llama has nothing beside"),
        pytest.param("qwen3-8b", ["attn_q_norm.weight", "attn_k_norm.weight"], id="norms of heads"),
        pytest.param(
            "qwen2.5-7b-instruct",
            ["attn_q.bias", "attn_v.bias", "attn_k.bias"],
            id="biases behind products, and values are stored before keys",
        ),
        pytest.param(
            "olmo-2-1124-7b-instruct",
            [
                *("attn_q_norm.weight", "attn_k_norm.weight"),
                *("post_attention_norm.weight", "post_ffw_norm.weight"),
            ],
            id="norms behind attention and behind the feed-forward part",
        ),
        pytest.param(
            "ling-mini-2.0",
            ["attn_q_norm.weight", "attn_k_norm.weight"],
            id="norms of parts of one product",
        ),
        pytest.param("qwen3.5-4b", [], id="what is drawn with its norms gets no others"),
    ],
)
def test_what_is_put_in(completed, model, expected):
    draft, names, added = completed(model)
    weights = [names[one] for one in added if one in names]
    assert weights == expected
    assert all(draft.sketch.home[one] == 0 for one in added if one in names)


def test_biases_are_added_where_the_product_is_and_read_in_its_stead(completed):
    draft, _, added = completed("qwen2.5-7b-instruct")
    sketch = draft.sketch
    for bias in added:
        (product,) = sketch.reads[bias]
        assert sketch.reuses[bias]
        assert product in sketch.matrices
        others = [one for one in sketch.order if one != bias]
        assert not any(sketch.root[read] == product for one in others for read in sketch.reads[one])


def test_queries_are_normed_before_they_are_turned_and_hunyuans_after(completed):
    turns_normed = {}
    for model in ("qwen3-8b", "hunyuan-4b-instruct"):
        draft, names, added = completed(model)
        reads = draft.sketch.reads
        turned = [one for one in draft.sketch.order if draft.positions in reads[one]]
        weighed = {one for one in added if one in names}
        turns_normed[model] = any(weighed.intersection(reads[one]) for one in turned)
    assert turns_normed == {"qwen3-8b": True, "hunyuan-4b-instruct": False}


def test_attention_reads_sinks_with_the_hosts_cache(completed):
    """gpt-oss: of its first and its last layer the first's is the host's."""
    draft, names, _ = completed("gpt-oss-20b")
    sketch = draft.sketch
    readers = [one for one, name in names.items() if name == "attn_sinks.weight"]
    assert len(readers) == 1
    near = {one for read in sketch.reads[readers[0]] for one in (read, *sketch.reads[read])}
    assert {sketch.stored[one] for one in near if one in sketch.stored} == {0}
