"""Which tensors a GPU computes of the host's weights, and how large those are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.estimate.graph.draft import Draft
from advisor.estimate.graph.lending import extras_of, read_factors, taken_over, weights_bytes
from advisor.estimate.graph.naming import groups_at, names_of
from advisor.estimate.graph.schedule import Plan
from advisor.estimate.graph.scratch import drawing
from advisor.estimate.graph.sketch import INPUT, Matrix, Sketch
from advisor.estimate.subject import caches_of

MIB = 1 << 20
LLAMA = "llama-3.1-8b-instruct"
MIXTURE = "gpt-oss-20b"
BITNET = "bitnet-b1.58-2b-4t"


@pytest.fixture
def drawn(subject, resolved):
    """The graph of the first and the last layer."""

    def draw(name, **asked):
        model = subject(name).model
        setup = resolved(**{"context_tokens": 4096, "sequences": 1, **asked})
        caches, _ = caches_of(model)
        draft = Draft(model.architecture, model.hyperparameters, caches, setup)
        drawing(model.architecture)(draft, [0, model.hyperparameters.block_count - 1])
        return draft

    return draw


def lent_bytes(draft, table, is_on_host):
    """Bytes of the weights of each tensor that is taken over."""
    home, lent = draft.sketch.home, list(taken_over(draft, is_on_host))
    names = names_of(draft, table, [one for one in lent if one in draft.sketch.matrices])
    return [weights_bytes(draft, one, names.get(one), groups_at(table, home[one])) for one in lent]


def first_layer(home, _is_stack):
    return home == 0


def first_experts(home, is_stack):
    return is_stack and home == 0


def test_a_gpu_computes_a_layer_of_the_hosts_with_every_matrix_of_it(drawn, subject):
    """Llama 3.1 8B in Q4_0, 18 bytes for 32 values: 4,096 x 4,096 twice, x 1,024, x 14,336.

    Beside the seven matrices two norms of 4,096 values in F32.
    """
    found = lent_bytes(drawn(LLAMA), subject(LLAMA, "Q4_0").table, first_layer)
    square, shorter, longer = (4096 * width * 18 // 32 for width in (4096, 1024, 14_336))
    # Its attn_v and ffn_down have more bits than the recipe's name says in some quants, not here.
    matrices = [square, square, shorter, shorter, longer, longer, longer]
    assert sorted(found) == sorted([*matrices, 4096 * 4, 4096 * 4])


def test_of_layers_that_the_gpu_has_only_the_experts_are_lent(drawn, subject):
    """gpt-oss 20B: three stacks of 32 matrices of 2,880 x 2,880 in MXFP4, and their biases in F32.

    17 bytes for 32 values are 134.47 MiB each.
    """
    found = lent_bytes(drawn(MIXTURE), subject(MIXTURE).table, first_experts)
    stack, biases = 32 * 2880 * 2880 * 17 // 32, 32 * 2880 * 4
    assert sorted(found) == [biases] * 3 + [stack] * 3


@pytest.mark.parametrize(
    ("ubatch_tokens", "is_taken_over"),
    [
        pytest.param(31, False, id="31 tokens are left to the host"),
        pytest.param(32, True, id="32 are a large batch"),
    ],
)
def test_a_gpu_takes_large_batches_only(drawn, ubatch_tokens, is_taken_over):
    draft = drawn(LLAMA, ubatch_tokens=ubatch_tokens)
    assert any(True for _ in taken_over(draft, first_layer)) is is_taken_over


def test_the_few_rows_that_have_logits_are_left_to_the_host(drawn, subject):
    """Of the last layer the server feeds one row forward: only its attention is taken over."""
    draft = drawn(LLAMA)
    found = lent_bytes(draft, subject(LLAMA, "Q4_0").table, lambda home, _: home == 31)
    assert 4096 * 14_336 * 18 // 32 not in found
    assert 4096 * 4096 * 18 // 32 in found


def test_a_token_table_that_serves_as_head_is_lent_for_many_rows(drawn, subject):
    """BitNet's graph multiplies by it; for a row of logits for each token a GPU copies it."""
    table = subject(BITNET, "F16").table

    def on_host(home, _is_stack):
        return home == INPUT

    assert lent_bytes(drawn(BITNET, runtime="llama-bench"), table, on_host) == [2560 * 128_256 * 2]
    assert lent_bytes(drawn(BITNET), table, on_host) == []


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        pytest.param(LLAMA, True, id="Llama 3.1 has rope factors"),
        pytest.param("qwen3-8b", False, id="Qwen3 has none"),
    ],
)
def test_a_models_tensors_say_whether_it_has_factors(subject, model, expected):
    assert extras_of(subject(model).table).has_factors is expected


def test_every_quant_of_a_model_has_the_same_extras(subject):
    few, many = (extras_of(subject(LLAMA, quant).table) for quant in ("Q2_K", "Q8_0"))
    assert few == many
    assert hash(few) == hash(many)


def test_rope_factors_are_read_by_what_turns_on_the_host(drawn):
    """Queries and keys of the first layer; the last layer's are behind all that is lent."""
    draft = drawn(LLAMA)
    lent = frozenset(taken_over(draft, first_layer))
    read_factors(draft, lent)
    assert len(draft.sketch.apart) == 2
    factors = draft.sketch.leaves[-1]
    assert draft.sketch.size[factors] == 64 * 4
    assert all(factors in draft.sketch.reads[one] for one in draft.sketch.apart)


def test_nothing_lent_means_no_factors_read(drawn):
    draft = drawn(LLAMA)
    read_factors(draft, frozenset())
    assert draft.sketch.apart == set()


def test_what_is_lent_for_one_product_goes_before_the_next_is_copied():
    """Two products of a row of 1,024 bytes, with matrices of 4,096 and 8,192 on the host.

    The first matrix, the row and the first result take 6,144. The second matrix finds no room in
    the hole of 5,120 that the first two leave, and lies behind: 14,336 in all, and not 4,096 more.
    """
    sketch = Sketch()
    row = sketch.leaf(1024)
    first = sketch.node(1024, (row,), 0)
    second = sketch.node(1024, (first,), 0)
    sketch.matrices.update({one: Matrix(256, 256, 512) for one in (first, second)})
    sketch.draw(second)
    plan = Plan(sketch, lambda _: 1, 1, {first, second})
    device, host = plan.buffers(lent_bytes={first: 4096, second: 8192})
    assert (device, host) == (6144 + 8192, 1024)


@given(st.lists(st.integers(1, 64), min_size=1, max_size=6))
def test_larger_matrices_never_need_less_room(kibibytes):
    """One product after another, each with a matrix of its own."""
    sketch = Sketch()
    made = [sketch.leaf(1024)]
    for _ in kibibytes:
        made.append(sketch.node(1024, (made[-1],), 0))
    sketch.draw(made[-1])
    plan = Plan(sketch, lambda _: 1, 1, set(made[1:]))
    sizes = dict(zip(made[1:], (1024 * size for size in kibibytes), strict=True))
    doubled = {one: 2 * size for one, size in sizes.items()}
    largest = max(sizes.values())
    assert largest < plan.buffers(lent_bytes=sizes)[0] <= plan.buffers(lent_bytes=doubled)[0]
