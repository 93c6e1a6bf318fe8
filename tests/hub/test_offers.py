"""A repository of the Hub where a model's name may stand, and `--hub` beside a model's name."""

from __future__ import annotations

import pytest

from advisor.offer.published import with_published
from advisor.offer.remote import remote_offer
from advisor.offer.shelf import shelf_offer
from advisor.report.candidates import Question
from advisor.report.filter import Filter
from advisor.report.published import with_listed_files
from advisor.report.scan import scan
from advisor.report.verification import listed_sha256, verify
from advisor.target import target_of_devices
from advisor.workload import Workload
from catalog.container import file_bytes
from catalog.errors import UnknownNameError
from catalog.hub.address import parse_address
from catalog.hub.errors import MissingFileError, MissingRepositoryError
from catalog.lookup import find_devices
from catalog.names import find_model
from catalog.published import preference
from catalog.quants import find_quant
from catalog.sums import weight_sums
from tests.hub.fake_files import stored, virtual, whole
from tests.model_files import PROJECT, header_of

MODEL = find_model("smollm2-135m-instruct")
OWN = "bartowski/SmolLM2-135M-Instruct-GGUF"
ELSEWHERE = "somebody/My-Tune-GGUF"
QUANTS = ("Q8_0", "Q4_K_M", "Q2_K")


def content(quant, *, size_bytes=None, **how):
    """A file of the model; its hash is made up, for nobody downloads it."""
    head, length = header_of(MODEL.name, quant, **how)
    made = virtual(size_bytes or len(head) + length, head)
    return stored(made, sha256=f"{abs(hash((quant, made.size_bytes))):064x}"[:64])


def predicted(quant):
    """What the catalog says the file measures."""
    return file_bytes(MODEL, find_quant(quant)).bytes


@pytest.fixture
def own(fake_hub):
    """The model's own repository, with files of the predicted sizes."""
    names = {f"SmolLM2-135M-Instruct-{one}.gguf": one for one in QUANTS}
    fake_hub.add(
        OWN, {name: content(one, size_bytes=predicted(one)) for name, one in names.items()}
    )
    return OWN


@pytest.fixture
def elsewhere(fake_hub):
    """A repository that the catalog does not know."""
    files = {f"My-Tune-{one}.gguf": content(one, title="My Tune") for one in QUANTS}
    fake_hub.add(ELSEWHERE, files)
    return ELSEWHERE


@pytest.fixture
def offered(client):
    def offer(text):
        return remote_offer(parse_address(text), client())

    return offer


def names(offer):
    return [quant.name for quant in offer.listed()]


def test_a_repository_offers_what_is_in_it_largest_first(own, offered):
    assert names(offered(f"hf:{own}")) == list(QUANTS)


def test_a_recipe_that_the_size_confirms_costs_no_header(own, offered, fake_hub):
    """The catalog knows whose files they are: only the commit and the listing are asked for."""
    offer = offered(f"hf:{own}")
    for quant, subject in zip(QUANTS, offer.subjects(), strict=True):
        assert subject.file.size_bytes == predicted(quant)
        assert subject.weights.tensor_bytes == weight_sums(MODEL, find_quant(quant)).tensor_bytes
    assert offer.model is MODEL
    assert fake_hub.asked("/resolve/") == []


def test_a_file_of_another_size_is_asked_what_is_in_it(fake_hub, offered):
    """Its publisher gave the token table another type than llama-quantize would."""
    odd = content("Q4_K_M", retype={"token_embd.weight": "f16"})
    fake_hub.add(OWN, {"SmolLM2-135M-Instruct-Q4_K_M.gguf": odd})
    (subject,) = offered(f"hf:{OWN}").subjects()
    stock = weight_sums(MODEL, find_quant("Q4_K_M")).tensor_bytes
    assert subject.weights.tensor_bytes > 1.2 * stock
    assert len(fake_hub.asked("/resolve/")) > 0


