"""The sizes section of `docs/accuracy.md`: how far predicted file sizes are from published ones.

Holds the comparison, its tables and their sentences. Every published file of a catalog model is
predicted from its model, its label and its repository alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from catalog.labels import OWN_LABEL, WITH_MATRIX
from catalog.mixes import has_whole_blocks, mixed_labels
from catalog.names import find_model
from catalog.published import (
    PublishedFile,
    load_published,
    spread_of_own_mixes,
    uses_imatrix,
)
from catalog.variants import variant_size

STATED_SHARE = 0.8
"""Of files that lie within `low` and `high`: what an interval claims everywhere."""

FAR = 0.02
"""Errors beyond it need a reason."""

SIZE_TEXT = """## Sizes

What the program predicts for files beside their published sizes (`catalog/published.csv`), from
model, label and repository alone. The error is |predicted / published - 1|; where only a rounded
size is known, what lies beyond the rounding. *Inside* is the share of files within `low` and
`high`; {share:.0%} is meant.

*By the recipe*: the tensors as llama-quantize makes them, with the traits of the repository's
files (`catalog/file_traits.csv`, `variants.csv`). These are rules with reasons, but found in these
same files: of a repository that nobody has looked at, they may not be all. *Mixes*: publishers who
choose types tensor by tensor, under plain names and `_L`, or as `UD-`; predicted from their files
of other models, each model (a repository each) left out in turn (`catalog/mixes.csv`).
"""

FAR_TEXT = """More than 2 % off are {far} of {count} files by the recipe; without the traits of
repositories it would be {far_plain}. Of mixes, {far_mixes} of {mixes} are: no rule is known that
says which tensor they give which type, and the interval says so. Not predicted at all are
{unsized} files: {short} of models whose rows are no whole blocks, and {alone} with a label of
which no other file is known.
"""

EXCEPTIONS_TEXT = """### Known exceptions

Files by the recipe with an exact size are off by less than 0.01 %, but for these:
"""

_AVERAGE_BLOCK = "nobody described its prediction block, which is taken for an average block"

EXCEPTIONS = {
    ("unsloth/GLM-5.2-GGUF", "BF16"): _AVERAGE_BLOCK,
    ("unsloth/GLM-5.2-GGUF", "Q8_0"): _AVERAGE_BLOCK,
    ("unsloth/Qwen3-235B-A22B-GGUF", "IQ4_XS"): (
        "some layers have more bits than in its smaller sisters, which are exact"
    ),
    ("QuantFactory/Phi-3.5-mini-instruct-GGUF", "Q4_K_M"): (
        "a header of 2.1 MB, where every other file of Phi-3 has 0.7"
    ),
    ("lmstudio-community/Qwen3.5-2B-GGUF", "Q4_K_M"): (
        "made when llama.cpp's rule for a fused QKV changed; neither rule gives its bytes"
    ),
    ("lmstudio-community/Qwen3.5-4B-GGUF", "Q4_K_M"): (
        "made when llama.cpp's rule for a fused QKV changed; neither rule gives its bytes"
    ),
}
"""Files whose exact bytes nothing explains, and what is known of them: repository and label."""

CLOSE = 0.0001
"""Error of a file by the recipe, but for the exceptions."""


@dataclass(frozen=True, slots=True)
class Sized:
    """One published file beside its prediction."""

    file: PublishedFile
    kind: str
    predicted: int
    low: int
    high: int

    @property
    def error(self) -> float:
        """How far the prediction is off, beyond the rounding of the published size."""
        nearest = min(max(self.predicted, self.file.bytes_low), self.file.bytes_high)
        return abs(self.predicted / nearest - 1)

    @property
    def is_inside(self) -> bool:
        """True when the published size may lie within the prediction's bounds."""
        return self.low <= self.file.bytes_high and self.high >= self.file.bytes_low

    @property
    def publisher(self) -> str:
        """Who published it."""
        return self.file.repository.partition("/")[0]


RECIPE, PLAIN_MIX, OWN_MIX = "by the recipe", "mixes under plain names", "mixes named `UD-`"


