"""Asks the probe about faked machines and prints what it says, one JSON object for each.

Runs as a program of its own, because the loader reads `LD_LIBRARY_PATH` only when a program
starts. Standard input holds a list of questions: `case` (a file for the fake library), `root`
(where the machine's files are), and perhaps `environ`, `os` and `timeout_s`.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from probes.ask import Asker
from probes.nvidia.probe import probe_nvidia


class FakedMachine(Asker):
    """A machine that is asked live, though its files lie in a directory of the test."""

    @property
    def is_live(self):
        return True


def answer(question):
    os.environ["FAKE_NVML"] = question["case"]
    machine = FakedMachine(
        root=Path(question["root"]),
        environ=question.get("environ", {}),
        os=question.get("os", "linux"),
    )
    accelerators, findings = probe_nvidia(machine, timeout_s=question.get("timeout_s", 3.0))
    return {
        "accelerators": [asdict(accelerator) for accelerator in accelerators],
        "findings": [asdict(finding) for finding in findings],
        "imported_pynvml": "pynvml" in sys.modules,
    }


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
