# Needs git, make, a C compiler, Python 3.11 with venv, and a network path to PyPI and Debian's packages. Nothing else.
#
#   make demo    the simulated central services and the gateway, on loopback; Ctrl-C ends both
#   make test    the whole suite against the real parts
#   make check   format, lint, types, floors
#   make hunt    the tests of the pure rooms with many random examples, each time others

PYTHON ?= python3
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
PACSYS := .venv-pacsys
PIP := -m pip install --quiet --disable-pip-version-check
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.PHONY: demo test hunt check venv format schema protobuf clean

demo: $(VENV)/.run
	@exec $(BIN)/acgate demo

test: $(VENV)/.test $(PACSYS)/.made
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile || { \
	  echo "What failed beside others is tried once more, alone. Whatever fails again is broken:"; \
	  $(BIN)/python -m pytest --last-failed --last-failed-no-failures none; }

hunt: $(VENV)/.test
	$(BIN)/python -m pytest --hypothesis-profile=hunt --timeout 1200 --numprocesses $(WORKERS) \
	  tests/core tests/wire tests/config tests/access tests/plan

check: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

venv: $(VENV)/.test

format: $(VENV)/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# the JSON Schema of the configuration, which tests/house compares with the models
schema: $(VENV)/.run
	$(BIN)/acgate check --schema > docs/reference/config-schema.json.new
	mv docs/reference/config-schema.json.new docs/reference/config-schema.json

# the messages of the gRPC services, which tests/wire compares with the .proto files
protobuf: $(VENV)/.test
	$(BIN)/python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. gateway/wire/protobuf/*.proto

clean:
	rm -rf $(VENV) $(PACSYS) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*

# Each stamp says that the step was done since the files it depends on changed.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "acgate needs Python 3.11 or newer; say which: make PYTHON=python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python $(PIP) --constraint constraints.txt --editable '.[services]'
	@touch $@

$(VENV)/.test: $(VENV)/.run tools/system-packages.sh
	tools/system-packages.sh
	$(BIN)/python $(PIP) --constraint constraints.txt --editable '.[test,check]'
	@touch $@

# pacsys is a foreign client with a licence and dependencies of its own, so it lives apart; gssapi is built here.
$(PACSYS)/.made: tests/pacsys-constraints.txt | $(VENV)/.test
	$(PYTHON) -m venv $(PACSYS)
	$(PACSYS)/bin/python $(PIP) --constraint tests/pacsys-constraints.txt pacsys gssapi
	@touch $@
