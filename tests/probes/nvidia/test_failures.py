"""Drivers that refuse, hang or are absent, and Python modules that are not what they seem."""

from __future__ import annotations

from pathlib import Path

import pytest

from probes.ask import Asker
from probes.nvidia.library import library_candidates
from probes.nvidia.nvml_errors import MEANINGS, NvmlError, error_finding
from probes.nvidia.probe import probe_nvidia

ENDS_WITHIN_S = 6
WSL = "/usr/lib/wsl/lib/libnvidia-ml.so.1"


def codes(answer):
    return [finding.code for finding in answer.findings]


def recorded(root, os="linux", **environ):
    """A machine without a library: only its files speak."""
    return Asker(root=root, environ=environ, os=os)


def become_wsl(root):
    kernel = root / "proc/sys/kernel"
    kernel.mkdir(parents=True)
    (kernel / "osrelease").write_text("6.6.87.2-microsoft-standard-WSL2\n")


class TestRefusal:
    """The library opens, but cannot be asked."""

    def test_an_updated_driver_says_reboot_and_names_the_card_by_its_ids(self, nvml, add_to_bus):
        root = add_to_bus("0000:01:00.0", driver="nvidia")
        answer = nvml.ask("driver_mismatch", root=root)
        (card,) = answer.accelerators
        assert (card.name, card.state) == ("NVIDIA GPU (PCI 10de:2684)", "no-driver")
        assert (card.pci.device, card.pci.subsystem_device) == (0x2684, 0x889C)
        (finding,) = answer.findings
        assert (finding.code, finding.severity) == ("nvidia-driver-mismatch", "error")
        assert finding.sentence == (
            "the NVIDIA driver was updated, but the kernel still runs its old version"
        )
        assert finding.hint == "reboot, or reload the `nvidia` kernel modules"

    def test_a_variable_about_cards_that_are_not_there_is_not_mentioned(self, nvml):
        answer = nvml.ask("no_card", environ={"CUDA_VISIBLE_DEVICES": "0"})
        assert (answer.accelerators, answer.findings) == ([], [])

    def test_a_library_without_any_card_is_worth_a_note_only(self, told):
        assert told["not_loaded"].accelerators == []
        (finding,) = told["not_loaded"].findings
        assert (finding.code, finding.severity) == ("nvidia-driver-not-loaded", "note")

    @pytest.mark.skipif(Path(WSL).exists(), reason="this is WSL, whose own library would answer")
    def test_under_wsl_it_is_an_error_since_no_bus_shows_the_card(self, nvml, tmp_path):
        become_wsl(tmp_path)
        answer = nvml.ask("not_loaded", root=tmp_path)
        (finding,) = answer.findings
        assert (finding.code, finding.severity) == ("nvidia-driver-not-loaded", "error")


class TestHanging:
    """A call that never returns. The program must end all the same."""

    def test_in_the_first_call_every_card_of_the_bus_is_lost(self, nvml, add_to_bus):
        root = add_to_bus("0000:01:00.0", driver="nvidia")
        answer = nvml.ask_once(
            "hang_in_init", root=root, timeout_s=0.2, ends_within_s=ENDS_WITHIN_S
        )
        (card,) = answer.accelerators
        assert (card.name, card.state) == ("NVIDIA GPU (PCI 10de:2684)", "lost")
        (finding,) = answer.findings
        assert (finding.code, finding.severity) == ("nvidia-no-answer", "error")
        assert finding.sentence == "the NVIDIA driver did not answer within 0.2 s"

    def test_three_seconds_are_the_limit_unless_told_otherwise(self, nvml):
        answer = nvml.ask_once("hang_in_init", ends_within_s=ENDS_WITHIN_S)
        (finding,) = answer.findings
        assert finding.sentence == "the NVIDIA driver did not answer within 3 s"

    def test_cards_that_answered_before_are_kept(self, nvml):
        answer = nvml.ask_once("hang_in_second", timeout_s=0.3, ends_within_s=ENDS_WITHIN_S)
        assert [(card.name, card.state) for card in answer.accelerators] == [
            ("NVIDIA GeForce RTX 4090", "ready"),
            ("NVIDIA GPU 1", "lost"),
            ("NVIDIA GPU 2", "lost"),
        ]
        assert answer.accelerators[0].memory_total_bytes == 25_757_220_864
        assert codes(answer) == ["nvidia-no-answer"]

    def test_the_bus_names_the_others_where_it_can(self, nvml, add_to_bus):
        add_to_bus("0000:01:00.0", device="0x2684")
        root = add_to_bus("0000:02:00.0", device="0x2503")
        answer = nvml.ask_once(
            "hang_in_second", root=root, timeout_s=0.3, ends_within_s=ENDS_WITHIN_S
        )
        assert [(card.name, card.state) for card in answer.accelerators] == [
            ("NVIDIA GeForce RTX 4090", "ready"),
            ("NVIDIA GPU (PCI 10de:2503)", "lost"),
        ]


