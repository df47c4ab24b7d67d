"""A frozen base model: loaded once for each source, shared by every model and sampler over it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    AutoModelForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    Qwen3Config,
)
from transformers.pytorch_utils import Conv1D
from transformers.utils import logging as transformers_logging

from recipe_runner.backends.local.loading import model_in, tokenizer_in
from recipe_runner.backends.local.lora import LoraSwitch, linear_layers, linear_shape
from recipe_runner.backends.local.models import ModelSource
from recipe_runner.backends.local.rng import derive_seed

_DEFAULT_CONTEXT = 4096


class Network:
    """A causal language model of any architecture transformers knows, in float32 on the CPU.

    `hidden` and `head` split its forward so that logits are computed only where they are needed;
    `parameters` are the frozen weights by name, tied ones under each of their names.
    """

    def __init__(self, source: ModelSource) -> None:
        self.source = source
        self._tokenizer: PreTrainedTokenizerBase | None = None
        self.model = self._load()
        self.model.eval().requires_grad_(False)
        unembedding = self.model.get_output_embeddings()
        assert unembedding is not None, "a causal language model has an output layer"
        self.unembedding: nn.Module = unembedding
        self.parameters: dict[str, Tensor] = {
            name: parameter.detach()
            for name, parameter in self.model.named_parameters(remove_duplicate=False)
        }
        self.lora = LoraSwitch(self.model)
        self.linear_shapes = {
            name: linear_shape(module) for name, module in linear_layers(self.model)
        }
        config = self.model.config.get_text_config()
        self.config = config
        self.vocab_size = int(config.vocab_size)
        self.context_length = int(
            getattr(config, "max_position_embeddings", None) or _DEFAULT_CONTEXT
        )
        self.caches: bool | None = None
        """Whether decoding with a key-value cache computes the same; None until it was tried."""
        self._splits = self._head_splits_off()

    @property
    def has_conv1d(self) -> bool:
        """Whether some linear layers keep their weight transposed, as GPT-2's do."""
        return any(isinstance(module, Conv1D) for module in self.model.modules())

    @property
    def num_bytes(self) -> int:
        return sum(p.numel() * p.element_size() for p in self.model.parameters())

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        if self._tokenizer is None:
            self._tokenizer = tokenizer_in(self.source.tokenizer)
        return self._tokenizer

    def eos_tokens(self) -> frozenset[int]:
        """Every end-of-sequence token that the generation config, config or tokenizer names."""
        named: set[int] = set()
        generation_config = self.model.generation_config
        for holder in (generation_config, self.config, self.tokenizer):
            value = getattr(holder, "eos_token_id", None)
            if value is not None:
                named.update([value] if isinstance(value, int) else value)
        return frozenset(named)

    def untied_parameters(self) -> dict[str, Tensor]:
        """The frozen weights, tied ones once."""
        return {name: self.parameters[name] for name, _ in self.model.named_parameters()}

    def with_ties(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """`weights` for the names of `untied_parameters`, repeated under every tied name."""
        first_name = {id(p): name for name, p in self.model.named_parameters()}
        return {
            name: weights[first_name[id(p)]]
            for name, p in self.model.named_parameters(remove_duplicate=False)
        }

    def hidden(self, tokens: Tensor, overrides: Mapping[str, Tensor], **inputs: object) -> Tensor:
        """Last hidden states [B, T, H] of right-padded tokens [B, T]; `overrides` replace weights.

        Padding follows the tokens, so a causal model needs no mask for it. `inputs` go to the
        model's forward.
        """
        inputs = {"input_ids": tokens, "use_cache": False, **inputs}
        if self._splits:
            base = self.model.base_model
            prefix = self.model.base_model_prefix + "."
            inner = {
                name.removeprefix(prefix): weight
                for name, weight in overrides.items()
                if name.startswith(prefix)
            }
            output = self._call(base, inner, inputs)[0]
        else:
            output = self._call(self.model, overrides, inputs).logits
        assert isinstance(output, Tensor)
        return output

    def head(self, hidden: Tensor, overrides: Mapping[str, Tensor]) -> Tensor:
        """Logits [..., V] of hidden states [..., H]."""
        if not self._splits:
            return hidden
        prefix = self._unembedding_name + "."
        inner = {
            name.removeprefix(prefix): weight
            for name, weight in overrides.items()
            if name.startswith(prefix)
        }
        logits = self._call(self.unembedding, inner, None, hidden)
        assert isinstance(logits, Tensor)
        return logits

    def _call(
        self,
        module: nn.Module,
        overrides: Mapping[str, Tensor],
        kwargs: dict[str, Any] | None,
        *args: Tensor,
    ) -> Any:
        if not overrides:
            return module(*args, **(kwargs or {}))
        # tie_weights=False: an unembedding with LoRA merged in differs from the embedding it was
        # tied to.
        return torch.func.functional_call(
            module, dict(overrides), args, kwargs or {}, tie_weights=False
        )

    @property
    def _unembedding_name(self) -> str:
        names = (n for n, m in self.model.named_modules() if m is self.unembedding)
        return str(next(names))

    def _head_splits_off(self) -> bool:
        """Whether logits are the output layer on the base model's states, and nothing more.

        Some architectures scale or cap their logits in between; those compute all logits.
        """
        base = self.model.base_model
        if base is self.model:
            return False
        tokens = torch.arange(min(5, self.vocab_size)).unsqueeze(0)
        with torch.no_grad():
            whole = self.model(input_ids=tokens, use_cache=False).logits
            split = self.unembedding(base(input_ids=tokens, use_cache=False)[0])
        return whole.shape == split.shape and torch.allclose(whole, split, atol=1e-5)

    def _load(self) -> PreTrainedModel:
        transformers_logging.disable_progress_bar()
        if self.source.weights is None:
            return self._random_stand_in()
        return model_in(self.source.weights)

    def _random_stand_in(self) -> PreTrainedModel:
        """A Qwen3-shaped model of four layers over the tokenizer's vocabulary; shape a choice."""
        vocab_size = max(len(self.tokenizer), int(self.tokenizer.vocab_size))
        config = Qwen3Config(
            vocab_size=vocab_size,
            hidden_size=128,
            intermediate_size=384,
            num_hidden_layers=4,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=32,
            max_position_embeddings=32768,
            tie_word_embeddings=True,
            eos_token_id=self.tokenizer.eos_token_id,
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed("stand-in", str(self.source.tokenizer)))
            return AutoModelForCausalLM.from_config(config, dtype=torch.float32)
