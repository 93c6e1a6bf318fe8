"""NVIDIA's management library (NVML), asked one question at a time.

Holds the only lines that touch `pynvml` (from the distribution `nvidia-ml-py`, never the one
named `pynvml`): every answer is the value or the number of the error, and nothing here raises
for a question that the driver or the binding does not know. What the answers mean is never
decided here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from probes.finding import Finding, Severity
from probes.nvidia.bus import PROBE
from probes.nvidia.nvml_errors import NvmlError

if TYPE_CHECKING:
    from ctypes import CDLL
    from types import ModuleType

_NEEDED = ("nvmlLib", "nvmlMemory_v2", "NVMLError", "NVMLLibraryMismatchError")
"""What `nvidia-ml-py` has, and no older package that also installs a module `pynvml`."""


def load_binding() -> ModuleType | Finding:
    """The module `pynvml` of `nvidia-ml-py`, or what stands in its place.

    The deprecated distribution `pynvml` warns at every import, for which the user is not to
    blame, and which `PYTHONWARNINGS=error` would turn into a failure: warnings are silenced.
    """
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import pynvml
        except (ImportError, SyntaxError):
            return Finding(
                probe=PROBE,
                code="nvidia-binding-missing",
                severity=Severity.ERROR,
                sentence="the Python module `pynvml` cannot be imported, so no NVIDIA GPU is asked",
                hint="run `pip install --force-reinstall nvidia-ml-py`",
            )
    if all(hasattr(pynvml, name) for name in _NEEDED):
        return pynvml
    return Finding(
        probe=PROBE,
        code="nvidia-binding-shadowed",
        severity=Severity.ERROR,
        sentence="the Python module `pynvml` is not that of `nvidia-ml-py` but of an older"
        " package, so no NVIDIA GPU is asked",
        hint="run `pip uninstall pynvml nvidia-ml-py3 py3nvml`, then"
        " `pip install --force-reinstall nvidia-ml-py`",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of one question: a value, or the number of the error."""

    value: Any = None

    error: int | None = None


class Nvml:
    """An opened library, spoken to through `pynvml`.

    A `handle` is whatever the library gave for a device. Every query can fail alone: a
    permission, a part the device does not have, a driver older than the question.
    """

    __slots__ = ("_binding", "_library")

    def __init__(self, binding: ModuleType, library: CDLL) -> None:
        """Makes the binding speak to this library instead of one it would look for."""
        self._binding: Any = binding
        self._library = library
        vars(binding)["nvmlLib"] = library
        # Functions that it found in another library before would still be that one's.
        vars(binding).get("_nvmlGetFunctionPointer_cache", {}).clear()

    def ask(self, question: str, *arguments: object) -> Answer:
        """One call, such as `nvmlDeviceGetName`.

        `NVMLLibraryMismatchError` (a binding newer than the driver) is no `NVMLError`. It stands
        for a function that the driver lacks.
        """
        try:
            return Answer(value=getattr(self._binding, question)(*arguments))
        except self._binding.NVMLError as problem:
            return Answer(error=int(problem.value))
        except (self._binding.NVMLLibraryMismatchError, AttributeError):
            return Answer(error=NvmlError.FUNCTION_NOT_FOUND)
        except UnicodeDecodeError:
            return Answer(error=NvmlError.UNKNOWN)

    def text(self, question: str, *arguments: object) -> str | None:
        """An answer that is a name; ``None`` when there is none or it is empty."""
        value = self.ask(question, *arguments).value
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        return str(value) if value else None

    def number(self, question: str, *arguments: object) -> int | None:
        """An answer that is a number."""
        value = self.ask(question, *arguments).value
        return None if value is None else int(value)

    def numbers(self, question: str, *arguments: object) -> tuple[int, ...]:
        """An answer that is several numbers; empty when there is none."""
        return tuple(int(value) for value in self.ask(question, *arguments).value or ())

    def memory(self, handle: object) -> Answer:
        """`total`, `free`, `used` and, from drivers since R510, `reserved`, in bytes.

        The older form counts what the driver reserved as used.
        """
        answer = self.ask("nvmlDeviceGetMemoryInfo", handle, self._binding.nvmlMemory_v2)
        if answer.error in {
            NvmlError.FUNCTION_NOT_FOUND,
            NvmlError.ARGUMENT_VERSION_MISMATCH,
            NvmlError.INVALID_ARGUMENT,
            NvmlError.NOT_SUPPORTED,
        }:
            return self.ask("nvmlDeviceGetMemoryInfo", handle)
        return answer

    def knows(self, function: str) -> bool:
        """True when the library has this function."""
        return hasattr(self._library, function)
