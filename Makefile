# Everything is set up in .venv; `make demo` and `make test` need nothing but Python 3.11 or later and make.
PYTHON ?= python3
BIN := .venv/bin
LOCK := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
	--custom-compile-command "make lock" pyproject.toml

.PHONY: demo test faults soak mutants check bench lock clean

demo: .venv/.run
	$(BIN)/lookalike demo $(ARGS)

# Two files at a time, as half of the time is waiting: make test [PROCESSES=2] [ARGS="-k milvus"]
# The cases that wait for a minute, and the long ones, are `make faults`.
test: .venv/.dev
	$(BIN)/pytest -n $(or $(PROCESSES),2) --no-loadscope-reorder -m "not full and not soak" $(ARGS)

# Every case of tests/faults, with outages of 60 s: make faults [SEEDS=3] [SEED=n] [ARGS="-k milvus"]
faults: .venv/.dev
	$(BIN)/python -m tests.faults --seeds $(or $(SEEDS),1) $(if $(SEED),--seed $(SEED)) -- $(ARGS)

# Random faults on a running stack: make soak [MINUTES=30] [SEED=n]
soak: .venv/.dev
	$(BIN)/python -m tests.faults --soak $(or $(MINUTES),30) $(if $(SEED),--seed $(SEED)) -- $(ARGS)

# The sabotages, each of which must turn a named test red.
mutants: .venv/.dev
	$(BIN)/python -m tests.mutants $(ARGS)

check: .venv/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/.dev
	$(BIN)/python -m tests.benchmarks $(ARGS)

# After a change of the dependencies in pyproject.toml.
lock: .venv/.uv
	$(LOCK) --output-file requirements.lock
	$(LOCK) --group dev --group train --constraints requirements.lock --output-file requirements-dev.lock

clean:
	rm -rf .venv

.venv/.uv:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Lookalike needs Python 3.11 or later; name one with PYTHON=…")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.8'
	@touch $@

# What runs the product: its dependencies as locked, the program, and Apache Kafka for the local stack.
.venv/.run: .venv/.uv requirements.lock pyproject.toml
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes --requirement requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	$(BIN)/lookalike up --fetch-only
	@touch $@

# What tests and trains it besides.
.venv/.dev: .venv/.run requirements-dev.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --requirement requirements-dev.lock
	@touch $@
