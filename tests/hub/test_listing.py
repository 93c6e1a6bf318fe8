"""What a repository holds: the listing, its quants, how it is kept, and how little it costs."""

from __future__ import annotations

import json

import pytest

from catalog.hub.errors import MissingFileError, NoGgufError, SeveralFilesError
from catalog.hub.listing import HubFile, Listing, quants
from tests.hub.fake_files import stored, virtual
from tests.hub.fake_hub import TOKEN

NAME = "owner/model-GGUF"
HASH = "a" * 64
FILES = {
    "README.md": b"# A model\n",
    "model-Q4_K_M.gguf": stored(virtual(5_000), sha256="1" * 64),
    "model-Q8_0.gguf": stored(virtual(9_000), sha256="2" * 64),
    "mmproj-model-F16.gguf": stored(virtual(700), sha256="3" * 64),
    "BF16/model-BF16-00001-of-00002.gguf": stored(virtual(8_000), sha256="4" * 64),
    "BF16/model-BF16-00002-of-00002.gguf": stored(virtual(7_000), sha256="5" * 64),
}


@pytest.fixture
def hub(fake_hub):
    fake_hub.commit = fake_hub.add(NAME, FILES)
    return fake_hub


def listed(*paths, size_bytes=1_000):
    """A listing of files of these names."""
    files = tuple(HubFile(path=path, size_bytes=size_bytes, sha256=HASH) for path in paths)
    return Listing(repository=NAME, commit="0" * 40, files=files, fetched_at=0.0)


# What is in it


def test_a_listing_has_every_gguf_with_its_exact_size_and_hash(hub, client):
    listing = client().listing(NAME)
    assert (listing.repository, listing.commit) == (NAME, hub.commit)
    assert [(file.path, file.size_bytes, file.sha256) for file in listing.files] == [
        ("BF16/model-BF16-00001-of-00002.gguf", 8_000, "4" * 64),
        ("BF16/model-BF16-00002-of-00002.gguf", 7_000, "5" * 64),
        ("mmproj-model-F16.gguf", 700, "3" * 64),
        ("model-Q4_K_M.gguf", 5_000, "1" * 64),
        ("model-Q8_0.gguf", 9_000, "2" * 64),
    ]
    assert listing.notes == ()


def test_its_quants_are_models_only_with_all_parts_together(hub, client):
    found = quants(client().listing(NAME))
    assert [(one.label, one.quant_name, one.size_bytes, one.path) for one in found] == [
        ("BF16", "BF16", 15_000, "BF16/model-BF16-00001-of-00002.gguf"),
        ("Q8_0", "Q8_0", 9_000, "model-Q8_0.gguf"),
        ("Q4_K_M", "Q4_K_M", 5_000, "model-Q4_K_M.gguf"),
    ]
    assert [file.part for file in found[0].files] == [1, 2]


@pytest.mark.parametrize(
    "name",
    [
        "mmproj-F16.gguf",
        "model.imatrix.gguf",
        "mtp-model-Q8_0.gguf",
        "eagle3-model-Q8_0.gguf",
        "dflash-model-Q8_0.gguf",
        "dspark-model-Q8_0.gguf",
    ],
)
def test_what_lies_beside_a_model_is_no_quant_of_it(name):
    assert quants(listed(name, "model-Q8_0.gguf")) == quants(listed("model-Q8_0.gguf"))


def test_a_split_file_without_all_its_parts_is_no_quant():
    listing = listed("model-Q8_0-00001-of-00003.gguf", "model-Q8_0-00003-of-00003.gguf")
    assert quants(listing) == ()
    with pytest.raises(MissingFileError, match="every part of"):
        listing.quant_at("model-Q8_0-00001-of-00003.gguf")


def test_parts_in_different_folders_are_different_models():
    parts = "model-00001-of-00002.gguf", "model-00002-of-00002.gguf"
    found = quants(listed(*(f"{folder}/{part}" for folder in ("Q8_0", "Q4_0") for part in parts)))
    assert {(one.label, one.path) for one in found} == {
        ("Q8_0", "Q8_0/model-00001-of-00002.gguf"),
        ("Q4_0", "Q4_0/model-00001-of-00002.gguf"),
    }


def test_a_publishers_own_recipe_has_a_label_and_no_file_type():
    (own,) = quants(listed("model-UD-Q4_K_XL.gguf"))
    assert (own.label, own.quant_name) == ("UD-Q4_K_XL", None)


def test_a_name_without_a_quant_has_no_label():
    (nameless,) = quants(listed("ggml-model.gguf"))
    assert (nameless.label, nameless.quant_name) == (None, None)


# Finding a file in it


def test_a_quant_is_found_by_its_label_in_any_spelling():
    listing = listed("model-Q4_K_M.gguf", "model-UD-Q4_K_XL.gguf", "model-f16.gguf")
    assert listing.quant("q4_k_m").path == "model-Q4_K_M.gguf"
    assert listing.quant("ud-q4_k_xl").path == "model-UD-Q4_K_XL.gguf"
    assert listing.quant("FP16").path == "model-f16.gguf"


