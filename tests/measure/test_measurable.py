"""Which model is measured, and where programs keep the files of models."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from advisor.measure.errors import NotHereError
from advisor.report.candidates import Question
from advisor.report.measurable import SMALL_MODEL, SMALL_QUANT, measurable
from advisor.report.present import by_model, present_files
from advisor.workload import Workload
from catalog.errors import CatalogError
from probes.ask import Asker
from tests.model_files import header_of

REPOSITORY = "bartowski/Llama-3.2-1B-Instruct-GGUF"
COMMIT = "0" * 40


@pytest.fixture
def home(tmp_path):
    """A home directory with nothing in it."""
    return tmp_path / "home"


@pytest.fixture
def files(home):
    """`files()` lists what is in that home and the Hub's cache below it."""

    def find(**environ):
        asker = Asker(os="linux", environ={"HOME": str(home), **environ})
        return present_files(asker, home / "hub")

    return find


def put(path, name="llama-3.2-1b-instruct", quant="Q4_K_M"):
    """A file of a Llama-shaped model that takes no room."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header, data_bytes = header_of(name, quant)
    with path.open("wb") as file:
        file.write(header)
        file.truncate(len(header) + data_bytes)
    return path


def in_hub(home, name, repository=REPOSITORY):
    """Where the Hub's cache has a file of a repository."""
    folder = f"models--{repository.replace('/', '--')}"
    return home / "hub" / folder / "snapshots" / COMMIT / name


@pytest.fixture
def question(recorded):
    """What is recommended for the recorded desktop."""
    return Question(target=recorded.target, workload=Workload())


# What is here


def test_files_of_the_hubs_cache_lm_studio_and_llama_cpp_are_found(files, home):
    name = "Llama-3.2-1B-Instruct-Q4_K_M.gguf"
    paths = [
        in_hub(home, name),
        home / ".lmstudio/models" / REPOSITORY / name,
        home / ".cache/llama.cpp" / f"bartowski_Llama-3.2-1B-Instruct-GGUF_{name}",
    ]
    for path in paths:
        path.parent.mkdir(parents=True)
        path.touch()
    found = files()
    assert [one.path for one in found] == paths
    assert {one.repository for one in found} == {REPOSITORY}
    assert {one.quant_name for one in found} == {"Q4_K_M"}


def test_only_first_parts_of_language_models_that_are_whole_links_count(files, home):
    for name in ("a-Q4_K_M-00001-of-00002.gguf", "a-Q4_K_M-00002-of-00002.gguf", "mmproj-F16.gguf"):
        path = in_hub(home, name, "someone/a")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    in_hub(home, "lost-Q8_0.gguf", "someone/a").symlink_to(home / "nowhere")
    (found,) = files()
    assert found.path.name == "a-Q4_K_M-00001-of-00002.gguf"


def test_the_variable_of_llama_cpp_names_another_folder(files, tmp_path):
    path = tmp_path / "elsewhere/bartowski_Llama-3.2-1B-Instruct-GGUF_x-Q8_0.gguf"
    path.parent.mkdir()
    path.touch()
    assert [one.path for one in files(LLAMA_CACHE=str(path.parent))] == [path]


def test_files_belong_to_the_catalogs_model_of_their_repository(files, home):
    for name, repository in (
        ("Llama-3.2-1B-Instruct-Q8_0.gguf", REPOSITORY),
        ("Llama-3.2-1B-Instruct-UD-Q4_K_XL.gguf", REPOSITORY),
        ("other-Q8_0.gguf", "somebody/unknown"),
    ):
        path = in_hub(home, name, repository)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert {name: set(quants) for name, quants in by_model(files()).items()} == {
        "llama-3.2-1b-instruct": {"Q8_0"}
    }


# What is measured


def test_a_file_is_measured_whoever_made_it(question, model_file):
    found = measurable(str(model_file), None, question, ())
    assert found.path == model_file
    assert found.subject.file.size_bytes == model_file.stat().st_size


def test_a_named_model_is_measured_in_its_best_quant_that_is_here(question, files, home):
    for quant in ("Q2_K", "Q8_0", "Q4_K_M"):
        put(in_hub(home, f"Llama-3.2-1B-Instruct-{quant}.gguf"), quant=quant)
    assert measurable("llama-3.2-1b", None, question, files()).subject.quant.name == "Q8_0"
    assert measurable("llama-3.2-1b", "q4_k_m", question, files()).subject.quant.name == "Q4_K_M"
    with pytest.raises(NotHereError) as found:
        measurable("llama-3.2-1b", "Q6_K", question, files())
    assert found.value.hint == "`advisor pull llama-3.2-1b-instruct --quant Q6_K` gets it"


def test_an_address_means_a_file_of_that_repository(question, files, home):
    path = put(in_hub(home, "Llama-3.2-1B-Instruct-Q4_K_M.gguf"))
    for text in (f"hf:{REPOSITORY}", f"hf:{REPOSITORY}:Q4_K_M", f"hf:{REPOSITORY}/{path.name}"):
        assert measurable(text, None, question, files()).path == path
    for text in (f"hf:{REPOSITORY}:Q8_0", "hf:someone/else"):
        with pytest.raises(NotHereError) as found:
            measurable(text, None, question, files())
        assert found.value.hint == f"`advisor pull {text}` gets it"


def test_without_a_name_the_best_ranked_model_that_is_here_is_measured(question, files, home):
    put(in_hub(home, "Llama-3.2-1B-Instruct-Q4_K_M.gguf"))
    assert measurable(None, None, question, files()).subject.model.repository == (
        "meta-llama/Llama-3.2-1B-Instruct"
    )
    better = "bartowski/Meta-Llama-3.1-8B-Instruct-GGUF"
    put(
        in_hub(home, "Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf", better),
        name="llama-3.1-8b-instruct",
    )
    found = measurable(None, None, question, files())
    assert found.path.name == "Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf"


def test_where_nothing_is_here_a_small_file_is_named_with_what_gets_it(question):
    with pytest.raises(NotHereError, match="which is recommended here, is not on this") as found:
        measurable(None, None, question, ())
    assert f"`advisor pull {SMALL_MODEL} --quant {SMALL_QUANT}`" in found.value.hint
    assert f"`advisor bench {SMALL_MODEL}`" in found.value.hint


def test_a_name_that_nobody_has_is_the_catalogs_error(question):
    with pytest.raises(CatalogError):
        measurable("no-such-model", None, question, ())


def test_a_link_into_the_cache_is_measured_by_its_name_there(question, files, home):
    """The Hub's cache holds bytes under their hash, and links with the files' names."""
    blob = put(home / "hub" / "blobs" / "sha")
    link = in_hub(home, "Llama-3.2-1B-Instruct-Q4_K_M.gguf")
    link.parent.mkdir(parents=True)
    link.symlink_to(blob)
    found = measurable("llama-3.2-1b", None, question, files())
    assert found.path == link
    assert Path(shutil.copyfile(link, home / "copy")).stat().st_size == blob.stat().st_size
