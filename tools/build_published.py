"""Makes `catalog/published.csv` of a listing of published GGUF files.

Input: a CSV file with the columns `repo,filename,quant,size_text,size_bytes,source_ref`, as read
from the Hub and from public catalogs of other programs. Of two rows for one file, the one read from
the Hub's API stands; of two with and without exact bytes, the exact one. Files whose size is known
to a tenth of a gigabyte only are kept for models of the catalog, with the bounds of the rounding.

`python tools/build_published.py LISTING.csv` writes the file, and prints how the labels in names
compare with those that the listing states.
"""

from __future__ import annotations

import csv
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT))

from catalog.file_names import part_of, quant_label  # noqa: E402
from catalog.shelf import load_models  # noqa: E402

if TYPE_CHECKING:
    from catalog.model import Model

HEADER = (
    *("repository", "file", "quant", "model", "bytes", "bytes_low", "bytes_high", "parts"),
    *("source", "checked"),
)
CHECKED = "2026-11-23"

FROM_HUB = "github:aflin/rampart-langtools rampart-models-catalog.json"
"""Read from the Hub's API at pinned revisions, the parts of split files added up under one name."""

NOT_EXACT_OR_UNCERTAIN = ("github:menloresearch/jan:web/utils/dummy.ts", "find_string id:")
"""Round figures under `size_bytes`, or files whose repository somebody inferred."""

BETTER_SOURCES = {
    "find_string id:71581386961": (
        "LiquidAI/LFM2.5-2.6B-GGUF@e7caca5d, as a public measurement of 2026-09-28 quotes it"
    ),
}

POCKETPAL = "github:a-ghorbani/pocketpal-ai:src/store/bundledDeviceRules/rules.android.json"

REPOSITORIES = {
    "HuggingFaceTB_SmolLM3-3B-Q4_0.gguf": "bartowski/HuggingFaceTB_SmolLM3-3B-GGUF",
    "HuggingFaceTB_SmolLM3-3B-Q4_K_M.gguf": "bartowski/HuggingFaceTB_SmolLM3-3B-GGUF",
    "LFM2-2.6B-Q4_K_M.gguf": "LiquidAI/LFM2-2.6B-GGUF",
    "LFM2.5-350M-Q4_K_M.gguf": "LiquidAI/LFM2.5-350M-GGUF",
    "LFM2.5-8B-A1B-Q4_0.gguf": "LiquidAI/LFM2.5-8B-A1B-GGUF",
    "LFM2.5-8B-A1B-Q4_K_M.gguf": "LiquidAI/LFM2.5-8B-A1B-GGUF",
    "Qwen_Qwen3-0.6B-Q4_K_M.gguf": "bartowski/Qwen_Qwen3-0.6B-GGUF",
    "Qwen_Qwen3-1.7B-Q4_K_M.gguf": "bartowski/Qwen_Qwen3-1.7B-GGUF",
    "gemma-3-4b-it-Q4_0.gguf": "unsloth/gemma-3-4b-it-GGUF",
    "microsoft_Phi-4-mini-instruct-Q4_0.gguf": "bartowski/microsoft_Phi-4-mini-instruct-GGUF",
    "mistralai_Ministral-3-3B-Instruct-2512-Q4_0.gguf": (
        "bartowski/mistralai_Ministral-3-3B-Instruct-2512-GGUF"
    ),
    "mistralai_Ministral-3-3B-Instruct-2512-Q4_K_M.gguf": (
        "bartowski/mistralai_Ministral-3-3B-Instruct-2512-GGUF"
    ),
}
"""Where files are that the listing names without their repository, as its source (`POCKETPAL`, and
`rules.ios.json` beside it) says. Rows of other sources without a repository are left out: their
files were served from elsewhere, or nobody says from where."""

QUOTED = "a public program's catalog quotes size and sha256 {}"

