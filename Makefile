# Two commands do everything on a machine that has Python 3.11 or newer, git and make: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo test check format docs bench compiled soak interop-kafka interop-clients mutants fuzz clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

$(VENV)/.run: pyproject.toml
	@echo "installing GoMQ and what it needs into $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[trio]'
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	@echo "installing what the tests need into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(VENV)/.run  ## publish this repository's own lines, replay them from offset 0, compare, dump the segments
	@$(BIN)/gomq demo README.md pyproject.toml gomq/__init__.py storage/gomq_storage/log.py

# Four workers, for two cores: half of the time the client's tests wait for answers that do not come. Each takes whole
# files, so that what a file's tests share is set up once; tests/conftest.py says in which order. Bytecode is kept, even
# where a shell says otherwise: each worker would compile everything anew, and so would every `gomq` that a test starts.
test: interop-kafka interop-clients  ## run every test that ends within minutes
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -q -n 4 --dist loadfile --no-loadscope-reorder

check: $(VENV)/.dev  ## formatting, lint, types, import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: $(VENV)/.dev  ## rewrite the code the way `make check` wants it
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

docs: $(VENV)/.dev  ## write the pages of docs/ that say what the code does: settings and commands
	@$(BIN)/gomq config docs > docs/configuration.md
	@$(BIN)/python -m documentation.commands > docs/commands.md

# An environment of its own: where Hypothesis is installed kio imports it, and a user's broker does not pay for that.
.venv-bench/.bench: pyproject.toml
	@echo "installing GoMQ and its peers into .venv-bench"
	@test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	@touch $@

bench: .venv-bench/.bench  ## measure broker, client and log beside their peers, 20 minutes; ARGS=--quick for less, ARGS=--help
	@.venv-bench/bin/python -m benchmarks $(ARGS)

# The extension modules come from the wheel, unpacked; all else from here.
compiled: $(VENV)/.dev  ## build the wheel whose decoder of records is machine code, and test that; needs a C compiler
	@rm -rf dist/compiled
	@GOMQ_COMPILE=1 $(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist/compiled .
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target dist/compiled/unpacked dist/compiled/*.whl
	@GOMQ_COMPILE=1 PYTHONPATH=dist/compiled/unpacked $(BIN)/python -m pytest -q tests/storage/test_record*.py tests/client/consuming
	@ls dist/compiled/*.whl

interop-kafka: $(VENV)/.dev  ## fetch Apache Kafka's jars for the tests that compare with it, where java and mvn are
	@tests/interop/fetch-kafka
	@$(BIN)/python -m tests.support.kafka_archive

interop-clients:  ## fetch KafkaJS, franz-go and Sarama for the tests of them, where node, npm and go are
	@tests/interop/fetch-clients

soak: interop-kafka  ## the long tests: crash loops, large logs, Kafka Streams and Connect
	@tests/interop/fetch-kafka applications
	@PYTHONASYNCIODEBUG=1 $(BIN)/python -m pytest -q -m soak --timeout 3600

# An environment of its own: atheris comes with a compiler's run-time library, for some versions of Python only.
.venv-fuzz/.fuzz: pyproject.toml
	@test -x .venv-fuzz/bin/python || $(PYTHON) -m venv .venv-fuzz
	@.venv-fuzz/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,fuzz]'
	@touch $@

fuzz: .venv-fuzz/.fuzz  ## look for bytes that a decoder cannot take; a minute for each; ARGS=--help
	@.venv-fuzz/bin/python -m tests.fuzz $(ARGS)

mutants: $(VENV)/.dev  ## test the tests of the log: each sync and check switched off must make one fail; ARGS=--help
	@$(BIN)/python tests/mutants.py $(ARGS)

clean:  ## forget the virtual environments and caches
	rm -rf $(VENV) .venv-bench .venv-fuzz .interop .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
