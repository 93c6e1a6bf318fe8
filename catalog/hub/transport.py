"""Sends requests to one endpoint: with its token, its retries, and a count of what it cost.

The session is huggingface_hub's own, so that proxies, certificates and whatever a program set up
there hold for this one, too. Holds no knowledge of routes; what a refusal means is `refusals`.

The token goes to the endpoint alone: the session takes it off when a redirect leads elsewhere.
Nothing is sent that huggingface_hub calls telemetry.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from catalog.hub.errors import (
    BrokenTransferError,
    HubError,
    NoNetworkError,
    NonsenseError,
    OfflineError,
    RateLimitedError,
    ServerTroubleError,
    TlsError,
)
from catalog.hub.refusals import Subject, refusal

if TYPE_CHECKING:
    from httpx2 import Client, Response

    from catalog.hub.access import Access

TIMEOUTS_S = (10.0, 20.0, 10.0, 10.0)
"""To connect, between two pieces of an answer, between two of a request, for a free connection."""

RETRY_PAUSES_S = (0.5, 2.0)
"""Before the second and the third try."""

PATIENCE_S = 5
"""The longest wait for a rate limit that is sat out; a longer one is told instead."""

_GOOD = frozenset({200, 206})


@dataclass(slots=True)
class Usage:
    """What the requests so far have cost."""

    requests: int = 0
    """Every try and every redirect is one."""

    bytes_received: int = 0
    """Of bodies, as they came over the wire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back for one request; its body comes while it is read."""

    status: int
    headers: Mapping[str, str]
    """Names in any case of letters."""

    chunks: Iterator[bytes]
    """The body, in pieces of at most some 64 KiB; raises `BrokenTransferError`."""


class Transport:
    """Sends requests to one endpoint."""

    def __init__(self, access: Access, sleep: Callable[[float], object]) -> None:
        self.endpoint = access.endpoint
        self.usage = Usage()
        self._access = access
        self._sleep = sleep

    @contextmanager
    def get(
        self, url: str, subject: Subject, *, headers: Mapping[str, str] | None = None
    ) -> Iterator[Answer]:
        """One answer of status 200 or 206, read as far as wanted; then the connection is let go.

        Raises:
            OfflineError: Asking is forbidden.
            HubError: Nobody answered after all tries, or not as asked.
        """
        if self._access.is_offline:
            raise OfflineError(str(subject))
        response = self._answered(url, subject, headers or {})
        try:
            yield Answer(
                status=response.status_code,
                headers=response.headers,
                chunks=self._chunks(response),
            )
        finally:
            response.close()
            self.usage.bytes_received += response.num_bytes_downloaded

    def read(
        self,
        url: str,
        subject: Subject,
        *,
        most_bytes: int,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[Mapping[str, str], bytes]:
        """An answer's headers and its whole body, asked for again when it breaks off.

        Raises:
            NonsenseError: The body is longer than anything expected.
            HubError: Nobody answered after all tries, or not as asked.
        """
        tries = 0
        while True:
            tries += 1
            try:
                with self.get(url, subject, headers=headers) as answer:
                    body = bytearray()
                    for chunk in answer.chunks:
                        body += chunk
                        if len(body) > most_bytes:
                            raise NonsenseError(self.endpoint, "its answer does not end")
                    return answer.headers, bytes(body)
            except BrokenTransferError:
                if not self.pause(tries):
                    raise

    def pause(self, tries: int) -> bool:
        """Wait before another try; False when there were enough."""
        if tries > len(RETRY_PAUSES_S):
            return False
        self._sleep(RETRY_PAUSES_S[tries - 1])
        return True

    def _answered(self, url: str, subject: Subject, headers: Mapping[str, str]) -> Response:
        """The first good answer of at most three."""
        tries = 0
        while True:
            tries += 1
            try:
                return self._tried(url, subject, headers)
            except RateLimitedError as error:
                if error.wait_s is None or error.wait_s > PATIENCE_S or tries > len(RETRY_PAUSES_S):
                    raise
                self._sleep(error.wait_s)
            except (ServerTroubleError, BrokenTransferError):
                if not self.pause(tries):
                    raise

    def _tried(self, url: str, subject: Subject, headers: Mapping[str, str]) -> Response:
        from huggingface_hub import get_session
        from huggingface_hub.errors import OfflineModeIsEnabled

        session = get_session()
        sent = {"User-Agent": self._access.user_agent, "Accept-Encoding": "identity", **headers}
        token = self._access.token_of() if url.startswith(f"{self.endpoint}/") else None
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        try:
            request = session.build_request("GET", url, headers=sent, timeout=TIMEOUTS_S)
            response = session.send(request, stream=True, follow_redirects=True)
        except OfflineModeIsEnabled:
            raise OfflineError(str(subject)) from None
        except _errors_of(session) as error:
            self.usage.requests += 1
            raise self._failure(error) from error
        self.usage.requests += 1 + len(response.history)
        self.usage.bytes_received += sum(one.num_bytes_downloaded for one in response.history)
        if response.status_code in _GOOD:
            return response
        response.close()
        raise refusal(
            response.status_code,
            response.headers,
            subject,
            endpoint=self.endpoint,
            had_token=token is not None,
        )

    def _chunks(self, response: Response) -> Iterator[bytes]:
        from huggingface_hub import get_session

        try:
            yield from response.iter_bytes()
        except _errors_of(get_session()) as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> HubError:
        """What an exception of the session means."""
        import ssl

        names = {base.__name__ for base in type(error).__mro__}
        why = _why(error)
        if any(isinstance(cause, ssl.SSLError) for cause in _causes(error)):
            return TlsError(self.endpoint, why)
        if names & {"ConnectError", "ConnectTimeout", "ProxyError", "UnsupportedProtocol"}:
            return NoNetworkError(self.endpoint, why)
        if names & {"NetworkError", "RemoteProtocolError"}:
            return BrokenTransferError(self.endpoint, why)
        if "TimeoutException" in names:
            return NoNetworkError(self.endpoint, "it takes too long to answer")
        return NonsenseError(self.endpoint, why)


def _errors_of(session: Client) -> tuple[type[Exception], ...]:
    """The exceptions of the session's library: httpx2, or httpx before huggingface_hub 2."""
    base = next(one for one in type(session).__mro__ if one.__name__ == "Client")
    library: Any = sys.modules[base.__module__.partition(".")[0]]
    return (library.HTTPError, library.InvalidURL, library.StreamError)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An exception, and those that led to it."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _why(error: Exception) -> str:
    """The system's own words for what went wrong, in one line."""
    import ssl

    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return cause.verify_message
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
    return " ".join(str(error).split()) or type(error).__name__
