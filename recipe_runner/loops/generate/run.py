"""The loop of `method: generate`."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

import tinker
from tinker_cookbook.renderers import Message, Renderer, get_renderer
from tinker_cookbook.renderers.base import get_text_content
from tinker_cookbook.tokenizer_utils import get_tokenizer
from tinker_cookbook.utils import ml_log
from tinker_cookbook.utils.git_rev import recipe_user_metadata

from recipe_runner.errors import DataError, RunFailed
from recipe_runner.language.sandbox import fill_in
from recipe_runner.loops import rollouts
from recipe_runner.loops.generate.config import Config, Prompt
from recipe_runner.loops.generate.record import (
    REPLIES,
    Answered,
    Record,
    Reply,
    metrics_row,
    prompts_per_row,
    write_atomically,
    written_reply,
)
from recipe_runner.loops.stopping import Stopped, current

logger = logging.getLogger(__name__)


async def main(config: Config) -> None:
    """Answer the prompts that are not answered yet, then write the conversations.

    Raises:
        RunFailed: if no reply is left to write out.
        DataError: if there are no prompts.
        Stopped: with the prompts answered that were under way when that was requested.
    """
    log = ml_log.setup_logging(
        config.log_path, config.wandb_project, config.wandb_name, config=config
    )
    try:
        prompts = config.prompts()[: config.num_prompts]
        if not prompts:
            raise DataError("the data has no prompts")
        record = Record(Path(config.log_path))
        progress = _Progress(config, log, record, len(prompts))
        progress.catch_up()
        done = {each.index for each in record.answered}
        todo = [index for index in range(len(prompts)) if index not in done]
        logger.info("%d prompts, %d of them answered already", len(prompts), len(done))
        if todo:
            await _answer(config, prompts, todo, record, progress)
        if current().cut:
            raise Stopped(f"after {len(record.answered)} of {len(prompts)} prompts")
        progress.finish()
        _write_output(config, prompts, record)
    finally:
        log.close()


async def _answer(
    config: Config, prompts: Sequence[Prompt], todo: list[int], record: Record, progress: _Progress
) -> None:
    renderer = get_renderer(config.renderer_name, get_tokenizer(config.model_name))
    service = tinker.ServiceClient(
        base_url=config.base_url, user_metadata=recipe_user_metadata(config.recipe_name)
    )
    if config.load_checkpoint_path is None:
        client = await service.create_sampling_client(base_model=config.model_name)
    else:
        client = await service.create_sampling_client(model_path=config.load_checkpoint_path)
    room = asyncio.Semaphore(config.max_in_flight)

    stop = current()
    stop.under_way = True

    async def answer(index: int, file: TextIO) -> None:
        async with room:
            if stop.requested:
                stop.cut = True
                return
            answered, tokens = await _answer_one(config, client, renderer, index, prompts[index])
        step = len(record.answered) // prompts_per_row(len(prompts))
        record.add(file, answered)
        recorder = rollouts.current()
        if recorder is not None:
            recorder.write_replies(step, index, *tokens)
        progress.catch_up()

    with record.open() as file:
        async with asyncio.TaskGroup() as group:
            for index in todo:
                group.create_task(answer(index, file))


async def _answer_one(
    config: Config,
    client: tinker.SamplingClient,
    renderer: Renderer,
    index: int,
    prompt: Prompt,
) -> tuple[Answered, tuple[list[int], list[list[int]]]]:
    """Return what goes on record, and the tokens of the prompt and of each reply."""
    tokens = renderer.build_generation_prompt(asked(config, prompt))
    parameters = tinker.SamplingParams(
        max_tokens=config.max_tokens,
        temperature=config.temperature,
        top_p=config.top_p,
        top_k=config.top_k,
        seed=_seed(config.seed, index),
        stop=renderer.get_stop_sequences(),
    )
    result = await client.sample(
        prompt=tokens, num_samples=config.samples_per_prompt, sampling_params=parameters
    )
    replies = tuple(_reply(renderer, sequence) for sequence in result.sequences)
    sampled = [list(sequence.tokens) for sequence in result.sequences]
    return Answered(index, tokens.length, replies), (tokens.to_ints(), sampled)


def asked(config: Config, prompt: Prompt) -> list[Message]:
    """Return what the model is asked: the prompt in its template, behind the system prompt."""
    *before, last = prompt.messages
    content = fill_in(config.prompt_template, prompt=get_text_content(last))
    messages = [*before, Message(role=last["role"], content=content)]
    if config.system_prompt is None:
        return messages
    return [Message(role="system", content=config.system_prompt), *messages]


def _reply(renderer: Renderer, sequence: Any) -> Reply:
    message, termination = renderer.parse_response(sequence.tokens)
    return Reply(get_text_content(message), len(sequence.tokens), termination.is_stop_sequence)


def _seed(seed: int, index: int) -> int:
    """Return a seed of its own for each prompt, the same whenever it is asked."""
    digest = hashlib.sha256(f"{seed}:{index}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


class _Progress:
    """Writes the rows of metrics.jsonl that the record holds the replies for."""

    def __init__(self, config: Config, log: ml_log.Logger, record: Record, num_prompts: int):
        self._config, self._log, self._record = config, log, record
        self._num_prompts = num_prompts
        self._written = _lines_in(Path(config.log_path) / "metrics.jsonl")
        self._since = time.monotonic()

    def catch_up(self) -> None:
        """Write the rows that are complete."""
        while (self._written + 1) * prompts_per_row(self._num_prompts) <= self._answered:
            self._write()

    def finish(self) -> None:
        """Write the last row, which may have fewer prompts."""
        if self._written * prompts_per_row(self._num_prompts) < self._answered:
            self._write()

    @property
    def _answered(self) -> int:
        return len(self._record.answered)

    def _write(self) -> None:
        row = metrics_row(self._config, self._record.answered, self._written, self._num_prompts)
        now = time.monotonic()
        row["time/total"] = now - self._since
        self._log.log_metrics(row, step=self._written)
        self._since, self._written = now, self._written + 1


def _lines_in(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _write_output(config: Config, prompts: Sequence[Prompt], record: Record) -> None:
    lines = [
        json.dumps(
            {"messages": [*prompts[each.index].messages, {"role": "assistant", "content": text}]},
            ensure_ascii=False,
        )
        for each in sorted(record.answered, key=lambda each: each.index)
        for text in (written_reply(config, reply) for reply in each.replies)
        if text is not None
    ]
    if not lines:
        first = record.answered[0].replies[0].text
        raise RunFailed(
            f"none of the {len(prompts)} prompts got a reply that `extract` matches, so there is "
            f"nothing to write; the first reply was {first[:200]!r}. All are in "
            f"{config.log_path}/{REPLIES}"
            if config.extract is not None
            else f"all replies are empty: {config.log_path}/{REPLIES}"
        )
    write_atomically(Path(config.log_path) / config.output, lines)
    logger.info("%d conversations written to %s", len(lines), config.output)
