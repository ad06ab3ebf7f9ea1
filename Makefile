# Self-documenting: `make` or `make help` lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# In CI all tests run, those that wait for leases too, so it leaves them more of the machine.
JOBS ?= $(if $(filter true,$(CI)),3,4)

.DEFAULT_GOAL := help
.PHONY: help install run test test-slow test-latest test-clients torture lint fmt type migrate bench bench-scale constraints audit clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

# Without PYTHON=... an environment that is there is kept; with it, it must be one of that Python.
WHICH := 'import sys; print(sys.base_prefix, sys.version)'
ifneq ($(origin PYTHON),file)
ifneq ($(shell $(PYTHON) -c $(WHICH)),$(shell $(BIN)/python -c $(WHICH) 2>&1))
OTHER := yes
.PHONY: $(STAMP)
endif
endif

install: $(STAMP) ## Create .venv and install the project with its test tools

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("registry-gateway needs Python 3.11 or newer: make PYTHON=/path/to/python3.11")'
	$(if $(OTHER)$(if $(wildcard $(BIN)/pip),,missing),$(PYTHON) -m venv --clear $(VENV))
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

run: $(STAMP) ## Migrate the embedded database and serve on 0.0.0.0:8765 (ARGS="--port 9000" for options)
	@exec $(BIN)/registry-gateway serve --migrate $(ARGS)

PYTEST := TMPDIR="$$($(BIN)/python .ci/temporary.py)" PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder

test: lint type $(STAMP) ## Lint, types, and all tests but the slow ones; with CI=true those too (JOBS=4 processes)
ifeq ($(CI),true)
	COVERAGE_CORE=ctrace $(PYTEST) -m '' -p pytest_cov --cov --cov-report json:.coverage.json $(ARGS)
	$(BIN)/python .ci/coverage.py .coverage.json
else
	$(PYTEST) $(ARGS)
endif

test-slow: $(STAMP) ## The slow tests: older PostgreSQL servers, older clients, failover, hangs, benchmarks, the wheel
	$(PYTEST) -m slow $(ARGS)

test-latest: ## The suite on the newest version of every dependency, whatever the upper bounds, in an environment of its own
	$(PYTHON) -m venv --clear .latest
	.latest/bin/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	.latest/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	.latest/bin/python .ci/latest.py names | xargs .latest/bin/python -m pip install --quiet --disable-pip-version-check --upgrade --upgrade-strategy eager
	.latest/bin/python .ci/latest.py beyond
	PYTHONDONTWRITEBYTECODE= .latest/bin/python -m pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

test-clients: $(STAMP) ## Try all published clients and print the table of docs/clients.md (ARGS="chapkit-2.4.1": these)
	$(BIN)/python -m tests.e2e.clients_table $(ARGS)

torture: $(STAMP) ## Hostile clients for ten minutes on each database, and long outages (TORTURE_MINUTES=1: one)
	$(BIN)/python -m pytest tests/torture --capture no $(ARGS)

lint: $(STAMP) ## Ruff: rules and formatting; import-linter: which room may import which; JavaScript where there is node
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	tests/javascript/lint

fmt: $(STAMP) ## Format, and fix what can be fixed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

type: $(STAMP) ## mypy, strict; what has not changed is taken from .mypy_cache
	$(BIN)/mypy

migrate: $(STAMP) ## Bring the database up to date (REGISTRY_GATEWAY_DATABASE_URL, else ./registry.db)
	$(BIN)/registry-gateway db upgrade

bench: $(STAMP) ## Compare with the bare server and a peer, about half an hour (ARGS="--only 'heartbeat-*'"); needs wrk
	$(BIN)/python -m bench $(ARGS)

bench-scale: $(STAMP) ## Growth up to 100,000 registrations, about 15 minutes; draws docs/growth.png; needs wrk
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	$(BIN)/python -m bench.scale --plot docs/growth.png $(ARGS)

constraints: ## Write constraints.txt anew: all that the gateway needs, at one version each, with hashes
	$(PYTHON) -m venv .lock
	.lock/bin/python -m pip install --quiet --disable-pip-version-check uv
	.lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --extra postgresql --extra chap-core --extra mcp \
		--generate-hashes --no-annotate --custom-compile-command 'make constraints' --output-file constraints.txt pyproject.toml

audit: $(STAMP) ## Look up every installed package in PyPI's advisories (needs https://pypi.org; not a part of `make test`)
	$(PYTHON) -m venv .audit
	.audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit
	$(BIN)/python -m pip freeze --exclude-editable > .audit/installed.txt
	rm -f .audit/report.json
	-.audit/bin/pip-audit --progress-spinner off --no-deps --disable-pip --requirement .audit/installed.txt \
		--format json --output .audit/report.json $(ARGS)
	$(BIN)/python .ci/audit.py .audit/report.json

clean: ## Remove the environments and caches; registry.db stays
	rm -rf $(VENV) .latest .audit .lock .clients .mypy_cache .ruff_cache .hypothesis .coverage* tests/javascript/node_modules dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
