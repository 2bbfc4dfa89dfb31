# Needs Python 3.11 or later and make; everything else goes into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SPARK := $(VENV)/spark
export UV_COMPILE_BYTECODE := 1
export DO_NOT_TRACK := 1
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export GX_ANALYTICS_ENABLED := false

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev refresh test lint lint-types lint-sql lock faults faults-full bench scale fuzz indico mutants reference docs superset superset-serve clean \
  setup-dask setup-spark spark spark-small

help: ## what there is to do
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort

$(VENV)/bin/uv: requirements-bootstrap.lock
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-bootstrap.lock

$(VENV)/.run: $(VENV)/bin/uv requirements.lock pyproject.toml
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --require-hashes -r requirements.lock
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	$(BIN)/python -m flows.prefect_database
	@touch $@

$(VENV)/.parsed: $(VENV)/.run $(shell find dbt_project -name target -prune -o '(' -name '*.sql' -o -name '*.yml' -o -name '*.csv' ')' -print)
	$(BIN)/python -m flows.dbt_parse
	@touch $@

$(VENV)/.names: $(VENV)/.run sources/names.py
	$(BIN)/python -m sources.translated_names
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.lock
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --require-hashes -r requirements-dev.lock
	@touch $@

$(SPARK)/.run: $(VENV)/.run requirements-spark.lock
	$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python $(SPARK)
	VIRTUAL_ENV=$(SPARK) $(BIN)/uv pip install --quiet --require-hashes -r requirements-bootstrap.lock
	VIRTUAL_ENV=$(SPARK) $(BIN)/uv pip install --quiet --no-build-isolation --require-hashes -r requirements-spark.lock
	VIRTUAL_ENV=$(SPARK) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	$(SPARK)/bin/python -m flows.dbt_parse duckdb spark spark-thrift
	@touch $@

setup: $(VENV)/.run $(VENV)/.parsed $(VENV)/.names ## the environment that runs the pipeline
setup-dev: $(VENV)/.dev $(VENV)/.parsed $(VENV)/.names ## the environment that also tests it
setup-spark: $(SPARK)/.run ## an environment of its own that builds on Spark as well; needs Java 17

setup-dask: setup ## adds Dask, to read files on its workers (docs/operations.md)
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --require-hashes -r requirements-dask.lock

refresh: setup ## the main job; in a new home it loads the shipped sample
	@$(BIN)/sraap refresh; code=$$?; [ $$code -le 1 ] || exit $$code

lint: setup-dev ## ruff, mypy, sqlfluff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@$(MAKE) --no-print-directory --jobs=2 lint-types lint-sql

lint-types:
	$(BIN)/mypy

lint-sql:
	cd dbt_project && ../$(BIN)/sqlfluff lint models macros tests

test: setup-dev lint ## every check and test
	$(BIN)/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

lock: ## pins of pyproject.toml, with hashes and without addresses; keeps what is pinned already
	$(BIN)/uv pip compile -q --generate-hashes --universal --python-version 3.11 --no-header --no-annotate pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile -q --generate-hashes --universal --python-version 3.11 --no-header --no-annotate pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock
	$(BIN)/uv pip compile -q --generate-hashes --universal --python-version 3.11 --no-header --no-annotate pyproject.toml --extra spark -c requirements.lock -o requirements-spark.lock
	$(BIN)/uv pip compile -q --generate-hashes --universal --python-version 3.11 --no-header --no-annotate flows/superset/requirements.in -o flows/superset/requirements.lock
	$(BIN)/uv pip compile -q --generate-hashes --universal --python-version 3.11 --no-header --no-annotate pyproject.toml --extra dask -c requirements-dev.lock -o requirements-dask.lock

reference: setup ## writes docs/reference/ from the program itself
	$(BIN)/python -m flows.reference

docs: setup ## dbt's own documentation of every table, as one page: build/dbt-docs/static_index.html
	@mkdir -p build/dbt-docs
	SRAAP_BUILD_DB=$(CURDIR)/build/dbt-docs/empty.duckdb $(BIN)/dbt docs generate --static --empty-catalog \
	  --project-dir dbt_project --profiles-dir dbt_project --target-path $(CURDIR)/build/dbt-docs

$(VENV)/superset/.ready: $(VENV)/bin/uv flows/superset/requirements.lock
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(VENV)/superset
	VIRTUAL_ENV=$(VENV)/superset $(BIN)/uv pip install --quiet --require-hashes -r flows/superset/requirements.lock
	@touch $@

superset: setup $(VENV)/superset/.ready ## sets up Superset with a dashboard of the indicators, compares it with the marts
	@[ -e "$${SRAAP_HOME:-data}/published" ] || $(MAKE) refresh
	@$(BIN)/python -m flows.superset

PORT ?= 8088
superset-serve: setup $(VENV)/superset/.ready ## keeps Superset running on loopback, PORT=8088
	@$(BIN)/python -m flows.superset --serve --port $(PORT)

clean: ## forget the environment
	rm -rf $(VENV)

mutants: setup-dev ## changes rules in the SQL one at a time and counts how many the tests notice
	$(BIN)/python -m tests.mutants

faults: setup-dev ## kills runs, fails disks and reads while publishing; counts what is survived
	$(BIN)/python -m tests.faults

faults-full: setup-dev ## the same at length: hours
	$(BIN)/python -m tests.faults --full

spark: setup-dev setup-spark ## the sample on DuckDB, in a Spark session and through Thrift: every mart and test compared
	SRAAP_ON_SPARK=whole $(BIN)/pytest tests/spark

spark-small: setup-dev setup-spark ## the same without Thrift, as in .ci/run
	SRAAP_ON_SPARK=small $(BIN)/pytest tests/spark

ROUNDS ?= 5
bench: setup-dev ## medians of five: refreshes, dbt alone, the plain recomputation; writes docs/performance.md
	$(BIN)/python -m tests.bench --rounds $(ROUNDS)
SIZES ?= 1,10,100
scale: setup-dev ## refreshes of 1, 10 and 100 times as much data as in life; writes docs/scaling.md
	$(BIN)/python -m tests.scale --sizes $(SIZES)
fuzz: setup-dev ## reads 10,000 mutated files; none may crash, hang or bloat what reads them
	$(BIN)/python -m tests.sources.fuzz

indico: setup-dev ## sets up a real Indico (PyPI, Debian's PostgreSQL and Redis) and reads back what was put into it
	$(BIN)/python -m tests.indico
