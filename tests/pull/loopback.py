"""What the tests of the command know about the Hub on loopback and the cache on this disk."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import hf_hub_download

from tests.hub.fake_hub import CDN

REPOSITORY = "owner/model-GGUF"
FILE = "model-Q4_K_M.gguf"
SIZE_BYTES = 3_000_000
ADDRESS = f"hf:{REPOSITORY}:Q4_K_M"


def sent(hub):
    """Bytes of files that left the content server."""
    return sum(request.bytes_sent for request in hub.asked(origin=CDN))


def found(cache, name=FILE, repository=REPOSITORY):
    """What huggingface_hub finds without a network."""
    return Path(hf_hub_download(repository, name, cache_dir=cache, local_files_only=True))


def content(hub, name=FILE, repository=REPOSITORY):
    held = hub.repositories[repository]
    file = held.commits[held.branches["main"]][name]
    return file.content.read(0, file.size_bytes)


def partial_file(cache):
    """The one unfinished file in the cache; ``None`` before there is one."""
    return next(iter(cache.glob("*/blobs/*.advisor-partial")), None)
