"""`method: eval`: one evaluator after the other on fixed weights.

An evaluator is a step: a row of metrics.jsonl, then a record in evaluations.jsonl, which says that
it is done. An evaluation that is started again goes on behind the last record; a benchmark that was
interrupted keeps the replies that it has.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tinker
from tinker_cookbook.eval.evaluators import SamplingClientEvaluator
from tinker_cookbook.utils import ml_log

from recipe_runner.errors import RunFailed
from recipe_runner.loops.configs import config_class
from recipe_runner.loops.evaluators import PREFIX
from recipe_runner.loops.evaluators.unanswered import unanswered
from recipe_runner.loops.stopping import Stopped, current, until_stopped

RECORDS = "evaluations.jsonl"
# Metrics that sum an evaluator up, the likeliest first; without any, its first metric does.
_SCORES = ("score", "accuracy", "mean")


@config_class
class Config:
    """What is evaluated, by what.

    Attributes:
        log_path: the run's directory.
        model_path: weights to sample from, `tinker://…/sampler_weights/…`; None: the base model.
        names: of the evaluators, for people.
        evaluator_builders: as the Cookbook's training loops take them.
    """

    log_path: str
    model_name: str
    renderer_name: str
    recipe_name: str
    model_path: str | None = None
    base_url: str | None = None
    names: list[str]
    evaluator_builders: list[Callable[[], SamplingClientEvaluator]]
    wandb_project: str | None = None
    wandb_name: str | None = None


async def main(config: Config) -> None:
    """Run what is left of an evaluation.

    Raises:
        RunFailed: if an evaluator gives no result, or the weights are others than before.
        Stopped: between two evaluators, if that is requested.
    """
    records = _records_so_far(config)
    client = _sampling_client(config)
    logger = ml_log.setup_logging(
        config.log_path, config.wandb_project, config.wandb_name, config=config
    )
    try:
        for step in until_stopped(range(len(records), len(config.evaluator_builders))):
            name = config.names[step]
            evaluator = config.evaluator_builders[step]()
            started = time.monotonic()
            with unanswered() as lost:
                measured = await evaluator(client)
            if lost:
                raise RunFailed(
                    f"{name}: {len(lost)} requests were not answered, so its result would be that "
                    "of a part"
                ) from lost[-1]
            metrics = _checked(measured, name, config)
            seconds = time.monotonic() - started
            score = main_score(metrics)
            done = {"progress/done_frac": (step + 1) / len(config.names), "time/total": seconds}
            logger.log_metrics({**done, "score": score, **metrics}, step=step)
            _append(
                config,
                step=step,
                evaluator=name,
                score=score,
                metrics=metrics,
                seconds=round(seconds, 2),
                model_name=config.model_name,
                model_path=config.model_path,
            )
    finally:
        logger.close()
    if current().cut:
        kept = len(whole_records(Path(config.log_path) / RECORDS))
        raise Stopped(f"after {kept} of {len(config.names)} evaluators")


def main_score(metrics: dict[str, float]) -> float:
    """Return the metric that sums an evaluator up."""
    for wanted in _SCORES:
        for name, value in metrics.items():
            if name.rpartition("/")[2] == wanted:
                return value
    return next(iter(metrics.values()))


def _sampling_client(config: Config) -> tinker.SamplingClient:
    service = tinker.ServiceClient(
        base_url=config.base_url, user_metadata={"recipe_name": config.recipe_name}
    )
    if config.model_path is None:
        return service.create_sampling_client(base_model=config.model_name)
    return service.create_sampling_client(model_path=config.model_path)


def _records_so_far(config: Config) -> list[dict[str, Any]]:
    path = Path(config.log_path) / RECORDS
    records = whole_records(path)
    for record in records:
        if record["model_path"] != config.model_path:
            raise RunFailed(
                f"{path} has results of {record['model_path']}, and the recipe's weights are "
                f"{config.model_path} now; give --on-existing new to evaluate these"
            )
    return records


def whole_records(path: Path) -> list[dict[str, Any]]:
    """Return the records of evaluations.jsonl; one that was cut short ends them."""
    records: list[dict[str, Any]] = []
    for line in path.read_bytes().splitlines() if path.exists() else []:
        try:
            records.append(json.loads(line))
        except ValueError:
            break
    return records


def _append(config: Config, **record: object) -> None:
    with (Path(config.log_path) / RECORDS).open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def _checked(metrics: dict[str, float], name: str, config: Config) -> dict[str, float]:
    """Return the metrics of an evaluator that has measured something."""
    if not metrics:
        raise RunFailed(f"{name} gave no result; its logs are below {config.log_path}")
    counts = {key.rpartition("/")[2]: value for key, value in metrics.items()}
    if 0 < counts.get("num_examples", 0) == counts.get("num_errors", 0):
        raise RunFailed(
            f"{name}: every example ended in an error; {config.log_path}/output.log has them"
        )
    return {key if key.startswith(PREFIX) else f"{PREFIX}{key}": metrics[key] for key in metrics}
