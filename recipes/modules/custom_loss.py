"""A loss of one's own for recipes/custom_loss.yaml: policy gradient by episode, with some entropy.

The service's losses are sums over tokens, so an episode of 4,000 tokens pulls forty times as hard
as one of 100. Here every sequence counts the same:

    L = -1/S sum_s 1/|s| sum_t r_t (A_t - beta (log q_t - mean log q))

over S sequences with |s| sampled tokens each. A is the advantage that the loop computed, q the
sampler's probability of a token, p the trainer's, r = p / q the importance ratio. A token that was
likelier than the batch's average loses beta times the difference, a rarer one gains it: the
gradient of an entropy bonus, which keeps the policy from settling too early (Haarnoja et al. 2018,
arXiv:1801.01290, equation 1).
"""

from __future__ import annotations

import tinker
import torch

BETA = 0.001


def by_episode(
    data: list[tinker.Datum], logprobs: list[torch.Tensor]
) -> tuple[torch.Tensor, dict[str, float]]:
    """Return the loss and what to log of it.

    Args:
        data: `loss_fn_inputs` has `advantages`, `logprobs` (the sampler's) and `mask`, 1 where a
            token was sampled and 0 in prompts; each [T].
        logprobs: the trainer's, [T] for each datum; the gradient goes through these.
    """
    masks = [datum.loss_fn_inputs["mask"].to_torch() > 0 for datum in data]
    sampled = [datum.loss_fn_inputs["logprobs"].to_torch() for datum in data]
    mean_log_q = torch.cat([q[mask] for q, mask in zip(sampled, masks, strict=True)]).mean()
    losses = []
    for datum, log_p, log_q, mask in zip(data, logprobs, sampled, masks, strict=True):
        advantages = datum.loss_fn_inputs["advantages"].to_torch()
        credit = advantages - BETA * (log_q - mean_log_q)
        ratio = torch.exp(log_p - log_q)
        losses.append(-(ratio * credit)[mask].mean())
    loss = torch.stack(losses).mean()
    return loss, {"entropy": -mean_log_q.item(), "loss_by_episode": loss.item()}
