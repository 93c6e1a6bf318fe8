# Paths are relative on purpose: the checkout may lie in a path with spaces.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python

.PHONY: scan test lint types layers unit bench docs accuracy fit clean

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
	$(RUN) -m pytest

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.project: pyproject.toml | $(VENV)/bin/python
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.test: pyproject.toml | $(VENV)/bin/python
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@ $(VENV)/.project

fit: $(VENV)/.test
	PYTHONPATH=. $(RUN) tools/fit.py

docs: $(VENV)/.test
	$(RUN) tools/machine_schema.py
	$(RUN) tools/output_schemas.py
	$(RUN) tools/console_blocks.py

bench: $(VENV)/.project
	$(RUN) benchmarks/startup.py

accuracy: $(VENV)/.test
	PYTHONPATH=. $(RUN) tools/accuracy.py

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