def compare() -> tuple[list[Sized], list[PublishedFile]]:
    """Every published file of a catalog model with its prediction, and those without one."""
    found: list[Sized] = []
    unsized: list[PublishedFile] = []
    for file in load_published():
        if file.model_name is None:
            continue
        model = find_model(file.model_name)
        size = variant_size(model, file.quant_label, file.repository, without=model.name)
        if size is None:
            unsized.append(file)
            continue
        found.append(Sized(file, kind_of_file(file), size.bytes, size.low, size.high))
    return found, unsized


def kind_of_file(file: PublishedFile) -> str:
    """How its size is predicted."""
    if file.quant_label.startswith(OWN_LABEL):
        return OWN_MIX
    model = find_model(file.model_name or "")
    is_mixed = (
        spread_of_own_mixes(model, file.repository) is not None
        and file.quant_label in mixed_labels(file.repository.partition("/")[0])
        and has_whole_blocks(model)
    )
    return PLAIN_MIX if is_mixed else RECIPE


def size_section(found: Sequence[Sized], unsized: Sequence[PublishedFile]) -> str:
    """Everything about sizes."""
    exact = [one for one in found if one.file.bytes is not None]
    rounded = [one for one in found if one.file.bytes is None]
    return "\n".join(
        [
            SIZE_TEXT.format(share=STATED_SHARE),
            "Exact sizes:\n",
            table(exact),
            "Sizes known rounded, mostly to 0.1 GiB:\n",
            table(rounded),
            far_files(found, unsized),
            EXCEPTIONS_TEXT,
            exceptions(exact),
        ]
    )


def table(found: Sequence[Sized]) -> str:
    """One line per kind, then one per kind and publisher."""
    lines = [
        "| kind | publisher | files | median | 95th percentile | worst | inside |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for kind in (RECIPE, PLAIN_MIX, OWN_MIX):
        of_kind = [one for one in found if one.kind == kind]
        if not of_kind:
            continue
        lines.append(_line(kind, "all", of_kind))
        for publisher, files in sorted(_grouped(of_kind, lambda one: one.publisher).items()):
            lines.append(_line("", publisher, files))
    return "\n".join(lines) + "\n"


def _grouped(found: Sequence[Sized], key: Callable[[Sized], str]) -> dict[str, list[Sized]]:
    groups: dict[str, list[Sized]] = defaultdict(list)
    for one in found:
        groups[key(one)].append(one)
    return groups


def _line(kind: str, publisher: str, files: Sequence[Sized]) -> str:
    errors = sorted(one.error for one in files)
    tail = errors[min(len(errors) - 1, int(0.95 * len(errors)))]
    inside = sum(one.is_inside for one in files) / len(files)
    return (
        f"| {kind} | {publisher} | {len(files)} | {_percent(median(errors))} | {_percent(tail)} "
        f"| {_percent(errors[-1])} | {100 * inside:.0f} % |"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def far_files(found: Sequence[Sized], unsized: Sequence[PublishedFile]) -> str:
    """How many files are far off, and how many have no prediction."""
    recipes = [one for one in found if one.kind == RECIPE]
    mixes = [one for one in found if one.kind != RECIPE]
    short = sum(not has_whole_blocks(find_model(file.model_name or "")) for file in unsized)
    return FAR_TEXT.format(
        far=sum(one.error > FAR for one in recipes),
        count=len(recipes),
        far_plain=sum(without_traits(one).error > FAR for one in recipes),
        far_mixes=sum(one.error > FAR for one in mixes),
        mixes=len(mixes),
        unsized=len(unsized),
        short=short,
        alone=len(unsized) - short,
    )


def without_traits(one: Sized) -> Sized:
    """The same file predicted as if nothing were known of its repository but the matrix."""
    model, label = find_model(one.file.model_name or ""), one.file.quant_label
    prefix = WITH_MATRIX if uses_imatrix(one.file.repository) else ""
    size = variant_size(model, prefix + label)
    if size is None:
        msg = f"`{label}` by the recipe has a size without its repository too"
        raise ValueError(msg)
    return Sized(one.file, one.kind, size.bytes, size.low, size.high)


def exceptions(exact: Sequence[Sized]) -> str:
    """The named exceptions with their errors."""
    lines = [
        f"- {one.file.repository}, {one.file.quant_label}: {_percent(one.error)};"
        f" {EXCEPTIONS[key]}."
        for one in exact
        if (key := (one.file.repository, one.file.quant_label)) in EXCEPTIONS
    ]
    return "\n".join(lines) + "\n"
