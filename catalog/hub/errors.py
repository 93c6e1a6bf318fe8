"""Every way in which asking the Hub can fail, each with its sentence and the next action.

Two families, for a script must tell them apart: `UnreachableError` when nobody answered as a Hub
does, and the other `HubError` when the Hub answered that it has no such thing.
"""

from __future__ import annotations

from collections.abc import Iterable

from catalog.errors import CatalogError


class AddressError(CatalogError):
    """A text that is no address of a repository or file on the Hub."""


class HubError(CatalogError):
    """Base of everything that goes wrong between here and the Hub."""


class UnreachableError(HubError):
    """The Hub did not answer, or not as a Hub."""


class NoNetworkError(UnreachableError):
    """Nobody answers at the endpoint."""

    def __init__(self, endpoint: str, why: str) -> None:
        super().__init__(
            f"no network: `{endpoint}` cannot be reached ({why})",
            "connect to the internet, or name a mirror in `HF_ENDPOINT`; the catalog answers "
            "without a network",
        )


class OfflineError(UnreachableError):
    """Asking was forbidden."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} is not kept here, and offline mode is set, which forbids to ask for it",
            "unset `HF_HUB_OFFLINE`, or ask once while it is not set",
        )


class TlsError(UnreachableError):
    """Somebody answers who cannot prove to be the endpoint."""

    def __init__(self, endpoint: str, why: str) -> None:
        super().__init__(
            f"no trusted connection to `{endpoint}` is possible ({why})",
            "check this machine's date; behind a company's proxy, name its certificate in "
            "`SSL_CERT_FILE`",
        )


class RateLimitedError(UnreachableError):
    """The Hub answers no more for a while."""

    def __init__(self, endpoint: str, wait_s: int | None) -> None:
        wait = "after a while" if wait_s is None else f"in {wait_s:,} s"
        super().__init__(
            f"`{endpoint}` received too many requests from here and answers again {wait}",
            "wait, or log in with `hf auth login`, which allows more",
        )
        self.wait_s = wait_s
        """How long to wait, where the Hub said so. [s]"""


class ServerTroubleError(UnreachableError):
    """The Hub answers that something is wrong with itself."""

    def __init__(self, endpoint: str, status: int) -> None:
        super().__init__(
            f"`{endpoint}` is in trouble: it answers with status {status}", "try again later"
        )


class BrokenTransferError(UnreachableError):
    """A transfer that broke off again and again."""

    def __init__(self, endpoint: str, why: str) -> None:
        super().__init__(f"the connection to `{endpoint}` broke off ({why})", "try again")


class NonsenseError(UnreachableError):
    """Something else than a Hub answers: a hotel's login page, a proxy, a wrong address."""

    def __init__(self, endpoint: str, what: str) -> None:
        super().__init__(
            f"`{endpoint}` does not answer as a Hub: {what}",
            "open a web page to sign in to this network, or check `HF_ENDPOINT`",
        )


class TokenError(HubError):
    """A token that the Hub does not accept."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(
            f"`{endpoint}` does not accept the token it was given",
            "log in again with `hf auth login`, or correct `HF_TOKEN`",
        )


class MissingRepositoryError(HubError):
    """A repository that does not exist, or is not shown to everybody."""

    def __init__(self, repository: str, *, had_token: bool) -> None:
        private = (
            "a private one must be shared with the owner of the token"
            if had_token
            else "a private one needs a token (`hf auth login` or `HF_TOKEN`)"
        )
        super().__init__(
            f"`{repository}` is not a repository on the Hub, or a private one",
            f"check the spelling; {private}",
        )


class DisabledRepositoryError(HubError):
    """A repository that the Hub took out of service."""

    def __init__(self, repository: str) -> None:
        super().__init__(f"`{repository}` was disabled by the Hub", "choose another repository")


class GatedError(HubError):
    """A repository whose files go only to those who accepted its licence."""

    def __init__(self, repository: str, endpoint: str, *, had_token: bool) -> None:
        log_in = "" if had_token else " and log in with `hf auth login`"
        super().__init__(
            f"the files of `{repository}` are gated: its licence must be accepted first",
            f"accept it on {endpoint}/{repository}{log_in}, or choose somebody's ungated copy",
        )


class MissingRevisionError(HubError):
    """A branch, tag or commit that the repository does not have."""

    def __init__(self, repository: str, revision: str) -> None:
        super().__init__(
            f"`{repository}` has no revision `{revision}`",
            "leave it out for the newest files, or write a branch, a tag or a commit",
        )


class MissingFileError(HubError):
    """A file, or a quant, that the repository does not have."""

    def __init__(self, repository: str, wanted: str, nearest: Iterable[str]) -> None:
        names = ", ".join(f"`{name}`" for name in nearest)
        super().__init__(
            f"`{repository}` has no `{wanted}`",
            f"the nearest are {names}" if names else "write the repository alone to see its files",
        )


class SeveralFilesError(HubError):
    """A quant of which the repository has several files."""

    def __init__(self, repository: str, label: str, paths: Iterable[str]) -> None:
        paths = tuple(paths)
        names = ", ".join(f"`{path}`" for path in paths)
        super().__init__(
            f"`{repository}` has {len(paths)} models in `{label}`", f"name one of {names}"
        )


class NoGgufError(HubError):
    """A repository without a GGUF file."""

    def __init__(self, repository: str) -> None:
        super().__init__(
            f"`{repository}` holds no GGUF file",
            "GGUF files of a model are usually in a repository of their own, whose name ends in "
            "`-GGUF`",
        )
