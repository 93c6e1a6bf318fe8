"""Makes `catalog/mixes.csv`: how files in a publisher's own mixes compare with the recipe.

Run it after a change of `published.csv`, `variants.csv`, a recipe or a layout:
`PYTHONPATH=. python tools/build_mixes.py`. A size known only rounded enters where the rounding is
below 1.5 % of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from catalog.labels import OWN_LABEL
from catalog.mixes import has_whole_blocks
from catalog.names import find_model
from catalog.published import load_published, spread_of_own_mixes
from catalog.variants import recipe_size

if TYPE_CHECKING:
    from catalog.published import PublishedFile

TARGET = Path(__file__).parents[1] / "catalog" / "mixes.csv"

COARSEST = 0.015
"""Half of what a rounded size may span, as a share of it."""

NOT_MIXED = frozenset({"F32", "F16", "BF16", "Q8_0"})
"""Labels whose files are the recipe's with these publishers too: all known ones of Q8_0 agree with
it to the byte or to their rounding, but for Unsloth's Gemma 4 E4B (1 %)."""

HEADER = """\
# Published files in mixes of their publisher's own, by tools/build_mixes.py: `ratio` is the size
# over that of a file by the recipe its label is built on (`variants.csv`), with the traits of the
# repository. Each row is a file of published.csv, where its source is.
publisher,label,model,ratio,source,checked
"""


def mixes_text() -> str:
    """What the file should hold."""
    rows = sorted(
        f"{file.repository.partition('/')[0]},{file.quant_label},{file.model_name},"
        f"{ratio:.4f},published.csv,2026-11-23\n"
        for file in load_published()
        if (ratio := ratio_of(file)) is not None
    )
    return HEADER + "".join(rows)


def ratio_of(file: PublishedFile) -> float | None:
    """A file's size over that by the recipe; ``None`` for a file that is in no mix, or useless."""
    if file.model_name is None or file.quant_label in NOT_MIXED:
        return None
    model = find_model(file.model_name)
    is_mixed = file.quant_label.startswith(OWN_LABEL) or spread_of_own_mixes(model, file.repository)
    middle = (file.bytes_low + file.bytes_high) / 2
    is_coarse = file.bytes_high - middle > COARSEST * middle
    if not is_mixed or is_coarse or not has_whole_blocks(model):
        return None
    by_recipe = recipe_size(model, file.quant_label, file.repository)
    return None if by_recipe is None else middle / by_recipe.bytes


if __name__ == "__main__":
    TARGET.write_text(mixes_text(), encoding="utf-8")
