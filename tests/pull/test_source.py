"""What the Hub's answers mean to a download: another try, or its end."""

from __future__ import annotations

import pytest

from advisor.pull.download import complete
from advisor.pull.errors import CutError, TransferError
from advisor.pull.partial import Partial
from advisor.pull.progress import Meter
from advisor.pull.source import HubSource
from catalog.hub import transport
from catalog.hub.access import Access
from catalog.hub.client import Hub
from catalog.hub.errors import (
    GatedError,
    MissingFileError,
    NoNetworkError,
    NonsenseError,
    OfflineError,
    RateLimitedError,
    ServerTroubleError,
)
from catalog.hub.listing import HubFile
from catalog.hub.store import Store
from tests.hub.fake_files import virtual
from tests.hub.fake_hub import CDN

REPOSITORY = "owner/model-GGUF"
FILE = "model-Q4_K_M.gguf"
CONTENT = virtual(1_500_000, b"GGUF")


class World:
    """A Hub, its one file, and a download of it."""

    def __init__(self, fake, folder):
        self.fake, self.pauses = fake, []
        fake.add(REPOSITORY, {FILE: CONTENT})
        self.client = self.new_client()
        self.listing = self.client.listing(REPOSITORY)
        self.file = self.listing.file(FILE)
        self.path = folder / "partial"

    def new_client(self, **how):
        access = Access(endpoint=self.fake.endpoint, **how)
        return Hub(access, store=Store(None), sleep=self.pauses.append)

    def source(self, file=None, client=None):
        return HubSource(client or self.client, self.listing, file or self.file)

    def first(self, position=0, **how):
        """The first block that comes."""
        with self.source(**how)(position) as body:
            return body.begin_bytes, next(body.blocks)

    def download(self):
        """A whole one; the ranges that were asked for."""
        with Partial(self.path, CONTENT.size_bytes) as here:
            here.take_up(lambda _: None)
            complete(here, self.source(), CONTENT.sha256, Meter(0), self.pauses.append)
        assert self.path.read_bytes() == CONTENT.read(0, CONTENT.size_bytes)
        return [request.headers.get("range") for request in self.fake.asked(origin=CDN)]


@pytest.fixture
def world(fake_hub, tmp_path):
    return World(fake_hub, tmp_path)


def test_bytes_come_from_where_they_are_asked_for(world):
    begin, block = world.first(1_000_000)
    assert begin == 1_000_000
    assert block == CONTENT.read(1_000_000, 1_000_000 + len(block))


def test_a_file_is_asked_for_by_its_commit(world):
    world.download()
    (request,) = world.fake.asked("/resolve/")
    assert request.path == f"/{REPOSITORY}/resolve/{world.listing.commit}/{FILE}"


def test_a_connection_that_breaks_is_followed_by_one_for_the_rest(world):
    world.fake.cut(r"\.gguf", 400_000, times=2, origin=CDN)
    ranges = world.download()
    assert ranges[0] is None
    assert len(ranges) == 3


def test_a_connection_that_stands_still_is_given_up_for_another(world, monkeypatch):
    monkeypatch.setattr(transport, "TIMEOUTS_S", (5.0, 0.05, 5.0, 5.0))
    world.fake.slow(r"\.gguf", 0.15, times=1, origin=CDN)
    assert world.download() == [None, None]  # nothing had come


def test_a_rate_limit_is_sat_out_when_it_is_short(world):
    world.fake.limit("/resolve/", 60)
    assert len(world.download()) == 1
    assert world.pauses == [61.0]  # it counts whole seconds


def test_a_rate_limit_is_told_when_it_is_long(world):
    world.fake.limit("/resolve/", 3600)
    with pytest.raises(RateLimitedError):
        world.first()


def test_trouble_of_the_server_in_the_middle_is_sat_out(world):
    world.fake.cut(r"\.gguf", 400_000, origin=CDN)
    world.fake.fail(r"\.gguf", 503, times=5, origin=CDN)
    assert len(world.download()) == 1 + 5 + 1


def test_trouble_of_the_server_from_the_first_is_told(world):
    world.fake.fail(r"\.gguf", 503, times=9, origin=CDN)
    with pytest.raises(ServerTroubleError):
        world.first()


def test_no_network_from_the_first_is_told(world):
    gone = Hub(Access(endpoint="http://127.0.0.1:9"), store=Store(None), sleep=world.pauses.append)
    with pytest.raises(NoNetworkError):
        world.first(client=gone)


def test_a_network_that_goes_in_the_middle_may_come_back(world, monkeypatch):
    source = world.source()
    with source(0):
        pass

    def gone(*_, **__):
        raise NoNetworkError(world.fake.endpoint, "Network is unreachable")

    monkeypatch.setattr(world.client, "open_file", gone)
    with pytest.raises(CutError, match="no network"), source(0):
        pass


def test_offline_it_is_said_of_the_file(world):
    offline = world.new_client(is_offline=True)
    with pytest.raises(OfflineError, match=f"all of `{FILE}` is not kept here"):
        world.first(client=offline)


def test_a_gated_file_is_refused_at_once(world):
    world.fake.repositories[REPOSITORY].is_gated = True
    with pytest.raises(GatedError):
        world.first()
    assert world.pauses == []


def test_a_file_that_went_away_is_refused_at_once(world):
    with pytest.raises(MissingFileError):
        world.first(file=HubFile(path="gone.gguf", size_bytes=1, sha256="0" * 64))


def test_a_range_beyond_the_file_is_the_end_of_the_download(world):
    world.fake.fail(r"\.gguf", 416, origin=CDN)
    with pytest.raises(TransferError, match="the server does not go on from byte 1000000"):
        world.first(1_000_000)


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (206, {"Content-Range": "bytes 0-9/1500000"}, b"GGUF......"),
        (206, {"Content-Range": "bytes 1000000-1000009/99"}, b"GGUF......"),
        (206, {}, b"GGUF......"),
        (200, {}, b"GGUF......"),
        (200, {"Content-Type": "text/html"}, b"<html>"),
    ],
    ids=["another place", "another length", "no place", "another file", "a web page"],
)
def test_other_bytes_than_those_asked_for_are_refused_before_one_is_written(
    world, status, headers, body
):
    world.path.write_bytes(CONTENT.read(0, 1_000_000))
    world.fake.fail(r"\.gguf", status, origin=CDN, headers=headers, body=body)
    with pytest.raises(TransferError, match="does not go on from byte 1000000"):
        world.download()
    assert world.path.read_bytes() == CONTENT.read(0, 1_000_000)


def test_a_web_page_instead_of_the_file_is_said_to_be_one(world):
    world.fake.fail(r"\.gguf", 200, origin=CDN, headers={"Content-Type": "text/html"}, body=b"<p>")
    with pytest.raises(NonsenseError, match="a web page came back"):
        world.first()


def test_what_is_too_large_for_plain_http_is_said_to_be_so(world):
    world.fake.fail(r"\.gguf", 403, origin=CDN)
    huge = HubFile(path=FILE, size_bytes=51 * 10**9, sha256=CONTENT.sha256)
    with pytest.raises(TransferError, match="by its Xet protocol alone") as caught:
        world.first(file=huge)
    assert f"hf download {REPOSITORY} {FILE}" in caught.value.hint
