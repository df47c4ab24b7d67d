"""extends, --set, --var, variants, names and paths."""

from __future__ import annotations

from pathlib import Path

import pytest

from recipe_runner.language import RecipeError, find_recipes, load, variant_names
from tests.conftest import RL_RECIPE

VARIANTS = """\
variants:
  matrix:
    optimizer.learning_rate: [1e-5, 2e-5]
    model.lora_rank: [8, 32]
  exclude:
  - {model.lora_rank: 8, optimizer.learning_rate: 1e-5}
  include:
  - {steps: 7}
"""


def codes(found) -> list[tuple[str, str, int, str]]:
    return [(d.file, d.code, d.line, d.path) for d in found]


def test_parents_then_the_file_then_the_variant_then_set(load_text, base: str) -> None:
    recipe = load_text(
        "extends: [a.yaml, b.yaml]\nmodel: {lora_rank: 3}\nsteps: null\n"
        "variants: {v: {seed: 4, substeps: 4}}\n",
        {"a.yaml": base + "seed: 1\ntags: [a, b]\n", "b.yaml": "seed: 2\ntags: [c]\n"},
        variant="v",
        overrides=["substeps=5", "kl={coef: 0.5}"],
    ).recipe
    assert (recipe.model.name, recipe.model.lora_rank) == ("Qwen/Qwen3-8B-Base", 3)
    assert recipe.steps is None
    assert recipe.tags == ["c"]
    assert (recipe.seed, recipe.substeps, recipe.kl.coef) == (4, 5, 0.5)


def test_recipes_that_share_a_parent_share_nothing_else(load_text, base: str) -> None:
    parent = base + 'description: "about {{ vars.what }}"\ntags: ["{{ vars.what }}"]\n'
    for what in ("one", "two"):
        text = f"extends: parent.yaml\nvars: {{what: {what}}}\n"
        recipe = load_text(text, {"parent.yaml": parent}).recipe
        assert (recipe.description, recipe.tags) == (f"about {what}", [what])


def test_a_mistake_in_a_shared_parent_is_reported_of_each(problems, base: str) -> None:
    parent = {"parent.yaml": base + "steps: 3\nseed: !!int 4\n"}
    expected = [("parent.yaml", "duplicate-key", 8, "steps"), ("parent.yaml", "tag", 9, "seed")]
    for child in ("extends: parent.yaml\n", "extends: parent.yaml\ntags: [a]\n"):
        assert codes(problems(child, parent)) == expected
    mended = {"parent.yaml": base + "seed: 4\nunheard_of: 1\n"}
    found = problems("extends: parent.yaml\n", mended)
    assert codes(found) == [("parent.yaml", "unknown-key", 9, "unheard_of")]


def test_an_unreadable_shared_parent_is_reported_of_each(problems) -> None:
    for seed in (1, 2):
        found = problems(f"extends: parent.yaml\nseed: {seed}\n", {"parent.yaml": "a: [1\n"})
        assert codes(found) == [("parent.yaml", "syntax", 2, "")]


def test_a_section_that_changes_its_kind_starts_over(load_text, base: str) -> None:
    loaded = load_text(base, overrides=["env.kind=math", "env.dataset=arithmetic"])
    assert loaded.recipe.env.model_dump() == {"kind": "math", "dataset": "arithmetic"}


def test_mistakes_are_reported_where_they_were_written(problems, base: str) -> None:
    found = problems(
        "extends: parts/a.yaml\nsteps: x\nvariants: {v: {model.lora_rang: 8}}\n",
        {"parts/a.yaml": base + "kl: {coef: x}\n"},
        variant="v",
        overrides=["seed=1", "rollout.group_sise=4"],
    )
    assert codes(found) == [
        ("parts/a.yaml", "type", 8, "kl.coef"),
        ("recipe.yaml", "type", 2, "steps"),
        ("recipe.yaml", "unknown-key", 3, "model.lora_rang"),
        ("--set", "unknown-key", 2, "rollout.group_sise"),
    ]
    assert [d.column for d in found] == [12, 8, 22, 9]


def test_cycles_and_missing_parents(problems, base: str) -> None:
    (found,) = problems("extends: b.yaml\n", {"b.yaml": "extends: recipe.yaml\n"})
    assert (found.code, found.file, found.line) == ("extends-cycle", "b.yaml", 1)
    assert "recipe.yaml -> b.yaml -> recipe.yaml" in found.message
    found = problems("steeps: 3\nextends: [b.yaml, c.yaml]\n", {"b.yaml": "- 1\n"})
    assert codes(found) == [
        ("b.yaml", "not-a-mapping", 1, ""),
        ("recipe.yaml", "unknown-key", 1, "steeps"),
        ("recipe.yaml", "missing-file", 2, "extends"),
    ]


@pytest.mark.parametrize("flag", ["steps", "=3", "a..b=3", "steps=[", "extends=x", "steps=!!str 3"])
def test_a_malformed_flag_is_a_diagnostic_of_the_flag(problems, base: str, flag: str) -> None:
    (found,) = problems(base, overrides=["seed=1", flag])
    assert (found.file, found.line) == ("--set", 2)
    assert 1 <= found.column <= len(flag) + 1


def test_null_removes_from_the_command_line(load_text, base: str) -> None:
    recipe = load_text(base, overrides=["optimizer=null", "env.max_turns=null"]).recipe
    assert recipe.optimizer.learning_rate == "auto"


