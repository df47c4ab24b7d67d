"""What the loop is given."""

from __future__ import annotations

from typing import Any

import chz
from tinker_cookbook.eval.evaluators import SamplingClientEvaluatorBuilder
from tinker_cookbook.rl.types import RLDatasetBuilder


@chz.chz
class Config:
    """Plain values, under the Cookbook's names where it has one for the same thing.

    Attributes:
        dataset_builder: its batch `i` holds the problems of step `i`, one episode each.
        max_steps: number of training steps.
        max_tokens: tokens a turn may have.
        temperature: of sampling.
        gamma: discount of later turns' rewards.
        normalize_returns: mean 0 and deviation 1 over the turns of a batch.
        loss_fn: a loss of the service; without effect where there is a `custom_loss`.
        loss_fn_config: its settings, None for the service's own.
        custom_loss: `package.module:function`, called with (data, logprobs); see `data`.
        share_prefixes: train turns of which each continues the one before as one datum.
        seed: of the adapter's initial weights and of sampling; the problems have the builder's.
        evaluator_builders: evaluators that run every `eval_every` steps and after the last one.
        test_every: play the builder's test set every so many steps, and before the last one.
        num_groups_to_log: episodes a step that are written out to read; 0 writes nothing out.
    """

    log_path: str
    model_name: str
    recipe_name: str
    renderer_name: str
    dataset_builder: RLDatasetBuilder
    max_steps: int
    max_tokens: int
    learning_rate: float
    temperature: float = 1.0
    gamma: float = 0.9
    normalize_returns: bool = True
    loss_fn: str = "importance_sampling"
    loss_fn_config: dict[str, Any] | None = None
    custom_loss: str | None = None
    share_prefixes: bool = True
    lora_rank: int = 32
    seed: int = 0
    load_checkpoint_path: str | None = None
    base_url: str | None = None
    evaluator_builders: list[SamplingClientEvaluatorBuilder] = chz.field(default_factory=list)
    eval_every: int = 0
    test_every: int = 0
    save_every: int = 20
    rolling_save_every: int = 0
    ttl_seconds: int | None = 604_800
    num_groups_to_log: int = 4
    enable_trace: bool = False
    wandb_project: str | None = None
    wandb_name: str | None = None
    session_name: str | None = None