MORE = (
    ("bartowski/Qwen_Qwen3.5-0.8B-GGUF", "Qwen_Qwen3.5-0.8B-Q4_K_M.gguf", 579615840, "fb044e93"),
    ("bartowski/Qwen_Qwen3.5-2B-GGUF", "Qwen_Qwen3.5-2B-Q4_K_M.gguf", 1396198496, "57a10858"),
    ("bartowski/Qwen_Qwen3.5-4B-GGUF", "Qwen_Qwen3.5-4B-Q4_K_M.gguf", 3013027808, "13c16f42"),
    (
        "bartowski/google_gemma-4-E4B-it-GGUF",
        "google_gemma-4-E4B-it-Q4_K_M.gguf",
        5405168384,
        "51865750",
    ),
    ("unsloth/Qwen3-0.6B-GGUF", "Qwen3-0.6B-Q4_K_M.gguf", 396705472, "ac2d9771"),
    ("unsloth/gemma-4-E2B-it-GGUF", "gemma-4-E2B-it-Q4_0.gguf", 3041376384, POCKETPAL),
    ("unsloth/gemma-4-E4B-it-GGUF", "gemma-4-E4B-it-Q4_0.gguf", 4836000928, POCKETPAL),
    (
        "bartowski/google_gemma-4-E2B-it-GGUF",
        "google_gemma-4-E2B-it-Q4_K_M.gguf",
        3462678272,
        "a public phone program's catalog quotes the size",
    ),
    (
        "bartowski/google_gemma-3-12b-it-GGUF",
        "google_gemma-3-12b-it-Q4_K_M.gguf",
        7300575264,
        "a public phone program's catalog quotes the size",
    ),
    (
        "unsloth/Qwen3.8-27B-GGUF",
        "Qwen3.8-27B-UD-Q4_K_XL.gguf",
        17559178144,
        "two public measurements of 2026-08-22 and later quote the size, one checked the sha256",
    ),
    (
        "unsloth/Qwen3.8-27B-GGUF",
        "Qwen3.8-27B-UD-Q5_K_XL.gguf",
        20876938144,
        "a public measurement of 2026-08-22 quotes the size",
    ),
)
"""Files that the listing lacks: repository, file, bytes, and the source (or how its sha256 begins,
where a public program's catalog states it beside the size)."""

UNITS = {
    "github:janhq/model-catalog model_catalog_v2.json": {"GB": 1 << 30, "MB": 1 << 20},
    "huggingface.co": {"GB": 10**9, "MB": 10**6},
}
"""What a source means by its units, as files whose tensors are known to the byte show."""

LARGEST_WHOLE_FILE_BYTES = 49_900_000_000
"""The Hub refuses larger files."""

LARGEST_WHOLE_FILE_OF_QWEN_2_BYTES = 3_900_000_000
"""Qwen split its own files of Qwen 2.5 into parts of four gigabytes."""

COMMENT = """\
# Published GGUF files and their sizes, by tools/build_published.py. `quant` is the label in the
# name, which a publisher may have filled by a recipe of its own. `model` is the catalog's name,
# empty for others. `bytes` adds up all parts; where only a rounded size is known, it lies from
# `bytes_low` to `bytes_high`. `parts` is empty where a file is or may be split, so that its real
# name is not known.
"""


