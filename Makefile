# make demo    play the whole script against the embedded CRM (KEEP=1: leave it running)
# make check   style, types and every test that is not slow: before each commit
# make test    style, types and every test (WORKERS=1: one after the other; ARGS: more for pytest, as for check)
# make bench   speed and memory beside other engines
# make chaos   2,000 calls and 50 kill -9 on either database, then EspoCRM in outages; all is counted (ARGS: see --help)
# make dist    a wheelhouse in dist/, for machines without compiler and network, with its bill of materials (PYTHONS: for which)
# make lock    write requirements.lock anew: what production installs, with digests
#
# Each sets up .venv first. PYTHON=/path/to/python3.12 chooses the interpreter (3.11 or newer).

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PY := .venv/bin/python
CORES := $(shell getconf _NPROCESSORS_ONLN)
# What it compiles of the tests and of the project is kept, whatever the surroundings say: hundreds of processes import it.
PYTEST = PYTHONDONTWRITEBYTECODE= $(PY) -m pytest -n $(WORKERS) --dist loadgroup --no-loadscope-reorder
TYPED := plugin connectors demo benchmarks chaos tests/support

.PHONY: help demo check test bench chaos lint format lock dist clean

help:
	@sed -n '1,/^$$/{/^#/s/^# \{0,1\}//p}' Makefile

demo:
	@./scripts/setup.sh demo
	@$(PY) -m demo

check: WORKERS ?= $(CORES)
check: lint
	@OPTOUT_TEST_EXAMPLES=0.2 $(PYTEST) -m "not slow" $(ARGS)

# Long tests wait for others much of the time.
test: WORKERS ?= $(shell expr $(CORES) + 1)
test: lint
	@$(PYTEST) $(ARGS)

bench:
	@./scripts/setup.sh bench
	@$(PY) -m benchmarks

chaos:
	@./scripts/setup.sh dev
	@$(PY) -m chaos $(ARGS)

lint:
	@./scripts/setup.sh dev
	@$(PY) -m ruff check --quiet .
	@$(PY) -m ruff format --check --quiet . || { echo "make format puts the layout of these files right:"; $(PY) -m ruff format --check .; }
	@$(PY) -m mypy --no-error-summary $(TYPED)
	@.venv/bin/lint-imports --no-cache > .venv/lint-imports.log || { cat .venv/lint-imports.log; exit 1; }

format:
	@./scripts/setup.sh dev
	@$(PY) -m ruff check --fix --quiet .
	@$(PY) -m ruff format .

dist:
	@./scripts/dist.sh

lock:
	@./scripts/setup.sh dev
	@./scripts/lock.sh

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
