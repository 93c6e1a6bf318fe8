"""What the Hub means by a status and its headers, as one of our errors.

Holds the reading of answers that are refusals; sending and waiting is `transport`.

Source: `hf_raise_for_status` and `parse_ratelimit_headers` in huggingface_hub 2.4
(`utils/_http.py`), and the Hub's documentation of its rate limits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from catalog.hub.errors import (
    DisabledRepositoryError,
    GatedError,
    HubError,
    MissingFileError,
    MissingRepositoryError,
    MissingRevisionError,
    NonsenseError,
    RateLimitedError,
    ServerTroubleError,
    TokenError,
)

_TRANSIENT = frozenset({408, 500, 502, 503, 504})
_RATE_LIMIT = re.compile(r";\s*t\s*=\s*(\d+)")
_BAD_TOKEN = "Invalid credentials in Authorization header"  # noqa: S105
_DISABLED = "Access to this resource is disabled."


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a request is about, for the sentence that says it failed."""

    repository: str
    revision: str
    path: str | None = None

    def __str__(self) -> str:
        if self.path is None:
            return f"the listing of `{self.repository}`"
        return f"`{self.repository}/{self.path}`"


def refusal(
    status: int,
    headers: Mapping[str, str],
    subject: Subject,
    *,
    endpoint: str,
    had_token: bool,
) -> HubError:
    """Why the Hub did not answer a request.

    Args:
        status: Of the answer, 200 and 206 excepted.
        headers: Of the answer; names in any case of letters.
        subject: What was asked for.
        endpoint: Who was asked.
        had_token: Whether the request carried a token.
    """
    if status == 429:
        return RateLimitedError(endpoint, wait_of(headers))
    if status in _TRANSIENT:
        return ServerTroubleError(endpoint, status)
    told = _by_error_code(headers, subject, endpoint=endpoint, had_token=had_token)
    if told is not None:
        return told
    if status == 401:
        return MissingRepositoryError(subject.repository, had_token=had_token)
    return NonsenseError(endpoint, f"it refuses with status {status}")


def _by_error_code(
    headers: Mapping[str, str], subject: Subject, *, endpoint: str, had_token: bool
) -> HubError | None:
    """What the Hub's own two headers say; ``None`` where they say nothing."""
    code, message = headers.get("X-Error-Code"), headers.get("X-Error-Message")
    if code == "GatedRepo":
        return GatedError(subject.repository, endpoint, had_token=had_token)
    if code == "RepoNotFound":
        return MissingRepositoryError(subject.repository, had_token=had_token)
    if code == "RevisionNotFound":
        return MissingRevisionError(subject.repository, subject.revision)
    if code == "EntryNotFound":
        return MissingFileError(subject.repository, subject.path or "such folder", ())
    if message == _BAD_TOKEN:
        return TokenError(endpoint)
    return DisabledRepositoryError(subject.repository) if message == _DISABLED else None


def wait_of(headers: Mapping[str, str]) -> int | None:
    """How long the Hub wants to be left alone, in seconds; ``None`` where it does not say.

    `RateLimit: "api";r=0;t=55` counts whole seconds, so that one more is due; `Retry-After`
    is taken as it stands.
    """
    found = _RATE_LIMIT.search(headers.get("RateLimit", ""))
    if found is not None:
        return int(found[1]) + 1
    retry_after = headers.get("Retry-After", "").strip()
    return int(retry_after) if retry_after.isdecimal() else None
