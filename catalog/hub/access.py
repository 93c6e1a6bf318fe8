"""Whom a program asks, and in whose name.

Holds the settings that huggingface_hub reads from the environment (`HF_ENDPOINT`, `HF_TOKEN` or
`hf auth login`, `HF_HUB_OFFLINE`), so that both agree about them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


def nobody() -> str | None:
    """No token."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Whom to ask, in whose name, and whether at all."""

    endpoint: str
    """`https://huggingface.co`, or a mirror; without a slash at its end."""

    token_of: Callable[[], str | None] = nobody
    """The token to send to the endpoint, asked for when it is needed; ``None`` sends none."""

    is_offline: bool = False
    """Whether asking is forbidden."""

    user_agent: str = "advisor"
    """How the program names itself."""


def own_access() -> Access:
    """What this user's environment says."""
    from huggingface_hub import constants

    return Access(
        endpoint=constants.ENDPOINT.rstrip("/"),
        token_of=nobody if constants.HF_HUB_DISABLE_IMPLICIT_TOKEN else _own_token,
        is_offline=constants.HF_HUB_OFFLINE,
    )


def _own_token() -> str | None:
    from huggingface_hub import get_token

    return get_token()
