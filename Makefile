# Two commands: `make demo` does the main job, `make test` passes the tests.
# Programs are installed inside this checkout (.venv, .tools); uv itself too, if it is missing. What is downloaded is kept
# in the user's cache folder (README.md lists it). As root on Debian, `make test` and `make demo` install system packages.
SAY_DOWNLOADS = [ -d "$${UV_PROJECT_ENVIRONMENT:-.venv}" ] || printf '%s\n' \
	"First run: up to 1.5 GB is downloaded, into .venv and .tools here" \
	"and into $${XDG_CACHE_HOME:-$$HOME/.cache}/uv and /cassandra-embedded there (README.md lists it)." >&2
UV_RUN = UV="$$(sh scripts/uv.sh)" && "$$UV" run --quiet --frozen

# A Python that uv itself fetches stays in the checkout too.
export UV_PYTHON_INSTALL_DIR ?= $(CURDIR)/.tools/python

.PHONY: help demo demo-rollups test prove unit lint format docs bench install install-system clean

help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

install: ## Install everything into .venv
	@$(SAY_DOWNLOADS)
	@UV="$$(sh scripts/uv.sh)" && "$$UV" sync --frozen

install-system: ## Install the Debian packages the tests use (root), or say which are missing
	@sh scripts/debian.sh || [ "$$CASSANDRA_VIEWS_STRICT" != 1 ]

# Views serve after a third of the download: the demo itself fetches Airflow and Spark behind them. `exec`, and no
# uv in between, so that a signal for make reaches it.
demo: ## Start the whole system: Cassandra, views, Spark over SSH, Airflow; Ctrl-C ends it (ARGS=--help)
	@$(SAY_DOWNLOADS)
	@UV="$$(sh scripts/uv.sh)" && "$$UV" sync --frozen --inexact --no-dev --extra embedded --extra web && \
	exec "$${UV_PROJECT_ENVIRONMENT:-.venv}/bin/python" -m followers.demo $(ARGS)

demo-rollups: ## Let seconds become minutes, hours, a day and its aggregations by the Spark jobs
	@$(SAY_DOWNLOADS)
	@UV="$$(sh scripts/uv.sh)" && "$$UV" sync --frozen --inexact --no-dev --extra embedded --extra spark && \
	exec "$$UV" run --quiet --no-sync python -m followers.demo.rollups

# Three processes on two cores: a quarter of the time of two is spent waiting for servers.
test: install install-system ## Lint, types, import rules, and the unit, integration and scenario tests on real servers
	@$(MAKE) --no-print-directory lint
	@$(UV_RUN) pytest -n 3 --no-loadscope-reorder

test-all: test ## Also the nightly tests: node replacement, full disk, Celery, other versions, the whole demo
	@$(UV_RUN) pytest -n 2 --no-loadscope-reorder tests/nightly

unit: install ## Only the tests that need no server
	@$(UV_RUN) pytest tests/unit

prove: install ## Break each guarantee of docs/guarantees.md in a copy: its test must fail (ARGS=--help)
	@$(UV_RUN) python -m tests.proof $(ARGS)

lint: ## ruff, mypy, shellcheck and the import contracts
	@$(UV_RUN) ruff check . && $(UV_RUN) ruff format --check . && $(UV_RUN) mypy && $(UV_RUN) lint-imports
	@$(UV_RUN) shellcheck --external-sources $$(git ls-files '*.sh' .ci/run)

format: ## Format the code
	@$(UV_RUN) ruff check --fix . ; $(UV_RUN) ruff format .

# In an environment of its own: the site needs no package of the program.
docs: ## Build the site of the documentation into build/docs/site; a dead link is an error
	@UV="$$(sh scripts/uv.sh)" && "$$UV" run --quiet --isolated --frozen --only-group docs python scripts/docs_site.py

bench: install ## Measure the figures of docs/benchmarks.md
	@$(UV_RUN) python -m benchmarks && $(UV_RUN) python -m benchmarks.first_apply && $(UV_RUN) python -m benchmarks.rollups && $(UV_RUN) python -m benchmarks.lifecycle && $(UV_RUN) python -m benchmarks.web && $(UV_RUN) python -m benchmarks.healing && $(UV_RUN) python -m benchmarks.startup && $(UV_RUN) python -m benchmarks.audit

clean: ## Remove what make installed and built, and what the demo left
	rm -rf .venv .tools .views build
