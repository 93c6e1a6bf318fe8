"""NVIDIA GPUs, through NVML: their memory, rates, links, slices and holders."""
