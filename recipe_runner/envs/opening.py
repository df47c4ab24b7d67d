"""How a recipe's model was asked in training: what came before a question, and around it."""

from __future__ import annotations

from tinker_cookbook.renderers import Message

from recipe_runner.language.sandbox import fill_in
from schemas import Recipe
from schemas.env import GemEnv, MathEnv
from schemas.generate import GenerateRecipe


def opening(recipe: Recipe, question: str) -> list[Message]:
    """Return the messages that open a conversation about a question.

    GEM: its prompt. The Cookbook's mathematics: its worked example and its request for a form.
    `generate`: its prompt. Other recipes: the question as it is.
    """
    env = getattr(recipe, "env", None)
    if isinstance(env, GemEnv):
        from recipe_runner.envs.gem.prompts import render_prompt

        return [_user(render_prompt(env.prompt, question))]
    if isinstance(env, MathEnv):
        return _mathematics(env.dataset, question)
    if isinstance(recipe, GenerateRecipe):
        return [_user(fill_in(recipe.prompt, prompt=question))]
    return [_user(question)]


def _mathematics(dataset: str, question: str) -> list[Message]:
    from tinker_cookbook.recipes.math_rl.arithmetic_env import ArithmeticEnv
    from tinker_cookbook.recipes.math_rl.math_env import Gsm8kDataset
    from tinker_cookbook.recipes.math_rl.math_env import MathEnv as Mathematics

    if dataset == "arithmetic":
        return [*ArithmeticEnv.standard_fewshot_prefix(), _user(question)]
    asks_for = Gsm8kDataset if dataset == "gsm8k" else Mathematics
    return [
        *Mathematics.standard_fewshot_prefix(),
        _user(question + asks_for.question_suffix()),
    ]


def _user(content: str) -> Message:
    return Message(role="user", content=content)
