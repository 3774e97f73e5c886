# Everything a person types. `make demo` and `make test` need Python 3.11 or newer, git and make;
# they create the virtual environment themselves.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip --quiet --disable-pip-version-check

.PHONY: help demo test check format typecheck lint bench mutants venus clean
.DEFAULT_GOAL := help

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/demo.stamp ## a simulated bank in the terminal; ARGS="--packs 4" passes options
	@$(BIN)/cellwarden demo $(ARGS)

test: $(VENV)/test.stamp ## all tests; ARGS="-k words" passes options to pytest
	@sh tests/prepare.sh tools
	@# Side by side, then whole processes and brokers (they mostly wait), then what judges latency.
	@# 5 means that ARGS="-k ..." chose none of these.
	$(BIN)/python -m pytest -n auto --maxprocesses 4 -m "not shared and not system" $(ARGS) || [ $$? -eq 5 ]
	$(BIN)/python -m pytest -n 3 -m "system and not alone and not shared" $(ARGS) || [ $$? -eq 5 ]
	$(BIN)/python -m pytest -m "alone and not shared" $(ARGS) || [ $$? -eq 5 ]

check: lint typecheck ## format, lint and types, strict

lint: $(VENV)/check.stamp ## formatting and lint
	$(BIN)/ruff format --check
	$(BIN)/ruff check

typecheck: $(VENV)/check.stamp ## types
	$(BIN)/mypy

format: $(VENV)/check.stamp ## put the code into shape
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: $(VENV)/test.stamp ## benchmarks: ratios against yardsticks measured in the same run
	$(BIN)/python benchmarks/run.py $(ARGS)

mutants: $(VENV)/test.stamp ## mutation testing of the engine; ARGS="--count 0" tries every mutant
	@$(PIP) install 'mutmut>=3.8,<4'
	@PYTHONPATH=tests $(BIN)/python -m mutation $(ARGS)

venus: $(VENV)/demo.stamp ## the archive that installs on a Victron GX without internet, in dist/
	@$(BIN)/python plugins/victron/venus/build.py $(ARGS)

decisions: $(VENV)/test.stamp ## keep what the engine decides now as what it should decide
	CELLWARDEN_WRITE_DECISIONS=1 $(BIN)/python -m pytest -n 0 tests/core/engine/test_*numbers.py \
		tests/core/engine/test_*decisions.py

clean: ## remove the virtual environment and caches
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .hypothesis

# A stamp a purpose: the demo does not wait for test tools to be fetched.
$(VENV)/demo.stamp: pyproject.toml | $(BIN)/python
	@echo "Installing Cellwarden into $(VENV) ..."
	@$(PIP) install --editable '.[all]'
	@touch $@

$(VENV)/test.stamp: $(VENV)/demo.stamp
	@$(PIP) install --group test
	@touch $@

$(VENV)/check.stamp: $(VENV)/test.stamp
	@$(PIP) install --group check
	@touch $@

$(BIN)/python:
	@sh tests/prepare.sh venv "$(PYTHON)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --upgrade 'pip>=25.1'
