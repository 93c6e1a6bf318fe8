"""The rules about models, where a machine alone does not decide: files, the Hub, intervals."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from advisor.check.asked import Asked
from advisor.check.case import Disk
from advisor.check.model import judge_model
from advisor.check.outcome import Compared, Status
from advisor.check.rules import speed
from advisor.check.run import check
from advisor.errors import UsageError
from advisor.figure import Origin
from advisor.measurement import Measurement, Pace
from advisor.target import target_of_machine
from advisor.workload import Runtime
from catalog.hub.errors import UnreachableError
from tests.check.conftest import NOW, checked, of_rule, requirement, stage_of
from tests.check.machines import GIB, desktop, gaming, recorded, with_gpu

QWEN = {"model": "qwen3-8b", "quant": "Q4_K_M"}


def only(report, rule_id):
    (found,) = of_rule(report, rule_id)
    return found


class TestKnown:
    """ADV501: files and the Hub."""

    def test_a_header_that_cannot_be_read_fails(self, tmp_path):
        broken = tmp_path / "broken.gguf"
        broken.write_bytes(b"GGUF\x03\x00\x00\x00" + b"\xff" * 40)
        report = checked(gaming(), requirement(model=str(broken)))
        assert only(report, "ADV501").status is Status.FAIL
        assert only(report, "ADV502").status is Status.SKIPPED
        assert report.verdict == "not met"

    def test_a_hub_that_does_not_answer_is_undetermined(self, monkeypatch):
        def unreachable(*_, **__):
            msg = "huggingface.co did not answer"
            raise UnreachableError(msg)

        monkeypatch.setattr("advisor.offer.named.offer_named", unreachable)
        report = checked(gaming(), requirement(model="hf:owner/model-GGUF"))
        found = only(report, "ADV501")
        assert (found.status, found.found.sentence) == (
            Status.UNDETERMINED,
            "huggingface.co did not answer",
        )
        assert report.verdict == "undetermined"


class TestFits:
    """ADV502 to ADV504: one cause fails one rule."""

    def test_what_fits_with_less_context_is_told_with_the_longest(self):
        report = checked(
            recorded("wsl2-rtx-4070"),
            requirement(model="llama-3.1-8b-instruct", quant="Q4_K_M", context="128k"),
        )
        failed = [one.rule.id for one in report.outcomes if one.status == "fail"]
        assert failed == ["ADV504"]
        found = only(report, "ADV504").found
        longest = int(found.compared.value)
        assert f"ask for at most {longest:,} tokens of context" in found.hint
        shorter = requirement(model="llama-3.1-8b-instruct", quant="Q4_K_M", context=longest)
        assert only(checked(recorded("wsl2-rtx-4070"), shorter), "ADV504").status == "pass"

    def test_the_smaller_quant_that_is_named_does_fit(self):
        machine = with_gpu(gaming(), memory_free_bytes=4 * GIB)
        report = checked(machine, requirement(**QWEN))
        (failed,) = [
            one for one in report.outcomes if one.status == "fail" and one.requirement is not None
        ]
        hint = failed.found.hint
        named = hint.partition("take ")[2].partition(",")[0]
        again = checked(machine, requirement(model="qwen3-8b", quant=named))
        assert {one.status for one in again.outcomes if one.rule.id in {"ADV502", "ADV503"}} == {
            "pass"
        }

    def test_more_free_memory_never_turns_a_pass_into_a_failure(self):
        ranks = {"fail": 0, "undetermined": 1, "pass": 2}
        found = []
        for gib in range(1, 24):
            report = checked(with_gpu(gaming(), memory_free_bytes=gib * GIB), requirement(**QWEN))
            worst = min(
                ranks[one.status]
                for one in report.outcomes
                if one.rule.id in {"ADV502", "ADV503", "ADV504"} and one.status in ranks
            )
            found.append(worst)
        assert found == sorted(found)
        assert (found[0], found[-1]) == (0, 2)


class TestRoom:
    """ADV408: the file may be here already."""

    def test_a_file_in_the_shared_cache_needs_no_room(self, tmp_path, monkeypatch):
        full = Disk(folder="~/hub", free_bytes=0)
        before = checked(gaming(), requirement(**QWEN), disk=full)
        assert only(before, "ADV408").status == "fail"
        wanted = judge_model(requirement(**QWEN), target_of_machine(gaming())).download
        folder = f"models--{wanted.repository.replace('/', '--')}/snapshots/0123/"
        file = tmp_path / folder / wanted.file_name
        file.parent.mkdir(parents=True)
        file.write_bytes(b"GGUF")
        monkeypatch.setattr("advisor.pull.store.hub_cache", lambda: tmp_path)
        after = checked(gaming(), requirement(**QWEN), disk=full)
        assert only(after, "ADV408").found.sentence == (
            "the file of qwen3-8b in Q4_K_M is here already"
        )

    def test_between_the_ends_of_a_predicted_size_it_is_undetermined(self):
        asked = requirement(model="qwen3.8-27b", quant="Q5_K_M")
        size = judge_model(asked, target_of_machine(gaming())).download.size_bytes
        assert size.low < size.high, "a size that nobody published"
        middle = int((size.low + size.high) / 2) + (512 << 20)
        report = checked(gaming(), asked, disk=Disk(folder="~/hub", free_bytes=middle))
        assert only(report, "ADV408").status == "undetermined"


class TestSpeed:
    """The interval decides."""

    @given(low=st.floats(0.1, 1000), width=st.floats(0, 1000), floor=st.floats(0.1, 3000))
    def test_above_below_and_around(self, low, width, floor):
        compared = Compared(
            quantity="decode_tokens_per_s",
            value=low + width / 2,
            low=low,
            high=low + width,
            limit=floor,
            origin=Origin.PUBLISHED,
        )
        status, _, hint = speed._judged(compared, floor)
        if floor <= low:
            assert (status, hint) == (Status.PASS, None)
        elif floor > low + width:
            assert status is Status.FAIL
        else:
            assert status is Status.UNDETERMINED

    def test_a_prediction_from_a_measured_bandwidth_is_not_called_a_measurement(self):
        report = checked(desktop(), requirement(model="qwen3-1.7b", quant="Q4_K_M", min_decode=1))
        found = only(report, "ADV511").found
        assert found.compared.origin == "measured", "the memory's rate is"
        assert found.sentence.startswith("decode of qwen3-1.7b in Q4_K_M is predicted at ")

    def test_what_does_not_fit_is_not_timed(self):
        report = checked(
            recorded("container-2gib"),
            requirement(model="llama-3.3-70b-instruct", quant="Q4_K_M", min_decode=1),
        )
        assert only(report, "ADV511").status == "skipped"
        assert report.verdict == "not met"


class TestMeasured:
    """`--measure`: a measurement takes the place of the prediction, and nothing else does."""

    FLOOR = requirement(**QWEN, min_decode=120, min_prefill=500)

    def timed(self, pace, samples, **changes):
        answer = judge_model(self.FLOOR, target_of_machine(gaming())).estimate
        return Measurement(
            **{
                "taken_at": "2026-11-24T03:00:00Z",
                "machine": "a machine",
                "pace": pace,
                "samples_tokens_per_s": samples,
                "tokens": 512 if pace is Pace.PREFILL else 128,
                "depth_tokens": 0,
                "model": "qwen/qwen3-8b",
                "model_name": "qwen3-8b",
                "quant": "Q4_K_M",
                "file_name": None,
                "file_bytes": None,
                "file_mark": None,
                "runtime": Runtime.LLAMA_BENCH,
                "program": "llama-bench",
                "program_version": None,
                "advisor_version": None,
                "backend": "cuda",
                "devices": tuple(one.name for one in answer.allocations if one.kind == "gpu")
                + (("host",) if answer.subject.weights.host_head_bytes else ()),
                "works": (),
                "handovers": 0,
                "flash_attention": answer.setup.flash_attention,
                "kv_type_k": "f16",
                "kv_type_v": "f16",
                "gpu_layers": answer.placement.gpu_layers,
                "n_cpu_moe": 0,
                "threads": None,
                "predicted_tokens_per_s": None,
                "predicted_low": None,
                "predicted_high": None,
                **changes,
            }
        )

    def report(self, measure):
        stage = stage_of(gaming())
        asked = Asked(requirements=(self.FLOOR,))
        return check(asked, lambda: stage, version="0.1.0", checked_at=NOW, measure=measure)

    def test_it_is_the_measurement_that_is_compared(self):
        taken = (
            self.timed(Pace.DECODE, (99.0, 100.0, 101.0)),
            self.timed(Pace.PREFILL, (4000.0, 4100.0)),
        )
        report = self.report(lambda _: taken)
        decode, prefill = only(report, "ADV511"), only(report, "ADV512")
        assert decode.found.sentence == (
            "decode of qwen3-8b in Q4_K_M is measured at 100 (99–101) tokens/s, below the floor of"
            " 120"
        )
        assert (decode.status, prefill.status) == ("fail", "pass")
        assert report.verdict == "not met"

    def test_what_could_not_be_measured_is_not_predicted_instead(self):
        def measure(_):
            msg = "no program that could time a model is here"
            raise UsageError(msg)

        report = self.report(measure)
        found = only(report, "ADV511")
        assert found.status == "undetermined"
        assert found.found.sentence == (
            "decode of qwen3-8b in Q4_K_M was not measured: no program that could time a model is"
            " here"
        )
        assert report.verdict == "undetermined"

    def test_a_disturbed_measurement_decides_nothing(self):
        taken = (self.timed(Pace.DECODE, (100.0,), disturbance="other programs held the CPU"),)
        found = only(self.report(lambda _: taken), "ADV511")
        assert found.status == "undetermined"
        assert "not to be trusted: other programs held the CPU" in found.found.sentence

    def test_another_depth_is_not_what_was_asked_for(self):
        taken = (self.timed(Pace.DECODE, (100.0,), depth_tokens=4096),)
        found = only(self.report(lambda _: taken), "ADV511")
        assert found.status == "undetermined"

    def test_nothing_is_timed_where_no_floor_is_asked_for(self):
        def measure(_):
            msg = "nobody asked"
            raise AssertionError(msg)

        stage = stage_of(gaming())
        asked = Asked(requirements=(requirement(**QWEN),))
        report = check(asked, lambda: stage, version="0.1.0", checked_at=NOW, measure=measure)
        assert report.verdict == "met"
