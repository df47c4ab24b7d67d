"""The loop: play a batch of episodes, credit each turn with its return, take one gradient step."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import tinker
import torch
from tinker_cookbook import checkpoint_utils, model_info
from tinker_cookbook.checkpoint_utils import CheckpointManager
from tinker_cookbook.eval.evaluators import SamplingClientEvaluator
from tinker_cookbook.rl.metric_util import compute_trajectory_metrics, dataset_to_env_group_builders
from tinker_cookbook.rl.types import EnvGroupBuilder, RLDataset, TrajectoryGroup
from tinker_cookbook.utils import ml_log, trace
from tinker_cookbook.utils.git_rev import recipe_user_metadata

from recipe_runner.loops import rollouts
from recipe_runner.loops.reinforce.config import Config
from recipe_runner.loops.reinforce.data import episode_data, for_loss, turns
from recipe_runner.loops.reinforce.metrics import (
    Metrics,
    data_metrics,
    episode_metrics,
    policy_metrics,
)
from recipe_runner.loops.reinforce.play import play
from recipe_runner.loops.reinforce.returns import discounted_returns, normalized
from recipe_runner.user_code import blamed, load_object

CustomLoss = Callable[
    [list[tinker.Datum], list[torch.Tensor]], tuple[torch.Tensor, dict[str, float]]
]

logger = logging.getLogger(__name__)


class NoEpisodeStarted(RuntimeError):
    """No environment of a batch could be started; the message has one's own."""


@dataclass
class _Run:
    """What the steps share."""

    config: Config
    log: ml_log.Logger
    training: tinker.TrainingClient
    checkpoints: CheckpointManager
    problems: RLDataset
    test_problems: list[EnvGroupBuilder]
    evaluators: list[SamplingClientEvaluator]
    custom_loss: CustomLoss | None


