# Two commands for a fresh machine:  make demo   and   make test
# Both set the environment up first (see tools/setup_env.sh); VENV= puts it
# elsewhere, PYTHON= names another Python 3.11, OUT= another demo folder.
VENV ?= .venv
PYTHON ?= python3.11
OUT ?= work_dirs/demo

.PHONY: help setup browser demo test test-offline lint docs
help:
	@echo 'make demo   set up, then run the main job on embedded data ($(OUT))'
	@echo 'make test   set up, then run the tests'
	@echo 'make test-offline PYTHON=python3.13  what needs no MMDetection3D'
	@echo 'make setup  only the environment ($(VENV))'
	@echo 'make lint   check style and types'
	@echo 'make docs   render the documentation (docs/_build/html)'

setup:
	@PYTHON='$(PYTHON)' bash tools/setup_env.sh '$(VENV)'

# for tests of the page; without it they are skipped
browser:
	@bash tools/setup_browser.sh

demo: setup
	'$(VENV)/bin/python' tools/demo.py --out '$(OUT)'

# two processes of one thread each: twice as fast as two threads on two cores
test: setup browser
	OMP_NUM_THREADS=1 '$(VENV)/bin/python' -m pytest -n 2 \
		--dist worksteal $(PYTEST_ARGS)

# likelihoods, report, export: on a Python of one's choice, without a host;
# CONSTRAINTS=requirements/oldest.txt takes the oldest versions
test-offline:
	@PYTHON='$(PYTHON)' CONSTRAINTS='$(CONSTRAINTS)' \
		bash tools/test_offline.sh $(PYTEST_ARGS)

lint: setup
	'$(VENV)/bin/python' -m ruff check
	'$(VENV)/bin/python' -m mypy

# a broken reference is an error
docs: setup
	'$(VENV)/bin/python' -m sphinx -q -W --keep-going docs docs/_build/html
	@echo 'docs/_build/html/index.html'