class TestWithoutLibrary:
    """NVML does not open; the bus and the device tree may still know something."""

    def test_a_machine_without_nvidia_has_nothing_to_say(self, add_to_bus):
        root = add_to_bus("0000:03:00.0", vendor="0x1002", device="0x744c")
        assert probe_nvidia(recorded(root)) == ((), ())

    def test_the_binding_is_not_imported(self, nvml, tmp_path):
        nowhere = {"WINDIR": str(tmp_path), "ProgramFiles": str(tmp_path)}
        answer = nvml.ask_once("rtx4090", os="windows", environ=nowhere)
        assert (answer.accelerators, answer.findings) == ([], [])
        assert answer.imported_pynvml is False

    def test_a_card_on_the_bus_is_listed_with_what_holds_it(self, add_to_bus):
        root = add_to_bus("0000:01:00.0", driver="nouveau")
        (card,), (finding,) = probe_nvidia(recorded(root))
        assert (card.name, card.state) == ("NVIDIA GPU (PCI 10de:2684)", "no-driver")
        assert (card.pci.vendor, card.pci.device) == (0x10DE, 0x2684)
        assert (finding.code, finding.severity) == ("nvidia-no-driver", "error")
        assert finding.sentence == (
            "NVIDIA GPU 10de:2684 at 0000:01:00.0 (held by `nouveau`) is in this machine, but"
            " NVIDIA's driver (its library NVML) is not"
        )

    def test_a_cards_sound_is_no_card(self, add_to_bus):
        root = add_to_bus("0000:01:00.1", class_code="0x040300")
        assert probe_nvidia(recorded(root)) == ((), ())

    @pytest.mark.parametrize("sign", [".dockerenv", "run/.containerenv"])
    def test_a_container_is_told_how_to_get_the_card(self, add_to_bus, sign):
        root = add_to_bus("0000:01:00.0")
        (root / sign).parent.mkdir(exist_ok=True)
        (root / sign).touch()
        (card,), (finding,) = probe_nvidia(recorded(root))
        assert card.state == "no-driver"
        assert (finding.code, finding.severity) == ("nvidia-not-in-container", "warning")
        assert "--gpus all" in finding.hint

    def test_a_jetson_is_named_after_its_board(self, tmp_path):
        tree = tmp_path / "proc/device-tree"
        tree.mkdir(parents=True)
        (tree / "model").write_bytes(b"NVIDIA Jetson AGX Orin Developer Kit\0")
        (tree / "compatible").write_bytes(b"nvidia,p3737-0000+p3701-0005\0nvidia,tegra234\0")
        (device,), (finding,) = probe_nvidia(recorded(tmp_path))
        assert device.name == "NVIDIA Jetson AGX Orin Developer Kit"
        assert (device.kind, device.state) == ("unified", "ready")
        assert (device.architecture, device.memory_total_bytes) == ("tegra234", None)
        assert (finding.code, finding.severity) == ("nvidia-jetson-power-mode", "note")
        assert "MAXN" in finding.sentence

    def test_a_jetson_whose_driver_does_not_answer_is_still_listed(self, nvml, tmp_path):
        tree = tmp_path / "proc/device-tree"
        tree.mkdir(parents=True)
        (tree / "model").write_bytes(b"NVIDIA Jetson AGX Orin Developer Kit\0")
        (tree / "compatible").write_bytes(b"nvidia,tegra234\0")
        answer = nvml.ask("not_loaded", root=tmp_path)
        assert [device.kind for device in answer.accelerators] == ["unified"]
        assert codes(answer) == ["nvidia-jetson-power-mode", "nvidia-driver-not-loaded"]

    def test_a_jetson_with_nvml_is_named_by_it_and_listed_once(self, nvml, tmp_path):
        (tmp_path / "etc").mkdir()
        (tmp_path / "etc/nv_tegra_release").write_text("# R36 (release), REVISION: 4.3\n")
        answer = nvml.ask("orin", root=tmp_path)
        (device,) = answer.accelerators
        assert (device.name, device.kind, device.architecture) == ("Orin (nvgpu)", "unified", "8.7")
        assert codes(answer) == ["nvidia-jetson-power-mode"]

    def test_a_jetson_is_known_by_its_release_file_alone(self, tmp_path):
        (tmp_path / "etc").mkdir()
        (tmp_path / "etc/nv_tegra_release").write_text("# R32 (release), REVISION: 7.1\n")
        (device,), _ = probe_nvidia(recorded(tmp_path))
        assert (device.name, device.architecture) == ("NVIDIA Jetson", None)


class TestBesideTheLibrary:
    """NVML answers, but not for everything that the bus shows."""

    def test_a_card_that_another_driver_holds_is_listed(self, nvml, add_to_bus):
        add_to_bus("0000:01:00.0", driver="nvidia")
        root = add_to_bus("0000:02:00.0", driver="vfio-pci")
        answer = nvml.ask("rtx4090", root=root)
        assert [card.state for card in answer.accelerators] == ["ready", "no-driver"]
        (finding,) = answer.findings
        assert (finding.code, finding.severity) == ("nvidia-not-driven", "warning")
        assert "`vfio-pci`" in finding.sentence

    def test_a_container_does_not_list_the_cards_it_was_not_given(self, nvml, add_to_bus):
        add_to_bus("0000:01:00.0", driver="nvidia")
        root = add_to_bus("0000:02:00.0", driver="nvidia")
        (root / ".dockerenv").touch()
        answer = nvml.ask("rtx4090", root=root)
        assert [card.state for card in answer.accelerators] == ["ready"]
        assert [finding.severity for finding in answer.findings] == ["note"]


