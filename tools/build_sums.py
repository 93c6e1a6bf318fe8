"""Writes `catalog/sums.json`: what the popular models' tensors take in the common quants.

Run it after a change of a model, a layout or a recipe: `python tools/build_sums.py`.
"""

from __future__ import annotations

import json
from pathlib import Path

from advisor.report.filter import POPULAR_TIER
from catalog.errors import CatalogError
from catalog.quants import load_quants
from catalog.shelf import load_models
from catalog.sums import FILE, WITH_MATRIX, WeightSums, add_up

TARGET = Path(__file__).parents[1] / "catalog" / FILE


def sums_text() -> str:
    """The file's content: one model a line."""
    quants = [quant for quant in load_quants() if quant.is_common]
    lines = []
    for model in sorted(load_models(), key=lambda model: model.name):
        if model.tier > POPULAR_TIER:
            continue
        rows = {}
        for quant in quants:
            try:
                plain = add_up(model, quant)
            except CatalogError:
                continue  # llama-quantize refuses this model in this file type
            rows[quant.name] = list(plain)
            with_matrix = add_up(model, quant, has_imatrix=True)
            if with_matrix != plain:
                rows[quant.name + WITH_MATRIX] = list(with_matrix)
        lines.append(f"  {json.dumps(model.name)}: {json.dumps(rows, separators=(',', ':'))}")
    heading = json.dumps(
        {
            "about": "sums over tensor tables, in bytes; written by tools/build_sums.py",
            "source": "catalog/models/*.json by catalog/layouts and catalog/recipes",
            "columns": list(WeightSums._fields),
        }
    )
    return heading[:-1] + ', "sums": {\n' + ",\n".join(lines) + "\n}}\n"


if __name__ == "__main__":
    TARGET.write_text(sums_text(), encoding="utf-8")
    print(f"{TARGET.name}: {TARGET.stat().st_size:,} bytes")
