"""Preferences: comparisons to train on, and `env.kind: preference`."""

from __future__ import annotations

from collections.abc import Iterator

from recipe_runner.catalog import models
from recipe_runner.language import Diagnostic, LoadedRecipe
from recipe_runner.planning.checks.asked import check_asked
from recipe_runner.planning.checks.data import check_data
from recipe_runner.planning.checks.effects import no_effect
from schemas.data import COOKBOOK_COMPARISONS, HuggingFaceData, PromptsData
from schemas.env import PreferenceEnv, PromptedJudge, RewardModelJudge
from schemas.rl import RlRecipe

# The Cookbook trains a reward model on the first token of its reply alone, and reads it off the
# first token that it samples. With these renderers that token is the verdict; with the others it
# is the mark of a thought or of a channel, the same for each verdict.
VERDICT_RENDERERS = (
    "deepseekv4_1_disable_thinking",
    "kimi_k25_disable_thinking",
    "kimi_k26_disable_thinking",
    "llama3",
    "nemotron3_disable_thinking",
    "nemotron3_ultra_disable_thinking",
    "qwen3_5_disable_thinking",
    "qwen3_8_disable_thinking",
    "qwen3_disable_thinking",
    "qwen3_instruct",
    "qwen3_vl_instruct",
    "role_colon",
)
# The Cookbook compares the replies of a group within parts of four.
MATCHUP_SIZE = 4


def check_verdicts(
    loaded: LoadedRecipe, model: str, renderer: str, path: str
) -> Iterator[Diagnostic]:
    """Yield an error where a reward model of this renderer could not tell two replies apart."""
    facts = models.find(model)
    resolved = renderer
    if renderer == "auto":
        if facts is None or not facts.renderers:
            return
        resolved = facts.renderers[0]
    if resolved in VERDICT_RENDERERS or resolved not in models.renderer_names():
        return
    fitting = [each for each in (facts.renderers if facts else ()) if each in VERDICT_RENDERERS]
    yield loaded.diagnostic(
        path,
        "renderer-mismatch",
        f"a reward model's verdict is the first token of its reply, which {resolved} gives to "
        "something else",
        hint=f"write `renderer: {fitting[0]}`" if fitting else "use another model",
    )


def check_preference(loaded: LoadedRecipe, env: PreferenceEnv) -> Iterator[Diagnostic]:
    """Yield what is wrong across the keys of a preference environment."""
    yield from _check_data(loaded, env)
    yield from _check_judge(loaded, env)
    recipe = loaded.recipe
    if isinstance(recipe, RlRecipe):
        yield from _check_evaluation(loaded, recipe, env)
        yield from _check_group(loaded, recipe)


def _check_data(loaded: LoadedRecipe, env: PreferenceEnv) -> Iterator[Diagnostic]:
    if env.data is None:
        if env.judge.kind != "shorter":
            yield loaded.diagnostic(
                "env",
                "missing-key",
                f"`judge.kind: {env.judge.kind}` needs `data`: what the replies are to",
                hint="write `data: {kind: prompts, path: FILE.jsonl}`, say",
            )
        return
    yield from check_data(
        loaded,
        env.data,
        kinds=("comparisons", "prompts", "huggingface"),
        named=COOKBOOK_COMPARISONS,
        hub_ids=False,
        path="env.data",
    )
    if "test_size" in env.data.model_fields_set and not isinstance(env.data, HuggingFaceData):
        yield no_effect(
            loaded, "env.data.test_size", "`env.eval_size` holds comparisons out", "use eval_size"
        )


def _check_judge(loaded: LoadedRecipe, env: PreferenceEnv) -> Iterator[Diagnostic]:
    judge, recipe = env.judge, loaded.recipe
    if isinstance(judge, PromptedJudge):
        yield from check_asked(loaded, judge.model, judge.renderer, path="env.judge")
    if not isinstance(judge, RewardModelJudge) or not isinstance(recipe, RlRecipe):
        return
    if judge.model is None or judge.model == recipe.model.name:
        renderer = recipe.renderer if judge.renderer == "auto" else judge.renderer
        yield from check_verdicts(loaded, recipe.model.name, renderer, "env.judge.renderer")
    else:
        yield from check_asked(loaded, judge.model, judge.renderer, path="env.judge")
        yield from check_verdicts(loaded, judge.model, judge.renderer, "env.judge.renderer")


def _check_evaluation(
    loaded: LoadedRecipe, recipe: RlRecipe, env: PreferenceEnv
) -> Iterator[Diagnostic]:
    if env.eval_size == 0:
        return
    if env.data is None or isinstance(env.data, PromptsData):
        yield no_effect(
            loaded, "env.eval_size", "there are no replies to beat", "use comparisons, or remove it"
        )
    elif recipe.eval is None:
        hint = "write `eval: {every: 10}`, say"
        yield no_effect(loaded, "env.eval_size", "the recipe evaluates at no step", hint)


def _check_group(loaded: LoadedRecipe, recipe: RlRecipe) -> Iterator[Diagnostic]:
    size = recipe.rollout.group_size
    if size == 1:
        yield loaded.diagnostic(
            "rollout.group_size",
            "range",
            "a group of one reply has nothing to compare it with",
            hint="use 2 or more",
        )
    elif size % MATCHUP_SIZE == 1:
        yield loaded.diagnostic(
            "rollout.group_size",
            "range",
            f"the Cookbook compares replies in parts of {MATCHUP_SIZE}, so the last of {size} is "
            "compared with none",
            hint=f"use {size - 1} or {size + 1}",
        )
