"""Feeds the GGUF parser what a coverage-guided fuzzer comes up with: `make fuzz`.

Needs the extra `fuzz` (atheris). It begins with the samples of `tests/gguf` and runs until it is
stopped, or for as long as libFuzzer's options say::

    PYTHONPATH=. python tools/fuzz_gguf.py -max_total_time=60

What it must never find: another exception than `GgufError`, a header in pieces that differs from
the same header at once, or an input that takes a second.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["catalog.gguf"]):
    from catalog.gguf.errors import GgufError
    from catalog.gguf.file import GgufFile, Part
    from catalog.gguf.header import Header
    from catalog.gguf.parse import HeaderParser, NeedBytes, parse_header
    from catalog.gguf.structure import check

SAMPLES = Path(__file__).parents[1] / "tests/gguf"
FINDINGS = Path("build")
"""Where inputs are kept that it should not have found."""

PIECE_BYTES = 61


def test_one_input(raw: bytes) -> None:
    """One look at some bytes, at once and in pieces."""
    at_once, in_pieces = understood(raw), understood_in_pieces(raw)
    if isinstance(at_once, Header):
        if repr(in_pieces) != repr(at_once):  # where two NaN are the same
            msg = f"{in_pieces!r} in pieces, {at_once!r} at once"
            raise AssertionError(msg)
        part = Part(path=Path("model.gguf"), size_bytes=len(raw), header=at_once)
        try:
            check(GgufFile(parts=(part,)))
        except GgufError:
            return


def understood(raw: bytes) -> Header | NeedBytes | None:
    """What the parser makes of all bytes; ``None`` for a refusal."""
    try:
        return parse_header(raw, size_bytes=len(raw))
    except GgufError:
        return None


def understood_in_pieces(raw: bytes) -> Header | NeedBytes | None:
    """What it makes of them piece by piece."""
    parser, answer = HeaderParser(size_bytes=len(raw)), None
    try:
        for place in range(0, len(raw), PIECE_BYTES):
            answer = parser.feed(raw[place : place + PIECE_BYTES])
    except GgufError:
        return None
    return answer


def main() -> None:
    """Fuzz, from a copy of the samples: libFuzzer adds to the folder it is given."""
    with tempfile.TemporaryDirectory() as folder:
        for path in SAMPLES.glob("*/*.gguf"):
            shutil.copy(path, Path(folder) / f"{path.parent.name}-{path.name}")
        FINDINGS.mkdir(exist_ok=True)
        options = [
            "-timeout=1",
            "-rss_limit_mb=512",
            "-max_len=8192",
            f"-artifact_prefix={FINDINGS}/",
        ]
        atheris.Setup([sys.argv[0], *options, *sys.argv[1:], folder], test_one_input)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
