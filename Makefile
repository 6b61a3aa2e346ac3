# All that is needed is Python >= 3.11, git and make. Everything lands in .venv; uv is used if it is there and
# otherwise brought into .tools. A second `make` installs nothing; a changed lock or pyproject.toml does.

PYTHON ?= python3
BIN := .venv/bin
DEV := .venv/.dev
DEMO := .venv/.demo
# A checkout that is set up for development can run the demo too.
RUNTIME := $(if $(wildcard $(DEV)),$(DEV),$(DEMO))

# Tests start hundreds of processes; where this is set, each would compile all modules anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo dev test fast lint format reference docs lock clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1	\2/p' $(MAKEFILE_LIST) | expand -t 16

demo: $(RUNTIME) ## set up and run the churn example: 58 trials, a ranked table
	cd examples/churn && ../../$(BIN)/runcard run configs/churn.yaml
	@echo
	@echo "Open the results:  cd examples/churn && ../../$(BIN)/runcard ui"

dev: $(DEV) ## set up for development, no more

test: $(DEV) ## the whole test suite, three processes for two cores: a third of the time a test waits for others
	$(BIN)/pytest --numprocesses $$($(BIN)/python -c 'import os; print(os.cpu_count() * 3 // 2)') --dist loadfile --no-loadscope-reorder

fast: $(DEV) ## the tests that take seconds
	$(BIN)/pytest -m "not slow" --numprocesses auto --dist loadfile

lint: $(DEV) ## ruff, mypy, import-linter, and whether generated files are current
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy src scripts
	$(BIN)/lint-imports
	$(BIN)/python scripts/make_estimator_table.py --check
	$(BIN)/python scripts/make_known_types.py --check
	$(BIN)/python scripts/make_reference.py --check
	$(BIN)/python scripts/make_house.py --check

format: $(DEV) ## put the code into ruff's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

reference: $(DEV) ## regenerate the estimator table, the reference pages and the picture of the house
	$(BIN)/python scripts/make_estimator_table.py
	$(BIN)/python scripts/make_reference.py
	$(BIN)/python scripts/make_house.py

docs: $(DEV) ## build the documentation into docs/_build/html; warnings are errors
	$(BIN)/sphinx-build -W --keep-going -n -q -b html docs docs/_build/html
	@echo "documentation: docs/_build/html/index.html"

lock: ## resolve the dependencies anew into requirements/*.txt
	$(PYTHON) scripts/lock.py

clean: ## remove the environments, caches and builds; results of runs stay
	rm -rf .venv .tools build dist docs/_build
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

.venv/.%: requirements/%.txt requirements/uv.txt pyproject.toml scripts/set_up.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "runcard needs Python >= 3.11, and $(PYTHON) is: $$($(PYTHON) --version 2>&1)" >&2; \
	  echo "Name a newer one:  make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) scripts/set_up.py $*