def test_a_quant_that_is_not_there_is_refused_with_the_nearest():
    listing = listed("model-Q4_K_M.gguf", "model-Q8_0.gguf")
    with pytest.raises(MissingFileError) as missing:
        listing.quant("Q4_K_S")
    assert str(missing.value) == "`owner/model-GGUF` has no `Q4_K_S`"
    assert missing.value.hint.startswith("the nearest are `Q4_K_M`")


def test_a_quant_of_several_models_is_refused_with_their_paths():
    with pytest.raises(SeveralFilesError) as several:
        listed("a-Q8_0.gguf", "b-Q8_0.gguf").quant("Q8_0")
    assert str(several.value) == "`owner/model-GGUF` has 2 models in `Q8_0`"
    assert several.value.hint == "name one of `a-Q8_0.gguf`, `b-Q8_0.gguf`"


def test_a_file_that_is_not_there_is_refused_with_the_nearest():
    with pytest.raises(MissingFileError) as missing:
        listed("model-Q4_K_M.gguf").file("model-Q4_K_N.gguf")
    assert str(missing.value) == "`owner/model-GGUF` has no `model-Q4_K_N.gguf`"
    assert missing.value.hint == "the nearest are `model-Q4_K_M.gguf`"


@pytest.mark.parametrize("number", [1, 2])
def test_any_part_stands_for_its_whole_file(number):
    listing = listed("model-Q8_0-00001-of-00002.gguf", "model-Q8_0-00002-of-00002.gguf")
    found = listing.quant_at(f"model-Q8_0-0000{number}-of-00002.gguf")
    assert (found.path, len(found.files)) == ("model-Q8_0-00001-of-00002.gguf", 2)


def test_a_projector_is_found_by_its_path():
    listing = listed("mmproj-F16.gguf", "model-Q8_0.gguf")
    assert listing.quant_at("mmproj-F16.gguf").path == "mmproj-F16.gguf"


# What it costs


def test_a_listing_costs_two_small_requests(hub, client):
    asked = client()
    asked.listing(NAME)
    assert asked.usage.requests == 2
    assert asked.usage.bytes_received == sum(one.bytes_sent for one in hub.requests)
    assert asked.usage.bytes_received < 3_000
    assert [one.method for one in hub.requests] == ["GET", "GET"]


def test_a_long_listing_comes_page_by_page(hub, client):
    hub.page_entries = 2
    asked = client()
    assert [file.path for file in asked.listing(NAME).files] == sorted(
        path for path in FILES if path.endswith(".gguf")
    )
    assert len(hub.asked("/tree/")) == 4  # six files and a folder, two a page
    assert all(f"/tree/{hub.commit}" in one.path for one in hub.asked("/tree/"))


def test_nothing_but_the_program_s_name_and_the_token_is_told(hub, client):
    client(token=True).listing(NAME)
    for one in hub.requests:
        assert one.headers["user-agent"] == "advisor"
        assert one.headers["authorization"] == f"Bearer {TOKEN}"
    assert hub.asked("agent-harnesses") == []


# How it is kept


def test_a_listing_is_asked_for_once_an_hour(hub, client, clock):
    first = client().listing(NAME)
    clock.now += 3_599
    asked = client()
    assert asked.listing(NAME) == first
    assert asked.usage.requests == 0
    clock.now += 1
    assert client().listing(NAME).fetched_at == clock.now
    assert len(hub.requests) == 4


def test_a_listing_from_a_day_to_come_is_asked_for_again(hub, client, clock):
    client().listing(NAME)
    clock.now -= 86_400
    assert client().listing(NAME).fetched_at == clock.now


def test_a_listing_can_be_asked_for_anew(hub, client):
    client().listing(NAME)
    newer = hub.add(NAME, {"new-Q8_0.gguf": b"GGUF"})
    assert client().listing(NAME, max_age_s=0).commit == newer


def test_a_commit_s_listing_never_grows_old(hub, client, clock):
    first = client().listing(NAME, hub.commit)
    clock.now += 1e9
    asked = client()
    assert asked.listing(NAME, hub.commit, max_age_s=0) == first
    assert asked.usage.requests == 0


def test_revisions_and_endpoints_are_kept_apart(hub, client):
    next_commit = hub.add(NAME, {"next-Q8_0.gguf": b"GGUF"}, branch="next")
    assert client().listing(NAME).commit == hub.commit
    assert client().listing(NAME, "next").commit == next_commit
    elsewhere = client(endpoint=hub.cdn)
    with pytest.raises(Exception, match="does not answer as a Hub"):
        elsewhere.listing(NAME)


