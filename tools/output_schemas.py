"""Writes `docs/schema/*.schema.json`, the forms of what the commands print with `--json`.

What the values mean stands in `tools/schemas`; the schema of a recorded machine is
`tools/machine_schema.py`'s. Run it after changing what a command prints::

    python tools/output_schemas.py
"""

from __future__ import annotations

import json
from pathlib import Path

from schemas.answers import ANSWERS, schema_of

FOLDER = Path(__file__).parents[1] / "docs/schema"


def texts() -> dict[str, str]:
    """The contents of each file, by its name."""
    machine = json.loads((FOLDER / "machine.schema.json").read_text(encoding="utf-8"))
    return {
        f"{name}.schema.json": json.dumps(schema_of(name, machine), indent=2, ensure_ascii=False)
        + "\n"
        for name in ANSWERS
    }


if __name__ == "__main__":
    for file_name, content in texts().items():
        (FOLDER / file_name).write_text(content, encoding="utf-8")
