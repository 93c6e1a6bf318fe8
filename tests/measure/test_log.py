"""What llama.cpp logs of its buffers."""

from __future__ import annotations

import pytest

from advisor.measure.log import MIB, Allocated, Buffers, allocated, backend_of

CPU_LOG = """\
llama_model_loader: - type  f32:  109 tensors
load_tensors:   CPU_Mapped model buffer size =   235.16 MiB
load_tensors:   CPU_REPACK model buffer size =    12.66 MiB
llama_context: constructing llama_context
llama_context:        CPU  output buffer size =     1.00 MiB
llama_kv_cache:        CPU KV buffer size =     1.50 MiB
llama_kv_cache: size =    1.50 MiB (   512 cells,   3 layers,  1/1 seqs), K (f16):    0.75 MiB
llama_kv_cache:        CPU KV buffer size =     7.50 MiB
sched_reserve:        CPU compute buffer size =   514.50 MiB
~llama_context:        CPU compute buffer size is 514.5020 MiB, matches expectation of 514.5020 MiB
"""

CUDA_LOG = """\
load_tensors: offloaded 33/33 layers to GPU
load_tensors:   CPU_Mapped model buffer size =   281.81 MiB
load_tensors:        CUDA0 model buffer size =  4403.49 MiB
llama_context: constructing llama_context
llama_context:  CUDA_Host  output buffer size =     0.49 MiB
llama_kv_cache:      CUDA0 KV buffer size =    64.00 MiB
sched_reserve:      CUDA0 compute buffer size =   258.50 MiB
sched_reserve:  CUDA_Host compute buffer size =     9.01 MiB
llama_context: constructing llama_context
llama_context:  CUDA_Host  output buffer size =     0.49 MiB
llama_kv_cache:      CUDA0 KV buffer size =    32.00 MiB
sched_reserve:      CUDA0 compute buffer size =   100.00 MiB
sched_reserve:      CUDA0 compute buffer size =   260.00 MiB
"""


def mib(*sizes):
    """Weights, cache, scratch and output in MiB."""
    weights, cache, scratch, output = (round(size * MIB) for size in sizes)
    return Buffers(
        weights_bytes=weights, cache_bytes=cache, scratch_bytes=scratch, output_bytes=output
    )


def test_caches_of_one_context_add_up_and_rearranged_weights_are_weights():
    assert allocated(CPU_LOG) == Allocated(
        gpu=None, host=mib(235.16 + 12.66, 1.5 + 7.5, 514.5, 1.0), backend="cpu"
    )


def test_of_contexts_one_after_the_other_the_largest_counts():
    assert allocated(CUDA_LOG) == Allocated(
        gpu=mib(4403.49, 64.0, 260.0, 0.0),
        host=mib(281.81, 0.0, 9.01, 0.49),
        backend="cuda",
    )


def test_a_log_that_names_no_buffer_says_nothing():
    assert allocated("") is None
    assert allocated("model buffer size = many MiB\n") is None


@pytest.mark.parametrize(
    ("name", "backend"),
    [
        ("CUDA0", "cuda"),
        ("CUDA_Host", None),
        ("ROCm1", "rocm"),
        ("Vulkan0", "vulkan"),
        ("Vulkan_Host", None),
        ("Metal", "metal"),
        ("MTL0", "metal"),
        ("SYCL0", "sycl"),
        ("CPU", None),
        ("CPU_Mapped", None),
    ],
)
def test_a_buffer_belongs_to_a_backend_or_to_the_host(name, backend):
    assert backend_of(name) == backend
