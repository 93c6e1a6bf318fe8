"""Which storage type each category of tensor gets in each file type: llama-quantize's mixtures.

Holds the rules as `llama_tensor_get_type_impl` in llama.cpp's src/llama-quant.cpp has them
(October 2026), told once per category instead of once per tensor: a `Choice` says which tensors of
a category, counted through the file, get something else than the rest. Names and shapes of tensors
are never looked at here (`catalog.tensor_kinds`), nor is row length (`catalog.recipes`).
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from typing import NamedTuple

from catalog.tensor_kinds import Category


class Some(StrEnum):
    """Which tensors of a category, counted from 0 to `total`."""

    FIRST_2 = "the first two"
    FIRST_4 = "the first four"
    FIRST_EIGHTH = "the first eighth"
    FIRST_SIXTEENTH = "the first sixteenth"
    MIDDLE = "all but the first and the last eighth"
    MORE_BITS = "the first and the last eighth, and every third between"

    def holds(self, index: int, total: int) -> bool:
        """True when the tensor at `index` of `total` is one of them."""
        eighth, last = total // 8, 7 * total // 8
        match self:
            case Some.FIRST_2:
                return index < 2
            case Some.FIRST_4:
                return index < 4
            case Some.FIRST_EIGHTH:
                return index < eighth
            case Some.FIRST_SIXTEENTH:
                return index < total // 16
            case Some.MIDDLE:
                return eighth <= index < last
            case Some.MORE_BITS:
                return index < eighth or index >= last or (index - eighth) % 3 == 2


class Choice(NamedTuple):
    """The type of a category's tensors: what some of them get, and what the rest gets."""

    rest: str
    some: tuple[tuple[Some, str], ...] = ()
    """Asked in order; the first that holds decides."""

    counts_tensors: bool = False
    """True when tensors are counted even in a mixture of experts, which otherwise counts layers."""

    def of(self, index: int, total: int) -> str:
        """The type of the tensor at `index` of `total`."""
        for some, found in self.some:
            if some.holds(index, total):
                return found
        return self.rest


class Traits(NamedTuple):
    """What the rules want to know of a model."""

    architecture: str
    """Only where a rule names it; otherwise empty."""

    is_grouped: bool
    """True when at least four query heads of the first layer share a KV head."""

    experts: int
    is_70b: bool
    """True for the depth that llama.cpp calls 70B (its V is eight times smaller than its Q)."""

    is_tied: bool
    has_imatrix: bool


NAMED_ARCHITECTURES = frozenset({"falcon", "glm5-next", "bailingmoe3"})

_VERY_LOW = frozenset({"IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ2_M"})
_TWO_BIT_MIX = frozenset({"IQ2_S", "IQ2_M"})
_TERNARY = frozenset({"TQ1_0", "TQ2_0", "Q2_0"})

_OUTPUT = dict.fromkeys([*_VERY_LOW, "IQ3_XXS"], "q5_K") | {"Q8_0": "q8_0", "MXFP4_MOE": "q8_0"}

_UNTIED_EMBEDDING = (
    dict.fromkeys(_VERY_LOW, "q2_K")
    | dict.fromkeys(["IQ2_S", "IQ2_M", "IQ3_XXS"], "iq3_s")
    | dict.fromkeys(_TERNARY, "q4_K")
)

_FEWER_BITS_FOR_QK = {
    "IQ3_XS": "iq3_xxs",
    "IQ3_XXS": "iq2_s",
}

_ATTENTION_OUTPUT = {
    "Q2_K": "q3_K",
    "IQ3_XXS": "iq3_s",
    "Q3_K_M": "q4_K",
    "Q3_K_L": "q5_K",
    "IQ3_M": "q4_K",
    "IQ1_S": "iq2_xxs",
    "IQ1_M": "iq2_xxs",
    "IQ2_S": "iq3_s",
    "IQ2_M": "iq3_s",
}

