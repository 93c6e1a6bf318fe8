"""`advisor verify FILE`: whether a GGUF file is whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from advisor.commands.options import json_option
from catalog.hub.address import is_address

if TYPE_CHECKING:
    from advisor.report.verification import Verification

if TYPE_CHECKING:
    _Type = click.ParamType[str]
else:
    _Type = click.ParamType  # generic only for type checkers before click 8.4

SHA256_DIGITS = 64


class Sha256(_Type):
    """A SHA-256 in hexadecimal, as the Hub shows it, or the address of the file on the Hub."""

    name = "hex|hf:…"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """The digits in lower case, an address as it is, or click's own error."""
        if is_address(str(value)):
            return str(value)
        digits = str(value).strip().lower().removeprefix("sha256:")
        if len(digits) != SHA256_DIGITS or set(digits) - set("0123456789abcdef"):
            self.fail(
                f"`{value}` is not a SHA-256 of {SHA256_DIGITS} hexadecimal digits", param, ctx
            )
        return digits


@click.command("verify")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--sha256",
    type=Sha256(),
    help="What FILE should have, or its address on the Hub, which knows; hashes all of it.",
)
@json_option
def command(*, file: Path, sha256: str | None, as_json: bool) -> None:
    """Check that a GGUF FILE is whole: its header, and the extent of every tensor.

    Of a split file name any part; all of them are checked. `--sha256` is compared with the named
    one's; hf:owner/repo/file.gguf or hf:owner/repo:Q4_K_M takes the value that the Hub lists.
    Exits with 0 when it is whole, with 1 when it is not, with 2 when it is no GGUF file, and
    with 4 when its header cannot be read.
    """
    from advisor.output import answer, answer_json

    if sha256 is not None and is_address(sha256):
        from advisor.hub import the_hub
        from advisor.report.verification import listed_sha256

        sha256 = listed_sha256(sha256, file, the_hub())
    found = _verified(file, sha256)
    if as_json:
        from advisor.render.verification import verification_json

        answer_json(verification_json(found))
    else:
        from advisor.render.paper import Paper
        from advisor.render.verification import verification_text

        answer(verification_text(found, Paper()))
    click.get_current_context().exit(0 if found.is_whole else 1)


def _verified(file: Path, sha256: str | None) -> Verification:
    """The report; on a terminal, with a bar while the file is hashed."""
    import sys

    from advisor.output import is_terminal
    from advisor.report.verification import verify

    if sha256 is None or not file.is_file() or not is_terminal(sys.stderr):
        return verify(file, expected_sha256=sha256)
    length = file.stat().st_size
    with click.progressbar(length=length, label="Hashing", file=sys.stderr) as bar:
        return verify(file, expected_sha256=sha256, progress=bar.update)
