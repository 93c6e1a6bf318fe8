"""Times real models on this machine with a real runtime, and keeps what came out.

Each program that can time a model has one file (`llama_bench`, `llama_python`, `llama_server`,
`ollama`, `lm_studio`); `runners` chooses between them, `bench` puts one measurement together,
`store` keeps it. What a measurement does to later estimates is `estimate.calibration`'s.
"""

from __future__ import annotations
