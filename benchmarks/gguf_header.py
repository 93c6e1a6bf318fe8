"""How long reading a GGUF header takes, and how much memory: `make bench`.

The header is synthetic, of 16 MB with 262,144 tokens as Gemma's have, and any real file that is
named on the command line. Our reader and that of the `gguf` package (where it is installed) read
each in a process of their own; what Python and the imports take is measured before the reading
and left out. It measures and judges nothing, and needs Linux, whose kernel tells the peak.
"""

from __future__ import annotations

import argparse
import json
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from statistics import median

TOKENS = 262_144
MERGES = 514_906
"""As many as the vocabulary of Gemma 4, so that the header has its 16 MB."""

TARGET_S, TARGET_MB = 0.3, 20
READERS = ("catalog.gguf", "gguf")
SLOW_ROUNDS = 1
"""Of the `gguf` package, which takes many seconds each time."""


def synthetic() -> bytes:
    """A header without tensors: tokens, scores, types, merges."""
    tokens = b"".join(_string(f"token{number}") for number in range(TOKENS))
    merges = b"".join(_string(f"{number % 9973} {number % 9967}") for number in range(MERGES))
    keys = (
        _string("general.architecture") + struct.pack("<I", 8) + _string("gemma4"),
        _array("tokenizer.ggml.tokens", 8, TOKENS, tokens),
        _array("tokenizer.ggml.scores", 6, TOKENS, bytes(4 * TOKENS)),
        _array("tokenizer.ggml.token_type", 5, TOKENS, bytes(4 * TOKENS)),
        _array("tokenizer.ggml.merges", 8, MERGES, merges),
    )
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(keys)) + b"".join(keys)


def _string(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


def _array(name: str, type_id: int, count: int, elements: bytes) -> bytes:
    return _string(name) + struct.pack("<IIQ", 9, type_id, count) + elements


def read(reader: str, path: str) -> None:
    """Read a header in this process, and print what it took beyond the imports."""
    if reader == "gguf":
        import gguf

        read_it: Callable[[str], object] = gguf.GGUFReader
    else:
        from catalog.gguf.read import read_header

        read_it = read_header
    before, begin = _resident_bytes("VmRSS"), time.perf_counter()
    read_it(path)
    seconds = time.perf_counter() - begin
    print(json.dumps({"seconds": seconds, "peak_bytes": _resident_bytes("VmHWM") - before}))


def _resident_bytes(what: str) -> int:
    """Resident memory now (`VmRSS`) or at its peak (`VmHWM`).

    Only where the kernel says so: what `getrusage` calls the peak counts the parent too.
    """
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(what))


def measure(reader: str, path: Path, rounds: int) -> tuple[float, float]:
    """Median seconds and megabytes of some rounds, each in a process of its own."""
    runs = [
        json.loads(
            subprocess.run(
                [sys.executable, __file__, "--read", reader, str(path)],
                check=True,
                stdout=subprocess.PIPE,
            ).stdout
        )
        for _ in range(rounds)
    ]
    return median(run["seconds"] for run in runs), median(run["peak_bytes"] for run in runs) / 1e6


def main() -> None:
    """Measure and print, or read once for a measurement."""
    parser = argparse.ArgumentParser(description="Measure the reading of GGUF headers.")
    parser.add_argument("files", nargs="*", type=Path, help="real files besides the synthetic one")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each; of the slow one 1")
    parser.add_argument("--read", nargs=2, metavar=("READER", "FILE"), help=argparse.SUPPRESS)
    words = parser.parse_args()
    if words.read:
        read(*words.read)
        return
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "synthetic.gguf"
        made.write_bytes(synthetic())
        print(f"{'':28}{'MB':>8}{'reader':>14}{'wall s':>9}{'peak MB':>9}")
        for path in (made, *words.files):
            for reader in READERS:
                if find_spec(reader.partition(".")[0]) is None:
                    print(f"{'':36}{reader:>14}  not installed")
                    continue
                rounds = SLOW_ROUNDS if reader == "gguf" else words.rounds
                seconds, megabytes = measure(reader, path, rounds)
                size = path.stat().st_size / 1e6
                print(f"{path.name[:27]:28}{size:8.1f}{reader:>14}{seconds:9.3f}{megabytes:9.1f}")
        print(f"Targets of ours: {TARGET_S} s and {TARGET_MB} MB for the synthetic header")


if __name__ == "__main__":
    main()