_ATTENTION_OUTPUT_OF_8_EXPERTS = dict.fromkeys(
    [
        *("Q2_K", "Q3_K_S", "Q3_K_M", "Q4_K_S", "Q4_K_M"),
        *("IQ3_XXS", "IQ3_XS", "IQ3_S", "IQ3_M", "IQ4_NL", "IQ4_XS"),
        *_VERY_LOW,
    ],
    "q5_K",
)


@cache
def choices(quant: str, base: str, traits: Traits) -> dict[Category, Choice]:
    """The choice for each category in one file type.

    Args:
        quant: The file type's name, such as `Q4_K_M`.
        base: The type that most of its tensors get, such as `q4_K`.
        traits: What the rules want to know of the model.
    """
    if quant == "MXFP4_MOE":
        return dict.fromkeys(Category, Choice("q8_0"))
    return {
        Category.OUTPUT: Choice(_output(quant, traits)),
        Category.TOKEN_EMBEDDING: Choice(_token_embedding(quant, base, traits)),
        Category.ATTENTION_V: _attention_v(quant, base, traits),
        Category.ATTENTION_K: Choice(_attention_k(quant, base, traits)),
        Category.ATTENTION_Q: Choice(_FEWER_BITS_FOR_QK.get(quant, base)),
        Category.ATTENTION_OUTPUT: Choice(_attention_output(quant, base, traits)),
        Category.FFN_UP: _ffn_up_and_gate(quant, base),
        Category.FFN_GATE: _ffn_up_and_gate(quant, base),
        Category.FFN_DOWN: _ffn_down(quant, base, traits),
        Category.OTHER: Choice(base),
    }


def _output(quant: str, traits: Traits) -> str:
    if traits.architecture == "falcon":
        return "q8_0"
    return _OUTPUT.get(quant, "q6_K")


def _token_embedding(quant: str, base: str, traits: Traits) -> str:
    if traits.is_tied:
        return _output(quant, traits)
    return _UNTIED_EMBEDDING.get(quant, base)


def _attention_v(quant: str, base: str, traits: Traits) -> Choice:
    if quant in _VERY_LOW:
        if traits.is_grouped or traits.experts >= 4:
            return Choice("q4_K")
        return Choice("iq3_s" if quant in _TWO_BIT_MIX else "q2_K")
    choice = _attention_v_by_quant(quant, base, traits)
    if traits.is_70b:
        choice = Choice(_raised(choice.rest), tuple((some, _raised(t)) for some, t in choice.some))
    return Choice("q8_0") if traits.experts == 8 else choice


def _raised(type_name: str) -> str:
    return "q5_K" if type_name in {"q3_K", "q4_K"} else type_name


def _attention_v_by_quant(quant: str, base: str, traits: Traits) -> Choice:
    if traits.is_grouped and quant in _ATTENTION_V_GROUPED:
        return Choice(_ATTENTION_V_GROUPED[quant])
    if traits.has_imatrix and quant == "IQ3_XXS":
        return Choice(base)
    return _ATTENTION_V.get(quant, Choice(base))


_ATTENTION_V = {
    "Q2_K": Choice("q3_K"),
    "IQ3_XXS": Choice("iq3_s"),
    "IQ3_M": Choice("q4_K"),
    "Q3_K_M": Choice("q4_K", ((Some.FIRST_2, "q5_K"),)),
    "Q3_K_L": Choice("q5_K"),
    "Q4_K_S": Choice("q4_K", ((Some.FIRST_4, "q5_K"),)),
    "Q4_K_M": Choice("q4_K", ((Some.MORE_BITS, "q6_K"),)),
    "Q5_K_M": Choice("q5_K", ((Some.MORE_BITS, "q6_K"),)),
}

_ATTENTION_V_GROUPED = {
    **dict.fromkeys(("Q2_K", "Q2_K_S", "IQ3_XXS", "IQ3_XS", "IQ3_S"), "q4_K"),
    **dict.fromkeys(("IQ4_XS", "IQ4_NL"), "q5_K"),
}
"""Where four query heads and more share a KV head, V is small, and more bits cost little."""


