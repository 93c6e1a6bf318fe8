"""Runs the real llama.cpp in a process of its own: a question a line in, an answer a line out.

A process of its own, because the library ends the one it is in when something is wrong. It loads a
file without allocating, starts contexts the same way, and says what each would reserve. A second
device is the same processor once more, behind llama.cpp's remote backend on loopback, which the
library treats as a GPU.

A question is `{"path", "gpu_layers", "split", "cpu_moe_layers", "may_rearrange", "takes_over",
"context": {…}}`, as `tests.conformance.library` asks it.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import sys
import threading
import time
from pathlib import Path

import llama_cpp.llama_cpp as llama

LIBRARIES = Path(llama.__file__).parent / "lib"
ERROR_LEVEL = 4
MOST_DEVICES = 128

EXPERTS = r"blk\.({})\.ffn_(up|down|gate|gate_up)_(ch|)exps"
"""The stacked experts of some layers, as `common/common.h` of llama.cpp has it."""

Told = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_size_t)


class Override(ctypes.Structure):
    """`llama_model_tensor_buft_override`."""

    _fields_ = (("pattern", ctypes.c_char_p), ("buffer_type", ctypes.c_void_p))


def shared(name: str) -> ctypes.CDLL:
    """One of the libraries that came with the package."""
    return ctypes.CDLL(str(next(LIBRARIES.glob(f"lib{name}.*"))))


class Log:
    """What the library says since it was last asked."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.errors: list[str] = []
        self._callback = llama.llama_log_callback(self._hear)
        llama.llama_log_set(self._callback, None)

    def _hear(self, level: int, text: bytes, _data: object) -> None:
        line = text.decode("utf-8", "replace").rstrip()
        self.lines.append(line)
        if level == ERROR_LEVEL:
            self.errors.append(line)

    def clear(self) -> None:
        self.lines.clear()
        self.errors.clear()

    def output_mib(self) -> float | None:
        """Size of the buffer that logits are handed over in, to two decimals."""
        for line in self.lines:
            if " output buffer size =" in line:
                return float(line.rpartition("=")[2].split()[0])
        return None


class Library:
    """The library, its log, and the devices that it may use."""

    def __init__(self, breakdown: str, gpu: str) -> None:
        self.log = Log()
        llama.llama_backend_init()
        self._base = shared("ggml-base")
        self._base.ggml_backend_buft_name.argtypes = [ctypes.c_void_p]
        self._base.ggml_backend_buft_name.restype = ctypes.c_char_p
        self._base.ggml_backend_cpu_buffer_type.restype = ctypes.c_void_p
        self._tell = ctypes.CDLL(breakdown).tell_breakdown
        self._tell.argtypes = [ctypes.c_void_p, Told]
        self._tell.restype = None
        self._take_over = ctypes.CDLL(gpu).answer_as_gpu
        self._take_over.argtypes = [ctypes.c_bool]
        self._take_over.restype = None
        self.devices = remote_devices(2)
        self._model: object = None
        self._loaded: dict = {}

    def answer(self, question: dict) -> dict:
        """What a context would reserve, or why the library refuses it."""
        self.log.clear()
        wanted = question.pop("context")
        self._take_over(question["takes_over"])
        if question != self._loaded:
            self._free()
            self._model, self._loaded = self._load(question), question
        context = self._model and self._start(wanted)
        if not context:
            return {"refused": " / ".join(self.log.errors)}
        try:
            return {"buffers": self._buffers(context), "output_mib": self.log.output_mib()}
        finally:
            llama.llama_free(context)

    def _free(self) -> None:
        if self._model:
            llama.llama_model_free(self._model)

    def _load(self, question: dict) -> object:
        split = question["split"]
        used = self.devices[: len(split)]
        devices = (ctypes.c_void_p * (len(used) + 1))(*used, None)
        overrides = self._overrides(question["cpu_moe_layers"])
        shares = (ctypes.c_float * MOST_DEVICES)(*split)
        params = llama.llama_model_default_params()
        params.no_alloc = True
        params.load_mode = llama.LLAMA_LOAD_MODE_NONE
        params.use_extra_bufts = question["may_rearrange"]
        params.n_gpu_layers = question["gpu_layers"]
        params.devices = ctypes.cast(devices, ctypes.c_void_p)
        params.tensor_split = ctypes.cast(shares, ctypes.POINTER(ctypes.c_float))
        params.tensor_buft_overrides = ctypes.cast(overrides, ctypes.c_void_p)
        return llama.llama_model_load_from_file(question["path"].encode(), params)

    def _overrides(self, layers: int) -> ctypes.Array:
        """The tensors that stay on the host, as `--n-cpu-moe` picks them, in one pattern."""
        if not layers:
            return (Override * 1)(Override(None, None))
        some = "|".join(map(str, range(layers)))
        own = Override(EXPERTS.format(some).encode(), self._base.ggml_backend_cpu_buffer_type())
        return (Override * 2)(own, Override(None, None))

    def _start(self, wanted: dict) -> object:
        params = llama.llama_context_default_params()
        for name, value in wanted.items():
            setattr(params, name, value)
        return llama.llama_init_from_model(self._model, params)

    def _buffers(self, context: object) -> dict[str, list[int]]:
        """Bytes of weights, cache and scratch, by the name of the buffer type."""
        found: dict[str, list[int]] = {}

        @Told
        def hear(type_: int, *sizes: int) -> None:
            found[self._base.ggml_backend_buft_name(type_).decode()] = list(sizes)

        self._tell(context, hear)
        return found