def test_variables_of_the_command_line_must_exist(load_text, problems, base: str) -> None:
    text = base.replace("2e-5", '"{{ vars.rate }}"')
    loaded = load_text("vars: {rate: 1}\n" + text, variables=["rate=3e-4"])
    assert loaded.recipe.optimizer.learning_rate == 3e-4
    assert load_text(text, variables=["rate=1"]).recipe.optimizer.learning_rate == 1
    (found,) = problems("vars: {rate: 1}\n" + text, variables=["rte=1"])
    assert (found.file, found.code, found.hint) == ("--var", "unknown-key", "did you mean `rate`?")


def test_a_matrix_expands_to_readable_names_that_are_safe_as_directories(load_text, base) -> None:
    loaded = load_text(base + VARIANTS, variant="lora_rank=8,learning_rate=2e-5")
    assert loaded.variant == "learning_rate=2e-05,lora_rank=8"
    assert loaded.title == "recipe[learning_rate=2e-05,lora_rank=8]"
    assert loaded.recipe.name == "recipe.learning_rate-2e-05.lora_rank-8"
    assert loaded.recipe.model.lora_rank == 8
    assert variant_names("recipe.yaml") == [
        "learning_rate=1e-05,lora_rank=32",
        "learning_rate=2e-05,lora_rank=8",
        "learning_rate=2e-05,lora_rank=32",
        "steps=7",
    ]


def test_variants_of_one_recipe_never_share_a_name(load_text, here: Path, base: str) -> None:
    (here / "recipe.yaml").write_text(base + "variants: {matrix: {description: [A b, a-b]}}\n")
    names = {
        load_text(
            base + "variants: {matrix: {description: [A b, a-b]}}\n", variant=name
        ).recipe.name
        for name in variant_names("recipe.yaml")
    }
    assert len(names) == 2


def test_wrong_variants(problems, base: str) -> None:
    (found,) = problems(base + "variants: {small: {steps: 1}}\n", variant="smal")
    assert (found.code, found.file, found.hint) == ("variant", "--variant", "did you mean 'small'?")
    found = problems(base + "variants: {matrix: {a: 3, b: []}, includ: [], exclude: 3}\n")
    assert [(d.code, d.path) for d in found] == [
        ("type", "variants.matrix.a"),
        ("type", "variants.matrix.b"),
        ("unknown-key", "variants.includ"),
        ("type", "variants.exclude"),
    ]
    (found,) = problems(base + f"variants: {{matrix: {{a: {[0] * 40}, b: {[0] * 40}}}}}\n")
    assert found.code == "variant"


def test_the_stem_names_a_recipe(here: Path, base: str) -> None:
    from recipe_runner.language import load

    (here / "Gem Math (2).yaml").write_text(base)
    assert load("Gem Math (2).yaml").recipe.name == "gem-math-2"


def test_paths_are_relative_to_the_file_that_has_them(load_text, problems, base: str) -> None:
    parts = {"parts/a.yaml": base.replace('id: "rg', 'dataset: d.jsonl, id: "rg')}
    loaded = load_text("extends: parts/a.yaml\n", {**parts, "parts/d.jsonl": "{}"})
    assert loaded.recipe.env.dataset == "parts/d.jsonl"
    loaded = load_text(base, {"e.jsonl": "{}"}, overrides=["env.dataset=e.jsonl"])
    assert loaded.recipe.env.dataset == "e.jsonl"
    (found,) = problems("extends: parts/a.yaml\nenv: {dataset: d.jsonl}\n", parts)
    assert (found.code, found.file, found.line) == ("missing-file", "recipe.yaml", 2)


def test_recipes_are_found_below_directories_but_parts_are_not(here: Path) -> None:
    for name in ("a/x.yaml", "a/b/y.yml", "a/_base/z.yaml", "a/data.json"):
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_text("")
    assert find_recipes(["a", "a/_base/z.yaml"]) == [
        Path("a/x.yaml"),
        Path("a/b/y.yml"),
        Path("a/_base/z.yaml"),
    ]
    (here / "none").mkdir()
    with pytest.raises(RecipeError) as caught:
        find_recipes(["none", "nowhere", ""])
    assert [d.code for d in caught.value.diagnostics] == ["missing-file"] * 3


def test_a_recipe_knows_all_files_that_it_was_made_from(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("version: 1\n")
    (tmp_path / "child.yaml").write_text(f"extends: base.yaml\n{RL_RECIPE}")
    (tmp_path / "both.yaml").write_text(
        "version: 1\nmethod: pipeline\nstages:\n  one: {recipe: child.yaml}\n"
    )
    for name, files in (
        ("base.yaml", None),
        ("child.yaml", ["child.yaml", "base.yaml"]),
        ("both.yaml", ["both.yaml", "child.yaml", "base.yaml"]),
    ):
        if files is not None:
            loaded = load(tmp_path / name)
            assert [Path(path).name for path in loaded.files] == files
            assert loaded.files[str(tmp_path / name)] == loaded.text


def test_variants_are_bounded_by_the_values_of_all_of_them(problems, base: str) -> None:
    """A thousand variants of a full recipe took minutes."""
    tags = ", ".join(["a"] * 9000)
    seeds = ", ".join(map(str, range(40)))
    text = base + f"tags: [{tags}]\nvariants: {{matrix: {{seed: [{seeds}]}}}}\n"
    (found,) = problems(text)
    assert (found.code, found.path) == ("variant", "variants")
    assert "300,000 values in all of them" in found.message


def test_named_variants_are_counted_too(problems, base: str) -> None:
    named = ", ".join(f"v{n}: {{}}" for n in range(1001))
    (found,) = problems(base + f"variants: {{{named}}}\n")
    assert found.code == "variant"
    assert "1,001 variants" in found.message
