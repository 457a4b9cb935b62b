# Two commands do all the set-up on a machine with Python 3.11, pip and make:
#   make demo    installs, then answers for the example data and leaves a phase diagram in demo/
#   make test    installs the test tools, then runs everything CI runs
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt

EXAMPLE := lintrans/data/diabetes.csv --target progression --context 0:64 --query 64 --standardize --center

.PHONY: demo test lint clean

demo: .venv/installed
	@mkdir -p demo
	@$(BIN)/lintrans reduce $(EXAMPLE) --step-size 7e-5
	@$(BIN)/lintrans phase-diagram $(EXAMPLE) --output demo/phase_diagram.h5 --force --quiet
	@echo "wrote demo/phase_diagram.png and demo/phase_diagram.h5"

test: lint
	$(BIN)/python -m pytest

lint: .venv/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf .venv demo build *.egg-info

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python pyproject.toml constraints.txt
	@echo "installing lintrans into .venv (once)"
	$(PIP) --editable .
	@touch $@

.venv/installed-test: .venv/bin/python pyproject.toml constraints.txt
	@echo "installing lintrans and its test tools into .venv (once)"
	$(PIP) --editable '.[test]'
	@touch .venv/installed $@
