"""The numbers of a step: those of GEM's example under its names, and the Cookbook's of episodes."""

from __future__ import annotations

from collections.abc import Sequence

import tinker
import torch
from tinker_cookbook.rl.metric_util import compute_trajectory_metrics
from tinker_cookbook.rl.types import TrajectoryGroup

from recipe_runner.loops.reinforce.data import turns

Metrics = dict[str, float]


def episode_metrics(groups: Sequence[TrajectoryGroup], tags: Sequence[list[str]]) -> Metrics:
    """Means over the episodes of a batch."""
    episodes = [trajectory for group in groups for trajectory in group.trajectories_G]
    count = len(episodes)
    taken = [turns(episode) for episode in episodes]
    returns = [reward for group in groups for reward in group.get_total_rewards()]
    tokens = sum(len(turn.ac.tokens) for each in taken for turn in each)
    return {
        "sampler/episode_return": sum(returns) / count,
        "sampler/num_turns_per_episode": sum(map(len, taken)) / count,
        "sampler/action_num_tokens": tokens / count,
        "sampler/num_episodes": count,
        **compute_trajectory_metrics(list(groups), list(tags)),
    }


def policy_metrics(
    data: Sequence[tinker.Datum], outputs: Sequence[dict[str, tinker.TensorData]]
) -> Metrics:
    """Entropy of the sampled tokens, and how far the trainer's policy is from the sampler's.

    With q the sampler's probability of a sampled token and p the trainer's, before the update:
    token_entropy = mean(-log q), kl v1 = mean(log q - log p), v2 = mean((log q - log p)^2) / 2.

    Args:
        outputs: of the forward pass, a datum each, with the trainer's `logprobs`.
    """
    sampled, differences = [], []
    for datum, output in zip(data, outputs, strict=True):
        mask = datum.loss_fn_inputs["mask"].to_torch() > 0
        log_q = datum.loss_fn_inputs["logprobs"].to_torch()[mask]
        sampled.append(log_q)
        differences.append(log_q - output["logprobs"].to_torch()[mask])
    difference = torch.cat(differences)
    return {
        "sampler/token_entropy": -torch.cat(sampled).mean().item(),
        "train/kl_sample_train_v1": difference.mean().item(),
        "train/kl_sample_train_v2": 0.5 * difference.square().mean().item(),
    }


def data_metrics(data: Sequence[tinker.Datum]) -> Metrics:
    """How much is trained on: less than was sampled where turns share their prefixes."""
    return {
        "train/num_datums": len(data),
        "train/num_tokens": sum(datum.model_input.length for datum in data),
    }
