"""Writes what is said of `advisor check` from its tables of keys and rules.

`docs/rules.md` lists every rule, `docs/schema/requirement.schema.json` is the form of the
requirement file, and the list of keys in `docs/ci.md` stands between two marks. Run it after
changing `advisor/check/keys.py` or a rule::

    python tools/check_docs.py
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from advisor.check.keys import KEYS, OF_REQUEST, Kind
from advisor.check.rules import RULES

DOCS = Path(__file__).parents[1] / "docs"
MARKS = re.compile(r"(<!-- keys -->\n).*?(<!-- /keys -->)", re.DOTALL)

FAMILIES = {
    "ADV1": ("Drivers and devices", "Whether the GPUs can be used at all. Always asked."),
    "ADV2": ("State of the GPUs", "How they are at the moment. Always asked; warnings."),
    "ADV3": ("GPUs that are asked for", "Asked by keys of a requirement."),
    "ADV4": ("Memory, processors, disk", "The host, and what a container leaves of it."),
    "ADV5": ("Model", "Whether the model fits, and how fast it goes. Asked by `model`."),
}

TEXT = {"type": "string", "minLength": 1}
SIZE = {
    "anyOf": [
        {"type": "integer", "minimum": 0},
        {"type": "string", "pattern": r"^\s*\d[\d._]*\s*([KkMmGgTt]?[Ii]?[Bb])?\s*$"},
    ]
}
COUNT = {"type": "integer", "minimum": 1}
FORMS: dict[Kind, dict[str, Any]] = {
    Kind.TEXT: TEXT,
    Kind.SIZE: SIZE,
    Kind.TOKENS: {"type": ["integer", "string"]},
    Kind.RATE: {"type": "number", "exclusiveMinimum": 0},
    Kind.COUNT: COUNT,
    Kind.LAYERS: {"type": ["integer", "string"]},
    Kind.VERSION: {"type": ["string", "number"]},
    Kind.MIG: {"type": "string", "pattern": r"^(none|\d+g\.\d+gb(\+[a-z.]+)?)$"},
    Kind.FLAG: {"type": "boolean"},
}
RULE_IDS = {
    "type": "array",
    "items": {"enum": [rule.id for rule in RULES]},
    "description": "Rules that are left out.",
}


INTRODUCTION = """\
# Rules

What `advisor check` asks, each rule under an id that never changes its meaning and is never given
to another rule. [ci.md](ci.md) says how to ask. This page is made from the rules by `make docs`.

Each rule has one of four outcomes: it **passes**, it **fails**, it is **undetermined** (a fact is
not known, or the interval of an estimate holds the limit), or it is **skipped** (it does not apply
here, or was not asked for). Unknown is never a pass. An *error* decides the verdict; a *warning* is
shown, and decides with `--fail-on warning`. `--strict` fails on whatever is undetermined. A rule is
left out with `--ignore ID`, or with `ignore` in the file."""


def schema() -> dict[str, Any]:
    """The form of `advisor.toml`, as JSON Schema sees what TOML holds."""
    keys = {
        key.name: {
            **({"enum": list(key.choices)} if key.choices else FORMS[key.kind]),
            "description": key.help,
        }
        for key in KEYS
    }
    of_a_model = [name for name in (*OF_REQUEST, "min_decode", "min_prefill") if name != "model"]
    table = {
        "type": "object",
        "description": "One requirement.",
        "properties": {
            "name": {**TEXT, "description": "How reports call it."},
            "where": {**TEXT, "description": "Machines it is for: gpu, cpu, or a GPU's name."},
            **keys,
            "ignore": RULE_IDS,
        },
        "dependentRequired": {name: ["model"] for name in of_a_model},
        "minProperties": 1,
        "additionalProperties": False,
    }
    check = {
        "type": "object",
        "description": "What holds for all requirements.",
        "properties": {
            "strict": {"type": "boolean", "description": "Fail on what cannot be determined."},
            "fail_on": {
                "enum": ["error", "warning"],
                "description": "The least severity that decides.",
            },
            "ignore": RULE_IDS,
        },
        "additionalProperties": False,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "advisor.requirement/1",
        "description": "The requirement file of `advisor check` (advisor.toml).",
        "type": "object",
        "properties": {
            "check": check,
            "require": {
                "type": "array",
                "items": table,
                "minItems": 1,
                "description": "What must hold, one table a requirement.",
            },
        },
        "required": ["require"],
        "additionalProperties": False,
    }


def rules_page() -> str:
    """Every rule, by family."""
    lines = [INTRODUCTION]
    family = ""
    for rule in RULES:
        if rule.id[:4] != family:
            family = rule.id[:4]
            title, about = FAMILIES[family]
            lines += ["", f"## {family}xx: {title}", "", about]
        asked = ", ".join(f"`{key}`" for key in rule.keys)
        lines += [
            "",
            f"### {rule.id} {rule.name}",
            "",
            f"{rule.title[:1].upper()}{rule.title[1:]}. *{str(rule.severity).capitalize()}"
            + (f", asked by {asked}.*" if asked else ".*"),
            "",
            rule.about,
        ]
    return "\n".join(lines) + "\n"


def keys_table() -> str:
    """The keys with their options, as a table."""
    rows = [
        f"| `{key.name}` | `{key.option}` | {key.help.replace('|', '&#124;')} |" for key in KEYS
    ]
    return "\n".join(["| key | option | what it asks |", "|---|---|---|", *rows]) + "\n"


def texts() -> dict[str, str]:
    """The contents of each file, by its path below `docs/`."""
    guide = (DOCS / "ci.md").read_text(encoding="utf-8")
    return {
        "rules.md": rules_page(),
        "schema/requirement.schema.json": json.dumps(schema(), indent=2, ensure_ascii=False) + "\n",
        "ci.md": MARKS.sub(lambda found: f"{found[1]}{keys_table()}{found[2]}", guide),
    }


if __name__ == "__main__":
    for name, content in texts().items():
        (DOCS / name).write_text(content, encoding="utf-8")
