"""What a small run tells its environment."""

from __future__ import annotations

from typing import Any

from recipe_runner.envs import Rollouts


def rollouts(model: str, **changes: Any) -> Rollouts:
    fields: dict[str, Any] = {
        "model_name": model,
        "renderer_name": "qwen3_instruct",
        "group_size": 2,
        "groups_per_batch": 5,
        "max_tokens": 64,
        "temperature": 1.0,
        "num_batches": None,
        "seed": 0,
        "base_url": None,
        "checkpoint": lambda reference: reference,
    }
    return Rollouts(**{**fields, **changes})
