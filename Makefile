# Every target works on a fresh clone: it makes .venv first where that is missing or out of date.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: setup quickstart test fuzz fuzz-deep preflight check format generated benchmarks clean

setup: $(STAMP)

# torch comes first and pinned: an open range would pull gigabytes of CUDA packages. Compiling our
# own code here makes the first command as quick as the later ones.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check $$(grep '^torch==' constraints.txt)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		--config-settings editable_mode=compat --editable '.[dev]'
	$(BIN)/python -m compileall -q schemas recipe_runner
	touch $(STAMP)

quickstart: setup
	$(BIN)/recipe-run recipes/quickstart.yaml

test: setup
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal

# Every shipped recipe, two real steps each: real loop, environment and SDK, local backend.
preflight: setup
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal --preflight-all tests/e2e/test_preflight_matrix.py

# The tests again, with new random inputs where they take any.
fuzz: setup
	HYPOTHESIS_PROFILE=search $(BIN)/python -m pytest --numprocesses auto --dist worksteal -m hypothesis

# Inputs steered by what they reach in the code, a minute for each target. Atheris is installed here
# alone: it has no wheels for systems other than Linux.
fuzz-deep: setup
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt atheris
	$(BIN)/python -m fuzz --seconds 60

# Every figure that has a goal, beside its peers. Nothing else should run meanwhile.
benchmarks: setup
	$(BIN)/python benchmarks/table.py

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The shipped data files that are written by a program; tests hold them equal to what it writes.
generated: setup
	$(BIN)/python -m recipe_runner.catalog.refresh_models
	$(BIN)/python -m recipe_runner.catalog.refresh_gem
	$(BIN)/python -m recipe_runner.catalog.refresh_evaluations
	$(BIN)/recipe-run schema > schemas/recipe.schema.json

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .fuzz
