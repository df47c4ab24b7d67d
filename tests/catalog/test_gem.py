from __future__ import annotations

import json
import subprocess
import sys
from importlib import resources

import pytest

from recipe_runner.catalog import refresh_gem
from recipe_runner.catalog.gem import gem_facts, gem_ids, gem_kwargs


def test_the_shipped_facts_are_those_of_the_installed_packages() -> None:
    pytest.importorskip("gem")
    shipped = resources.files("recipe_runner.catalog").joinpath("data/gem.json").read_text("utf-8")
    assert refresh_gem.render(refresh_gem.collect()) == shipped
    assert json.loads(shipped) == refresh_gem.collect()


def test_every_id_has_facts_and_settings() -> None:
    assert len(gem_ids()) == 172
    for env_id in gem_ids():
        facts = gem_facts(env_id)
        assert facts.family == env_id.split(":")[0]
        assert gem_kwargs(env_id) is not None
        assert facts.broken != ""


def test_families_as_gem_has_them() -> None:
    usable = [env_id for env_id in gem_ids() if gem_facts(env_id).broken is None]
    counts = dict.fromkeys(("rg", "game", "math", "eval"), 0)
    for env_id in usable:
        counts[gem_facts(env_id).family] += 1
    assert counts == {"rg": 103, "game": 35, "math": 6, "eval": 5}
    offline = [env_id for env_id in usable if gem_facts(env_id).offline]
    assert len(offline) == 103 + 26


def test_settings_are_the_environments_own() -> None:
    assert gem_kwargs("rg:chain_sum") == {
        "min_terms",
        "max_terms",
        "min_digits",
        "max_digits",
        "allow_negation",
    }
    assert gem_kwargs("game:Sudoku-v0-easy") == {"clues", "max_turns", "scale"}
    assert gem_kwargs("math:Math12K") == {"answer_key", "question_key", "split", "use_mp"}


def test_a_maths_environment_knows_its_data_set() -> None:
    assert gem_facts("math:Math12K").hub_dataset == "axon-rl/MATH-12k"
    assert gem_facts("eval:AMC").hub_split == "amc"
    assert gem_facts("rg:chain_sum").hub_dataset is None


def test_an_unknown_id_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        gem_facts("game:GuessTheNumber-v0")


def test_reading_the_catalog_imports_no_gem() -> None:
    code = (
        "import sys; from recipe_runner.catalog.gem import gem_ids; gem_ids(); "
        "print({'gem', 'reasoning_gym', 'numpy'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
