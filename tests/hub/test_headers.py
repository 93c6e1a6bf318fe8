"""What headers on the Hub say, and the requests and bytes that each way to them costs."""

from __future__ import annotations

import pytest

from catalog.gguf.errors import DamagedHeaderError, GgufError, NotGgufError, PartsError
from catalog.gguf.header import Header
from catalog.gguf.parse import parse_header
from catalog.hub import headers
from catalog.hub.errors import BrokenTransferError
from catalog.hub.listing import HubQuant
from tests.hub.fake_files import stored, virtual
from tests.hub.fake_hub import CDN, TOKEN
from tests.hub.small_gguf import F16, Q4_K, Q8_0, VOCABULARY, sample, split_keys, tensors

NAME = "owner/model-GGUF"
BIG, SMALL = "model-Q8_0.gguf", "model-Q4_K_M.gguf"
KIB = 1 << 10


@pytest.fixture(scope="module")
def samples():
    """Two quants of one model: the same vocabulary of 1.9 MB, other types, an extra key."""
    return {
        BIG: sample(Q8_0),
        SMALL: sample(Q4_K, late_keys=[("quantize.imatrix.file", "calibration" * 20)]),
    }


@pytest.fixture
def hub(fake_hub, samples):
    publish(fake_hub, samples)
    return fake_hub


def publish(hub, samples, **others):
    """Put samples on the Hub; hashes are claimed, for hashing megabytes takes time."""
    files = {
        path: stored(one.content, sha256=f"{place + 1:064x}")
        for place, (path, one) in enumerate(samples.items())
    }
    hub.add(NAME, {**files, **others})


def truth(one):
    """What the bytes themselves say."""
    header = parse_header(one.content.head, size_bytes=one.size_bytes)
    assert isinstance(header, Header)
    return header


def header_of(asked, listing, path):
    """What the header of one file says, whatever it is called."""
    alone = HubQuant(label=None, files=(listing.file(path),))
    return asked.remote_file(listing, alone).parts[0].header


# From the beginning


def test_a_header_is_read_in_one_transfer_that_ends_with_it(hub, client, samples):
    asked = client()
    listing = asked.listing(NAME)
    before = asked.usage.bytes_received
    assert header_of(asked, listing, BIG) == truth(samples[BIG])
    assert asked.usage.requests == 4  # two for the listing; the file, and its redirect
    assert asked.usage.bytes_received - before < samples[BIG].header_bytes + 128 * KIB
    assert samples[BIG].header_bytes > 1_900_000
    assert samples[BIG].size_bytes > 8_000_000


def test_only_the_longest_thinkable_header_is_asked_for(hub, client, samples):
    asked = client()
    listing = asked.listing(NAME)
    header_of(asked, listing, BIG)
    (sent,) = hub.asked(origin=CDN)
    assert sent.headers["range"] == f"bytes=0-{samples[BIG].size_bytes - 1}"
    assert samples[BIG].size_bytes < headers.MOST_BYTES


def test_the_token_stays_with_the_hub(hub, client):
    hub.repositories[NAME].is_gated = True
    asked = client(token=True)
    listing = asked.listing(NAME)
    header_of(asked, listing, BIG)
    (sent,) = hub.asked(f"/resolve/{listing.commit}/")
    assert sent.headers["authorization"] == f"Bearer {TOKEN}"
    assert hub.asked(origin=CDN)
    assert hub.leaked == []


def test_a_transfer_that_breaks_off_goes_on(hub, client, samples, clock):
    hub.cut("gguf", after_bytes=500_000, origin=CDN, times=2)
    asked = client()
    listing = asked.listing(NAME)
    assert header_of(asked, listing, BIG) == truth(samples[BIG])
    begins = [one.headers["range"].partition("-")[0] for one in hub.asked(origin=CDN)]
    assert begins == ["bytes=0", "bytes=500000", "bytes=1000000"]
    assert clock.waits == [0.5, 2.0]


def test_a_transfer_that_breaks_off_again_and_again_is_given_up(hub, client):
    hub.cut("gguf", after_bytes=500_000, origin=CDN, times=3)
    asked = client()
    listing = asked.listing(NAME)
    with pytest.raises(BrokenTransferError, match="broke off"):
        header_of(asked, listing, BIG)
    assert len(hub.asked(origin=CDN)) == 3


