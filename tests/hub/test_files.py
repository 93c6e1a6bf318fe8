"""Stretches of files on the Hub, as a download reads them."""

from __future__ import annotations

import pytest

from catalog.hub.errors import BrokenTransferError
from catalog.hub.files import resolve_url
from catalog.hub.listing import HubFile, Listing
from tests.hub.fake_files import stored, virtual
from tests.hub.fake_hub import CDN

NAME = "owner/model-GGUF"
CONTENT = virtual(100_000, b"GGUF")


@pytest.fixture
def hub(fake_hub):
    fake_hub.add(NAME, {"folder/a b#1.gguf": stored(CONTENT, sha256="1" * 64)})
    return fake_hub


def test_an_address_names_the_commit_and_quotes_the_path():
    file = HubFile(path="folder/a b#1.gguf", size_bytes=1, sha256=None)
    listing = Listing(repository=NAME, commit="c" * 40, files=(file,), fetched_at=0.0)
    assert resolve_url("https://hub.example", listing, file) == (
        f"https://hub.example/owner/model-GGUF/resolve/{'c' * 40}/folder/a%20b%231.gguf"
    )


@pytest.mark.parametrize(("begin", "end"), [(0, None), (40_000, None), (7, 9), (99_999, 100_000)])
def test_any_stretch_is_read(hub, client, begin, end):
    asked = client()
    listing = asked.listing(NAME)
    with asked.open_file(listing, listing.files[0], begin=begin, end=end) as body:
        assert body.begin == begin
        assert b"".join(body.chunks) == CONTENT.read(begin, end or 100_000)


def test_a_body_that_is_let_go_is_not_read_to_its_end(hub, client):
    hub.add(NAME, {"big.gguf": stored(virtual(1 << 30), sha256="2" * 64)})
    asked = client()
    listing = asked.listing(NAME)
    with asked.open_file(listing, listing.file("big.gguf")) as body:
        next(body.chunks)
    assert asked.usage.bytes_received < 200_000


def read_into(kept, body):
    for chunk in body.chunks:
        kept += chunk


def test_a_cut_body_is_an_error_after_what_came(hub, client):
    hub.cut("gguf", after_bytes=60_000, origin=CDN)
    asked = client()
    listing = asked.listing(NAME)
    came = bytearray()
    with asked.open_file(listing, listing.files[0]) as body:
        with pytest.raises(BrokenTransferError):
            read_into(came, body)
        assert came == CONTENT.read(0, 60_000)