def main(listing: Path) -> None:
    """Write `catalog/published.csv`."""
    with listing.open(encoding="utf-8") as file:
        listed = [with_repository(row) for row in csv.DictReader(file)]
    raw = [row for row in (*listed, *map(more, MORE)) if row["repo"]]
    compare_labels(raw)
    known = models_by_repository()
    best: dict[tuple[str, str], dict[str, str]] = {}
    for row in raw:
        made = published(row, known)
        if made is None:
            continue
        key = (made["repository"].lower(), f"{made['quant']} {stem(made['file'])}")
        if key not in best or rank(made) < rank(best[key]):
            best[key] = made
    rows = sorted(best.values(), key=lambda row: (row["repository"].lower(), row["file"].lower()))
    with (PROJECT / "catalog" / "published.csv").open("w", encoding="utf-8", newline="") as file:
        file.write(COMMENT)
        writer = csv.DictWriter(file, HEADER, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    exact = sum(bool(row["bytes"]) for row in rows)
    print(
        f"{len(rows)} files, {exact} with exact bytes, {len({row['model'] for row in rows})} models"
    )


def with_repository(row: dict[str, str]) -> dict[str, str]:
    """The row, with the repository that its source names and the listing left out."""
    is_theirs = not row["repo"] and "pocketpal-ai" in row["source_ref"]
    return row | {"repo": REPOSITORIES.get(row["filename"], "")} if is_theirs else row


def more(file: tuple[str, str, int, str]) -> dict[str, str]:
    """One of `MORE` as the listing would have it."""
    repository, name, size, source = file
    return {
        "repo": repository,
        "filename": name,
        "quant": quant_label(name) or "",
        "size_text": "",
        "size_bytes": str(size),
        "source_ref": source if len(source) > 8 else QUOTED.format(source),
    }


def published(row: dict[str, str], known: dict[str, Model]) -> dict[str, str] | None:
    """One row of the catalog, or ``None`` for a file that nobody could look up."""
    label = quant_label(row["filename"])
    model = model_of(row["repo"], known)
    source = row["source_ref"].partition(" / ")[0].partition(" (")[0]
    source = BETTER_SOURCES.get(source, source)
    is_known = row["size_bytes"] or model is not None
    if label is None or not is_known or source.startswith(NOT_EXACT_OR_UNCERTAIN):
        return None
    low, high = ("", "") if row["size_bytes"] else bounds(row["size_text"], source)
    part = part_of(row["filename"])
    return {
        "repository": row["repo"],
        "file": row["filename"],
        "quant": label,
        "model": model.name if model else "",
        "bytes": row["size_bytes"],
        "bytes_low": low,
        "bytes_high": high,
        "parts": str(part[1]) if part else "" if may_be_split(row, source) else "1",
        "source": source,
        "checked": CHECKED,
    }


def may_be_split(row: dict[str, str], source: str) -> bool:
    """True when the listing's name may stand for several parts."""
    if not row["size_bytes"]:
        return float(row["size_text"][:-2]) > 45 and row["size_text"].endswith("GB")
    size = int(row["size_bytes"])
    is_qwen_2 = row["repo"].startswith("Qwen/Qwen2")
    limit = LARGEST_WHOLE_FILE_OF_QWEN_2_BYTES if is_qwen_2 else LARGEST_WHOLE_FILE_BYTES
    return source == FROM_HUB and size > limit


def bounds(text: str, source: str) -> tuple[str, str]:
    """The sizes that a rounded one may stand for."""
    units = next(units for name, units in UNITS.items() if source.startswith(name))
    number, unit = text[:-2], units[text[-2:]]
    step = 10.0 ** -len(number.partition(".")[2])
    return (
        str(int((float(number) - step / 2) * unit)),
        str(int((float(number) + step / 2) * unit) + 1),
    )


def stem(file_name: str) -> str:
    """What two names of one file have in common."""
    return re.sub(r"-\d{5}-of-\d{5}", "", file_name).lower()


def rank(row: dict[str, str]) -> tuple[bool, bool, bool]:
    """Which of two rows for one file is better: least first."""
    return not row["bytes"], not row["parts"], row["source"] != FROM_HUB


def models_by_repository() -> dict[str, Model]:
    """Repositories and names of models, in lower case."""
    known = {model.name: model for model in load_models()}
    for model in load_models():
        for repository in (*model.gguf_repositories_recalled, *model.gguf_repositories):
            known[repository.lower()] = model
    return known


def model_of(repository: str, known: dict[str, Model]) -> Model | None:
    """The model whose files a repository holds, by the model's row or by the repository's name.

    Some names carry the publisher (`Qwen_Qwen3-8B-GGUF`) or a quant (`Qwen3-4B-Q8_0-GGUF`).
    """
    if repository.lower() in known:
        return known[repository.lower()]
    name = re.sub(r"[-_]gguf$", "", repository.partition("/")[2].lower())
    name = re.sub(r"-i?q\d_\w+$", "", name)
    for candidate in (name, name.partition("_")[2], name.removeprefix("meta-")):
        if candidate in known:
            return known[candidate]
    return None


def compare_labels(raw: list[dict[str, str]]) -> None:
    """Print the labels that our rule reads otherwise than the listing."""
    differing = [
        (row["filename"], row["quant"])
        for row in raw
        if (quant_label(row["filename"]) or "")
        != row["quant"].upper().replace("FP16", "F16").replace("FP32", "F32")
    ]
    print(f"{len(raw)} names, {len(differing)} read otherwise: {differing[:20]}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
