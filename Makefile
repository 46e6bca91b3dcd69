# Everything happens in a virtual environment of its own, .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt
# Of tests: one more than there are cores, since many wait for processes that they have started.
PROCESSES := $(shell expr $$(nproc 2> /dev/null || echo 2) + 1)
SOURCES := pyproject.toml constraints.txt $(shell find protos -name '*.proto' -o -name build.py)

.DEFAULT_GOAL := help
.PHONY: help install run demo test chaos fuzz lint types protos-baseline clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

install: $(VENV)/.installed ## create .venv and install silverprint into it

run: $(VENV)/.installed-webui ## install the web UI too, serve http://127.0.0.1:8188 until Ctrl-C
	$(BIN)/silverprint up

demo: install ## start everything, make one picture, stop
	$(BIN)/silverprint demo

test: $(VENV)/.installed-dev ## install and run all tests
	$(BIN)/python -m pytest --numprocesses $(PROCESSES) --dist loadfile

chaos: $(VENV)/.installed-dev ## kill, freeze and cut off everything while 20 clients submit 1,000 prompts; SEED=N repeats one
	$(BIN)/python -m tests.chaos $(if $(SEED),--seed $(SEED))

fuzz: $(VENV)/.installed-dev ## ask a stack of its own everything for ten minutes
	$(BIN)/python -m tools.fuzz

lint: $(VENV)/.installed-dev ## style of the code and of the protos, and whether they broke their contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	cd protos && ../$(BIN)/buf lint
	cd protos && ../$(BIN)/buf breaking --against baseline.binpb

types: $(VENV)/.installed-dev ## mypy --strict
	$(BIN)/mypy

protos-baseline: $(VENV)/.installed-dev ## take the protos as they are as the contract to keep
	cd protos && ../$(BIN)/buf build -o baseline.binpb

clean: ## remove .venv and what was compiled
	rm -rf $(VENV)
	find protos -name '*_pb2*' -delete

$(VENV)/.installed: $(SOURCES)
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed, this is " + sys.version)'
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable '.[executor]'
	touch $@

$(VENV)/.installed-webui: $(VENV)/.installed
	$(PIP) --editable '.[executor,webui]'
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) --editable '.[executor,dev]'
	touch $@
