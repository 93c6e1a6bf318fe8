# Paths are relative on purpose: the checkout may lie in a path with spaces.
PYTHON ?= python3
VENV := .venv
CONFORMANCE := .venv-conformance
RUN := $(VENV)/bin/python

.PHONY: conformance scan test lint types layers unit bench docs accuracy fit fuzz clean

scan: $(VENV)/.project
	@$(RUN) -m advisor scan

test: lint types layers unit

lint: $(VENV)/.test
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .

types: $(VENV)/.test
	$(RUN) -m mypy

layers: $(VENV)/.test
	$(VENV)/bin/lint-imports

unit: $(VENV)/.test
	$(RUN) -m pytest --numprocesses logical --maxprocesses 4

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.project: pyproject.toml | $(VENV)/bin/python
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.test: pyproject.toml | $(VENV)/bin/python
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[test,real]'
	@touch $@ $(VENV)/.project

fit: $(VENV)/.test
	PYTHONPATH=. $(RUN) tools/fit.py

docs: $(VENV)/.test
	$(RUN) tools/machine_schema.py
	$(RUN) tools/output_schemas.py
	$(RUN) tools/check_docs.py
	$(RUN) tools/console_blocks.py

bench: $(VENV)/.test
	$(RUN) benchmarks/startup.py
	$(RUN) benchmarks/gguf_header.py

accuracy: $(VENV)/.test
	PYTHONPATH=. $(RUN) tools/accuracy.py

fuzz: $(VENV)/bin/python
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[fuzz]'
	PYTHONPATH=. $(RUN) tools/fuzz_gguf.py -max_total_time=600

# The real llama.cpp, built without optimisation, which is quick: it never computes.
conformance: $(CONFORMANCE)/.installed
	$(CONFORMANCE)/bin/python -m pytest tests/conformance

LIBRARY := CMAKE_ARGS='-DGGML_RPC=ON -DGGML_NATIVE=OFF -DGGML_OPENMP=OFF -DLLAVA_BUILD=OFF -DCMAKE_C_FLAGS_RELEASE=-DNDEBUG -DCMAKE_CXX_FLAGS_RELEASE=-DNDEBUG' \
  $(CONFORMANCE)/bin/python -m pip install --quiet --disable-pip-version-check

# pip keeps a wheel whatever it was built with: one of somebody else's has no remote backend.
$(CONFORMANCE)/.installed: pyproject.toml
	$(PYTHON) -m venv $(CONFORMANCE)
	$(LIBRARY) --editable '.[conformance]'
	ls $(CONFORMANCE)/lib/python*/site-packages/llama_cpp/lib/libggml-rpc.* >/dev/null 2>&1 || \
	  $(LIBRARY) --no-cache-dir --no-deps --force-reinstall \
	  "$$($(CONFORMANCE)/bin/python -m pip freeze | grep -i '^llama.cpp.python==')"
	@touch $@

clean:
	rm -rf $(VENV) $(CONFORMANCE) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
