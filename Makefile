.DEFAULT_GOAL := help
.PHONY: help run demo pictures test slow check platforms oracle faults soak bench figures dist docs format clean

PYTHON ?= python3
BIN := .venv/bin
# What `tests/bench/figures.py` writes into tables.
FIGURES := client middleware promote latency streams http growth catalog check outcomes peers

help: ## Show what can be made
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

# The environment is built once, and again when what it is built from changes.
.venv/.ready: pyproject.toml client/pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e client -e '.[dev]'
	@touch $@

run: .venv/.ready ## Serve a sample repository on 127.0.0.1:8000, one canary under way
	$(BIN)/python prompts/run.py

# More workers than cores, as many tests wait for processes.
test: .venv/.ready ## Run the tests, but those that take seconds each
	$(BIN)/python -m pytest -n 4 --dist loadfile -m "not slow"

slow: .venv/.ready ## Run the tests that take seconds each: kills, outages, browsers, installations, older versions
	$(BIN)/python -m pytest -n 4 --dist loadfile -m slow

check: .venv/.ready ## Lint and type-check
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# Environments of their own, as they exclude each other.
PLATFORMS := platforms phoenix mlflow langfuse3 langfuse4 schemathesis litellm fastmcp

platforms: .venv/.ready ## Run other projects' instrumentations, SDKs and servers, and read what they say of a prompt
	set -e; for name in $(PLATFORMS); do \
	  $(PYTHON) -m venv .venv/$$name; \
	  .venv/$$name/bin/pip install --quiet --disable-pip-version-check -r tests/platforms/$$name.txt -e client; done
	mkdir -p .venv/node && cp tests/platforms/node/package.json .venv/node
	! command -v npm || npm install --prefix .venv/node --ignore-scripts --no-audit --no-fund
	PROMPTSTAGE_PLATFORMS=$(CURDIR)/.venv/platforms/bin/python PROMPTSTAGE_MLFLOW=$(CURDIR)/.venv/mlflow/bin/python \
	  PROMPTSTAGE_SCHEMATHESIS=$(CURDIR)/.venv/schemathesis/bin/schemathesis \
	  PROMPTSTAGE_LITELLM=$(CURDIR)/.venv/litellm/bin/litellm PROMPTSTAGE_FASTMCP=$(CURDIR)/.venv/fastmcp/bin/python \
	  PROMPTSTAGE_PHOENIX=$(CURDIR)/.venv/phoenix/bin/phoenix PROMPTSTAGE_NODE=$(CURDIR)/.venv/node/node_modules \
	  $(BIN)/python -m pytest tests/platforms --durations 12

oracle: .venv/.ready ## Have promptfoo judge recorded assertions, run an export, and read prompts; it wants Node 22.22, see PROMPTFOO_NODE
	npm install --prefix .venv/oracle --ignore-scripts --no-audit --no-fund promptfoo@0.123.1 @langfuse/client@5.11.1
	cd tests && ../$(BIN)/python -m suites.oracle ../.venv/oracle
	cd tests && ../$(BIN)/python -m suites.oracle.exported ../.venv/oracle
	cd tests && ../$(BIN)/python -m suites.oracle.langfuse ../.venv/oracle

faults: .venv/.ready ## Inject faults until it is a proof, and print what was lost, wrong or stale
	cd tests && ../$(BIN)/python -m faults

soak: .venv/.ready ## Tell STEPS of stories (100000) of registries that die, stop and are cut off, on all cores
	cd tests && ../$(BIN)/python -m faults.soak $(STEPS)

evidence: .venv/.ready ## Simulate guarded rollouts, 2,000 of each kind, and play 40 in real; print how many were taken back
	cd tests && ../$(BIN)/python -m evidence
	cd tests && ../$(BIN)/python -m evidence.end_to_end

demo: .venv/.ready ## Play a canary, a bad version that its guard takes back, and a refusal, with real processes, in a minute
	$(BIN)/python -m demo

bench: .venv/.ready ## Measure, beside a floor in the same run; PEERS=1 measures others on the same work, SCALE=1 great numbers, too
	cd tests && ../$(BIN)/python -m bench

figures: .venv/.ready ## Measure all that the documentation shows, on a quiet machine, and write it into its tables
	cd tests && for subject in $(FIGURES); do ../$(BIN)/python -m bench $$subject || exit 1; done
	cd tests && ../$(BIN)/python -m bench figures

dist: .venv/.ready ## Build the wheel and the source archive of both distributions into dist/
	rm -rf dist
	$(BIN)/python -m hatchling build -d dist
	cd client && ../$(BIN)/python -m hatchling build -d ../dist

pictures: .venv/.ready ## Take the pictures of the console, of what `make run` serves meanwhile
	cd tests && ../$(BIN)/python -m console.pictures

docs: .venv/.ready ## Write the pages that are made from the code: the command line, and tables
	cd tests && ../$(BIN)/python -m pages.generated

format: .venv/.ready ## Format and fix what can be fixed by itself
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

clean: ## Remove the environment, caches and the sample's data
	rm -rf .venv .run .bench dist .mypy_cache .ruff_cache .pytest_cache
