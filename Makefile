# make run   a fresh machine to a proven PyTorch        make test   the tests
# make check what CI runs                               make bench  measurements, as ratios in one run
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TORCH_TARGET ?= $(BIN)/python

.PHONY: run test check format-check lint types fix bench soak machines wheel clean

run: $(BIN)/ptsetup
	$(BIN)/ptsetup install --yes --python $(TORCH_TARGET)

$(BIN)/ptsetup: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.dev: $(BIN)/ptsetup
	$(BIN)/uv pip install --quiet --python $(BIN)/python --group dev
	@touch $@

test: $(VENV)/.dev
	$(BIN)/python -m pytest

format-check: $(VENV)/.dev
	$(BIN)/ruff format --check .

lint: $(VENV)/.dev
	$(BIN)/ruff check .

types: $(VENV)/.dev
	$(BIN)/mypy

check: format-check lint types test

fix: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
