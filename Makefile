# Two commands: `make demo` does the main job, `make test` passes the tests.
# Everything is installed inside this checkout (.venv, .tools); uv itself too, if it is missing.
UV_RUN = UV="$$(sh scripts/uv.sh)" && "$$UV" run --quiet --frozen

.PHONY: help demo test unit lint format bench install clean

help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

install: ## Install everything into .venv
	@UV="$$(sh scripts/uv.sh)" && "$$UV" sync --frozen

demo: install ## Start a Cassandra, create views, slide a window under a reader; Ctrl-C ends it
	@$(UV_RUN) python -m followers.demo $(ARGS)

test: install ## Lint, types, import rules and the whole test suite on a real Cassandra
	@$(MAKE) --no-print-directory lint
	@$(UV_RUN) pytest

unit: install ## Only the tests that need no server
	@$(UV_RUN) pytest tests/unit

lint: ## ruff, mypy and the import contracts
	@$(UV_RUN) ruff check . && $(UV_RUN) ruff format --check . && $(UV_RUN) mypy && $(UV_RUN) lint-imports

format: ## Format the code
	@$(UV_RUN) ruff check --fix . ; $(UV_RUN) ruff format .

bench: install ## Measure the figures of docs/benchmarks.md
	@$(UV_RUN) python -m benchmarks

clean: ## Remove what make installed and what the demo left
	rm -rf .venv .tools .views
