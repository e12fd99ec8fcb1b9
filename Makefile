# Two commands do everything on a fresh machine: `make demo` and `make test`. `make` alone lists the rest.
PYTHON ?= python3
VENV ?= .venv
PHOTO ?=

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip
# Each stamp stands for an installation; it is made again when one of these changes.
INSTALLED_FROM := pyproject.toml constraints.txt src/autochrome/_version.py

.DEFAULT_GOAL := help
.PHONY: help demo test test-all check format bench clean

help: ## list what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: $(VENV)/.installed-demo ## install, then colorize a photograph (PHOTO=path for one of yours)
	@$(BIN)/python examples/demo.py $(if $(PHOTO),"$(PHOTO)")

# Compiled code is kept even where that is switched off: workers, and the processes that tests start, share it.
test: $(VENV)/.installed-dev ## install, then run the tests
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n auto --dist worksteal

test-all: $(VENV)/.installed-dev ## the slow tests too
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n auto --dist worksteal -m ""

check: $(VENV)/.installed-dev ## formatting, lint, types and who may import whom
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

format: $(VENV)/.installed-dev ## format the code and mend what ruff can mend
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(VENV)/.installed-dev ## time and memory per photo; the sampler, cached and naive; hypercolumns; the GAN
	$(BIN)/python -m benchmarks.colorize
	$(BIN)/python -m benchmarks.pixcolor_sampler
	$(BIN)/python -m benchmarks.hypercolumns
	$(BIN)/python -m benchmarks.cgan_speed

clean: ## remove the virtual environment, caches and demo results
	rm -rf $(VENV) build dist demo .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests examples benchmarks reproduce -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# The pip of a fresh virtual environment may be too old for --group.
$(VENV)/.pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	@$(PYTHON) -c 'import ensurepip' || { echo "Python cannot make virtual environments: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet -c constraints.txt --upgrade pip
	@touch $@

$(VENV)/.installed-demo: $(INSTALLED_FROM) | $(VENV)/.pip
	@echo "Installing Autochrome into $(VENV): a minute, or a few on a slow line."
	$(PIP) install --quiet -c constraints.txt -e . --group demo
	@touch $@

$(VENV)/.installed-dev: $(INSTALLED_FROM) | $(VENV)/.pip
	@echo "Installing Autochrome and what its tests need into $(VENV): a minute, or a few on a slow line."
	$(PIP) install --quiet -c constraints.txt -e '.[all]' --group dev
	@touch $@ $(VENV)/.installed-demo