def test_an_unknown_repositorys_model_is_what_its_header_says(elsewhere, offered):
    offer = offered(f"hf:{elsewhere}")
    assert offer.model.name == "My-Tune"
    assert offer.model.params_total == MODEL.params_total
    assert offer.model.publisher == ""
    sizes = [subject.weights.tensor_bytes for subject in offer.subjects()]
    assert sizes == [weight_sums(MODEL, find_quant(one)).tensor_bytes for one in QUANTS]


def test_a_label_names_one_file(elsewhere, offered):
    offer = offered(f"hf:{elsewhere}:q2_k")
    assert (names(offer), offer.usual) == (["Q2_K"], "Q2_K")
    assert offer.address == f"hf:{elsewhere}:Q2_K"


def test_a_path_names_one_file(elsewhere, offered):
    assert names(offered(f"hf:{elsewhere}/My-Tune-Q8_0.gguf")) == ["Q8_0"]


def test_a_file_that_is_not_there_is_refused_with_what_is(elsewhere, offered):
    with pytest.raises(MissingFileError):
        offered(f"hf:{elsewhere}:Q6_K")
    with pytest.raises(UnknownNameError) as caught:
        offered(f"hf:{elsewhere}").subject("Q6_K")
    assert caught.value.hint == "it has Q8_0, Q4_K_M, Q2_K"


def test_a_repository_that_is_not_there_is_said_to_be_missing(fake_hub, offered):
    with pytest.raises(MissingRepositoryError):
        offered("hf:nobody/nothing")


def test_real_files_stand_in_for_predicted_ones(own, client):
    """Quants that the repository lacks stay predicted."""
    offer = with_published(shelf_offer(MODEL), client())
    seen = {one.quant.name: one.file for one in offer.subjects()}
    assert {name for name, file in seen.items() if file is not None} == set(QUANTS)
    assert seen["Q8_0"].repository == OWN
    assert seen["Q6_K"] is None
    assert offer.notes == ()


def test_where_a_file_differs_from_its_prediction_both_are_said(fake_hub, client):
    odd = content("Q4_K_M", retype={"token_embd.weight": "f16"})
    fake_hub.add(OWN, {"SmolLM2-135M-Instruct-Q4_K_M.gguf": odd})
    (note,) = with_published(shelf_offer(MODEL), client()).notes
    assert f"is {odd.size_bytes:,} B" in note
    assert "Q4_K_M was predicted as " in note


def test_without_network_it_is_the_catalogs_answer_and_says_so(client):
    offer = with_published(shelf_offer(MODEL), client(endpoint="http://127.0.0.1:9"))
    (note,) = offer.notes
    assert "no network" in note
    assert note.endswith("this is the catalog's answer")
    assert all(subject.file is None for subject in offer.subjects())


@pytest.fixture
def report():
    card = target_of_devices([find_devices("RTX 3060 12GB")])
    models = [MODEL, find_model("qwen2.5-0.5b-instruct")]
    question = Question(target=card, workload=Workload())
    return scan(question, models, Filter(everything=True), None)


def test_a_scan_takes_the_files_that_are_listed(fake_hub, client, report):
    best = report.rows[0].estimate.subject
    own_name = f"{best.model.name}-{best.quant.name}.gguf"
    size = file_bytes(best.model, best.quant).bytes
    repository = min(best.model.gguf_repositories, key=preference)
    fake_hub.add(repository, {own_name: stored(virtual(size), sha256="0" * 64)})
    found = with_listed_files(report, client())
    listed = [row.estimate.subject for row in found.rows if row.estimate.subject.file]
    assert [one.file.name for one in listed] == [own_name]
    assert found.recommendation.download.is_certain
    assert found.notes == ("1 of 2 files were seen on the Hub; the others are predicted",)


def test_a_scan_without_network_is_the_catalogs_answer_and_says_so(client, report):
    found = with_listed_files(report, client(endpoint="http://127.0.0.1:9"))
    assert found.rows == report.rows
    assert "no network" in found.notes[0]


