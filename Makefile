# Two commands do all the set-up on a machine with Python 3.11, pip and make:
#   make demo    installs, then answers for the example data and leaves a phase diagram in demo/
#   make test    installs the test tools, then runs everything CI runs; as root it also installs Chromium if
#                there is none, for the tests of pages
# A third builds the documentation site; it proves every claim and runs every chapter on the way.
#   make docs    installs Sphinx, then leaves the site in docs/_build/html
# A fourth asks again what was published:
#   make experiments    runs every experiment quick, and checks what it claims
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

EXAMPLE := example --target progression --context 0:64 --query 64 --standardize --center

TABLE := example --target progression --features bmi --standardize --center --n-prompts 2000

FEATURES := example --target progression --standardize --center --n-prompts 2000

.PHONY: demo test test-thorough test-oldest lint docs experiments figures clean

demo: .venv/installed
	@mkdir -p demo
	@$(BIN)/lintrans phase-diagram $(EXAMPLE) --output demo/phase_diagram.h5 --force --quiet & \
	$(BIN)/lintrans reduce $(EXAMPLE) --step-size 7e-5 && \
	wait $$!
	@echo "wrote demo/phase_diagram.png and demo/phase_diagram.h5"

test: lint
	@sh tests/install_chromium.sh
	$(BIN)/python -m pytest --numprocesses auto --durations 10

test-thorough: .venv/installed-test
	$(BIN)/python -m pytest -m thorough

test-oldest: .venv-oldest/installed
	.venv-oldest/bin/python -m pytest -m "thorough or not thorough" --noconftest tests/compiled

lint: .venv/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: .venv/installed-docs
	$(BIN)/sphinx-build --builder html --nitpicky --fail-on-warning --keep-going --quiet docs docs/_build/html
	@echo "open docs/_build/html/index.html"

experiments: .venv/installed
	$(BIN)/python -m experiments all --quick

figures: .venv/installed-test
	@mkdir -p demo
	$(BIN)/lintrans phase-diagram $(EXAMPLE) --output demo/phase_diagram.h5 --figure docs/figures/phase_diagram.png --force
	$(BIN)/lintrans bifurcation --mu 0.8:2.02:1200 --output demo/bifurcation.h5 --figure docs/figures/bifurcation.png --force
	$(BIN)/lintrans phase-diagram --mu 0.005:2.2:440 --start 1,1 --scales 0.01:2:300 --output demo/scales.h5 --figure docs/figures/scales.png --force
	$(BIN)/lintrans phase-diagram --mu 0.005:2.2:440 --start 0.5,0.5 --imbalances -5:5:300 --output demo/imbalances.h5 --figure docs/figures/imbalances.png --force
	$(BIN)/lintrans lyapunov --mu 0.9:2.05:1200 --output demo/lyapunov.h5 --figure docs/figures/lyapunov.png --force
	$(BIN)/lintrans basin --mu 0.9 --u=-2.5:2.5:1000 --v=-2.5:2.5:1000 --output demo/basin.h5 --figure docs/figures/basin.png --force
	$(BIN)/lintrans basin --mu 1.5 --u=-2:2:1000 --v=-2:2:1000 --output demo/basin_chaos.h5 --figure docs/figures/basin_chaos.png --force
	$(BIN)/lintrans basin --mu 0.5 --weight-decay 0.4 --u=-4:4:1000 --v=-4:4:1000 --output demo/basin_decay.h5 --figure docs/figures/basin_decay.png --force
	$(BIN)/lintrans dimension --output demo/dimension.h5 --figure docs/figures/dimension.png --force
	$(BIN)/lintrans cycles --mu 1.7 --period 4 --output demo/cycles.h5 --figure docs/figures/cycles.png --force
	$(BIN)/lintrans continue --mu 0.8:2.02:123 --period 4 --output demo/continuation.h5 --figure docs/figures/continuation.png --force
	$(BIN)/lintrans exponents --mu 1.9 --start 0.4,0.3 --output demo/exponents.h5 --figure docs/figures/exponents.png --force
	$(BIN)/lintrans density --mu 2 --output demo/density.h5 --figure docs/figures/density.png --force
	$(BIN)/lintrans minibatch $(TABLE) --step-size 3e-4 --batch-size 32 --output demo/minibatch.h5 --figure docs/figures/minibatch.png --force
	$(BIN)/lintrans minibatch $(FEATURES) --step-size 9e-5 --batch-size 32 --output demo/minibatch_trained.h5 --figure docs/figures/minibatch_trained.png --force
	$(BIN)/lintrans escapes $(TABLE) --step-size 3e-4 --batch-size 16 --output demo/escapes.h5 --figure docs/figures/escapes.png --force
	$(BIN)/lintrans orbit $(EXAMPLE) --step-size 9e-5 --n-steps 80 --output demo/orbit.h5 --figure docs/figures/orbit.png --force
	$(BIN)/lintrans verify $(EXAMPLE) --step-size 1.1e-4 --output demo/verification.h5 --figure docs/figures/verification.png --force
	$(BIN)/lintrans sandbox train --seeds 0:32 --output demo/sandbox.h5 --figure docs/figures/sandbox.png --page demo/sandbox.html --force
	$(BIN)/python docs/draw_explorer.py --figure docs/figures/explorer.png
	$(BIN)/python docs/draw_layers.py

clean:
	rm -rf .venv .venv-oldest demo build *.egg-info docs/_build docs/_generated

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

.venv-oldest/installed: pyproject.toml
	@echo "installing lintrans with the oldest Numba it supports into .venv-oldest (once)"
	$(PYTHON) -m venv .venv-oldest
	.venv-oldest/bin/python -m pip install --quiet --disable-pip-version-check \
		'numba==0.61.0' 'numpy==2.0.*' pytest --editable .
	@touch $@

.venv/installed-docs: .venv/bin/python pyproject.toml constraints.txt
	@echo "installing lintrans and Sphinx into .venv (once)"
	$(PIP) --editable '.[docs]'
	@touch .venv/installed $@