def test_a_server_without_ranges_is_read_from_the_beginning(hub, client, samples):
    hub.ignores_ranges = True
    hub.cut("gguf", after_bytes=500_000, origin=CDN)
    asked = client()
    listing = asked.listing(NAME)
    assert header_of(asked, listing, BIG) == truth(samples[BIG])


# Beside a known one


def test_a_sibling_s_header_costs_its_tail(hub, client, samples):
    asked = client()
    listing = asked.listing(NAME)
    header_of(asked, listing, BIG)
    requests, received = asked.usage.requests, asked.usage.bytes_received
    header = header_of(asked, listing, SMALL)
    assert asked.usage.bytes_received - received < 64 * KIB
    assert asked.usage.requests - requests == 4  # its beginning and its tail, each redirected
    expected = truth(samples[SMALL])
    assert header.tensors == expected.tensors
    assert (header.data_offset, header.tensors_offset, header.alignment, header.version) == (
        expected.data_offset,
        expected.tensors_offset,
        expected.alignment,
        expected.version,
    )


def test_a_sibling_s_own_keys_are_its_own(hub, client, samples):
    asked = client()
    listing = asked.listing(NAME)
    header_of(asked, listing, SMALL)
    header = header_of(asked, listing, BIG)
    assert header.metadata == truth(samples[BIG]).metadata
    assert header.metadata["general.file_type"] == Q8_0
    assert "quantize.imatrix.file" not in header.metadata


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(lambda: sample(Q4_K, tokens=90_000), id="another vocabulary"),
        pytest.param(lambda: sample(Q4_K, tokens=VOCABULARY - 10), id="ten tokens fewer"),
        pytest.param(lambda: sample(Q4_K, tokenizer="llama"), id="another tokenizer"),
        pytest.param(
            lambda: sample(Q4_K, late_keys=[("tokenizer.chat_template", "t" * 40_000)]),
            id="a far longer chat template",
        ),
        pytest.param(
            lambda: sample(Q4_K, listed=[("first", (512, 512), Q4_K), *tensors(32, Q4_K)]),
            id="another first tensor",
        ),
        pytest.param(lambda: sample(Q4_K, keys=[("llama.notes", "n" * 9_000)]), id="long keys"),
        pytest.param(
            lambda: sample(Q4_K, late_keys=[("llama.rope.scaling.factor", 8)]),
            id="a key of the architecture after the vocabulary",
        ),
        pytest.param(
            lambda: sample(Q4_K, keys=[("general.alignment", 64)]), id="an alignment of its own"
        ),
    ],
)
def test_a_file_that_is_not_alike_is_read_from_its_beginning(fake_hub, client, samples, other):
    one = other()
    publish(fake_hub, {BIG: samples[BIG], "other-Q4_K_M.gguf": one})
    asked = client()
    listing = asked.listing(NAME)
    header_of(asked, listing, BIG)
    assert header_of(asked, listing, "other-Q4_K_M.gguf") == truth(one)


def test_keys_that_only_the_sibling_has_are_not_borrowed(fake_hub, client):
    old, new = sample(Q4_K), sample(Q8_0, keys=[("llama.expert_count", 8)])
    publish(fake_hub, {BIG: new, SMALL: old})
    asked = client()
    listing = asked.listing(NAME)
    assert header_of(asked, listing, BIG).metadata["llama.expert_count"] == 8
    assert header_of(asked, listing, SMALL) == truth(old)
    assert len(fake_hub.asked(SMALL, origin=CDN)) == 2  # its beginning and its tail


def test_more_layers_than_its_sibling_do_no_harm(fake_hub, client, samples):
    one = sample(Q4_K, layers=36)
    publish(fake_hub, {BIG: samples[BIG], "deeper-Q4_K_M.gguf": one})
    asked = client()
    listing = asked.listing(NAME)
    header_of(asked, listing, BIG)
    received = asked.usage.bytes_received
    assert header_of(asked, listing, "deeper-Q4_K_M.gguf") == truth(one)
    assert asked.usage.bytes_received - received < 72 * KIB


def test_a_tail_that_does_not_fill_the_file_is_not_believed(fake_hub, client, samples):
    """The Hub's size is another than the list adds up to: the list may be another model's."""
    longer = virtual(samples[SMALL].size_bytes + 4_096, samples[SMALL].content.head)
    files = {"longer-Q4_K_M.gguf": stored(longer, sha256="9" * 64)}
    publish(fake_hub, {BIG: samples[BIG]}, **files)
    asked = client()
    listing = asked.listing(NAME)
    header_of(asked, listing, BIG)
    received = asked.usage.bytes_received
    header = header_of(asked, listing, "longer-Q4_K_M.gguf")
    assert header == truth(samples[SMALL])  # its own header, read from its beginning
    assert asked.usage.bytes_received - received > samples[SMALL].header_bytes


