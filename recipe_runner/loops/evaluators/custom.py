"""Evaluators of the user's own."""

from __future__ import annotations

from typing import Any

import tinker
from tinker_cookbook.eval.evaluators import SamplingClientEvaluator

from recipe_runner.errors import UserCodeError
from recipe_runner.loops.configs import config_class
from recipe_runner.loops.evaluators import PREFIX
from recipe_runner.user_code import blamed, load_object


class CustomEvaluator(SamplingClientEvaluator):
    """A user's evaluator, with its metrics named and its mistakes told to the user."""

    def __init__(self, reference: str, evaluator: SamplingClientEvaluator) -> None:
        self._reference = reference
        self._evaluator = evaluator

    async def __call__(self, sampling_client: tinker.SamplingClient) -> dict[str, float]:
        with blamed(self._reference):
            metrics = await self._evaluator(sampling_client)
        if not isinstance(metrics, dict) or not all(map(_is_number, metrics.values())):
            raise UserCodeError(
                f"{self._reference}: the evaluator returned {metrics!r}; it has to return a "
                "dictionary of numbers, such as {'accuracy': 0.5}"
            )
        name = self._reference.rpartition(":")[2]
        return {f"{PREFIX}{name}/{metric}": float(value) for metric, value in metrics.items()}


def _is_number(value: Any) -> bool:
    return isinstance(value, float | int)


@config_class
class CustomBuilder:
    """A callable that returns an evaluator; its code is imported when it is built."""

    builder: str
    kwargs: dict[str, Any]

    def __call__(self) -> SamplingClientEvaluator:
        build = load_object(self.builder)
        with blamed(self.builder):
            evaluator = build(**self.kwargs)
        if not callable(evaluator):
            raise UserCodeError(
                f"{self.builder} returned {evaluator!r}; it has to return a SamplingClientEvaluator"
            )
        return CustomEvaluator(self.builder, evaluator)
