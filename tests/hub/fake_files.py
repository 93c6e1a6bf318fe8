"""The files and repositories that the fake Hub serves; nothing here knows HTTP.

A file of a gigabyte costs no disk: its bytes are a head, then a pattern repeated to its size.
"""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import dataclass, field
from functools import cached_property

HASHED_AT_ONCE = 1 << 20
PATTERN = random.Random(20261123).randbytes(64 << 10)


@dataclass(frozen=True)
class Content:
    """Bytes that are a function of their place."""

    head: bytes
    size_bytes: int

    def read(self, start, end):
        """The bytes from `start` up to `end`."""
        end = min(end, self.size_bytes)
        head = self.head[start:end]
        place = start + len(head)
        if place >= end:
            return head
        inside = place % len(PATTERN)
        repeated = PATTERN * ((inside + end - place) // len(PATTERN) + 1)
        return head + repeated[inside : inside + end - place]

    @cached_property
    def sha256(self):
        digest = hashlib.sha256()
        for place in range(0, self.size_bytes, HASHED_AT_ONCE):
            digest.update(self.read(place, place + HASHED_AT_ONCE))
        return digest.hexdigest()


@dataclass(kw_only=True)
class StoredFile:
    """A file as the Hub has it; what it says of it (`sha256`) may be untrue."""

    content: Content
    sha256: str
    is_large: bool
    """Stored in LFS: answered with a redirect to the CDN."""

    @property
    def size_bytes(self):
        return self.content.size_bytes

    @cached_property
    def oid(self):
        """Git's own hash: of the bytes, or of the pointer to a large file."""
        if self.is_large:
            kept = f"version 1\noid sha256:{self.sha256}\nsize {self.size_bytes}\n".encode()
        else:
            kept = self.content.read(0, self.size_bytes)
        return hashlib.sha1(b"blob %d\0" % len(kept) + kept).hexdigest()

    @property
    def etag(self):
        return f'"{self.sha256 if self.is_large else self.oid}"'

    def entry(self, path):
        """The line of a listing."""
        entry = {"type": "file", "oid": self.oid, "size": self.size_bytes, "path": path}
        return entry | ({"lfs": self.lfs("oid")} if self.is_large else {})

    def lfs(self, name):
        """What the Hub says about a large file; two routes call its hash differently."""
        return {name: self.sha256, "size": self.size_bytes, "pointerSize": 135}


def whole(data):
    """A file's content from its bytes."""
    return Content(data, len(data))


def virtual(size_bytes, head=b""):
    """A file of any size that takes no room: `head`, then a repeated pattern."""
    return Content(head, size_bytes)


def stored(content, *, sha256=None, is_large=True):
    """A file as the Hub has it, of bytes or of a `Content`; `sha256` is what the Hub claims."""
    content = whole(content) if isinstance(content, bytes) else content
    return StoredFile(
        content=content, sha256=sha256 or (content.sha256 if is_large else ""), is_large=is_large
    )


@dataclass
class Repository:
    """One repository: the files of each commit, and which commit each branch means."""

    name: str
    is_gated: bool = False
    is_private: bool = False
    commits: dict = field(default_factory=dict)
    branches: dict = field(default_factory=dict)

    def push(self, files, branch="main"):
        """A new commit with these files and no others; returns its hash."""
        files = {
            path: file
            if isinstance(file, StoredFile)
            else stored(file, is_large=path.endswith(".gguf"))
            for path, file in sorted(files.items())
        }
        mark = json.dumps([self.name, len(self.commits), [file.oid for file in files.values()]])
        commit = hashlib.sha1(mark.encode()).hexdigest()
        self.commits[commit] = files
        self.branches[branch] = commit
        return commit

    def commit(self, revision):
        """The commit that a revision means; ``None`` for one that does not exist."""
        return self.branches.get(revision, revision if revision in self.commits else None)

    def entries(self, commit, folder, *, is_recursive):
        """The lines of a listing; ``None`` where there is no such folder."""
        files = self.commits[commit]
        under = f"{folder}/" if folder else ""
        inside = {path: file for path, file in files.items() if path.startswith(under)}
        if not inside and folder:
            return None
        folders = {
            path[: place + len(under)]
            for path in inside
            for place, letter in enumerate(path[len(under) :])
            if letter == "/"
        }
        listed = [file.entry(path) for path, file in inside.items()] + [
            {"type": "directory", "oid": hashlib.sha1(path.encode()).hexdigest()}
            | {"size": 0, "path": path}
            for path in folders
        ]
        listed.sort(key=lambda entry: entry["path"])
        if is_recursive:
            return listed
        return [entry for entry in listed if "/" not in entry["path"][len(under) :]]

    def info(self, commit, *, with_sizes):
        """What `/api/models/…` says about the repository."""
        siblings = []
        for path, file in self.commits[commit].items():
            sibling = {"rfilename": path}
            if with_sizes:
                sibling |= {"size": file.size_bytes, "blobId": file.oid}
                sibling |= {"lfs": file.lfs("sha256")} if file.is_large else {}
            siblings.append(sibling)
        return {
            "_id": "0" * 24,
            "id": self.name,
            "modelId": self.name,
            "author": self.name.partition("/")[0],
            "sha": commit,
            "lastModified": "2026-01-01T00:00:00.000Z",
            "createdAt": "2026-01-01T00:00:00.000Z",
            "private": self.is_private,
            "gated": "manual" if self.is_gated else False,
            "disabled": False,
            "downloads": 0,
            "likes": 0,
            "tags": ["gguf"],
            "siblings": siblings,
        }
