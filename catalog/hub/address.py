"""What people write to name a repository or a file on the Hub, and what it means.

::

    hf:owner/repo                          the repository
    hf:owner/repo:Q4_K_M                   its file of a quant
    hf:owner/repo/folder/file.gguf         that file
    hf:owner/repo@revision...              each of them at a branch, a tag or a commit
    https://huggingface.co/owner/repo...   the same, as a browser shows it

Holds the reading of texts only; whether such a thing exists is the Hub's to say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from catalog.hub.errors import AddressError

_HOSTS = frozenset({"huggingface.co", "www.huggingface.co", "hf.co"})
_OTHER_KINDS = frozenset({"datasets", "spaces", "collections", "papers", "docs", "buckets"})
_NAME = re.compile(r"(?!.*(?:--|\.\.))[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,94}[A-Za-z0-9_])?")
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_REVISION = re.compile(r"(refs/(?:pr|convert)/[^/:]+|[^/:]+)")
_HINT = (
    "write `hf:owner/repo`, `hf:owner/repo:Q4_K_M`, `hf:owner/repo/file.gguf` or the address of "
    "its page on huggingface.co"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A repository on the Hub, and perhaps what is meant in it."""

    repository: str
    """`owner/name`."""

    revision: str | None = None
    """A branch, a tag or a commit; ``None`` for the newest."""

    quant_label: str | None = None
    """In upper case: `Q4_K_M`, `UD-Q4_K_XL`."""

    path: str | None = None
    """Of a GGUF file in the repository."""


def is_address(text: str) -> bool:
    """Whether a text means something on the Hub, rightly written or not."""
    return text.lower().startswith(("hf:", "https://", "http://"))


def parse_address(text: str, *, endpoint: str | None = None) -> Address:
    """What an address names.

    Args:
        text: As somebody wrote it.
        endpoint: Of a mirror, whose pages are understood besides those of huggingface.co.

    Raises:
        AddressError: It cannot be the address of a model's repository or of a GGUF file.
    """
    written = text.strip()
    if written.lower().startswith("hf:"):
        return _short(text, written[3:].removeprefix("//").rstrip("/"))
    if written.lower().startswith(("https://", "http://")):
        return _page(text, written, endpoint)
    raise _wrong(text, "it begins with neither `hf:` nor `https://`")


def _short(text: str, rest: str) -> Address:
    owner, _, after_owner = rest.partition("/")
    name = re.split("[@:/]", after_owner, maxsplit=1)[0]
    tail = after_owner[len(name) :]
    revision = None
    if tail.startswith("@"):
        found = _REVISION.match(tail, 1)
        if found is None:
            raise _wrong(text, "no revision follows its `@`")
        revision, tail = unquote(found[0]), tail[found.end() :]
    label = path = None
    if tail.startswith(":"):
        label = tail[1:]
    elif tail:
        path = tail[1:]
    return _address(text, f"{owner}/{name}", revision=revision, label=label, path=path)


def _page(text: str, written: str, endpoint: str | None) -> Address:
    parts = urlsplit(written)
    hosts = _HOSTS | ({urlsplit(endpoint).netloc.lower()} if endpoint else set())
    if parts.netloc.lower() not in hosts:
        raise _wrong(text, f"`{parts.netloc}` is not a Hub that is known here")
    prefix = urlsplit(endpoint).path if endpoint else ""
    words = parts.path.removeprefix(prefix).strip("/").split("/")
    if words[0] in _OTHER_KINDS:
        raise _wrong(text, f"it is of the Hub's {words[0]}, where a model is expected")
    if len(words) >= 2 and ":" in words[1]:  # as `ollama run hf.co/owner/repo:Q4_K_M` has it
        name, _, label = words[1].partition(":")
        return _address(text, f"{words[0]}/{name}", label=label)
    repository, rest = "/".join(words[:2]), words[2:]
    if not rest:
        return _address(text, repository)
    if rest[0] not in {"tree", "blob", "resolve", "raw"} or len(rest) == 1:
        raise _wrong(text, "it is another page of the Hub than a repository's or a file's")
    found = _REVISION.match("/".join(rest[1:]))
    revision = found[0] if found else ""
    path = unquote("/".join(rest[1:])[len(revision) :].strip("/"))
    is_folder = rest[0] == "tree"
    return _address(text, repository, revision=unquote(revision), path=None if is_folder else path)


def _address(
    text: str,
    repository: str,
    *,
    revision: str | None = None,
    label: str | None = None,
    path: str | None = None,
) -> Address:
    """The checked address; an empty label or path is refused, a missing one is not."""
    owner, _, name = repository.partition("/")
    if not (_NAME.fullmatch(owner) and _NAME.fullmatch(name)) or name.endswith(".git"):
        raise _wrong(text, f"`{repository}` is not the name of a repository, `owner/name`")
    if label is not None and not _LABEL.fullmatch(label):
        raise _wrong(text, f"`{label}` is not the name of a quant, such as `Q4_K_M`")
    if path is not None and not _is_gguf_path(path):
        raise _wrong(text, f"`{path}` is not the path of a `.gguf` file")
    return Address(
        repository=repository,
        revision=revision,
        quant_label=None if label is None else label.upper(),
        path=path,
    )


def _is_gguf_path(path: str) -> bool:
    words = path.split("/")
    return path.lower().endswith(".gguf") and not {"", ".", ".."} & set(words)


def _wrong(text: str, why: str) -> AddressError:
    return AddressError(f"`{text}` is not an address on the Hub: {why}", _HINT)
