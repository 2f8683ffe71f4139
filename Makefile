# Every target does its own set-up in .venv (python -m venv and pip) and is quick when that is done already.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: help demo test lint train reader spotter evidence bench page openapi docs clean

help:
	@echo "make demo    read sample pictures with the light install        (under a minute)"
	@echo "make train   train the recipe classic for real, into runs/      (2 minutes on 2 cores)"
	@echo "make reader  train the recipe reader, the default model, into runs/ (2 hours 15 minutes on 2 cores)"
	@echo "make spotter train the recipe spotter, which finds digits on pages, into runs/ (3 hours on 2 cores)"
	@echo "make evidence test what the project claims, into runs/evidence  (1 hour 10 minutes on 2 cores)"
	@echo "make test    every test                                         (15 minutes on 2 cores)"
	@echo "make lint    ruff, mypy --strict, import-linter"
	@echo "make bench   start-up, the loop against a bare one, three seeds (7 minutes on 2 cores)"
	@echo "make page    the page in a browser: how quick it is, and the pictures of the docs (3 minutes, needs chromium)"
	@echo "make docs    the documentation, into site/"

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
	$(BIN)/numeye data
	$(BIN)/python -m pytest --cov --cov-report=term

lint: .venv/.dev
	$(BIN)/ruff check src tests examples benchmarks
	$(BIN)/ruff format --check src tests examples benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports

train: .venv/.train
	$(BIN)/numeye train classic --run runs/classic-seed0 --resume

reader: .venv/.train
	$(BIN)/numeye train reader --run runs/reader-seed0 --resume

spotter: .venv/.train
	$(BIN)/numeye train spotter --run runs/spotter-seed0 --resume

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
	rm -rf .venv site .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage
