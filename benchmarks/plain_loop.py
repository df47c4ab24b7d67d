"""A training step as anyone would write it in torch: a model of transformers, LoRA by hand, AdamW.

One padded batch, no server, no futures, no microbatches: what the engine is held against.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel

from recipe_runner.backends.local.lora import ALPHA


class LoraLinear(nn.Module):
    """A frozen linear layer and its low-rank update, W x + alpha / rank B A x."""

    def __init__(self, base: nn.Linear, rank: int) -> None:
        super().__init__()
        self.base = base
        bound = 1 / math.sqrt(base.in_features)
        self.a = nn.Parameter(torch.empty(rank, base.in_features).uniform_(-bound, bound))
        self.b = nn.Parameter(torch.zeros(base.out_features, rank))
        self.scale = ALPHA / rank

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + self.scale * F.linear(F.linear(x, self.a), self.b)


class PlainLoop:
    """Importance sampling, and a step of AdamW, over every linear layer's LoRA weights."""

    def __init__(self, model: PreTrainedModel, rank: int) -> None:
        self.model = model.train().requires_grad_(False)
        self.vocabulary = int(model.get_input_embeddings().num_embeddings)
        for name, module in list(model.named_modules()):
            if isinstance(module, nn.Linear):
                parent, _, child = name.rpartition(".")
                setattr(model.get_submodule(parent), child, LoraLinear(module, rank))
        trained = [p for p in model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(
            trained, lr=1e-4, betas=(0.9, 0.95), eps=1e-12, weight_decay=0, fused=True
        )

    def step(self, tokens: Tensor, targets: Tensor, logprobs: Tensor, advantages: Tensor) -> Tensor:
        """Train on sequences [B, T]; return their log-probabilities."""
        logits = self.model(input_ids=tokens, use_cache=False).logits
        found = -F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
        found = found.view(targets.shape)
        loss = -(torch.exp(found - logprobs) * advantages).sum()
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return found.detach()
