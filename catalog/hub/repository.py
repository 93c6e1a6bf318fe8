"""Asks what a repository holds: one commit, then its files, page by page.

Holds the two routes and the checks of what they answer; keeping listings is `client`.

Source: huggingface_hub 2.4, `HfApi.model_info` and `HfApi.list_repo_tree`.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from catalog.hub.errors import NoGgufError, NonsenseError
from catalog.hub.listing import HubFile, Listing, is_path
from catalog.hub.records import is_commit, is_sha256
from catalog.hub.refusals import Subject

if TYPE_CHECKING:
    from catalog.hub.transport import Transport

MAIN = "main"
LARGEST_ANSWER_BYTES = 32 << 20
MOST_PAGES = 100
"""Of a thousand files each."""

_DEFAULT_ENDPOINT = "https://huggingface.co"
_NEXT = re.compile(r'<([^<>]+)>\s*;\s*rel="?next"?')


def ask_listing(
    transport: Transport, repository: str, revision: str | None, *, now: float
) -> Listing:
    """What the Hub holds under a repository's name.

    Args:
        transport: Who asks.
        repository: `owner/name`.
        revision: A branch, a tag or a commit; ``None`` for the newest.
        now: The time to note. [s since 1970]

    Raises:
        NoGgufError: None of its files is one.
        HubError: Nobody answered, or there is no such thing.
    """
    subject = Subject(repository=repository, revision=revision or MAIN)
    name, commit = _commit(transport, subject)
    files = _files(transport, subject, name, commit)
    if not files:
        raise NoGgufError(name)
    return Listing(repository=name, commit=commit, files=files, fetched_at=now)


def _commit(transport: Transport, subject: Subject) -> tuple[str, str]:
    """The repository's name today, and the commit that the revision means."""
    revision = quote(subject.revision, safe="")
    url = f"{transport.endpoint}/api/models/{subject.repository}/revision/{revision}?expand=sha"
    answer, _ = _json(transport, url, subject)
    if not isinstance(answer, dict) or not is_commit(answer.get("sha")):
        raise NonsenseError(transport.endpoint, "it names no commit")
    name = str(answer.get("id", ""))
    is_name = is_path(name) and name.count("/") == 1
    return name if is_name else subject.repository, answer["sha"]


def _files(transport: Transport, subject: Subject, name: str, commit: str) -> tuple[HubFile, ...]:
    """Every `.gguf` at the commit, by path."""
    url: str | None = f"{transport.endpoint}/api/models/{name}/tree/{commit}?recursive=true"
    found: list[HubFile] = []
    for _ in range(MOST_PAGES):
        if url is None:
            return tuple(sorted(found, key=lambda file: file.path))
        answer, following = _json(transport, url, subject)
        if not isinstance(answer, list):
            raise NonsenseError(transport.endpoint, "its listing is no list")
        lines = [entry for entry in answer if _is_gguf(transport, entry)]
        found += [_file(transport.endpoint, entry) for entry in lines]
        url = None if following is None else _at_endpoint(transport.endpoint, following)
    raise NonsenseError(transport.endpoint, f"its listing has more than {MOST_PAGES} pages")


def _is_gguf(transport: Transport, entry: object) -> bool:
    if not isinstance(entry, dict) or not is_path(entry.get("path")):
        raise NonsenseError(transport.endpoint, "its listing has a line without a possible path")
    return entry.get("type") == "file" and entry["path"].lower().endswith(".gguf")


def _file(endpoint: str, entry: dict[str, Any]) -> HubFile:
    large = entry.get("lfs")
    told: dict[str, Any] = large if isinstance(large, dict) else {}
    size_bytes, sha256 = told.get("size", entry.get("size")), told.get("oid")
    if not isinstance(size_bytes, int) or size_bytes < 0:
        raise NonsenseError(endpoint, f"its listing has no size of `{entry['path']}`")
    return HubFile(
        path=entry["path"], size_bytes=size_bytes, sha256=sha256 if is_sha256(sha256) else None
    )


def _at_endpoint(endpoint: str, url: str) -> str:
    """The address of the next page, at the endpoint that was asked; a mirror may name the Hub.

    Raises:
        NonsenseError: It leads elsewhere, where neither we nor the token have any business.
    """
    if url.startswith("/"):
        return f"{endpoint}{url}"
    if url.startswith(f"{endpoint}/"):
        return url
    if url.startswith(f"{_DEFAULT_ENDPOINT}/"):
        return f"{endpoint}{url.removeprefix(_DEFAULT_ENDPOINT)}"
    raise NonsenseError(endpoint, f"its listing goes on at `{url}`")


def _json(transport: Transport, url: str, subject: Subject) -> tuple[object, str | None]:
    """A page of JSON, and the address of the next one."""
    headers, body = transport.read(url, subject, most_bytes=LARGEST_ANSWER_BYTES)
    following = _NEXT.search(headers.get("Link", ""))
    try:
        return json.loads(body), following[1] if following else None
    except (ValueError, RecursionError):
        what = "a web page" if body.lstrip()[:1] == b"<" else "something that is no JSON"
        raise NonsenseError(transport.endpoint, f"{what} came back") from None
