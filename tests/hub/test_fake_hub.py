"""The fake Hub is honest: Hugging Face's own client is content with what it answers."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from huggingface_hub import HfApi, constants, hf_hub_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import get_session

from tests.hub.fake_files import stored, virtual
from tests.hub.fake_hub import CDN, HUB, TOKEN

NAME = "owner/model-GGUF"
MODEL = b"GGUF" + bytes(range(256)) * 40
FILES = {
    "README.md": b"# A model\n",
    "model-Q4_K_M.gguf": MODEL,
    "BF16/model-BF16-00001-of-00002.gguf": b"GGUF" + b"1" * 100,
    "BF16/model-BF16-00002-of-00002.gguf": b"GGUF" + b"2" * 50,
}


@pytest.fixture
def hub(fake_hub):
    fake_hub.commit = fake_hub.add(NAME, FILES)
    return fake_hub


@pytest.fixture
def api(hub):
    return HfApi(endpoint=hub.endpoint, token=False)


def test_its_information_about_a_repository_is_read(hub, api):
    info = api.model_info(NAME, files_metadata=True)
    assert (info.id, info.sha, info.private, info.gated) == (NAME, hub.commit, False, False)
    sizes = {one.rfilename: one.size for one in info.siblings}
    assert sizes == {path: len(data) for path, data in FILES.items()}
    large = next(one for one in info.siblings if one.rfilename == "model-Q4_K_M.gguf")
    assert large.lfs.sha256 == hashlib.sha256(MODEL).hexdigest()


def test_its_listing_is_read_page_by_page(hub, api):
    hub.page_entries = 2
    entries = list(api.list_repo_tree(NAME, recursive=True))
    files = {one.path: one for one in entries if hasattr(one, "lfs")}
    assert {path: one.size for path, one in files.items()} == {
        path: len(data) for path, data in FILES.items()
    }
    assert files["README.md"].lfs is None
    assert files["model-Q4_K_M.gguf"].lfs.sha256 == hashlib.sha256(MODEL).hexdigest()
    assert [one.path for one in entries if one.path not in files] == ["BF16"]
    assert len(hub.asked("/tree/")) == 3  # five entries, two a page


def test_its_listing_of_a_folder_is_read(api):
    assert [one.path for one in api.list_repo_tree(NAME, "BF16")] == [
        "BF16/model-BF16-00001-of-00002.gguf",
        "BF16/model-BF16-00002-of-00002.gguf",
    ]


def test_its_answers_about_single_paths_are_read(api):
    found = api.get_paths_info(NAME, ["model-Q4_K_M.gguf", "nowhere.gguf"])
    assert [(one.path, one.size) for one in found] == [("model-Q4_K_M.gguf", len(MODEL))]


def test_its_branches_are_read(hub, api):
    first = hub.commit
    second = hub.add(NAME, {"other.gguf": b"GGUF"}, branch="next")
    branches = {one.name: one.target_commit for one in api.list_repo_refs(NAME).branches}
    assert branches == {"main": first, "next": second}
    assert api.model_info(NAME, revision="next").sha == second
    assert api.model_info(NAME, revision=first).sha == first


def download(hub, path, tmp_path, **how):
    return hf_hub_download(
        NAME, path, endpoint=hub.endpoint, cache_dir=tmp_path, **{"token": False, **how}
    )


def test_its_large_files_come_from_the_other_origin_without_the_token(hub, tmp_path):
    kept = download(hub, "model-Q4_K_M.gguf", tmp_path, token=TOKEN)
    assert Path(kept).read_bytes() == MODEL
    assert [one.origin for one in hub.asked(r"\.gguf", method="GET")][-1] == CDN
    assert any("authorization" in one.headers for one in hub.asked(origin=HUB))
    assert hub.leaked == []


def test_its_small_files_come_from_the_hub_itself(hub, tmp_path):
    assert Path(download(hub, "README.md", tmp_path)).read_bytes() == FILES["README.md"]
    assert hub.asked(origin=CDN) == []


def test_a_cut_download_goes_on_where_it_stopped(hub, tmp_path, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    model = virtual(12 << 20, b"GGUF")
    hub.add(NAME, {"model.gguf": model})
    hub.cut(r"\.gguf", after_bytes=11 << 20, origin=CDN)
    assert Path(download(hub, "model.gguf", tmp_path)).read_bytes() == model.read(0, 12 << 20)
    ranges = [one.headers.get("range") for one in hub.asked(method="GET", origin=CDN)]
    assert ranges == [None, f"bytes={10 << 20}-"]  # that client keeps whole steps of 10 MiB


def test_a_file_of_a_terabyte_costs_nothing_until_it_is_read(hub):
    size_bytes = 1 << 40
    hub.add("owner/big", {"big.gguf": stored(virtual(size_bytes, b"GGUF"), sha256="0" * 64)})
    address = f"{hub.endpoint}/owner/big/resolve/main/big.gguf"
    asked = {"Range": f"bytes={size_bytes - 10}-{size_bytes + 5}"}
    answer = get_session().get(address, headers=asked)
    assert answer.status_code == 206
    assert (
        answer.headers["Content-Range"] == f"bytes {size_bytes - 10}-{size_bytes - 1}/{size_bytes}"
    )
    assert len(answer.content) == 10
    beyond = get_session().get(address, headers={"Range": f"bytes={size_bytes}-"})
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, f"bytes */{size_bytes}")


def test_the_bytes_of_a_virtual_file_do_not_depend_on_how_they_are_read():
    file = virtual(200_000, b"GGUF")
    whole = file.read(0, 200_000)
    assert len(whole) == 200_000
    assert whole[:4] == b"GGUF"
    assert whole == b"".join(file.read(place, place + 777) for place in range(0, 200_000, 777))
    assert file.sha256 == hashlib.sha256(whole).hexdigest()


@pytest.mark.parametrize("asked", ["model_info", "list_repo_refs", "hf_hub_download"])
@pytest.mark.parametrize("is_private", [True, False], ids=["private", "missing"])
def test_a_private_repository_looks_like_a_missing_one(hub, api, asked, is_private):
    if is_private:
        hub.add("owner/secret", FILES, is_private=True)
    words = {"filename": "README.md"} if asked == "hf_hub_download" else {}
    with pytest.raises(RepositoryNotFoundError):
        getattr(api, asked)("owner/secret", **words)
    if is_private:
        assert api.model_info("owner/secret", token=TOKEN).private


@pytest.mark.parametrize("token", [False, "hf_" + "w" * 34], ids=["no token", "a wrong one"])
def test_a_gated_repository_lists_its_files_and_keeps_them(hub, api, tmp_path, token):
    hub.add(NAME, FILES, is_gated=True)
    assert len(list(api.list_repo_tree(NAME))) == 3
    with pytest.raises(GatedRepoError):
        download(hub, "model-Q4_K_M.gguf", tmp_path, token=token)
    assert Path(download(hub, "model-Q4_K_M.gguf", tmp_path, token=TOKEN)).read_bytes() == MODEL


def test_missing_revisions_and_files_are_told_apart(hub, api, tmp_path):
    with pytest.raises(RevisionNotFoundError):
        api.model_info(NAME, revision="nowhere")
    with pytest.raises(RemoteEntryNotFoundError):
        download(hub, "nowhere.gguf", tmp_path)


def test_a_renamed_repository_is_found_under_its_old_name(hub, api, tmp_path):
    hub.rename(NAME, "owner/renamed-GGUF")
    assert api.model_info(NAME).id == "owner/renamed-GGUF"
    assert Path(download(hub, "model-Q4_K_M.gguf", tmp_path)).read_bytes() == MODEL


def test_its_refusal_of_too_many_requests_is_understood(hub, api):
    hub.limit("/api/models", 55)
    with pytest.raises(HfHubHTTPError, match="55 seconds"):
        api.model_info(NAME)
    assert api.model_info(NAME).id == NAME


def test_a_server_in_trouble_is_one(hub, api):
    hub.fail("/api/models", 503)
    with pytest.raises(HfHubHTTPError, match="503"):
        api.model_info(NAME)


def test_wrong_bytes_have_the_right_length(hub, tmp_path):
    hub.corrupt(NAME, "model-Q4_K_M.gguf")
    got = Path(download(hub, "model-Q4_K_M.gguf", tmp_path)).read_bytes()
    assert len(got) == len(MODEL)
    assert got != MODEL


def test_a_pause_slows_a_body(hub, monkeypatch):
    paused = []
    monkeypatch.setattr("time.sleep", paused.append)
    hub.add("owner/slow", {"slow.gguf": b"GGUF" * 10_000})
    hub.slow("slow.gguf", 0.01, origin=CDN)
    assert (
        len(get_session().get(f"{hub.endpoint}/owner/slow/resolve/main/slow.gguf").content)
        == 40_000
    )
    assert paused == [0.01] * 3  # 40,000 bytes are three blocks of 16 KiB


def test_without_the_servers_nothing_is_found(hub, tmp_path, monkeypatch):
    download(hub, "README.md", tmp_path)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert Path(download(hub, "README.md", tmp_path)).read_bytes() == FILES["README.md"]
    with pytest.raises(LocalEntryNotFoundError):
        download(hub, "model-Q4_K_M.gguf", tmp_path)
