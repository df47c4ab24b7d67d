"""`Tally`: tokens by model, added up in one of the three cases."""

from __future__ import annotations

from recipe_runner.planning.estimate import Case, Span
from recipe_runner.planning.tokens import Tokens


class Tally:
    """Adds up the tokens of one case.

    Attributes:
        case: which of the three.
        tokens: by model; a model that nothing was added for has no entry.
    """

    def __init__(self, case: Case) -> None:
        self.case = case
        self.tokens: dict[str, Tokens] = {}

    def of(self, span: Span) -> float:
        """Return the span's value in this case."""
        return span.at(self.case)

    def add(
        self,
        model_name: str,
        *,
        prefill: float = 0,
        cached: float = 0,
        sampled: float = 0,
        trained: float = 0,
    ) -> None:
        """Add tokens of a model; fractions are rounded here, once an entry."""
        more = Tokens(
            prefill=round(prefill),
            cached=round(cached),
            sampled=round(sampled),
            trained=round(trained),
        )
        if more.total:
            self.tokens[model_name] = self.tokens.get(model_name, Tokens()) + more

    def add_scored(self, model_name: str, texts: float, tokens: float) -> None:
        """Add texts of so many tokens each whose log-probabilities are asked for.

        The SDK asks for them by sampling one token after the text.
        """
        self.add(model_name, prefill=texts * tokens, sampled=texts)
