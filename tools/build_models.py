"""Writes `catalog/models/*.json`, one file a publisher, from raw facts and the corrections here.

Raw facts are JSON lines, one model each, as a survey of published configurations yields them;
`model_corrections.json` beside this file holds what later checks changed (each with its source)
and the models that were added by hand. Run it when either changes:

    python tools/build_models.py FACTS.jsonl

It overwrites rows that were edited by hand, looks nothing up, and computes no figure that the
facts or corrections lack.
"""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
MODELS = HERE.parent / "catalog" / "models"
CORRECTIONS = HERE / "model_corrections.json"
CHECKED = "2026-11-23"

RENAMED = {
    "id": "repository",
    "context_length": "context_tokens",
    "gguf_context_length": "gguf_context_tokens",
    "llama_cpp_arch": "architecture",
    "hparams": "hyperparameters",
    "gguf_repos": "gguf_repositories",
    "gguf_repos_recalled": "gguf_repositories_recalled",
}
DROPPED = ("benchmarks", "confidence")
"""Benchmarks are rows of their own; `confidence` becomes `is_verified`."""


def row_of(fact: dict[str, Any]) -> dict[str, Any]:
    """A fact under the catalog's names, without what nobody stated."""
    row = {RENAMED.get(key, key): value for key, value in fact.items() if key not in DROPPED}
    row["is_verified"] = fact["confidence"] == "verified"
    row["checked"] = CHECKED
    row["gguf_repositories"] = _once(row["gguf_repositories"])
    return {key: value for key, value in row.items() if value is not None}


def _once(repositories: list[str]) -> list[str]:
    """Each repository once; the Hub does not tell capitals from small letters."""
    first: dict[str, str] = {}
    for repository in repositories:
        first.setdefault(repository.lower(), repository)
    return list(first.values())


def correct(row: dict[str, Any], correction: dict[str, Any]) -> None:
    """Apply one correction, and leave its reason and source in the row."""
    row.update(correction.get("set", {}))
    row["hyperparameters"].update(correction.get("hyperparameters", {}))
    if note := correction.get("note"):
        row["notes"] = [*row["notes"], note]
    row["sources"] = [*row["sources"], *correction["sources"]]


def formatted(rows: list[dict[str, Any]]) -> str:
    """One line a field, so that a change of one fact is a change of one line."""
    blocks = [
        ",\n  ".join(
            f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}"
            for key, value in row.items()
        )
        for row in rows
    ]
    return "[\n" + ",\n".join(f" {{{block}}}" for block in blocks) + "\n]\n"


def file_name(publisher: str) -> str:
    """`Z.ai (Zhipu)` is kept in `z-ai-zhipu.json`."""
    return re.sub(r"[^a-z0-9]+", "-", publisher.lower()).strip("-") + ".json"


def build(facts_path: Path) -> int:
    """Write the files, and return how many models they hold."""
    facts = [json.loads(line) for line in facts_path.read_text(encoding="utf-8").splitlines()]
    changes = json.loads(CORRECTIONS.read_text(encoding="utf-8"))
    rows = {row["repository"]: row for row in map(row_of, [*facts, *changes["added"]])}
    for correction in changes["corrected"]:
        for repository in correction["repositories"]:
            correct(rows[repository], correction)
    by_publisher = defaultdict(list)
    for row in rows.values():
        by_publisher[row["publisher"]].append(row)
    for publisher, some in by_publisher.items():
        (MODELS / file_name(publisher)).write_text(formatted(some), encoding="utf-8")
    return len(rows)


if __name__ == "__main__":
    print(f"{build(Path(sys.argv[1]))} models written to {MODELS}")