def test_a_projector_is_no_sibling(fake_hub, client, samples):
    publish(fake_hub, {BIG: samples[BIG], "mmproj-F16.gguf": sample(F16, tokens=0, layers=1)})
    asked = client()
    listing = asked.listing(NAME)
    header_of(asked, listing, BIG)
    header_of(asked, listing, "mmproj-F16.gguf")
    assert len(fake_hub.asked(r"mmproj", origin=CDN)) == 1


def test_a_server_without_ranges_is_no_place_for_tails(hub, client, samples):
    hub.ignores_ranges = True
    asked = client()
    listing = asked.listing(NAME)
    header_of(asked, listing, BIG)
    assert header_of(asked, listing, SMALL) == truth(samples[SMALL])


# Split files


def test_a_split_file_has_the_headers_of_all_its_parts(fake_hub, client):
    parts = {
        f"big-Q8_0-0000{number}-of-00002.gguf": sample(
            Q8_0,
            tokens=0 if number == 2 else 50_000,
            keys=[("split.no", number - 1), ("split.count", 2)],
            listed=[(f"blk.{number}.ffn_down.weight", (512, 512), Q8_0)],
        )
        for number in (1, 2)
    }
    publish(fake_hub, parts)
    asked = client()
    listing = asked.listing(NAME)
    file = asked.remote_file(listing, listing.quant("Q8_0"))
    assert [part.header for part in file.parts] == [truth(one) for one in parts.values()]
    assert [info.name for info in file.tensors] == [
        "blk.1.ffn_down.weight",
        "blk.2.ffn_down.weight",
    ]
    assert file.size_bytes == sum(one.size_bytes for one in parts.values())
    assert file.path.name == "big-Q8_0-00001-of-00002.gguf"


def in_two(type_id, first_count, *, numbers=(0, 1)):
    """The two parts of a model's file, of which the first has so many tensors."""
    listed = list(tensors(32, type_id))
    return [
        sample(
            type_id,
            tokens=VOCABULARY if place == 0 else 0,
            late_keys=split_keys(number, 2, len(listed)),
            listed=part,
        )
        for place, (number, part) in enumerate(
            zip(numbers, (listed[:first_count], listed[first_count:]), strict=True)
        )
    ]


@pytest.mark.parametrize("is_split", [True, False], ids=["split", "in one piece"])
def test_a_split_sibling_costs_the_tail_of_its_first_part(fake_hub, client, samples, is_split):
    first = in_two(Q8_0, 100) if is_split else [samples[BIG]]
    second = in_two(Q4_K, 180)
    names = [f"m-Q4_0-0000{number}-of-00002.gguf" for number in (1, 2)]
    known = [f"m-Q8_0-0000{number}-of-00002.gguf" for number in (1, 2)] if is_split else [BIG]
    publish(fake_hub, dict(zip(known + names, first + second, strict=True)))
    asked = client()
    listing = asked.listing(NAME)
    asked.remote_file(listing, listing.quant("Q8_0"))
    received = asked.usage.bytes_received
    file = asked.remote_file(listing, listing.quant("Q4_0"))
    assert asked.usage.bytes_received - received < 128 * KIB  # with the second part's
    assert [part.header for part in file.parts] == [truth(one) for one in second]
    assert file.metadata["split.count"] == 2
    assert len(fake_hub.asked(names[1], origin=CDN)) == 1


def test_a_split_sibling_is_no_sibling_when_its_name_lies(fake_hub, client, samples):
    wrong = in_two(Q4_K, 180, numbers=(1, 0))
    names = [f"m-Q4_0-0000{number}-of-00002.gguf" for number in (1, 2)]
    publish(fake_hub, dict(zip([BIG, *names], [samples[BIG], *wrong], strict=True)))
    asked = client()
    listing = asked.listing(NAME)
    header_of(asked, listing, BIG)
    assert header_of(asked, listing, names[0]) == truth(wrong[0])
    with pytest.raises(PartsError, match=r"`split\.no` is 1, where 0 is expected"):
        asked.remote_file(listing, listing.quant("Q4_0"))


