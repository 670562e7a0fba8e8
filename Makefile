# make run   a fresh machine to a proven PyTorch        make test   the tests
# make check what CI runs                               make bench  measurements, as ratios in one run
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TORCH_TARGET ?= $(BIN)/python

.PHONY: run test check format-check lint types fix bench soak wheel clean

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

# the calls of each system, as far as types tell: nobody here runs Windows or macOS
types: $(VENV)/.dev
	$(BIN)/mypy --platform linux
	$(BIN)/mypy --platform win32
	$(BIN)/mypy --platform darwin

# large or long runs: every injected defect, environments of gigabytes
soak: $(VENV)/.dev
	$(BIN)/python -m pytest -m soak

# measurements, printed as a table of ratios with their bounds
bench: $(VENV)/.dev
	$(BIN)/python -m tests.measure

# build the wheel and look at what it holds; install it into an empty environment and plan with it
wheel: $(VENV)/.dev
	rm -rf dist .cache/wheel-env
	$(BIN)/uv build --quiet --wheel --out-dir dist
	$(BIN)/python -m venv .cache/wheel-env
	.cache/wheel-env/bin/python -m pip install --quiet dist/*.whl
	.cache/wheel-env/bin/ptsetup plan --gpu 8.9 --driver 580.95.05

clean:
	rm -rf $(VENV) dist build .cache .hypothesis .mypy_cache .ruff_cache

check: format-check lint types test

fix: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
