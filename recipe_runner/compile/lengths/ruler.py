"""How the length of a text is counted: in the model's tokens, or from its characters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tinker

from recipe_runner.planning.estimate import Span
from recipe_runner.planning.volume.spans import scaled

# English text and code: from code and numbers to plain prose.
CHARACTERS_PER_TOKEN = 4.0
# How far that may be off, as factors on a mean.
_LOW, _HIGH = 0.5, 2.0


@dataclass(frozen=True)
class Ruler:
    """Counts a rendered text's tokens.

    Attributes:
        tokenizer: what the text was rendered with.
        by_characters: it is not the model's own: what it decodes to is counted instead.
        max_tokens: where a text is cut off; none: nowhere.
    """

    tokenizer: Any
    by_characters: bool = False
    max_tokens: int | None = None

    def length(self, text: tinker.ModelInput) -> float:
        """Return the number of tokens of a text."""
        count: float = text.length
        if self.by_characters:
            count = max(1.0, len(self.tokenizer.decode(text.to_ints())) / CHARACTERS_PER_TOKEN)
        return count if self.max_tokens is None else min(count, self.max_tokens)

    def longest(self, lengths: Sequence[float]) -> int | None:
        """Return the largest of measured lengths; None where they are those of characters."""
        return None if self.by_characters else int(max(lengths))

    def widened(self, span: Span) -> Span:
        """Return a measured mean, wider where it is one of characters."""
        return scaled(span, _LOW, _HIGH) if self.by_characters else span
