"""Which files of a repository are meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor.errors import ExitCode, UsageError
from advisor.offer.named import offer_named
from advisor.pull.choose import Reason, best, named, named_file, usual
from advisor.pull.errors import NothingRunsError
from advisor.pull.plan import Plan
from advisor.pull.report import PullReport, commands_of
from advisor.pull.store import Store
from advisor.render.pull import notes, why
from advisor.report.candidates import Question, considered, preferred
from advisor.situation import situation
from advisor.workload import Workload
from catalog.hub.errors import MissingFileError, SeveralFilesError
from catalog.hub.listing import HubFile, Listing

CARD, BOARD = "RTX 3060 12GB", "Raspberry Pi 5 8GB"
MODEL = "qwen3-8b"
REFUSAL = "architecture `exotic` is not understood"
LABELS = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q2_K")


def listing(*paths, repository="owner/model-GGUF"):
    files = [
        HubFile(path=path, size_bytes=1000, sha256=f"{n:064x}") for n, path in enumerate(paths)
    ]
    return Listing(
        repository=repository, commit="1" * 40, files=tuple(files), fetched_at=1_795_000_000.0
    )


def of(*labels, **how):
    return listing(*(f"model-{label}.gguf" for label in labels), **how)


def name_of(device):
    return situation(devices=(device,)).target.name


@pytest.fixture(scope="module")
def judge():
    """The model's quants on a device."""

    def judged_on(device, model=MODEL):
        target = situation(devices=(device,)).target
        question = Question(target=target, workload=Workload(context_tokens=8192))
        return considered(offer_named(model), question)

    return judged_on


@pytest.fixture(scope="module")
def card(judge):
    return judge(CARD)


def paths(choice):
    return [file.path for file in choice.files]


# What somebody named


def test_a_label_means_exactly_that_quant():
    there = of("Q4_K_M", "UD-Q4_K_XL", "UD-Q4_K_M")
    assert paths(named([there], "q4_k_m")) == ["model-Q4_K_M.gguf"]
    assert paths(named([there], "ud-q4_k_m")) == ["model-UD-Q4_K_M.gguf"]


def test_a_label_means_all_parts_in_their_order():
    parts = [f"Q8_0/model-Q8_0-0000{part}-of-00003.gguf" for part in (3, 1, 2)]
    choice = named([listing("model-Q4_K_M.gguf", *parts)], "Q8_0")
    assert paths(choice) == sorted(parts)
    assert choice.reason is Reason.NAMED


def test_a_part_means_its_whole_file():
    parts = [f"model-Q8_0-0000{part}-of-00002.gguf" for part in (1, 2)]
    assert paths(named_file(listing(*parts), parts[1])) == parts


def test_a_projector_can_be_named_too():
    choice = named_file(listing("model-Q8_0.gguf", "mmproj-F16.gguf"), "mmproj-F16.gguf")
    assert paths(choice) == ["mmproj-F16.gguf"]


def test_a_label_is_looked_for_in_one_repository_after_another():
    asked = []

    def repositories():
        for labels in (["Q4_K_M"], ["Q8_0"], ["Q8_0"]):
            asked.append(labels)
            yield of(*labels, repository=f"owner/number-{len(asked)}")

    choice = named(repositories(), "Q8_0")
    assert choice.listing.repository == "owner/number-2"
    assert len(asked) == 2  # the third was never listed


def test_a_label_that_is_not_there_is_answered_with_what_is():
    with pytest.raises(MissingFileError) as caught:
        named([of("Q4_K_M", "Q8_0")], "Q4_K_L")
    assert str(caught.value) == "`owner/model-GGUF` has no `Q4_K_L`"
    assert "`Q4_K_M`" in caught.value.hint


def test_a_label_of_two_models_is_refused():
    with pytest.raises(SeveralFilesError):
        named([listing("a-Q4_K_M.gguf", "b-Q4_K_M.gguf")], "Q4_K_M")


def test_a_named_quant_that_does_not_run_is_got_all_the_same(judge):
    found = judge("GTX 1050 Ti")
    choice = named([of("F16")], "F16", found)
    assert choice.candidate.estimate.fit.verdict in {"no", "partial"}
    assert why(choice).startswith("it was asked for; ")


# The best here


def test_the_best_is_what_show_stars(card):
    choice = best([of(*LABELS)], card)
    assert choice.label == preferred(card).estimate.subject.quant.name
    assert choice.reason is Reason.BEST
    assert f"the best quant for {name_of(CARD)}; fits: it needs" in why(choice)


