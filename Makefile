# Everything is set up from nothing but Python >= 3.11 and pip; see README.md.
# PORT=8081 chooses the demonstration's port, ONLY=matching one part of the bench.

PYTHON := $(shell for python in python3.13 python3.12 python3.11 python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
RUN := .venv/bin/python
DEMO := .venv/.demo
TEST := .venv/.test
# Nothing here may fail because a folder's bytecode cannot be written, or write more than pip says.
PIP := $(RUN) -m pip --disable-pip-version-check install --quiet --require-hashes

.PHONY: demo test test-real bench check clean

demo: $(DEMO)
	@$(RUN) -m demo

test: $(TEST)
	@$(RUN) -m pytest -m "not real and not browser"

test-real: $(TEST)
	@tests/servers/install.sh
	@$(RUN) -m pytest -m "real or browser"

bench: $(TEST)
	@tests/servers/install.sh kafka || { echo "make bench needs a real Apache Kafka, and so Java and Maven" >&2; exit 1; }
	@$(RUN) -m tests.bench

check: $(TEST)
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check
	$(RUN) -m mypy
	.venv/bin/lint-imports
	$(RUN) -m deptry .
	$(RUN) -m shared.contracts.generate --check
	$(RUN) -m tests.tidy.addresses

clean:
	rm -rf .venv .cache .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is as new as the last complete installation, so that one that was broken off is done again.
$(DEMO): requirements/demo.txt | .venv/bin/pip
	@echo "Installing what the demonstration needs"
	@$(PIP) -r $<
	@touch $@

$(TEST): requirements/test.txt | .venv/bin/pip
	@echo "Installing what the tests need"
	@$(PIP) -r $<
	@touch $@

.venv/bin/pip:
	@test -n "$(PYTHON)" || { echo "Makker needs Python 3.11 or newer as python3" >&2; exit 1; }
	@$(PYTHON) -m venv .venv
