# Every target does its own set-up in .venv (python -m venv and pip) and is quick when that is done already.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: help demo test test-slow test-web test-faults test-all lint lint-js train recognizer detector transcription evidence bench page openapi docs clean

help:
	@echo "Times are for 2 cores, without the set-up that each target does itself."
	@echo "make demo        read the sample pictures with the light install           30 seconds"
	@echo "make test        all quick tests                                           6 minutes"
	@echo "make test-slow   trainings, kills of them, speed                          12 minutes"
	@echo "make test-web    the page in a browser                                     5 minutes, needs chromium"
	@echo "make test-faults attacks, kills and full disks                            11 minutes, needs root and strace for all of them"
	@echo "make test-all    all four, and how much of the code the quick tests run    40 minutes"
	@echo "make lint        ruff, mypy --strict, import-linter, and lint-js           1 minute"
	@echo "make lint-js     eslint and tsc for the page                               needs Node 20 or newer"
	@echo "make train       train the recipe classic into runs/                       2 minutes"
	@echo "make recognizer  train the network that reads digits into runs/            2 hours 15 minutes"
	@echo "make detector    train the network that finds characters into runs/        1 hour 30 minutes"
	@echo "make transcription train the network that reads numbers as a whole into runs/ 1 hour 30 minutes"
	@echo "make evidence    test what people claim about CNNs, into runs/evidence     1 hour 10 minutes"
	@echo "make bench       start-up, the training loop against a bare one            7 minutes"
	@echo "make page        time the page, and take the pictures of the docs          3 minutes, needs chromium"
	@echo "make openapi     write docs/openapi.json                                   a second"
	@echo "make docs        build the documentation into site/                        a minute"
	@echo "make clean       remove what the other targets made here                   a second"

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "$(PYTHON) is older than Python 3.11; name a newer one: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv .venv

# A stamp says which extras are installed; a changed pyproject.toml installs them anew.
.venv/.light: .venv/bin/python pyproject.toml
	$(PIP) --editable .
	@touch $@

.venv/.train: .venv/bin/python pyproject.toml
	$(PIP) --editable '.[train]'
	@touch $@ .venv/.light

.venv/.dev: .venv/bin/python pyproject.toml
	$(PIP) --editable '.[dev]'
	@touch $@ .venv/.train .venv/.light

.venv/.docs: .venv/.dev
	$(PIP) --editable '.[docs]'
	@touch $@

demo: .venv/.light
	@$(BIN)/python benchmarks/install_size.py
	@$(BIN)/python examples/demo.py

test: .venv/.dev
	$(BIN)/numeye data mnist
	$(BIN)/python -m pytest -m 'not (slow or kill or web or fault)' -n auto --dist worksteal $(COVERAGE)

test-slow: .venv/.dev
	$(BIN)/numeye data mnist
	$(BIN)/python -m pytest -m '(slow or kill) and not (web or fault)'

test-web: .venv/.dev
	$(BIN)/numeye data mnist
	$(BIN)/python -m pytest -m web

test-faults: .venv/.dev
	$(BIN)/numeye data mnist
	$(BIN)/python -m pytest tests/faults -rfEP --show-capture=stdout

# Counts, too, how much of the code the quick tests run.
test-all: COVERAGE := --cov --cov-report=term
test-all: test test-slow test-web test-faults

lint: .venv/.dev lint-js
	$(BIN)/ruff check src tests examples benchmarks
	$(BIN)/ruff format --check src tests examples benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports

# A stamp says that the packages of package-lock.json are installed.
node_modules/.installed: package.json package-lock.json
	@command -v npm >/dev/null || { echo "npm not found: make lint-js needs Node 20 or newer" >&2; exit 1; }
	npm ci --silent --no-audit --no-fund
	@touch $@

lint-js: node_modules/.installed
	npm run --silent lint

train: .venv/.train
	$(BIN)/numeye train classic --run runs/classic-seed0 --resume

recognizer: .venv/.train
	$(BIN)/numeye train recognizer --run runs/recognizer-seed0 --resume

detector: .venv/.train
	$(BIN)/numeye train detector --run runs/detector-seed0 --resume

transcription: .venv/.train
	$(BIN)/numeye train transcription --run runs/transcription-seed0 --resume

evidence: .venv/.dev
	$(BIN)/numeye compare
	$(BIN)/python benchmarks/evidence_page.py

bench: .venv/.dev
	$(BIN)/numeye bench read
	$(BIN)/numeye bench train

page: .venv/.dev
	$(BIN)/python benchmarks/page.py
	$(BIN)/python benchmarks/page.py --pictures

# The description that docs/ keeps, which a test compares with the server's own.
openapi: .venv/.dev
	$(BIN)/python -c 'import json; from numeye.server.app import create_app; print(json.dumps(create_app().openapi(), indent=1))' > docs/openapi.json

docs: .venv/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean:
	rm -rf .venv node_modules site .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage node_modules
