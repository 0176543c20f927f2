# Everything is set up in .venv; `make demo` and `make test` need nothing but Python 3.11 or later and make.
PYTHON ?= python3
BIN := .venv/bin
COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
	--custom-compile-command "make lock"

.DEFAULT_GOAL := help
.PHONY: help demo test faults soak mutants check bench lock clean

help: ## list the targets (the default)
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/.run ## take the tour: a local stack, 500 pictures, a gallery
	$(BIN)/lookalike demo $(ARGS)

# Two files at a time, as half of the time is waiting: make test [PROCESSES=2] [ARGS="-k milvus"]
# The cases that wait for a minute, and the long ones, are `make faults`.
test: .venv/.dev ## run all tests against real Kafka and Milvus; ARGS="-k milvus" chooses
	$(BIN)/pytest -n $(or $(PROCESSES),2) --no-loadscope-reorder -m "not full and not soak" $(ARGS)

# Every case of tests/faults, with outages of 60 s: make faults [SEEDS=3] [SEED=n] [ARGS="-k milvus"]
faults: .venv/.dev ## inject every fault, with outages of a minute
	$(BIN)/python -m tests.faults --seeds $(or $(SEEDS),1) $(if $(SEED),--seed $(SEED)) -- $(ARGS)

# Random faults on a running stack: make soak [MINUTES=30] [SEED=n]
soak: .venv/.dev ## inject random faults for MINUTES=30
	$(BIN)/python -m tests.faults --soak $(or $(MINUTES),30) $(if $(SEED),--seed $(SEED)) -- $(ARGS)

# The sabotages, each of which must turn a named test red.
mutants: .venv/.dev ## sabotage the code: each time a named test must fail
	$(BIN)/python -m tests.mutants $(ARGS)

check: .venv/.dev ## run the linters, types and import contracts
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/.dev ## measure the figures of docs/measurements.md
	$(BIN)/python -m tests.benchmarks $(ARGS)

# After a change of the dependencies in pyproject.toml.
lock: .venv/.uv ## pin the dependencies again after a change of pyproject.toml
	$(COMPILE) pyproject.toml --all-extras --output-file requirements.lock
	$(COMPILE) --group tools --constraints requirements.lock --output-file requirements-tools.lock
	$(COMPILE) pyproject.toml --all-extras --group dev --group train --constraints requirements.lock --output-file requirements-dev.lock

clean: ## remove the virtual environment
	rm -rf .venv

.venv/.uv: requirements-tools.lock
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Lookalike needs Python 3.11 or later; name one with PYTHON=…")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-tools.lock
	@touch $@

# What runs the product: its dependencies as locked, the program, and Apache Kafka for the local stack.
.venv/.run: .venv/.uv requirements.lock pyproject.toml
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes --requirement requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	$(BIN)/lookalike up --fetch-only
	@touch $@

# What tests and trains it besides.
.venv/.dev: .venv/.run requirements-dev.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --requirement requirements-dev.lock
	@touch $@
