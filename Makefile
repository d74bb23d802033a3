# `make demo` and `make test` are all a newcomer needs; both set everything up in .venv first.
PYTHON ?= python3
VENV ?= .venv
# More flags for pip, such as an index that has torch builds for the CPU.
PIP_FLAGS ?=
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt $(PIP_FLAGS)
WANTED := pyproject.toml lab/pyproject.toml constraints.txt
WORKERS ?= 2

.PHONY: demo test lint types bench robustness check-full clean

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	  || { echo "mespot needs Python 3.11 to 3.13: make PYTHON=python3.11 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)

# What `mespot spot` needs: no torch, no numba, no lab.
$(VENV)/.ready-core: $(BIN)/python $(WANTED)
	$(PIP) -e .
	@touch $@

# What training, the lab and the tests need besides.
$(VENV)/.ready-dev: $(VENV)/.ready-core $(WANTED)
	$(PIP) -e '.[paper,datasets,train,dev]' -e ./lab
	@touch $@

demo: $(VENV)/.ready-core
	$(BIN)/mespot demo -o demo-out

test: $(VENV)/.ready-dev
	$(BIN)/python -m pytest -n $(WORKERS) -m 'not slow'

check-full: $(VENV)/.ready-dev
	$(BIN)/python -m pytest -n $(WORKERS)

lint: $(VENV)/.ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.ready-dev
	$(BIN)/mypy

# Figures, plots and the page of all benchmarks go to bench-out.
bench: $(VENV)/.ready-dev
	mkdir -p bench-out
	$(BIN)/python benchmarks/bench_descriptors.py --json bench-out/descriptors.json --plots bench-out/benchmarks
	$(BIN)/python benchmarks/bench_region_flow.py --json bench-out/region_flow.json
	$(BIN)/python benchmarks/bench_alignment.py --json bench-out/alignment.json --plots bench-out/benchmarks
	$(BIN)/python benchmarks/bench_lstm.py > bench-out/lstm.txt
	cat bench-out/lstm.txt
	$(BIN)/python benchmarks/bench_end_to_end.py --json bench-out/end_to_end.json --plots bench-out/benchmarks
	$(BIN)/python benchmarks/page.py bench-out

# What size, frame rate, compression, head motion and blinks cost; goes on where it was stopped.
robustness: $(VENV)/.ready-dev
	mkdir -p bench-out
	$(BIN)/python lab/benchmarks/robustness.py --out bench-out --workers $(WORKERS)

clean:
	rm -rf $(VENV) demo-out bench-out build dist src/*.egg-info lab/src/*.egg-info .pytest_cache .mypy_cache .ruff_cache