class TestCommands:
    """The same as somebody types it."""

    @pytest.fixture
    def environ(self, fake_hub, tmp_path):
        return {
            "HF_ENDPOINT": fake_hub.endpoint,
            "HF_HOME": str(tmp_path / "hf"),
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "NO_PROXY": "127.0.0.1",
        }

    def test_show_takes_an_address(self, run, elsewhere, environ):
        done = run("show", f"hf:{elsewhere}", "--device", "RTX 3060 12GB", "-v", env=environ)
        assert done.returncode == 0
        assert done.stdout.startswith(f"My-Tune: hf:{elsewhere}\n")
        assert done.stderr.startswith("the Hub: ")

    def test_estimate_takes_an_address(self, run, elsewhere, environ):
        done = run("estimate", f"hf:{elsewhere}:Q8_0", "--device", "RTX 3060 12GB", env=environ)
        assert (done.returncode, done.stderr) == (0, "")
        assert "My-Tune in Q8_0" in done.stdout

    def test_an_address_without_network_ends_with_5(self, run, environ):
        nobody = {**environ, "HF_ENDPOINT": "http://127.0.0.1:9"}
        done = run("show", "hf:owner/repo", env=nobody)
        assert done.returncode == 5
        assert "no network" in done.stderr
        assert "Traceback" not in done.stderr

    def test_a_name_needs_no_network_even_with_hub(self, run, environ):
        nobody = {**environ, "HF_ENDPOINT": "http://127.0.0.1:9"}
        done = run("show", MODEL.name, "--hub", "--device", "RTX 3060 12GB", env=nobody)
        assert (done.returncode, done.stderr) == (0, "")
        assert "no network" in " ".join(done.stdout.split())

    def test_scan_says_what_it_saw_on_the_hub(self, run, own, environ):
        done = run(
            "scan",
            "--hub",
            "--family",
            "smollm2 135m",
            "--all",
            "--device",
            "RTX 3060 12GB",
            env=environ,
        )
        assert done.returncode == 0
        assert "1 of 1 files were seen on the Hub" in " ".join(done.stdout.split())

    def test_without_hub_nobody_is_asked(self, run, fake_hub, environ):
        run("scan", "--device", "RTX 3060 12GB", env=environ)
        run("show", MODEL.name, "--device", "RTX 3060 12GB", env=environ)
        assert fake_hub.requests == []


class TestVerify:
    """The SHA-256 that the Hub lists, beside a file of this machine."""

    @pytest.fixture
    def file(self, tmp_path):
        path = tmp_path / "small-Q8_0.gguf"
        path.write_bytes((PROJECT / "tests/gguf/valid/blocks.gguf").read_bytes())
        return path

    @pytest.fixture
    def listed(self, fake_hub, file):
        other = stored(whole(b"another"))
        fake_hub.add(ELSEWHERE, {file.name: stored(whole(file.read_bytes())), "b-Q4_0.gguf": other})
        return f"hf:{ELSEWHERE}"

    @pytest.mark.parametrize("what", ["", ":Q8_0", "/small-Q8_0.gguf"])
    def test_the_listed_file_is_confirmed(self, client, listed, file, what):
        found = verify(file, expected_sha256=listed_sha256(listed + what, file, client()))
        assert found.is_whole

    def test_another_file_is_told_apart(self, client, listed, file):
        expected = listed_sha256(f"{listed}/b-Q4_0.gguf", file, client())
        assert not verify(file, expected_sha256=expected).is_whole

    def test_an_address_of_no_such_file_is_refused(self, client, listed, tmp_path):
        with pytest.raises(UnknownNameError, match="names 0 files"):
            listed_sha256(listed, tmp_path / "nothing.gguf", client())

    def test_the_command_takes_an_address(self, run, fake_hub, listed, file, tmp_path):
        environ = {"HF_ENDPOINT": fake_hub.endpoint, "XDG_CACHE_HOME": str(tmp_path / "cache")}
        done = run("verify", str(file), "--sha256", listed, env=environ)
        assert (done.returncode, done.stderr) == (0, "")
