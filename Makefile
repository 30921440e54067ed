# The commands of this repository. `make help` lists them.

SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Not compiled ahead: Python compiles what it imports, and much of what is installed it never imports.
INSTALL := $(BIN)/python -m pip install --no-compile --quiet --disable-pip-version-check --no-input
PROJECT := $(INSTALL) --no-deps --no-build-isolation --editable .
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header
SERVE_DATA := var/serve
# One more than the cores that we count on: tests wait for databases and disks.
WORKERS ?= 3

export PYTHONUNBUFFERED := 1
# Set in many containers: each of the processes that tests start would compile all it imports again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test serve bench lint format install install-test prepared postgresql stores chromium swift check lock audit sbom clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1: /p' $(MAKEFILE_LIST) | awk -F': ' '{printf "make %-14s %s\n", $$1, $$2}'

demo: install ## a day in the field, on SQLite, in a new folder under var/
	@$(BIN)/python -m tests.journeys.the_day

test: install-test ## linters, types, contracts and all tests, on SQLite and PostgreSQL
	@$(MAKE) --no-print-directory --jobs=$(WORKERS) prepared
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal --durations=10

# Downloads wait for the network while linters want the processor: side by side.
prepared: postgresql stores swift chromium lint

serve: install ## the server with the demo's data; prints the addresses and logins to try
	@$(BIN)/python -m tests.journeys.serve --data $(SERVE_DATA)

bench: install-test postgresql swift ## the benchmarks: a table here, JSON in var/bench.json
	@$(BIN)/python -m tests.benchmarks

lint: install-test ## style, types, who imports whom, known weaknesses in our own code
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/bandit --quiet --configfile pyproject.toml --severity-level medium --recursive backend sync schemas media mobile_client_stub

format: install-test ## put imports and layout right
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

install: $(VENV)/installed-run ## .venv with what the server needs

install-test: $(VENV)/installed-test ## .venv with what the tests need, too

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Doorstep needs Python 3.11 or newer (make PYTHON=python3.12 names another one)." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "Python's venv module is missing: on Debian and Ubuntu install the package python3-venv." >&2; exit 1; }

# Exact versions with hashes first; then the project itself, built by the setuptools of the lock: nothing else is fetched.
$(VENV)/installed-run: .locks/run.txt pyproject.toml | $(BIN)/pip
	@echo "installing Doorstep into $(VENV) ..."
	@$(INSTALL) --require-hashes --requirement .locks/run.txt
	@$(PROJECT)
	@touch $@

$(VENV)/installed-test: .locks/test.txt $(VENV)/installed-run
	@echo "installing what the tests need ..."
	@$(INSTALL) --require-hashes --requirement .locks/test.txt
	@touch $@

$(VENV)/installed-release: .locks/release.txt $(VENV)/installed-test
	@$(INSTALL) --require-hashes --requirement .locks/release.txt
	@touch $@

postgresql: install-test
	@if [ "$$DOORSTEP_TEST_SQLITE_ONLY" != 1 ]; then .ci/postgresql $(BIN)/python; fi

swift: install-test ## OpenStack Swift in an environment of its own: the S3 of the tests
	@.ci/swift $(BIN)/python

stores: install-test ## Node and the npm packages of the tests with real WatermelonDB and RxDB
	@.ci/stores $(BIN)/python

# After PostgreSQL: apt-get installs one thing at a time.
chromium: postgresql
	@.ci/chromium

lock: ## .locks/ again from pyproject.toml (UPGRADE=--upgrade takes the newest versions)
	@[ -x $(BIN)/uv ] || { $(MAKE) --no-print-directory $(VENV)/installed-release; }
	@$(COMPILE) $(UPGRADE) pyproject.toml --group build --output-file .locks/run.txt
	@$(COMPILE) $(UPGRADE) pyproject.toml --group build --group test --constraint .locks/run.txt --output-file .locks/test.txt
	@$(COMPILE) $(UPGRADE) --group node --output-file .locks/node.txt
	@$(COMPILE) $(UPGRADE) --group swift --output-file .locks/swift.txt
	@$(COMPILE) $(UPGRADE) --group release --constraint .locks/test.txt --output-file .locks/release.txt
	@$(COMPILE) $(UPGRADE) --group bench --output-file .locks/bench.txt

audit: $(VENV)/installed-release ## known vulnerabilities in the locked versions (asks the advisory service of PyPI)
	@$(BIN)/pip-audit --disable-pip --require-hashes --requirement .locks/run.txt

sbom: $(VENV)/installed-release ## the parts list of a release, CycloneDX, in var/sbom.json
	@mkdir -p var
	@$(BIN)/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible --output-file var/sbom.json .locks/run.txt
	@echo "var/sbom.json"

clean: ## caches and everything under var/
	@rm -rf var .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build *.egg-info
