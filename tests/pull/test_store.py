"""The cache's layout, as huggingface_hub reads it, and what is in it at any moment."""

from __future__ import annotations

import hashlib
import sys

import pytest
from huggingface_hub import hf_hub_download, scan_cache_dir, try_to_load_from_cache

from advisor.pull.plan import RESERVE_BYTES, Plan, State, plan
from advisor.pull.store import Store, free_bytes
from catalog.errors import CatalogError
from catalog.hub.listing import HubFile

COMMIT = "1" * 40
NEXT_COMMIT = "2" * 40
DATA = b"GGUF and so on"
REPOSITORY = "owner/model-GGUF"

links = pytest.mark.skipif(sys.platform == "win32", reason="needs leave to make links")


def hub_file(path="model-Q4_K_M.gguf", data=DATA, **changes):
    told = {"path": path, "size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    return HubFile(**told | changes)


@pytest.fixture
def store(tmp_path):
    return Store(cache=tmp_path / "hub", repository=REPOSITORY, commit=COMMIT)


def put(store, file, data=DATA):
    """The file as a download leaves it."""
    store.prepare()
    store.partial(file).write_bytes(data)
    store.settle(file)
    store.link(file)
    store.name_commit("main")


def found(store, path, **how):
    """What huggingface_hub finds without a network."""
    return hf_hub_download(REPOSITORY, path, cache_dir=store.cache, local_files_only=True, **how)


def test_huggingface_hub_finds_the_file(store):
    file = hub_file()
    put(store, file)
    assert found(store, file.path) == str(store.pointer(file))
    assert found(store, file.path, revision=COMMIT) == str(store.pointer(file))
    assert store.pointer(file).read_bytes() == DATA
    (repository,) = scan_cache_dir(store.cache).repos
    assert (repository.repo_id, repository.size_on_disk) == (REPOSITORY, len(DATA))
    (revision,) = repository.revisions
    assert (revision.commit_hash, revision.refs) == (COMMIT, {"main"})


@links
def test_the_snapshot_holds_a_relative_link_to_the_blob(store):
    file = hub_file("UD/model-UD-Q4_K_XL.gguf")
    put(store, file)
    assert str(store.pointer(file).readlink()) == f"../../../blobs/{file.sha256}"


def test_a_cache_of_ours_alone_is_marked_as_one(store):
    store.prepare()
    assert (store.cache / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172")
    (store.cache / "CACHEDIR.TAG").write_text("somebody's own")
    store.prepare()
    assert (store.cache / "CACHEDIR.TAG").read_text() == "somebody's own"


@pytest.mark.parametrize("step", range(5), ids=lambda step: f"after step {step}")
def test_a_cache_is_sound_after_every_step_of_a_download(store, step):
    file = hub_file()
    steps = [
        store.prepare,
        lambda: store.partial(file).write_bytes(DATA),
        lambda: store.settle(file),
        lambda: store.link(file),
        lambda: store.name_commit("main"),
    ]
    for each in steps[: step + 1]:
        each()
    seen = scan_cache_dir(store.cache)
    assert seen.warnings == []
    assert not seen.incomplete_files
    expected = str(store.pointer(file)) if step == 4 else None
    assert try_to_load_from_cache(REPOSITORY, file.path, store.cache) == expected


@pytest.mark.parametrize("impossible", ["symlinks", "links of either kind"])
def test_where_links_are_impossible_the_file_is_there_all_the_same(store, monkeypatch, impossible):
    def refuse(*_, **__):
        raise OSError(1314, "A required privilege is not held by the client")

    monkeypatch.setattr("pathlib.Path.symlink_to", refuse)
    if impossible != "symlinks":
        monkeypatch.setattr("os.link", refuse)
    file = hub_file()
    put(store, file)
    assert found(store, file.path) == str(store.pointer(file))
    assert store.pointer(file).read_bytes() == DATA
    assert not store.pointer(file).is_symlink()
    assert plan(store, [file]).is_done
    assert store.has_blob(file) is (impossible == "symlinks")  # never twice on the disk
    assert scan_cache_dir(store.cache).warnings == []


@links
def test_a_link_that_leads_nowhere_is_replaced(store):
    file = hub_file()
    put(store, file)
    store.blob(file).unlink()
    assert plan(store, [file]).files[0].state is State.MISSING
    put(store, file)
    assert store.pointer(file).read_bytes() == DATA
    assert [path.name for path in store.pointer(file).parent.iterdir()] == [file.path]


def test_a_new_commit_with_the_same_file_needs_no_byte(store):
    file = hub_file()
    put(store, file)
    later = Store(cache=store.cache, repository=REPOSITORY, commit=NEXT_COMMIT)
    planned = plan(later, [file])
    assert (planned.files[0].state, planned.missing_bytes) == (State.UNLINKED, 0)
    later.link(file)
    later.name_commit("main")
    assert found(store, file.path) == str(later.pointer(file))


def test_a_commit_of_its_own_name_gets_no_branch(store):
    put(store, hub_file())
    store.name_commit(NEXT_COMMIT)
    assert [path.name for path in (store.folder / "refs").iterdir()] == ["main"]


def test_a_branch_with_a_slash_is_a_folder(store):
    file = hub_file()
    put(store, file)
    store.name_commit("refs/pr/1")
    assert found(store, file.path, revision="refs/pr/1") == str(store.pointer(file))


# What is here


def test_what_is_here_of_a_file(store):
    file = hub_file()
    assert plan(store, [file]).files[0].state is State.MISSING
    store.prepare()
    store.partial(file).write_bytes(DATA[:4])
    (half,) = plan(store, [file]).files
    assert (half.state, half.here_bytes, half.missing_bytes) == (State.PARTIAL, 4, len(DATA) - 4)
    store.partial(file).write_bytes(DATA)
    store.settle(file)
    assert plan(store, [file]).files[0].state is State.UNLINKED
    store.link(file)
    assert plan(store, [file]).files[0].state is State.READY


@pytest.mark.parametrize("kept", [DATA[:-1], DATA + b"x"], ids=["shorter", "longer"])
def test_a_blob_of_another_size_is_not_the_file(store, kept):
    file = hub_file()
    put(store, file, kept)
    assert plan(store, [file]).missing_bytes == len(DATA)
    put(store, file)
    assert plan(store, [file]).is_done
    assert store.pointer(file).read_bytes() == DATA


def test_a_partial_file_that_is_too_long_counts_for_nothing(store):
    file = hub_file()
    store.prepare()
    store.partial(file).write_bytes(DATA + b"x")
    assert plan(store, [file]).missing_bytes == len(DATA)


def test_parts_add_up(store):
    files = [hub_file(f"m-0000{part}-of-00003.gguf", bytes(part * 100)) for part in (1, 2, 3)]
    put(store, files[0], bytes(100))
    store.partial(files[1]).write_bytes(bytes(150))
    planned = plan(store, files)
    assert (planned.total_bytes, planned.missing_bytes) == (600, 350)
    assert not planned.is_done


# Room


@pytest.mark.parametrize(
    ("free", "has_room"),
    [
        (RESERVE_BYTES + len(DATA), True),
        (RESERVE_BYTES + len(DATA) - 1, False),
        (0, False),
        (None, True),
    ],
)
def test_a_download_needs_what_is_missing_and_the_reserve(store, free, has_room):
    planned = plan(store, [hub_file()])
    assert Plan(store=store, files=planned.files, free_bytes=free).has_room is has_room


def test_what_is_here_needs_no_room(store):
    put(store, hub_file())
    planned = plan(store, [hub_file()])
    assert Plan(store=store, files=planned.files, free_bytes=0).has_room


def test_free_space_of_a_folder_that_is_not_there_is_that_of_its_parent(tmp_path):
    there = free_bytes(tmp_path)
    assert there is not None
    # other programs use the same disk meanwhile
    assert free_bytes(tmp_path / "not" / "yet") == pytest.approx(there, rel=0.05)


# Names that would lead elsewhere


@pytest.mark.parametrize(
    "path", ["../../../evil.gguf", "/evil.gguf", "a/../../evil.gguf", "a\\..\\evil.gguf", "C:x", ""]
)
def test_a_listing_cannot_lead_out_of_the_cache(store, path):
    with pytest.raises(CatalogError, match="is not the path of a file in a repository"):
        store.pointer(hub_file(path))


@pytest.mark.parametrize("sha256", [None, "", "../evil", "A" * 64, "1" * 40])
def test_a_file_without_a_sha256_is_refused(store, sha256):
    with pytest.raises(CatalogError, match="lists no SHA-256"):
        plan(store, [hub_file(sha256=sha256)])


@pytest.mark.parametrize(
    ("repository", "commit"),
    [("owner/..", COMMIT), ("../evil", COMMIT), ("evil", COMMIT), (REPOSITORY, "../" + "1" * 37)],
)
def test_a_repository_cannot_lead_out_of_the_cache(tmp_path, repository, commit):
    with pytest.raises(CatalogError):
        Store(cache=tmp_path, repository=repository, commit=commit)


@pytest.mark.parametrize("revision", ["../../evil", "/evil", "a/../../../evil"])
def test_a_branch_cannot_lead_out_of_the_cache(store, revision):
    with pytest.raises(CatalogError):
        store.name_commit(revision)