def remote_devices(count: int) -> list[int]:
    """The processor, `count` times over, as devices behind the remote backend.

    Returns:
        None at all where the library was built without that backend.
    """
    if not list(LIBRARIES.glob("libggml-rpc.*")):
        return []
    ggml, base, rpc = shared("ggml"), shared("ggml-base"), shared("ggml-rpc")
    ggml.ggml_backend_dev_by_type.restype = ctypes.c_void_p
    own = ggml.ggml_backend_dev_by_type(0)  # GGML_BACKEND_DEVICE_TYPE_CPU
    port = free_port()
    endpoint = f"127.0.0.1:{port}".encode()
    serve = rpc.ggml_backend_rpc_start_server
    serve.argtypes = [
        ctypes.c_char_p,
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_size_t,
        ctypes.c_void_p,
    ]
    devices = (ctypes.c_void_p * count)(*[own] * count)
    words = (endpoint, None, 1, count, ctypes.cast(devices, ctypes.c_void_p))
    threading.Thread(target=serve, args=words, daemon=True).start()
    wait_for(port)  # the library ends the process when nobody answers
    rpc.ggml_backend_rpc_add_server.argtypes = [ctypes.c_char_p]
    rpc.ggml_backend_rpc_add_server.restype = ctypes.c_void_p
    base.ggml_backend_reg_dev_get.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    base.ggml_backend_reg_dev_get.restype = ctypes.c_void_p
    registered = rpc.ggml_backend_rpc_add_server(endpoint)
    return [base.ggml_backend_reg_dev_get(registered, place) for place in range(count)]


def wait_for(port: int) -> None:
    """Return when something listens there."""
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return


def instruction_sets() -> list[str]:
    """What the library was built for and the processor has: `CPU : AVX2 = 1 | …`."""
    told = llama.llama_print_system_info().decode().partition(":")[2]
    pairs = (part.split("=") for part in told.split("|") if "=" in part)
    return [name.strip().lower() for name, value in pairs if value.strip() == "1"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the remote backend talks on stdout
    library = Library(*sys.argv[1:])
    hello = {"devices": len(library.devices), "instruction_sets": instruction_sets()}
    answers.write(json.dumps(hello) + "\n")
    answers.flush()
    for line in sys.stdin:
        answers.write(json.dumps(library.answer(json.loads(line))) + "\n")
        answers.flush()
    os._exit(0)  # the remote backend's thread never ends


if __name__ == "__main__":
    main()
