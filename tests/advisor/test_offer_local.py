"""A GGUF file of this machine where a model's name may stand."""

from __future__ import annotations

import struct

import pytest

from advisor.estimate.estimator import estimate
from advisor.estimate.subject import subject_of
from advisor.offer.named import offer_named
from advisor.workload import Workload
from catalog.errors import UnknownNameError
from catalog.gguf.errors import DamagedHeaderError, FileAccessError
from catalog.gguf.kinds import NotAModelError
from catalog.names import find_model
from catalog.quants import find_quant
from tests.model_files import write

SMALL = "smollm2-135m-instruct"


@pytest.fixture
def file(tmp_path):
    """`file("Q4_K_M")` is the path of a small model's file in a quant."""

    def made(quant="Q4_K_M", name=None, **how):
        return str(
            write(tmp_path / (name or f"SmolLM2-135M-Instruct-{quant}.gguf"), SMALL, quant, **how)
        )

    return made


def test_a_file_is_estimated_like_the_catalogs_model(file, gpu, target):
    """Its header says what the recipe foretells, so that every byte is the same."""
    offer = offer_named(file())
    (held,) = offer.subjects()
    machine = target(gpu(8), host_gib=16)
    ours = estimate(held, Workload(), machine)
    known = estimate(subject_of(find_model(SMALL), find_quant("Q4_K_M")), Workload(), machine)
    assert ours.allocations == known.allocations
    assert ours.decode.speed.tokens_per_s == known.decode.speed.tokens_per_s


def test_a_file_brings_its_own_size_and_place(file):
    path = file()
    (held,) = offer_named(path).subjects()
    assert (held.file.name, held.file.repository, held.file.parts) == (path, None, 1)
    assert held.file.size_bytes > held.weights.tensor_bytes


def test_a_model_that_the_catalog_knows_gets_its_maker_and_scores(file):
    model = offer_named(file()).model
    assert (model.publisher, model.license) == ("Hugging Face", "apache-2.0")
    assert "smollm2-135m-instruct" in model.notes[-1]


def test_a_file_that_is_called_otherwise_gets_no_other_models_words(file):
    model = offer_named(file(name="my-tune.gguf", title="My Tune")).model
    assert (model.publisher, model.benchmarks) == ("", ())
    assert model.params_total == find_model(SMALL).params_total


def test_its_only_quant_answers_to_its_name_in_any_case(file):
    offer = offer_named(file("Q8_0"))
    assert offer.find("q8_0").name == offer.usual == "Q8_0"


def test_another_quant_than_its_own_is_refused(file):
    offer = offer_named(file("Q8_0"))
    with pytest.raises(UnknownNameError, match="holds Q8_0, not Q4_K_M"):
        offer.subject("Q4_K_M")


def test_a_name_that_contradicts_the_tensors_is_not_believed(file):
    """Somebody renamed it: the types in it are Q8_0's."""
    (held,) = offer_named(file("Q8_0", name="SmolLM2-135M-Instruct-Q4_K_M.gguf")).subjects()
    assert held.quant.name == "Q8_0"


def test_a_publishers_own_mix_keeps_its_label_and_its_real_bytes(file):
    path = file(
        "Q4_K_M", name="SmolLM2-135M-Instruct-Q4_K_L.gguf", retype={"token_embd.weight": "f16"}
    )
    (held,) = offer_named(path).subjects()
    plain = subject_of(find_model(SMALL), find_quant("Q4_K_M"))
    assert held.quant.name == "Q4_K_L"
    assert held.weights.tensor_bytes > plain.weights.tensor_bytes


def test_a_half_downloaded_file_is_estimated_and_said_to_be_one(file):
    offer = offer_named(file(cut=1_000_000))
    (note,) = offer.notes
    assert note.startswith("the file is cut off: ")
    assert "1,000,000 bytes too early" in note


def test_its_name_is_that_of_the_file_without_quant_and_part(file):
    assert offer_named(file(name="My-Model-Q4_K_M.gguf", title="x")).model.name == "My-Model"


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path):
    with pytest.raises(FileAccessError, match=r"nothing\.gguf"):
        offer_named(str(tmp_path / "nothing.gguf"))


def test_what_is_no_language_model_is_refused(tmp_path):
    path = tmp_path / "mmproj.gguf"
    path.write_bytes(
        b"GGUF"
        + struct.pack("<IQQ", 3, 0, 1)  # a header of one key and no tensors
        + struct.pack("<Q", 20)
        + b"general.architecture"
        + struct.pack("<IQ", 8, 4)
        + b"clip"
    )
    with pytest.raises(NotAModelError, match=r"`mmproj\.gguf` is no language model"):
        offer_named(str(path))


def test_a_header_without_what_llama_cpp_needs_is_refused(project):
    sample = project / "tests/gguf/valid/every-value.gguf"
    with pytest.raises(DamagedHeaderError, match=r"lacks `llama\.block_count`"):
        offer_named(str(sample))


@pytest.mark.parametrize("command", ["show", "estimate", "devices"])
def test_commands_take_a_path(run, file, command):
    machine = () if command == "devices" else ("--device", "RTX 3060 12GB")
    done = run(command, file("Q8_0"), *machine)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Q8_0" in done.stdout


def test_a_page_of_a_file_asks_nobody_to_download_it(run, file):
    path = file()
    said = " ".join(run("show", path, "--device", "RTX 3060 12GB").stdout.split())
    assert "the file is on this machine" in said
    assert said.startswith("SmolLM2-135M-Instruct: ")


def test_a_request_may_name_a_file(run, file):
    line = f'{{"model": "{file()}", "device": "RTX 4090"}}'
    done = run("estimate", "-", stdin=line.encode())
    assert '"quant": "Q4_K_M"' in done.stdout
    assert '"repository": null' in done.stdout
