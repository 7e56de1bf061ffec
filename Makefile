# One machine, no Docker. Everything happens in `.venv`, made here from PYTHON; nothing else of the system is touched.

PYTHON ?= python3
VIDEO ?=
ARGS ?=
SEED ?= 1
JOBS ?= 200
FAULTS ?= 300
MINUTES ?=

PY := .venv/bin/python
JS := tests/integration/tus/js
PIP := $(PY) -m pip -qq --disable-pip-version-check

# What a decoder's process imports: there is one for each segment, and it writes no bytecode itself.
COMPILE = $(PY) -m compileall -q core workers $$($(PY) -c 'import cv2, numpy; print(*cv2.__path__, *numpy.__path__)')

LOCK := env -u UV_FIND_LINKS -u UV_INDEX_URL .venv/lock/bin/uv pip compile -q --universal --python-version 3.11 \
	--generate-hashes --no-strip-extras --no-header --no-annotate --upgrade --group server

.DEFAULT_GOAL := help
.PHONY: help demo up test chaos check static openapi lock clean

help: ## Show this list
	@echo 'Playhead: what happened in a video, and when.'
	@echo
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s%s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: .venv/.standalone ## Start everything, analyse a clip (or VIDEO=path), show its events, stop
	@exec $(PY) -m standalone --with-parent demo $(if $(VIDEO),"$(VIDEO)")

up: .venv/.standalone ## Keep the stack running until Ctrl-C (PLAYHEAD_PORT, PLAYHEAD_DATA_DIR)
	@exec $(PY) -m standalone --with-parent up

test: .venv/.test $(JS)/node_modules ## Run all tests (ARGS="-k word" picks some)
	@$(PY) -m pytest --numprocesses auto --maxprocesses 4 --dist loadgroup --no-loadscope-reorder $(ARGS)

chaos: .venv/.test ## Break everything while it works, and check (SEED=1 JOBS=200 FAULTS=300, or MINUTES=10)
	@exec $(PY) -m tests.chaos --with-parent --seed $(SEED) --jobs $(JOBS) --faults $(FAULTS) $(if $(MINUTES),--minutes $(MINUTES)) $(ARGS)

check: static test ## What CI runs: format, lint, types, import rules, tests

static: .venv/.test ## All of check but the tests
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	.venv/bin/lint-imports

openapi: .venv/.test ## Write down what the API promises, in docs/openapi.json; refused where it would break that
	@$(PY) -m tests.baseline

lock: ## Choose the newest versions that fit, and write them down with their hashes
	@$(PYTHON) -m venv --clear .venv/lock
	@.venv/lock/bin/python -m pip --quiet --disable-pip-version-check install uv
	$(LOCK) pyproject.toml --group standalone --group test -o requirements/test.txt
	$(LOCK) pyproject.toml --group standalone -c requirements/test.txt -o requirements/standalone.txt
	$(LOCK) -c requirements/test.txt -o requirements/server.txt
	@rm -rf .venv/lock
	@! grep -n '://' requirements/*.txt

clean: ## Remove what can be made again; `var` stays
	rm -rf .venv $(JS)/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp says that its step was done with this lock; an interrupted step leaves none.

.venv/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { echo 'Playhead needs Python 3.11 or later as $(PYTHON); name another one: make PYTHON=python3.13 ...' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo 'This Python can make no virtual environment. On Debian and Ubuntu: apt install python3-venv' >&2; exit 1; }
	@echo 'Making a virtual environment in .venv ...' >&2
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/.standalone: requirements/standalone.txt | .venv/.made .venv/bin/playhead
	@echo 'Installing what $< names, once: about a minute ...' >&2
	@$(PIP) install --no-compile --require-hashes -r $<
	@$(COMPILE)
	@touch $@

.venv/.test: requirements/test.txt | .venv/.made .venv/bin/playhead
	@echo 'Installing what $< names, once: about a minute ...' >&2
	@$(PIP) install --no-compile --require-hashes -r $<
	@$(COMPILE)
	@touch $@ .venv/.standalone # whose packages are among these

# The upload client of browsers, which the tests run in the node of a wheel.
$(JS)/node_modules: $(JS)/package-lock.json | .venv/.test
	@cd $(JS) && PATH="$(CURDIR)/.venv/bin:$$PATH" npm ci --silent --no-audit --no-fund --ignore-scripts
	@touch $@

# The checkout itself: importable from anywhere, and its command line. Needs no build and no network.
.venv/bin/playhead: | .venv/.made
	@$(PY) -c 'import pathlib, sysconfig; pathlib.Path(sysconfig.get_path("purelib"), "playhead.pth").write_text(str(pathlib.Path.cwd()) + "\n")'
	@printf '#!/bin/sh\nexec "$$(dirname "$$0")/python" -m playhead "$$@"\n' > $@
	@chmod +x $@