def test_the_best_of_those_published_is_next(card):
    star = best([of(*LABELS)], card).label
    rest = [label for label in LABELS if label != star]
    choice = best([of("UD-Q4_K_XL", *rest)], card)
    assert choice.label in rest
    assert choice.reason is Reason.BEST_PUBLISHED
    assert f"{star} would be best for {name_of(CARD)}, but is not published" in why(choice)


def test_the_best_is_got_from_the_first_repository_that_has_it(card):
    star = best([of(*LABELS)], card).label
    there = [of("Q2_K", repository="a/first"), of(star, "Q2_K", repository="b/second")]
    choice = best(there, card)
    assert (choice.listing.repository, choice.reason) == ("b/second", Reason.BEST)


def test_nothing_is_got_where_nothing_runs(judge):
    found = judge(BOARD, "llama-3.3-70b-instruct")
    with pytest.raises(NothingRunsError) as caught:
        best([of("Q4_K_M")], found)
    assert caught.value.exit_code == ExitCode.NOTHING_FITS
    assert str(caught.value) == f"no quant of `llama-3.3-70b-instruct` runs on {name_of(BOARD)}"


def test_nothing_is_got_where_only_what_does_not_run_is_published(judge):
    found = judge(BOARD)
    with pytest.raises(NothingRunsError) as caught:
        best([of("F16")], found)  # 16 GB
    assert str(caught.value) == f"no published quant of `{MODEL}` runs on {name_of(BOARD)}"
    assert caught.value.hint.endswith("`F16`")


def test_repositories_without_a_plain_quant_are_said_to_be_so(card):
    with pytest.raises(UsageError, match="no repository with a plain quant") as caught:
        best([of("UD-Q4_K_XL")], card)
    assert "hf:owner/repo" in caught.value.hint


# Models that are not judged


@pytest.mark.parametrize(
    ("labels", "taken", "reason"),
    [
        (["Q8_0", "Q4_K_M", "Q2_K"], "Q4_K_M", Reason.USUAL),
        (["Q8_0", "Q2_K"], "Q8_0", Reason.USUAL),
        (["IQ3_XS"], "IQ3_XS", Reason.ONLY),
    ],
)
def test_an_unknown_model_is_got_as_llama_cpp_does(labels, taken, reason):
    choice = usual(of(*labels), REFUSAL)
    assert (choice.label, choice.reason, choice.candidate) == (taken, reason, None)
    assert why(choice).endswith(f"it was not judged: {REFUSAL}")


def test_the_first_of_many_is_never_taken_by_chance():
    with pytest.raises(UsageError) as caught:
        usual(of("Q6_K", "Q2_K"), REFUSAL)
    assert "`Q2_K`, `Q6_K`" in caught.value.hint


# How it runs


def test_the_lines_name_the_file_that_was_got(card):
    choice = best([of(*LABELS)], card)
    llama_cpp = commands_of(choice)[0]
    (line,) = llama_cpp.lines
    assert line.startswith(f"llama-server -hf owner/model-GGUF -hff {choice.files[0].path} -c 8192")


def test_an_unknown_model_has_a_line_without_a_context():
    (command,) = commands_of(usual(of("Q4_K_M"), REFUSAL))
    assert command.lines == ("llama-server -hf owner/model-GGUF -hff model-Q4_K_M.gguf",)


def report(choice, *, llama_cache=None):
    store = Store(cache=Path("/cache"), repository="owner/model-GGUF", commit="1" * 40)
    return PullReport(
        choice=choice,
        plan=Plan(store=store, files=(), free_bytes=None),
        endpoint="https://huggingface.co",
        revision="main",
        fetched=None,
        commands=(),
        strays=(),
        llama_cache=llama_cache,
    )


def test_a_repository_with_projectors_has_a_note():
    with_two = listing("model-Q4_K_M.gguf", "mmproj-F16.gguf", "mmproj-Q8_0.gguf")
    (note,) = notes(report(usual(with_two, REFUSAL)))
    assert "there are 2 vision projectors" in note
    assert notes(report(named_file(with_two, "mmproj-F16.gguf"))) == []
    assert notes(report(usual(of("Q4_K_M"), REFUSAL))) == []


def test_a_cache_of_llama_cpps_own_is_noted():
    choice = usual(of("Q4_K_M"), REFUSAL)
    (note,) = notes(report(choice, llama_cache="/elsewhere"))
    assert "`/elsewhere`" in note
    assert notes(report(choice, llama_cache="/cache/")) == []
