# Everything one does with OpenSlot. `make` alone lists it.

HOST ?= 127.0.0.1
PORT ?= 8000
ARGS ?=

BIN := .venv/bin
COMPILE := $(BIN)/uv pip compile pyproject.toml --quiet --generate-hashes --no-emit-index-url \
	--no-header --universal --python-version 3.11 $(if $(UPGRADE),--upgrade)
export PYTHON
# Many tests start programs, which would be compiled again each time.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup run test lint audit bench survive lock migration

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/.dev ## make .venv with all that running and testing need (PYTHON=)
	@echo "Ready: .venv"

run: .venv/.run ## serve the demonstration network (PORT=, HOST=, FRESH=1 starts over)
	@exec $(BIN)/openslot demo --host "$(HOST)" --port "$(PORT)" $(if $(filter-out 0,$(FRESH)),--fresh)

test: .venv/.dev ## run every test that this machine allows (ARGS=)
	$(BIN)/python -m pytest -n auto $(ARGS)

lint: .venv/.dev ## check style, types, the direction of imports, and known weaknesses
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bandit -q -ll -r src

audit: .venv/.dev ## look for known vulnerabilities in what is installed to run
	@scripts/audit.sh

bench: .venv/.dev ## measure speed and print it
	PYTHONPATH=tests $(BIN)/python -m bench $(ARGS)

survive: .venv/.dev ## kill databases and processes under load, and see what is lost
	PYTHONPATH=tests $(BIN)/python -m survival $(ARGS)

lock: .venv/.dev ## write requirements*.txt, and their licences, from pyproject.toml (UPGRADE=1 takes newer releases)
	$(COMPILE) --output-file requirements.txt
	$(COMPILE) --extra mongodb --output-file requirements-mongodb.txt
	$(COMPILE) --extra otel --output-file requirements-otel.txt
	$(COMPILE) --extra redis --output-file requirements-redis.txt
	$(COMPILE) --extra dev --output-file requirements-dev.txt
	$(BIN)/python scripts/sbom.py

migration: .venv/.dev ## write a migration from the models (MESSAGE="what changes")
	$(BIN)/python scripts/new_migration.py "$(MESSAGE)"

.venv/.run: requirements.txt requirements-setup.txt pyproject.toml scripts/setup.sh
	@scripts/setup.sh requirements.txt
	@touch $@

.venv/.dev: requirements-dev.txt requirements-setup.txt pyproject.toml scripts/setup.sh
	@scripts/setup.sh requirements-dev.txt
	@touch .venv/.run $@
