"""`env.kind: gem` of a recipe -> the dataset builder."""

from __future__ import annotations

from recipe_runner.catalog import models
from recipe_runner.envs import Rollouts
from recipe_runner.envs.gem import GemDatasetBuilder
from schemas.env import GemEnv


def builder(env: GemEnv, rollouts: Rollouts) -> GemDatasetBuilder:
    """Return the dataset builder of a GEM environment."""
    return GemDatasetBuilder(
        env_id=env.id,
        kwargs=env.kwargs,
        prompt=env.prompt,
        wrappers=tuple(env.wrappers),
        max_turns=env.max_turns,
        dataset=env.dataset,
        allow_unsafe=env.allow_unsafe_execution,
        eval_size=env.eval.size if env.eval else 0,
        model_name=rollouts.model_name,
        renderer_name=rollouts.renderer_name,
        group_size=rollouts.group_size,
        groups_per_batch=rollouts.groups_per_batch,
        num_batches=rollouts.num_batches,
        seed=rollouts.seed,
        max_prompt_tokens=_max_prompt_tokens(rollouts),
    )


def _max_prompt_tokens(rollouts: Rollouts) -> int | None:
    """Leave room for a reply in the model's context, where the catalog knows it."""
    facts = models.find(rollouts.model_name)
    if facts is None or facts.context is None:
        return None
    return facts.context - rollouts.max_tokens