async def main(config: Config) -> None:
    """Train to `config.max_steps`, from the last checkpoint of `config.log_path` if it has one."""
    log = ml_log.setup_logging(
        log_dir=config.log_path,
        wandb_project=config.wandb_project,
        wandb_name=config.wandb_name,
        config=config,
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
    if config.enable_trace:
        trace.trace_init(output_file=str(Path(config.log_path) / "trace_events.jsonl"))
    try:
        run, first_step = await _start(config, log)
        for step in range(first_step, config.max_steps):
            metrics = await _step(run, step)
            log.log_metrics(metrics, step=step)
            await _save(run, step + 1)
    finally:
        log.close()


async def _start(config: Config, log: ml_log.Logger) -> tuple[_Run, int]:
    """Connect, and build the problems; return the step to begin with as well."""
    custom_loss = _custom_loss(config.custom_loss) if config.custom_loss else None
    service = tinker.ServiceClient(
        base_url=config.base_url,
        user_metadata=recipe_user_metadata(config.recipe_name),
        display_name=config.session_name,
    )
    checkpoint = checkpoint_utils.get_last_checkpoint(config.log_path)
    training = await _training_client(service, config, checkpoint, log.get_logger_url())
    problems, test_problems = await config.dataset_builder()
    run = _Run(
        config=config,
        log=log,
        training=training,
        checkpoints=CheckpointManager(
            training_client=training,
            service_client=service,
            log_path=config.log_path,
            save_every=config.save_every,
            ttl_seconds=config.ttl_seconds,
            rolling_save_every=config.rolling_save_every,
            store=log.store,
        ),
        problems=problems,
        test_problems=dataset_to_env_group_builders(test_problems) if test_problems else [],
        evaluators=[build() for build in config.evaluator_builders],
        custom_loss=custom_loss,
    )
    first_step = (checkpoint.batch or 0) if checkpoint else 0
    return run, first_step


def _custom_loss(reference: str) -> CustomLoss:
    """Return the function that the recipe names, with its errors blamed on it."""
    function = load_object(reference)

    def loss(
        data: list[tinker.Datum], logprobs: list[torch.Tensor]
    ) -> tuple[torch.Tensor, dict[str, float]]:
        with blamed(reference):
            value, metrics = function(data, logprobs)
            return value, metrics

    return loss


async def _training_client(
    service: tinker.ServiceClient,
    config: Config,
    checkpoint: checkpoint_utils.CheckpointRecord | None,
    url: str | None,
) -> tinker.TrainingClient:
    """Resume with the optimizer's state, or start from a checkpoint's weights, or from scratch."""
    metadata = {"wandb_link": url} if url else {}
    checkpoint_utils.add_renderer_name_to_user_metadata(metadata, config.renderer_name)
    model_info.warn_if_renderer_not_recommended(config.model_name, config.renderer_name)
    start = checkpoint.state_path if checkpoint else config.load_checkpoint_path
    if start is None:
        return await service.create_lora_training_client(
            config.model_name, rank=config.lora_rank, seed=config.seed, user_metadata=metadata
        )
    await checkpoint_utils.check_renderer_name_for_checkpoint_async(
        service, start, config.renderer_name
    )
    logger.info("%s %s", "Resumed training from" if checkpoint else "Loaded weights from", start)
    if checkpoint:
        return await service.create_training_client_from_state_with_optimizer(
            start, user_metadata=metadata
        )
    return await service.create_training_client_from_state(start, user_metadata=metadata)


async def _step(run: _Run, step: int) -> Metrics:
    """Evaluate if it is time, play a batch and train on it; return the step's metrics."""
    config = run.config
    metrics: Metrics = {
        "progress/batch": step,
        "progress/done_frac": (step + 1) / config.max_steps,
        "optim/lr": config.learning_rate,
    }
    with trace.trace_iteration(step=step) as window:
        policy = await run.training.save_weights_and_get_sampling_client()
        metrics |= await _evaluate(run, policy, step)
        problems = run.problems.get_batch(step)
        async with trace.scope_span("sample"):
            groups = await play(
                problems, policy, config, step=step, split="train", store=run.log.store
            )
        metrics |= episode_metrics(groups, [problem.logging_tags() for problem in problems])
        by_episode = training_data(groups, config)
        _keep_rollouts(problems, groups, by_episode)
        data = [datum for episode in by_episode for datum in episode]
        async with trace.scope_span("train"):
            result = await _train(run, data)
        metrics |= policy_metrics(data, result.loss_fn_outputs) | data_metrics(data)
        metrics |= {f"train/{key}": value for key, value in result.metrics.items()}
    window.save_timing(step, store=run.log.store)
    return metrics | window.get_timing_metrics()


def training_data(groups: Sequence[TrajectoryGroup], config: Config) -> list[list[tinker.Datum]]:
    """Return the data of each episode, each turn's tokens with its return as their advantage.

    Raises:
        NoEpisodeStarted: if there is not a single turn to train on.
    """
    episodes = [episode for group in groups for episode in group.trajectories_G]
    advantages = [
        discounted_returns([turn.reward for turn in turns(episode)], config.gamma)
        for episode in episodes
    ]
    if not any(advantages):
        logs = [turn.logs for episode in episodes for turn in episode.transitions]
        reasons = [str(each["env_error"]) for each in logs if "env_error" in each]
        raise NoEpisodeStarted(
            f"no episode of the batch started: {next(iter(reasons), 'no turns')}"
        )
    if config.normalize_returns:
        advantages = normalized(advantages)
    return [
        episode_data(episode, credits, share_prefixes=config.share_prefixes)
        for episode, credits in zip(episodes, advantages, strict=True)
    ]


def _keep_rollouts(
    problems: Sequence[EnvGroupBuilder],
    groups: Sequence[TrajectoryGroup],
    by_episode: Sequence[list[tinker.Datum]],
) -> None:
    recorder = rollouts.current()
    if recorder is None:
        return
    of_episode = iter(by_episode)
    data = [[next(of_episode) for _ in group.trajectories_G] for group in groups]
    recorder.keep(groups, data, [problem.logging_tags() for problem in problems])


async def _train(run: _Run, data: Sequence[tinker.Datum]) -> tinker.ForwardBackwardOutput:
    """Take one gradient step on all data; the optimizer's as in GEM's example."""
    config = run.config
    if run.custom_loss is not None:
        gradients = run.training.forward_backward_custom(list(data), run.custom_loss)
    else:
        gradients = run.training.forward_backward(
            [for_loss(datum, config.loss_fn) for datum in data],
            cast(tinker.types.LossFnType, config.loss_fn),
            config.loss_fn_config,
        )
    # Submitted before the wait, so that both go in one cycle of the service.
    update = run.training.optim_step(
        tinker.AdamParams(learning_rate=config.learning_rate, beta1=0.9, beta2=0.95, eps=1e-8)
    )
    result = await gradients
    result.metrics.update((await update).metrics or {})
    return result


async def _evaluate(run: _Run, policy: tinker.SamplingClient, step: int) -> Metrics:
    """Return the metrics of what is due, measured before the step."""
    metrics: Metrics = {}
    if run.test_problems and _is_due(run.config.test_every, step, run.config):
        async with trace.scope_span("test"):
            groups = await play(
                run.test_problems, policy, run.config, step=step, split="test", store=run.log.store
            )
        tags = [problem.logging_tags() for problem in run.test_problems]
        of_test = compute_trajectory_metrics(groups, tags)
        metrics |= {f"test/{key}": value for key, value in of_test.items()}
    if run.evaluators and _is_due(run.config.eval_every, step, run.config):
        async with trace.scope_span("run_evals"):
            for found in await asyncio.gather(*[each(policy) for each in run.evaluators]):
                metrics |= found
    return metrics


def _is_due(every: int, step: int, config: Config) -> bool:
    return every > 0 and (step % every == 0 or step == config.max_steps - 1)


async def _save(run: _Run, steps_done: int) -> None:
    """Keep a checkpoint if it is time; the record says which step comes next."""
    state = {"batch": steps_done}
    if steps_done == run.config.max_steps:
        await run.checkpoints.save_final_async(state)
    else:
        await run.checkpoints.maybe_save_async(steps_done, state)
