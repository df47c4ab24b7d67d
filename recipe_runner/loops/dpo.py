"""Direct preference optimization: the Cookbook's updates, against a reference that stays.

The Cookbook's `preference.train_dpo.main` takes the reference from the weights that it starts with,
so that a resumed run is measured against the weights it was resumed from, and it reads
`reference_model_name` nowhere. This loop has one reference, however often it is started, and says
on the test set too how many pairs the policy gets right. The update of a step is the Cookbook's.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from dataclasses import dataclass
from pathlib import Path

import chz
import tinker
import torch
from tinker_cookbook import checkpoint_utils, model_info
from tinker_cookbook.eval.evaluators import Evaluator, SamplingClientEvaluator
from tinker_cookbook.preference import train_dpo
from tinker_cookbook.supervised.types import SupervisedDataset
from tinker_cookbook.tokenizer_utils import get_tokenizer
from tinker_cookbook.utils import ml_log, trace
from tinker_cookbook.utils.git_rev import recipe_user_metadata

from recipe_runner.errors import DataError
from recipe_runner.loops.stopping import until_stopped

logger = logging.getLogger(__name__)


@chz.chz
class Config(train_dpo.Config):
    """The Cookbook's configuration; `reference_model_name` is read.

    Attributes:
        reference_checkpoint_path: the reference's weights, to sample from; None: the base model's.
    """

    reference_checkpoint_path: str | None = None


@dataclass(frozen=True)
class _Start:
    """Where a run begins or goes on."""

    epoch: int
    batch: int
    record: checkpoint_utils.CheckpointRecord | None


async def main(config: Config) -> None:
    """Train to the end, from the last checkpoint in `log_path` if there is one.

    Raises:
        DataError: if the data does not fill one batch.
    """
    start = _start(config)
    ml_logger = ml_log.setup_logging(
        log_dir=config.log_path,
        wandb_project=config.wandb_project,
        wandb_name=config.wandb_name,
        config=config,
        do_configure_logging_module=True,
    )
    if config.enable_trace:
        trace.trace_init(output_file=str(Path(config.log_path) / "trace_events.jsonl"))
    dataset, test_dataset = await asyncio.to_thread(config.dataset_builder)
    if len(dataset) == 0:
        raise DataError("the data holds fewer comparisons than one batch; lower `batch_size`")
    service = tinker.ServiceClient(
        base_url=config.base_url, user_metadata=recipe_user_metadata(config.recipe_name)
    )
    training = await _training_client(config, service, start, ml_logger.get_logger_url())
    reference = await _reference_client(config, service)
    evaluators: list[Evaluator] = [build() for build in config.evaluator_builders]
    if test_dataset is not None:
        evaluators.append(PairEvaluator(test_dataset, reference, config.dpo_beta))
    checkpoints = checkpoint_utils.CheckpointManager(
        training_client=training,
        service_client=service,
        log_path=config.log_path,
        save_every=config.save_every,
        ttl_seconds=config.ttl_seconds,
        rolling_save_every=config.rolling_save_every,
        rolling_ttl_seconds=config.rolling_ttl_seconds,
        store=ml_logger.store,
    )
    await _train(config, start, dataset, training, reference, evaluators, checkpoints, ml_logger)
    ml_logger.close()


async def _train(
    config: Config,
    start: _Start,
    dataset: SupervisedDataset,
    training: tinker.TrainingClient,
    reference: tinker.SamplingClient,
    evaluators: list[Evaluator],
    checkpoints: checkpoint_utils.CheckpointManager,
    ml_logger: ml_log.Logger,
) -> None:
    """Make the updates that are left, each in a thread, so that Ctrl-C waits for one at most."""
    num_batches = len(dataset)
    all_steps = num_batches * config.num_epochs
    total_steps = min(all_steps, config.max_steps or all_steps)
    first_step = start.epoch * num_batches + start.batch
    tokenizer = get_tokenizer(config.model_name)
    for step in until_stopped(range(first_step, total_steps)):
        epoch, batch = divmod(step, num_batches)
        if step == first_step or batch == 0:
            dataset.set_epoch(seed=epoch)
        await asyncio.to_thread(
            train_dpo.do_update,
            epoch_idx=epoch,
            batch_idx=batch,
            n_batches=num_batches,
            total_steps=total_steps,
            config=config,
            training_client=training,
            reference_client=reference,
            evaluators=evaluators,
            infrequent_evaluators=[],
            dataset=dataset,
            ml_logger=ml_logger,
            log_path=config.log_path,
            tokenizer=tokenizer,
            checkpoint_mgr=checkpoints,
        )
    if first_step < total_steps:
        await checkpoints.save_final_async(loop_state={"epoch": config.num_epochs, "batch": 0})
    else:
        logger.info("Training was already complete; nothing to do")
        await checkpoints.finalize_async()


def _start(config: Config) -> _Start:
    record = checkpoint_utils.get_last_checkpoint(config.log_path)
    if record is None:
        return _Start(epoch=0, batch=0, record=None)
    return _Start(epoch=record.epoch or 0, batch=record.batch or 0, record=record)


async def _training_client(
    config: Config, service: tinker.ServiceClient, start: _Start, wandb_link: str | None
) -> tinker.TrainingClient:
    """Return the client of the weights that training starts from or goes on with."""
    metadata = {"wandb_link": wandb_link} if wandb_link else {}
    checkpoint_utils.add_renderer_name_to_user_metadata(metadata, config.renderer_name)
    model_info.warn_if_renderer_not_recommended(config.model_name, config.renderer_name)
    path = start.record.state_path if start.record else config.load_checkpoint_path
    if path is None:
        return await service.create_lora_training_client(
            base_model=config.model_name, rank=config.lora_rank, user_metadata=metadata
        )
    await checkpoint_utils.check_renderer_name_for_checkpoint_async(
        service, path, config.renderer_name
    )
    if start.record:
        return await service.create_training_client_from_state_with_optimizer(
            path, user_metadata=metadata
        )
    return await service.create_training_client_from_state(path, user_metadata=metadata)


async def _reference_client(config: Config, service: tinker.ServiceClient) -> tinker.SamplingClient:
    return await service.create_sampling_client(
        base_model=config.reference_model_name or config.model_name,
        model_path=config.reference_checkpoint_path,
    )


class PairEvaluator(SamplingClientEvaluator):
    """The DPO loss, accuracy and margin on held-out pairs, and the mean NLL of their replies."""

    def __init__(
        self, dataset: SupervisedDataset, reference: tinker.SamplingClient, beta: float
    ) -> None:
        batches = (dataset.get_batch(i) for i in range(len(dataset)))
        self._data: list[tinker.Datum] = list(itertools.chain.from_iterable(batches))
        self._reference = reference
        self._reference_sums: list[torch.Tensor] | None = None
        self._beta = beta

    async def __call__(self, sampling_client: tinker.SamplingClient) -> dict[str, float]:
        if self._reference_sums is None:
            self._reference_sums = await _reply_logprobs(self._reference, self._data)
        sums = await _reply_logprobs(sampling_client, self._data)
        _, metrics = train_dpo.compute_dpo_loss(
            sums[0::2],
            sums[1::2],
            self._reference_sums[0::2],
            self._reference_sums[1::2],
            self._beta,
        )
        num_tokens = sum(float(_weights(datum).sum()) for datum in self._data)
        metrics["nll"] = -float(sum(sums)) / num_tokens
        return {f"test/{name}": value for name, value in metrics.items()}


async def _reply_logprobs(
    client: tinker.SamplingClient, data: list[tinker.Datum]
) -> list[torch.Tensor]:
    """Return the log-probability of each datum's reply, the sum over its weighted tokens."""

    async def of(datum: tinker.Datum) -> torch.Tensor:
        last_token = int(datum.loss_fn_inputs["target_tokens"].data[-1])
        logprobs = await client.compute_logprobs(datum.model_input.append_int(last_token))
        return torch.dot(torch.tensor(logprobs[1:]).float(), _weights(datum))

    return list(await asyncio.gather(*map(of, data)))


def _weights(datum: tinker.Datum) -> torch.Tensor:
    return torch.tensor(datum.loss_fn_inputs["weights"].data).float()