def _attention_k(quant: str, base: str, traits: Traits) -> str:
    if traits.experts == 8:
        return "q4_K" if quant in _VERY_LOW else "q8_0"
    return _FEWER_BITS_FOR_QK.get(quant, base)


def _attention_output(quant: str, base: str, traits: Traits) -> str:
    if traits.architecture == "falcon" and quant not in _VERY_LOW:
        return "q4_K" if quant == "Q3_K_L" else base
    if traits.experts == 8:
        return _ATTENTION_OUTPUT_OF_8_EXPERTS.get(quant, base)
    return _ATTENTION_OUTPUT.get(quant, base)


def _ffn_up_and_gate(quant: str, base: str) -> Choice:
    if quant == "IQ3_XS":
        return Choice(base, ((Some.MIDDLE, "iq3_xxs"),))
    return Choice(base)


def _ffn_down(quant: str, base: str, traits: Traits) -> Choice:
    if quant in _VERY_LOW:
        first = "iq3_s" if quant in _TWO_BIT_MIX else "q2_K"
        return Choice(base, ((Some.FIRST_EIGHTH, first),), counts_tensors=True)
    if traits.architecture == "falcon" and quant in _FFN_DOWN_OF_FALCON:
        return _FFN_DOWN_OF_FALCON[quant]
    if quant == "IQ3_M" and traits.experts == 8:
        return Choice(base, ((Some.FIRST_EIGHTH, "q4_K"), (Some.MORE_BITS, "q4_K")))
    if traits.has_imatrix and quant in _FFN_DOWN_WITH_IMATRIX:
        return _FFN_DOWN_WITH_IMATRIX[quant]
    return _FFN_DOWN.get(quant, Choice(base))


_FFN_DOWN = {
    "Q2_K": Choice("q3_K"),
    "Q2_K_S": Choice("q2_K", ((Some.FIRST_EIGHTH, "q4_K"),)),
    "IQ3_XXS": Choice("q3_K", ((Some.FIRST_EIGHTH, "q4_K"),)),
    "Q3_K_M": Choice("q4_K", ((Some.FIRST_SIXTEENTH, "q5_K"),)),
    "IQ3_M": Choice("iq3_s", ((Some.FIRST_EIGHTH, "q4_K"),)),
    "Q3_K_L": Choice("q5_K"),
    "Q4_K_M": Choice("q4_K", ((Some.MORE_BITS, "q6_K"),)),
    "IQ4_NL": Choice("iq4_nl", ((Some.FIRST_EIGHTH, "q5_K"),)),
    "IQ4_XS": Choice("iq4_xs", ((Some.FIRST_EIGHTH, "q5_K"),)),
    "Q5_K_M": Choice("q5_K", ((Some.MORE_BITS, "q6_K"),)),
    "Q4_K_S": Choice("q4_K", ((Some.FIRST_EIGHTH, "q5_K"),)),
}

_FFN_DOWN_WITH_IMATRIX = {
    "IQ3_XXS": Choice("iq3_xxs"),
    "IQ4_NL": Choice("iq4_nl"),
    "IQ4_XS": Choice("iq4_xs"),
    "Q4_0": Choice("q4_0", ((Some.FIRST_EIGHTH, "q4_1"),)),
    "Q5_0": Choice("q5_0", ((Some.FIRST_EIGHTH, "q5_1"),)),
}

_FFN_DOWN_OF_FALCON = {
    "Q3_K_M": Choice("q3_K", ((Some.FIRST_SIXTEENTH, "q5_K"), (Some.MORE_BITS, "q4_K"))),
    "Q3_K_L": Choice("q4_K"),
    "Q4_K_M": Choice("q4_K", ((Some.FIRST_SIXTEENTH, "q6_K"), (Some.MORE_BITS, "q5_K"))),
    "Q4_K_S": Choice("q4_K"),
}
