# memreg: `make` alone lists what there is to do. Every target makes its own environment in .venv first.

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench accuracy clean

WORKERS ?= 3
BIN := .venv/bin
READY := .venv/.ready
ACCURACY_READY := .venv-accuracy/.ready
CODE := $(wildcard src tests scripts bench examples)

help:
	@echo 'make demo      watch memreg remember a conversation, on a Postgres of its own'
	@echo 'make test      lint, then every test          (WORKERS=3 ARGS="-k name")'
	@echo 'make lint      format, types, imports and generated code'
	@echo 'make bench     what memreg costs beside hand-written SQL and COPY   (SIZES=0,10000,1000000 ARGS="--profile")'
	@echo 'make accuracy  how often memreg is wrong, beside Splink and RapidFuzz   (ARGS="--data FOLDER")'
	@echo 'make clean     remove .venv, .venv-accuracy, .tools and the caches'

demo: $(READY)
	@$(BIN)/memreg demo

test: lint
	$(BIN)/python -m pytest -n $(WORKERS) tests $(ARGS)

lint: $(READY)
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy --strict $(CODE)
	$(BIN)/lint-imports
	$(BIN)/python scripts/generate_sync.py --check
	$(BIN)/python scripts/generate_reference.py --check

bench: $(READY)
	@$(BIN)/python bench/run.py $(if $(SIZES),--sizes $(SIZES)) $(ARGS)

accuracy: $(ACCURACY_READY)
	@.venv-accuracy/bin/python bench/accuracy.py $(ARGS)

$(READY): pyproject.toml uv.lock scripts/bootstrap.sh
	@sh scripts/bootstrap.sh
	@touch $@

$(ACCURACY_READY): pyproject.toml uv.lock scripts/bootstrap.sh
	@sh scripts/bootstrap.sh accuracy
	@touch $@

clean:
	rm -rf .venv .venv-accuracy .tools .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist
