"""Concurrent episodes, sampled from seeds of their own and written out to read."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import tinker
from tinker_cookbook.completers import StopCondition, TokenCompleter, TokensWithLogprobs
from tinker_cookbook.rl.rollout_logging import serialize_rollout_summaries
from tinker_cookbook.rl.rollouts import do_group_rollout
from tinker_cookbook.rl.types import EnvGroupBuilder, TrajectoryGroup
from tinker_cookbook.stores.training_store import TrainingRunStore
from tinker_cookbook.utils import logtree
from tinker_cookbook.utils.misc_utils import iteration_dir

from recipe_runner.loops import rollouts
from recipe_runner.loops.reinforce.config import Config


class SeededPolicy(TokenCompleter):
    """The policy of one episode: turn `t` is sampled from the seed (…, t).

    So which other episodes are under way, and which of them asks first, changes nothing.
    """

    def __init__(self, client: tinker.SamplingClient, config: Config, *seed: object) -> None:
        self._client = client
        self._config = config
        self._seed = seed
        self._turns = 0

    async def __call__(
        self, model_input: tinker.ModelInput, stop: StopCondition, *, max_tokens: int | None = None
    ) -> TokensWithLogprobs:
        """Sample one turn; what the service refuses is raised."""
        params = tinker.SamplingParams(
            max_tokens=min(max_tokens or self._config.max_tokens, self._config.max_tokens),
            temperature=self._config.temperature,
            stop=stop,
            seed=_seed(*self._seed, self._turns),
        )
        self._turns += 1
        response = await self._client.sample(model_input, 1, params)
        sequence = response.sequences[0]
        return TokensWithLogprobs(sequence.tokens, sequence.logprobs, sequence.stop_reason)


def _seed(*parts: object) -> int:
    """Return 31 bits that depend on the parts alone, on any machine."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") >> 1


async def play(
    problems: Sequence[EnvGroupBuilder],
    client: tinker.SamplingClient,
    config: Config,
    *,
    step: int,
    split: str,
    store: TrainingRunStore | None,
) -> list[TrajectoryGroup]:
    """Play all problems at the same time and write the episodes out.

    split: `train` or `test`, which sample from different seeds and go to different files.
    """

    async def one(index: int, problem: EnvGroupBuilder) -> TrajectoryGroup:
        policy = SeededPolicy(client, config, config.seed, split, step, index)
        with logtree.optional_enable_logging(index < config.num_groups_to_log):
            return await do_group_rollout(problem, policy)

    name = "train" if split == "train" else f"eval_{split}"
    with _readable(config, step, name, store):
        groups = await asyncio.gather(*[one(i, each) for i, each in enumerate(problems)])
    tags = [problem.logging_tags() for problem in problems]
    recorder = rollouts.current()
    if recorder is not None and split != "train":
        recorder.write_untrained(step, split, groups, tags)
    if store is not None and config.num_groups_to_log:
        records = serialize_rollout_summaries(
            split=split if split == "train" else f"eval/{split}",
            iteration=step,
            trajectory_groups_P=groups,
            taglist_P=tags,
            sampling_client_steps_P=[step] * len(groups),
        )
        store.write_rollouts(step, records, base_name=name)
    return groups


@contextmanager
def _readable(
    config: Config, step: int, name: str, store: TrainingRunStore | None
) -> Iterator[None]:
    """Write the conversations as HTML and JSON where the Cookbook's loop writes its own."""
    directory = iteration_dir(config.log_path, step)
    if store is None or directory is None or not config.num_groups_to_log:
        with logtree.scope_disable():
            yield
        return
    Path(directory).mkdir(parents=True, exist_ok=True)
    page = str(Path(directory) / f"{name}.html")
    with logtree.init_trace(f"Step {step}, {name}", path=page) as trace:
        yield
    store.write_logtree(step, trace.to_dict(), base_name=name)
