# Everything is set up from nothing but Python >= 3.11 and pip.
# `make demo PORT=8081` chooses the demonstration's port, `make bench ONLY=matching` one part of the bench.

PYTHON := $(shell for python in python3.13 python3.12 python3.11 python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
RUN := .venv/bin/python
PIP_INSTALL := $(RUN) -m pip --disable-pip-version-check install --quiet --require-hashes
# An installation that was broken off leaves no stamp, so it is done again.
DEMO := .venv/.demo
TEST := .venv/.test
# Neither code nor documents name a host that packages come from: those who install choose it.
REGISTRIES := pypi[.]org|pythonhosted[.]org|registry[.]npmjs|repo1?[.]maven|repo[.]maven|proxy[.]golang|index[-]url

.PHONY: demo test test-real bench check clean

demo: $(DEMO)
	@$(RUN) -m demo

test: $(TEST)
	@$(RUN) -m pytest -m "not real and not browser and not fuzz"

test-real: $(TEST)
	@tests/servers/install.sh kafka browser
	@$(RUN) -m pytest -m "real or browser or fuzz"

bench: $(TEST)
	@tests/servers/install.sh kafka
	@$(RUN) -m tests.bench

check: $(TEST)
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check
	$(RUN) -m mypy
	.venv/bin/lint-imports
	.venv/bin/deptry .
	$(RUN) -m shared.contracts.generate --check
	@! git grep -nE '$(REGISTRIES)' || { echo "These lines name a package registry" >&2; exit 1; }

clean:
	rm -rf .venv .cache .demo .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(DEMO): requirements/demo.txt | .venv/bin/pip
	@echo "Installing what the demonstration needs"
	@$(PIP_INSTALL) -r $<
	@touch $@

$(TEST): requirements/test.txt | .venv/bin/pip
	@echo "Installing what the tests need"
	@$(PIP_INSTALL) -r $<
	@touch $@

.venv/bin/pip:
	@test -n "$(PYTHON)" || { echo "Makker needs Python 3.11 or newer, as python3" >&2; exit 1; }
	@$(PYTHON) -m venv .venv
