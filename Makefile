# Two commands are all that is needed: `make run` and `make test`. The others are listed by `make help`.
# Stamps under .venv tell what is already installed, so a second `make run` starts at once.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
STATIC := src/forecourt/ui/static
export UV_LINK_MODE ?= copy
# Trust whom this machine trusts, as pip and npm do: many networks have an authority of their own.
export UV_SYSTEM_CERTS ?= true

# The slowest first: two run at once.
CHECKS := check-types check-tests check-imports check-generated check-locks check-style

.PHONY: help setup spark run test check bench pictures clean $(CHECKS)

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  \033[36mmake %-8s\033[0m %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.forecourt $(VENV)/.assets ## make the virtual environment and the web assets

spark: setup $(VENV)/.spark ## add what usage on Spark needs beside Java (430 MB)

run: setup ## start everything with a demo organisation and simulated stations
	@exec $(BIN)/forecourt up --demo

# What was compiled is kept, whatever the environment says: hundreds of processes are started. A process that ended
# because a test hung is not replaced: the run would wait for its tests for ever.
test: export PYTHONDONTWRITEBYTECODE :=
test: setup ## run the tests (real PostgreSQL, real sockets)
	$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder --max-worker-restart 0

check: setup ## lint, types, architecture, generated code, lock files
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target $(CHECKS)

# mypy gives its workers three seconds to begin, and fails by 2 where a machine has no time for that; what is wrong with
# types is a 1.
check-types:
	$(BIN)/mypy --num-workers 2 || { [[ $$? == 2 ]] && $(BIN)/mypy; }

# That all of them can be read; and what they are compiled to is there for the processes that run them.
check-tests: export PYTHONDONTWRITEBYTECODE :=
check-tests:
	@echo "$(BIN)/python -m pytest --collect-only"; \
	said=$$($(BIN)/python -m pytest --collect-only -qqq 2>&1) || { echo "$$said"; exit 1; }

check-style:
	$(BIN)/ruff check
	$(BIN)/ruff format --check

check-imports:
	$(BIN)/lint-imports --cache-dir .cache/import_linter

check-generated:
	$(BIN)/python tools/generate_ocpp.py --check

check-locks:
	$(BIN)/python tools/check_locks.py

bench: setup ## measure speed against the ordinary way and print the ratios
	$(BIN)/python -m bench

pictures: setup ## picture every page of the console for the docs
	$(BIN)/python -m tools.take_pictures

clean: ## remove everything that set-up made (never ./var, where the data lives)
	rm -rf $(VENV) .cache web/node_modules $(STATIC)

$(VENV)/.uv: requirements-uv.lock
	@python=$$(tools/find_python.sh); \
	[[ -x $(BIN)/python ]] || "$$python" -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.lock
	@touch $@

$(VENV)/.locked: requirements.lock $(VENV)/.uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	@touch $@

$(VENV)/.spark: requirements-spark.lock $(VENV)/.locked
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-spark.lock
	@touch $@

# The build back end is the pinned uv itself, so installing the package fetches nothing.
$(VENV)/.forecourt: pyproject.toml $(VENV)/.locked
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

$(VENV)/.assets: $(VENV)/.uv $(shell find web -type f -not -path 'web/node_modules/*' 2>/dev/null)
	@if [[ -f web/package.json ]]; then tools/build_assets.sh; fi
	@touch $@
