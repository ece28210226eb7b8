# Two commands do everything, set-up included: `make run` and `make test`.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
export PYTHONUNBUFFERED := 1
# a process spends half its imports on compiling where bytecode is not kept (container images often ask for that)
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup run dev test test-fast test-worlds test-postgres lint check docs format lock screenshots clean

help:            ## what can be made
	@grep -E '^[a-z-]+: .*##|^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | column -t -s "$$(printf '\t')"

setup: $(READY)  ## make .venv with everything in it, pinned by hash

$(READY): requirements.lock pyproject.toml
	@echo "== setting up .venv (pinned by hash in requirements.lock)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@awk '/^uv==/ {on=1} on {print} on && !/\\$$/ {exit}' requirements.lock > .venv/uv.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r .venv/uv.lock
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

run: $(READY)    ## the whole chain on the demo business
	@$(BIN)/churn run

dev: $(READY)    ## Dagster's UI, its daemon and MLflow's UI
	@$(BIN)/churn dev

test: $(READY)   ## every test, the slow ones included, with coverage
	@rm -f .coverage .coverage.*
	@$(BIN)/pytest -n 3 --dist loadscope --no-loadscope-reorder --cov --cov-report=term --durations=40

test-fast: $(READY)  ## the pure tests
	@$(BIN)/pytest -n 2 --dist worksteal -q -m "not slow and not flow"

test-worlds: $(READY)  ## the property tests of the features, on 500 made-up businesses each (or 50 crowds)
	@CHURN_TEST_WORLDS=500 $(BIN)/pytest -n 2 -q --timeout 0 churn_pipeline_tests/core/featurize/test_query.py \
		churn_pipeline_tests/core/featurize/test_featurize.py churn_pipeline_tests/core/featurize/test_peers.py \
		churn_pipeline_tests/core/featurize/test_moves.py \
		churn_pipeline_tests/capabilities/features/test_landmarks.py

test-postgres: $(READY)  ## the tests that touch a database, on the server of CHURN_TEST_POSTGRES_URL
	@test -n "$$CHURN_TEST_POSTGRES_URL" || { echo "set CHURN_TEST_POSTGRES_URL to a database of the server to use"; exit 2; }
	@$(BIN)/pytest -n 2 --dist loadscope --no-loadscope-reorder -q -m "postgres and not slow" churn_pipeline_tests/adapters churn_pipeline_tests/orchestration \
		churn_pipeline_tests/capabilities/scoring churn_pipeline_tests/capabilities/promotion \
		churn_pipeline_tests/test_flow.py::test_every_running_trial_is_scored_by_the_promoted_champion \
		churn_pipeline_tests/test_flow.py::test_a_second_run_changes_nothing_but_run_and_moment

lint: $(READY)   ## style, types, layers, staleness of generated docs
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@$(BIN)/mypy
	@$(BIN)/churn docs --check

check: lint test ## what CI runs

docs: $(READY)   ## generate the data dictionary, the settings and the command reference
	@$(BIN)/churn docs

format: $(READY)
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format --quiet .

lock: $(READY)   ## resolve the dependencies anew
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --group dev pyproject.toml -o requirements.lock

screenshots: $(READY)  ## photograph the UI with the system's Chromium into docs/images
	@$(BIN)/python benchmarks/screenshots.py

clean: $(READY)  ## forget everything that was computed; leaves what is not the project's own
	@$(BIN)/churn clean
