"""Asks a server on this machine, in JSON.

Holds one request and one answer, and the rule that the server must be on loopback: what another
machine takes says nothing of this one.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from advisor.errors import UsageError
from advisor.measure.errors import NoRuntimeError, RuntimeFailedError

ANSWER_S = 1800.0
"""A slow machine reads a prompt for minutes."""

PROBE_S = 3.0
"""A server that is there says so at once."""


class LocalServer:
    """A server on this machine, under one address."""

    def __init__(self, name: str, url: str) -> None:
        """Name a server.

        Args:
            name: What messages call the program.
            url: Where it listens, such as `http://127.0.0.1:8080`.

        Raises:
            UsageError: That is no address, or not on this machine.
        """
        self.name = name
        self.url = (url if "://" in url else f"http://{url}").rstrip("/")
        _check_loopback(self.url)

    def ask(
        self, path: str, body: dict[str, Any] | None = None, *, timeout_s: float = PROBE_S
    ) -> dict[str, Any]:
        """One answer.

        Args:
            path: Such as `/props`.
            body: What to post; ``None`` to get.
            timeout_s: How long to wait for the next byte.

        Raises:
            NoRuntimeError: Nobody listens there.
            RuntimeFailedError: The answer is an error, or no JSON object.
        """
        from urllib.error import HTTPError, URLError
        from urllib.request import ProxyHandler, Request, build_opener

        request = Request(  # noqa: S310  (the address was checked)
            self.url + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        direct = build_opener(ProxyHandler({}))
        try:
            with direct.open(request, timeout=timeout_s) as response:
                return _object(response.read(), self.name)
        except HTTPError as error:
            msg = f"{self.name} at `{self.url}` answered {error.code} to `{path}`{_why(error)}"
            raise RuntimeFailedError(msg) from error
        except (URLError, OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            msg = f"{self.name} does not answer at `{self.url}`: {reason}"
            raise NoRuntimeError(msg, "start it, or say where it listens with `--url`") from error


def _check_loopback(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        msg = f"`{url}` is not the address of a server"
        raise UsageError(msg, "write `http://127.0.0.1:8080`")
    host = parts.hostname
    if host not in {"localhost", "::1"} and not host.startswith("127."):
        msg = f"`{url}` is another machine, and a measurement there says nothing of this one"
        raise UsageError(msg, "run `advisor bench` on that machine")


def _object(text: bytes, name: str) -> dict[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        msg = f"{name} answered JSON, but no object"
        raise RuntimeFailedError(msg)
    return value


LONGEST_REASON = 160


def _why(error: Any) -> str:  # noqa: ANN401  (an HTTPError, whose import is lazy)
    """What a server says of its own error."""
    try:
        said = json.loads(error.read())
        reason = said.get("error", said)
        reason = reason.get("message", reason) if isinstance(reason, dict) else reason
    except (OSError, ValueError, AttributeError):
        return ""
    return f": {' '.join(str(reason).split())[:LONGEST_REASON].rstrip('.')}"
