# Everything a person does in this checkout. `make help` lists it.

PYTHON ?= python3
VENV ?= .venv
ARGS ?=
BIN := $(VENV)/bin
READY := $(VENV)/.ready
BENCHED := $(VENV)/.benched
NODE := tests/integration/node_modules/.package-lock.json
COMPILE = $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --custom-compile-command 'make lock' $(ARGS)
ENGINE ?= $(firstword $(foreach engine,docker podman,$(shell $(engine) info >/dev/null 2>&1 && echo $(engine))) $(shell command -v buildah))
IMAGE ?= bearerd

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-unit lint format bench image lock parts clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 12

demo: $(READY) ## an application, bearerd, an API and an authorization server on loopback; ARGS=--once ends by itself
	$(BIN)/bearerd demo $(ARGS)

test: parts $(READY) ## every test; ARGS='-k name' chooses
	$(BIN)/pytest $(ARGS)

test-unit: $(READY) ## the unit tests alone, which need no other program
	$(BIN)/pytest tests/unit $(ARGS)

lint: $(READY) ## format, rules and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(READY) ## write the format and the repairs that ruff knows
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(BENCHED) ## bearerd beside Envoy, Go, nginx and others; QUICK=1 takes 3 minutes, ARGS='--only get32' chooses
	$(BIN)/python -m tests.bench $(if $(QUICK),--quick) $(ARGS)

image: ## the container image, by docker, podman or buildah
	@engine=$(ENGINE); test -n "$$engine" || { echo 'make image needs docker, podman or buildah'; exit 1; }; \
	case $$engine in *docker) format= ;; *) format='--format docker' ;; esac; \
	set -x; $$engine build $$format -t $(IMAGE) $(ARGS) .  # the OCI format has no HEALTHCHECK

lock: $(READY) ## the hashed requirements files from pyproject.toml; ARGS=--upgrade takes newer versions
	$(COMPILE) --all-extras --group dev pyproject.toml -o requirements.txt
	$(COMPILE) --all-extras --constraints requirements.txt pyproject.toml -o requirements-image.txt
	$(COMPILE) --constraints requirements.txt --group build -o requirements-build.txt
	$(COMPILE) --constraints requirements.txt --group bench -o requirements-bench.txt

# Debian packages and npm packages that the integration tests run beside bearerd.
parts:
	tests/setup
	@test ! -f tests/integration/package-lock.json || $(MAKE) --no-print-directory $(NODE)

$(NODE): tests/integration/package-lock.json
	cd tests/integration && npm ci --no-audit --no-fund --ignore-scripts
	@touch $@

# Hashes for everything, the build backend too; the project itself from this checkout.
$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'bearerd needs Python 3.11 or newer: make PYTHON=python3.13 ...'; exit 1; }
	$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); echo 'on Debian and Ubuntu: apt-get install python3-venv'; exit 1; }
	$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# What bearerd is measured beside, in the same environment.
$(BENCHED): requirements-bench.txt $(READY)
	tests/setup
	$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements-bench.txt
	@touch $@

clean: ## remove everything that was built or installed here
	rm -rf .venv* build dist tests/integration/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