def test_a_part_that_shows_no_keys_of_one_is_read_whole(fake_hub, client, samples):
    name = "part-Q4_0-00001-of-00002.gguf"
    publish(fake_hub, {BIG: samples[BIG], name: samples[SMALL]})
    asked = client()
    listing = asked.listing(NAME)
    header_of(asked, listing, BIG)
    received = asked.usage.bytes_received
    assert header_of(asked, listing, name) == truth(samples[SMALL])
    assert asked.usage.bytes_received - received > samples[SMALL].header_bytes


def test_a_part_in_a_file_that_claims_to_be_whole_is_read_whole(fake_hub, client, samples):
    part = in_two(Q4_K, 180)[0]
    publish(fake_hub, {BIG: samples[BIG], "part-Q4_0.gguf": part})
    asked = client()
    listing = asked.listing(NAME)
    header_of(asked, listing, BIG)
    assert header_of(asked, listing, "part-Q4_0.gguf") == truth(part)


# Kept for ever


def test_a_header_is_kept_by_what_the_file_holds(hub, client, samples):
    first = client()
    listing = first.listing(NAME)
    header = header_of(first, listing, BIG)
    hub.add(NAME, {"renamed.gguf": hub.repositories[NAME].commits[listing.commit][BIG]})
    later = client(is_offline=False)
    again = later.listing(NAME, max_age_s=0)
    before = later.usage.requests
    assert header_of(later, again, "renamed.gguf") == header
    assert later.usage.requests == before


def test_offline_kept_headers_are_read(hub, client, samples):
    first = client()
    listing = first.listing(NAME)
    header_of(first, listing, BIG)
    away = client(is_offline=True)
    listing = away.listing(NAME)
    assert header_of(away, listing, BIG) == truth(samples[BIG])


def test_what_is_kept_is_small(hub, client, tmp_path, samples):
    asked = client()
    listing = asked.listing(NAME)
    header_of(asked, listing, BIG)
    (kept,) = (tmp_path / "cache" / "headers").iterdir()
    assert kept.stat().st_size < 2 * samples[BIG].list_bytes


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"tensors":[', '"tensors":[["extra",[32],8,0],'),
        ('"version":3', '"version":"three"'),
        ('"data_offset":', '"data_offset":1'),
        ("{", ""),
    ],
    ids=["another tensor", "no number", "another place", "no JSON"],
)
def test_a_damaged_record_is_read_from_the_hub_again(hub, client, tmp_path, samples, old, new):
    asked = client()
    listing = asked.listing(NAME)
    header_of(asked, listing, BIG)
    (kept,) = (tmp_path / "cache" / "headers").iterdir()
    whole = kept.read_text()
    assert old in whole
    kept.write_text(whole.replace(old, new, 1))
    again = client()
    assert header_of(again, listing, BIG) == truth(samples[BIG])
    assert again.usage.requests == 2
    assert kept.read_text() == whole


def test_without_a_cache_a_header_is_read_once_a_program(hub, client, samples):
    asked = client(folder=None)
    listing = asked.listing(NAME)
    header = header_of(asked, listing, BIG)
    before = asked.usage.requests
    assert header_of(asked, listing, BIG) == header
    assert asked.usage.requests == before


# What is no header


def test_a_file_that_is_no_gguf_is_one_sentence_with_its_name(fake_hub, client):
    fake_hub.add(NAME, {"page.gguf": b"<!DOCTYPE html>" * 10_000})
    asked = client()
    listing = asked.listing(NAME)
    with pytest.raises(NotGgufError) as none:
        header_of(asked, listing, "page.gguf")
    assert str(none.value).startswith("`owner/model-GGUF/page.gguf` is not a GGUF file")


@pytest.mark.parametrize("length", [0, 3, 20, 1_000])
def test_a_file_that_ends_before_its_header_is_one_sentence(fake_hub, client, samples, length):
    fake_hub.add(NAME, {"cut.gguf": samples[BIG].content.read(0, length)})
    asked = client()
    listing = asked.listing(NAME)
    with pytest.raises(GgufError, match=r"`owner/model-GGUF/cut\.gguf` is cut off"):
        header_of(asked, listing, "cut.gguf")


def test_a_header_without_end_is_given_up(hub, client, monkeypatch):
    monkeypatch.setattr(headers, "MOST_BYTES", 300_000)
    asked = client()
    listing = asked.listing(NAME)
    before = asked.usage.bytes_received
    with pytest.raises(DamagedHeaderError, match="does not end within 300,000 bytes"):
        header_of(asked, listing, BIG)
    assert asked.usage.bytes_received - before < 301_000