class TestBinding:
    """Other packages install a module `pynvml` too."""

    def ask(self, nvml, project, directory, **variables):
        """With a directory before the installed packages, as a user's own module would be."""
        search = {"PYTHONPATH": f"{directory}:{project}"}
        return nvml.ask_once("rtx4090", root=directory, variables=search | variables)

    def test_an_older_one_is_one_finding_and_the_card_stays_listed(
        self, nvml, tmp_path, add_to_bus, project
    ):
        # As the package `pynvml` 11.5.3: it exports what has no underscore, and has no v2 memory.
        (tmp_path / "pynvml").mkdir()
        (tmp_path / "pynvml/__init__.py").write_text("class NVMLError(Exception): pass\n")
        add_to_bus("0000:01:00.0", driver="nvidia")
        answer = self.ask(nvml, project, tmp_path)
        assert codes(answer) == ["nvidia-binding-shadowed"]
        assert [card.state for card in answer.accelerators] == ["no-driver"]

    def test_one_that_cannot_be_imported_is_one_finding(self, nvml, tmp_path, project):
        # As py3nvml's predecessor under Python 3.
        (tmp_path / "pynvml.py").write_text("print 'Python 2'\n")
        answer = self.ask(nvml, project, tmp_path)
        assert codes(answer) == ["nvidia-binding-missing"]

    def test_the_deprecated_ones_warning_never_reaches_the_user(self, nvml, tmp_path, project):
        # As `_pynvml_redirector` of the package `pynvml` 13.0.1, which a .pth file loads.
        (tmp_path / "sitecustomize.py").write_text(
            "import sys, warnings\n"
            "class Finder:\n"
            "    def find_spec(self, name, path=None, target=None):\n"
            "        if name == 'pynvml':\n"
            "            warnings.warn('The pynvml package is deprecated.', FutureWarning)\n"
            "sys.meta_path.insert(0, Finder())\n"
        )
        for warnings in ("default", "error"):
            answer = self.ask(nvml, project, tmp_path, PYTHONWARNINGS=warnings)
            assert [card.name for card in answer.accelerators] == ["NVIDIA GeForce RTX 4090"]
            assert answer.findings == []


class TestCandidates:
    """Where the library may lie."""

    def test_wsl_asks_windows_own_first_since_a_package_may_put_a_stub_before_it(self, tmp_path):
        become_wsl(tmp_path)
        first, second, *_ = library_candidates(recorded(tmp_path))
        assert first == WSL
        assert second == "libnvidia-ml.so.1"

    def test_linux_asks_the_loader_first_and_then_nixos_and_jetson(self, tmp_path):
        first, *others = library_candidates(recorded(tmp_path))
        assert first == "libnvidia-ml.so.1"
        assert "/run/opengl-driver/lib/libnvidia-ml.so.1" in others
        assert "/usr/lib/aarch64-linux-gnu/nvidia/libnvidia-ml.so.1" in others

    def test_windows_asks_system32_and_then_the_older_place(self, tmp_path):
        machine = recorded(tmp_path, os="windows", WINDIR="D:/Windows", ProgramFiles="D:/Programs")
        assert library_candidates(machine) == (
            "D:/Windows/System32/nvml.dll",
            "D:/Programs/NVIDIA Corporation/NVSMI/nvml.dll",
        )

    def test_macos_has_none(self, tmp_path):
        assert library_candidates(recorded(tmp_path, os="macos")) == ()


class TestErrors:
    """What each error means."""

    def test_the_numbers_are_the_bindings(self):
        import pynvml

        assert {error.name: error.value for error in NvmlError} == {
            error.name: getattr(pynvml, f"NVML_ERROR_{error.name}") for error in NvmlError
        }

    def test_each_has_a_code_and_a_sentence_of_its_own(self):
        assert len({meaning.code for meaning in MEANINGS.values()}) == len(MEANINGS)
        assert len({meaning.predicate for meaning in MEANINGS.values()}) == len(MEANINGS)

    @pytest.mark.parametrize("error", [*sorted(MEANINGS), 77])
    def test_each_is_one_sentence_with_a_next_step(self, error):
        finding = error_finding(error, "NVIDIA GPU 1")
        assert finding.sentence.startswith("NVIDIA GPU 1 ")
        assert finding.hint
        assert not finding.sentence.endswith(".")
        assert not finding.hint.endswith(".")

    def test_an_error_without_a_name_is_told_by_its_number(self):
        assert error_finding(77, "NVIDIA GPU 1").sentence == (
            "NVIDIA GPU 1 answers with NVML error 77"
        )
