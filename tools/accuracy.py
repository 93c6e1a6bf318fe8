"""Writes the published error of the estimates: `make accuracy`, after `make fit`.

Reads what `make fit` found for every cell when its device was left out, the runs themselves for the
noise floor, and what llama.cpp reserves for memory; writes `docs/accuracy.md` and its figures. Each
kind of estimate is one section: `sizeaccuracy`, `memoryaccuracy`, `speedaccuracy`, and what a
measurement makes of speed, `calibrationaccuracy`.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

from calibrationaccuracy import calibration_section  # noqa: E402
from memoryaccuracy import memory_section  # noqa: E402
from memoryrows import compare, log_rows, reserved_rows  # noqa: E402
from sizeaccuracy import compare as compare_sizes  # noqa: E402
from sizeaccuracy import size_section  # noqa: E402
from speedaccuracy import speed_section  # noqa: E402
from speedcells import ERRORS, read_cells, with_coverage  # noqa: E402
from speedfigures import write_figures  # noqa: E402
from speedfit.runs import load_runs  # noqa: E402

REPORT = ROOT / "docs" / "accuracy.md"

HEAD = """# How far the estimates are off

This file is written by `make accuracy`; nobody edits it.
"""


def main() -> None:
    """Write the report."""
    cells = with_coverage(read_cells(ERRORS))
    memory = memory_section(
        [compare(row) for row in reserved_rows()], [compare(row) for row in log_rows()]
    )
    REPORT.parent.mkdir(exist_ok=True)
    write_figures(cells)
    REPORT.write_text(
        "\n".join(
            [
                HEAD,
                size_section(*compare_sizes()),
                memory,
                speed_section(cells, load_runs()),
                calibration_section(),
            ]
        ),
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
