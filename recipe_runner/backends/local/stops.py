"""When a sampled sequence ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from recipe_runner.backends.local.errors import EngineError
from recipe_runner.backends.local.network import Network

# A character is at most four bytes, and no token of the tokenizers in use is less than a byte.
_TOKENS_PER_CHARACTER = 4


@dataclass(frozen=True)
class StopRule:
    """Ends a sequence at a token of `tokens`, or when its text contains one of `strings`."""

    tokens: frozenset[int] = frozenset()
    strings: tuple[str, ...] = ()
    tokenizer: PreTrainedTokenizerBase | None = None

    def ends(self, sampled: Sequence[int]) -> bool:
        """Whether the last of the sampled tokens completes a stop."""
        if sampled[-1] in self.tokens:
            return True
        if not self.strings:
            return False
        assert self.tokenizer is not None
        # A stop that the last token completes lies within the last few tokens.
        reach = _TOKENS_PER_CHARACTER * max(map(len, self.strings)) + 1
        text = self.tokenizer.decode(sampled[-reach:], skip_special_tokens=False)
        return any(stop in text for stop in self.strings)


def stop_rule(stop: Sequence[str] | Sequence[int] | None, network: Network) -> StopRule:
    """The rule of a request: None is the end-of-sequence tokens, anything else only itself.

    tinker.SamplingParams documents None (implicit end of sequence) and [] (never); that a request
    which names stops does not stop at the end of sequence too is a choice.
    """
    if stop is None:
        return StopRule(tokens=network.eos_tokens())
    entries = [stop] if isinstance(stop, str) else list(stop)
    strings = tuple(entry for entry in entries if isinstance(entry, str))
    if strings:
        if len(strings) != len(entries) or "" in strings:
            raise EngineError("stop must be all non-empty strings or all token ids")
        return StopRule(strings=strings, tokenizer=network.tokenizer)
    return StopRule(tokens=frozenset(entry for entry in entries if isinstance(entry, int)))
