"""`Summary`: what a run came to, kept in run.json so that a list of runs reads nothing else."""

from __future__ import annotations

from pydantic import BaseModel


class Summary(BaseModel):
    """The headline metric of a run, and what the run took.

    Attributes:
        steps: training steps on record; of a pipeline, those of all stages.
        key: the headline metric's name in metrics.jsonl; none of a pipeline.
        label: what people call it.
        first: mean over the first three steps.
        last: mean over the last three steps.
        best: of a single step.
        tests: the latest value of each evaluation metric.
        tokens: counted at the service, else as far as the metrics count them.
        usd: what they cost; none without a price, or where nothing is charged.
        seconds: at work, over all attempts.
        metrics_bytes: length of the metrics file that this was read from: with another length, it
            is out of date.
    """

    steps: int = 0
    key: str | None = None
    label: str = ""
    lower_is_better: bool = False
    first: float | None = None
    last: float | None = None
    best: float | None = None
    tests: dict[str, float] = {}
    tokens: int = 0
    usd: float | None = None
    seconds: float = 0.0
    metrics_bytes: int = 0
