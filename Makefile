# Two commands do everything on a machine with Python 3.11 or later, make and a compiler:
#   make run    sets up, then runs the main job on sample_fcs/
#   make test   sets up, then passes the tests
# Environments live in .venv (this project) and .venv-bridge (FlowCytometryTools, which needs old numpy and pandas).

PYTHON ?= python3
VENV := .venv
BRIDGE := .venv-bridge
JOBS ?= 2
FUZZ_SECONDS ?= 60

.PHONY: help run test lint bridge fuzz sample clean

help:
	@sed -n '1,4p' Makefile

$(VENV)/.run: pyproject.toml
	@echo "Setting up $(VENV) (once; a minute or two)"
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.test: $(VENV)/.run
	@echo "Adding what the tests need"
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || { \
		echo "Adding Chromium, in which the report is tested"; \
		{ apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium libpangoft2-1.0-0 fonts-dejavu-core; } >/dev/null 2>&1 \
		|| echo "Chromium cannot be installed here: the tests in a browser will be skipped, and say so"; \
	}
	@touch $@

$(BRIDGE)/.test: pyproject.toml
	@echo "Setting up $(BRIDGE): FlowCytometryTools with the oldest numpy and pandas supported"
	@test -x $(BRIDGE)/bin/python || $(PYTHON) -m venv $(BRIDGE)
	@$(BRIDGE)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[flowcytometrytools]' \
		'numpy==1.26.*' 'pandas==2.1.*' 'pytest>=8' 'hypothesis>=6.100' 'openpyxl>=3.1' 'statsmodels>=0.14.4'
	@touch $@

# Status 1 means: done, and some samples failed or want a look. The sample study has some on purpose.
run: $(VENV)/.run
	@$(VENV)/bin/phenotype run sample_fcs/study.toml --jobs $(JOBS) || test $$? -eq 1

test: $(VENV)/.test
	$(VENV)/bin/python -m pytest

lint: $(VENV)/.test
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy

bridge: $(BRIDGE)/.test
	$(BRIDGE)/bin/python -m pytest --ignore tests/gating/test_against_flowkit.py

# Looks for files that the FCS reader stumbles over, guided by coverage; the corpus itself runs with the tests. What is
# new is kept in .fuzz, a file that fails as .fuzz/crash-...
fuzz: $(VENV)/.run
	@mkdir -p .fuzz
	@if $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[fuzz]'; then \
		$(VENV)/bin/python -m tests.fuzz.fuzz_fcs .fuzz tests/fuzz/corpus -artifact_prefix=.fuzz/ \
			-max_total_time=$(FUZZ_SECONDS) -max_len=4096 -timeout=10 -verbosity=0 -print_final_stats=1; \
	else \
		echo "fuzz: skipped, since atheris cannot be installed here"; \
	fi

# Makes the committed sample study anew; the same seed gives the same files.
sample: $(VENV)/.run
	$(VENV)/bin/python benchmarks/make_sample.py

clean:
	rm -rf $(VENV) $(BRIDGE) .fuzz sample_fcs/results
