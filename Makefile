# Two commands for people: `make run`, `make test`. None needs Node, Redis, PostgreSQL or a key.
PYTHON ?= python3
BIN := .venv/bin
MODEL ?=
AXE := frontend/node_modules/axe-core/axe.min.js

.PHONY: setup run test test-browser test-services check bench shots format frontend

setup: .venv/ready

.venv/ready: requirements.txt requirements-dev.txt constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt -c constraints.txt
	@touch $@

run: setup
	@$(if $(MODEL),WUKONG_LOCAL_MODEL=$(MODEL)) exec $(BIN)/python manage.py up

test: setup
	$(BIN)/python -m pytest -q -n 2 --dist worksteal
	$(BIN)/python -m pytest -q -n 2 --dist worksteal -m "slow and not (services or browser or node or kill)"
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target test-browser test-services

# Side by side: most of their time is waiting. Each has its own data, or they would break each other.
test-browser: setup $(AXE)
	WUKONG_DATA_DIR=$$(mktemp -d) $(BIN)/python -m pytest -q -m browser

# Without npm the tests that need axe-core skip and say so.
$(AXE):
	@if command -v npm >/dev/null; then cd frontend && npm ci --no-audit --no-fund --silent; fi

test-services: setup
	WUKONG_DATA_DIR=$$(mktemp -d) $(BIN)/python -m pytest -q -m "(services or node or kill) and not browser"

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python -m pytest -q tests/test_docs.py tests/test_architecture.py

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup
	$(BIN)/python benchmarks/run.py

shots: setup
	$(BIN)/python benchmarks/shots.py

frontend:
	cd frontend && npm ci --no-audit --no-fund && npm run build
