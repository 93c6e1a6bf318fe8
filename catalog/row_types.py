"""The type a tensor gets when its rows are not whole blocks of the wanted one.

Holds llama-quantize's stand-ins only; which type is wanted is `catalog.recipe_rules`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from catalog.errors import CatalogError
from catalog.quants import ggml_type

if TYPE_CHECKING:
    from catalog.quant import GgmlType

_FALLBACK = {
    **dict.fromkeys(("iq1_s", "iq1_m", "iq2_xxs", "iq2_xs", "iq2_s"), "iq4_nl"),
    **dict.fromkeys(("iq3_xxs", "iq3_s", "iq4_xs"), "iq4_nl"),
    **dict.fromkeys(("q2_0", "q2_K", "q3_K", "tq1_0", "tq2_0"), "q4_0"),
    "q4_K": "q5_0",
    "q5_K": "q5_1",
    "q6_K": "q8_0",
}


def type_for_row(type_name: str, row_weights: int) -> GgmlType:
    """The type, or what stands in for it when a row is not whole blocks of it.

    Raises:
        CatalogError: Nothing stands in for it (`q1_0`): llama-quantize refuses such a model.

    Source: `tensor_type_fallback` in llama.cpp's src/llama-quant.cpp, October 2026.
    """
    wanted = ggml_type(type_name)
    if row_weights % wanted.block_weights and wanted.block_weights > 32:
        if type_name not in _FALLBACK:
            msg = f"llama-quantize has no {type_name} for rows of {row_weights} weights"
            raise CatalogError(msg, "choose another file type")
        wanted = ggml_type(_FALLBACK[type_name])
    return ggml_type("f16") if row_weights % wanted.block_weights else wanted
