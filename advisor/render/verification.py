"""A verification as text and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from advisor.render.json import dumps
from advisor.render.units import exact, gb
from catalog.gguf.legible import legible

if TYPE_CHECKING:
    from advisor.render.paper import Paper
    from advisor.report.verification import Contents, Digest, Verification


def verification_text(found: Verification, paper: Paper) -> str:
    """The verdict, what the file is, and what was odd."""
    verdict = "whole" if found.is_whole else "not whole"
    paper.heading(f"{found.path.name}: {verdict}")
    if found.problem is not None:
        paper.say(f"{found.problem}.", indent=2)
        if found.hint:
            paper.say(f"Hint: {found.hint}", indent=2)
    if found.contents is not None:
        paper.pairs(_rows(found.contents, found.digest))
    for note in found.notes:
        paper.say(f"Note: {note}", indent=2)
    return paper.text()


def verification_json(found: Verification) -> str:
    """`advisor.verify/1`."""
    contents = found.contents
    return dumps(
        {
            "schema": "advisor.verify/1",
            "file": str(found.path),
            "whole": found.is_whole,
            "problem": found.problem,
            "hint": found.hint,
            "contents": None if contents is None else _contents_object(contents),
            "sha256": None if found.digest is None else _digest_object(found.digest),
            "notes": list(found.notes),
        }
    )


def _rows(contents: Contents, digest: Digest | None) -> list[tuple[str, str]]:
    versions = sorted(set(contents.versions))
    rows = [
        ("Architecture", legible(contents.architecture or "not said")),
        ("Name", legible(contents.name or "not said")),
        ("Quantization", contents.quant or "not said"),
        ("Format", f"GGUF version {', '.join(str(version) for version in versions)}"),
        ("Parts", str(len(contents.versions))),
        ("Tensors", f"{contents.tensors:,} of {exact(contents.tensor_bytes)} together"),
        ("Size", f"{gb(contents.file_bytes)} ({exact(contents.file_bytes)})"),
    ]
    if digest is not None:
        verdict = "as expected" if digest.matches else "another than expected"
        rows.append(("SHA-256", f"{digest.found}, {verdict}"))
    return rows


def _contents_object(contents: Contents) -> dict[str, Any]:
    return {
        "architecture": contents.architecture,
        "name": contents.name,
        "quant": contents.quant,
        "parts": len(contents.versions),
        "gguf_versions": list(contents.versions),
        "tensors": contents.tensors,
        "tensor_bytes": contents.tensor_bytes,
        "file_bytes": contents.file_bytes,
    }


def _digest_object(digest: Digest) -> dict[str, Any]:
    return {"expected": digest.expected, "found": digest.found, "matches": digest.matches}
