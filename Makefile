# Two commands do everything: `make run` and `make test`. Both set up what they need first.
PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: run test setup soak fuzz clients lint types imports check bench clean lock peers

run: setup  ## start the main job: a simulated market, recorded, processed, stored and served
	$(BIN)/breadboard up

test: setup  ## all tests
	$(BIN)/python -m pytest

setup: $(READY)  ## .venv with breadboard in it, kernels compiled

$(READY): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "breadboard needs Python 3.11 (looked for '$(PYTHON)')"; echo "hint: make setup PYTHON=/path/to/python3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv==0.13.8'
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	$(BIN)/python -m compileall -q src
	$(BIN)/breadboard warm
	touch $@

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

imports: setup
	$(BIN)/lint-imports

check: lint types imports test  ## everything CI runs

soak: setup  ## 100 kills of every process while the simulated market runs
	BREADBOARD_SOAK_KILLS=100 $(BIN)/python -m pytest tests/scenarios -k kill -s --timeout 3600

clients: setup  ## clients of the venues' protocols that others wrote, against our simulators
	test -x .venv-clients/bin/python || $(PYTHON) -m venv .venv-clients
	$(BIN)/uv pip install --quiet --python .venv-clients/bin/python --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python .venv-clients/bin/python --no-deps --editable .
	$(BIN)/uv pip install --quiet --python .venv-clients/bin/python -r tests/e2e/clients.txt
	test -x .venv-vendors/bin/python || $(PYTHON) -m venv .venv-vendors
	$(BIN)/uv pip install --quiet --python .venv-vendors/bin/python -r tests/e2e/vendors.txt
	BREADBOARD_REQUIRE_CLIENTS=1 BREADBOARD_CLIENTS_PYTHON=$(CURDIR)/.venv-vendors/bin/python .venv-clients/bin/python -m pytest tests/e2e

FUZZ_RUNS ?= 1000000
FUZZ_VENUES ?= $(shell $(BIN)/python -c 'from breadboard.feeds import FEEDS; print(*FEEDS)')

fuzz: setup  ## a million inputs for every decoder, guided by coverage; stops at the first that trips one
	test -x .venv-fuzz/bin/python || $(PYTHON) -m venv .venv-fuzz
	$(BIN)/uv pip install --quiet --python .venv-fuzz/bin/python --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python .venv-fuzz/bin/python --no-deps --editable .
	$(BIN)/uv pip install --quiet --python .venv-fuzz/bin/python 'atheris==3.0.0'
	for venue in $(FUZZ_VENUES); do .venv-fuzz/bin/python tests/fuzz/decoders.py $$venue build/fuzz/$$venue -atheris_runs=$(FUZZ_RUNS) -max_len=4096 -verbosity=0 -print_final_stats=1 || exit 1; done

bench: setup  ## the pipeline, beside its peers where `make peers` has put them
	BREADBOARD_PEERS_PYTHON=$(wildcard .venv-peers/bin/python) $(BIN)/breadboard bench pipeline --json

lock:  ## renew the lock file from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --group dev --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header -o requirements.lock

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache

peers:  ## an environment with the peers that `make bench` measures beside us
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check cryptofeed==2.4.1 nautilus_trader==1.221.0