def test_a_revision_with_a_slash_is_one(hub, client):
    commit = hub.add(NAME, {"pr-Q8_0.gguf": b"GGUF"}, branch="refs/pr/1")
    assert client().listing(NAME, "refs/pr/1").commit == commit


@pytest.mark.parametrize(
    "damage",
    ["", "{", '{"schema": "another"}', "[1, 2]", "null", "\0" * 100],
    ids=["empty", "half", "another", "a list", "null", "zeros"],
)
def test_a_damaged_cache_is_asked_for_again(hub, client, tmp_path, damage):
    first = client().listing(NAME)
    (kept,) = (tmp_path / "cache" / "listings").iterdir()
    kept.write_text(damage)
    assert client().listing(NAME) == first
    assert len(hub.requests) == 4
    assert client().listing(NAME) == first
    assert len(hub.requests) == 4


@pytest.mark.parametrize("field", ["commit", "files", "fetched_at"])
def test_a_kept_listing_that_is_not_whole_is_asked_for_again(hub, client, tmp_path, field):
    first = client().listing(NAME)
    (kept,) = (tmp_path / "cache" / "listings").iterdir()
    record = json.loads(kept.read_text())
    record["kept"][field] = "nonsense"
    kept.write_text(json.dumps(record))
    assert client().listing(NAME).files == first.files
    assert len(hub.requests) == 4


def test_a_cache_that_cannot_be_written_costs_nothing(hub, client, tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file" / "cache", None):
        assert client(folder=folder).listing(NAME).commit == hub.commit


def test_what_is_kept_is_readable_by_its_owner_alone(hub, client, tmp_path):
    client().listing(NAME)
    (kept,) = (tmp_path / "cache" / "listings").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert TOKEN not in kept.read_text()


# Without a network


def test_an_old_listing_stands_in_where_the_hub_is_away(hub, client, clock):
    first = client().listing(NAME)
    clock.now += 7_200
    hub.fail("", 503, times=9)
    kept = client().listing(NAME)
    assert kept.files == first.files
    (note,) = kept.notes
    assert note == (
        f"`{hub.endpoint}` is in trouble: it answers with status 503; "
        "the listing of `owner/model-GGUF` is of 2026-11-23 12:00 UTC"
    )


def test_offline_an_old_listing_stands_in_and_nothing_is_asked(hub, client, clock):
    client().listing(NAME)
    clock.now += 7_200
    kept = client(is_offline=True).listing(NAME)
    assert kept.notes == (
        "offline mode is set; the listing of `owner/model-GGUF` is of 2026-11-23 12:00 UTC",
    )
    assert len(hub.requests) == 2


def test_offline_a_fresh_listing_is_not_stale(hub, client):
    first = client().listing(NAME)
    assert client(is_offline=True).listing(NAME) == first


def test_an_old_listing_does_not_hide_that_the_repository_is_gone(hub, client):
    client().listing(NAME)
    del hub.repositories[NAME]
    with pytest.raises(Exception, match="is not a repository on the Hub"):
        client().listing(NAME, max_age_s=0)


# Other names, other places


@pytest.mark.parametrize("is_kept", [False, True], ids=["asked", "kept"])
def test_a_renamed_repository_is_followed_with_a_note(hub, client, is_kept):
    hub.rename(NAME, "owner/renamed-GGUF")
    if is_kept:
        client().listing(NAME)
    listing = client().listing(NAME)
    assert listing.repository == "owner/renamed-GGUF"
    assert listing.notes == ("`owner/model-GGUF` is called `owner/renamed-GGUF` now",)
    assert len(listing.files) == 5


def test_a_renamed_private_repository_still_gets_the_token(hub, client):
    """A client that drops it at any redirect fails here (huggingface/hf-hub issue 103)."""
    hub.repositories[NAME].is_private = True
    hub.rename(NAME, "owner/renamed-GGUF")
    assert client(token=True).listing(NAME).repository == "owner/renamed-GGUF"


def test_a_mirror_under_a_path_that_names_the_hub_in_its_pages_is_asked_on(hub, client):
    hub.page_entries = 4
    hub.prefix = "/hf"
    hub.names_itself = "https://huggingface.co"
    asked = client(endpoint=f"{hub.endpoint}/hf", token=True)
    assert len(asked.listing(NAME).files) == 5
    assert [one.path.startswith("/hf/api/") for one in hub.requests] == [True] * 3


def test_pages_elsewhere_are_not_asked_for(hub, client):
    hub.page_entries = 4
    hub.names_itself = hub.cdn
    with pytest.raises(Exception, match=f"its listing goes on at `{hub.cdn}/api"):
        client(token=True).listing(NAME)
    assert hub.asked(origin="cdn") == []


def test_a_repository_without_gguf_is_refused(hub, client):
    hub.add("owner/model", {"model.safetensors": b"1", "README.md": b"2"})
    with pytest.raises(NoGgufError) as none:
        client().listing("owner/model")
    assert str(none.value) == "`owner/model` holds no GGUF file"
