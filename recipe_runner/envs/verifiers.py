"""`env.kind: verifiers`: environments of Prime Intellect's hub, which sample for themselves.

Such an environment is handed an OpenAI client and runs and scores a group by itself. The Cookbook's
recipe for them replaces `rollouts.do_group_rollout` in its module; here the same happens in a
`RolloutStrategy`, the place that the training loop has for it, so nothing global is changed.
"""

from __future__ import annotations

import copy
import importlib.util
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import chz
import tinker
from tinker_cookbook.completers import TinkerTokenCompleter, TokenCompleter
from tinker_cookbook.renderers import get_renderer
from tinker_cookbook.rl.rollout_strategy import RolloutResult, RolloutStrategy
from tinker_cookbook.rl.types import (
    EnvGroupBuilder,
    RLDataset,
    RLDatasetBuilder,
    RolloutError,
    Trajectory,
)
from tinker_cookbook.tokenizer_utils import get_tokenizer

from recipe_runner.envs import EnvironmentUnavailable, Rollouts
from recipe_runner.envs.passes import in_passes, num_problems
from recipe_runner.user_code import blamed
from schemas.env import VerifiersEnv

try:
    from tinker_cookbook.recipes.verifiers_rl.tinker_openai import TinkerAsyncOpenAIClient
    from tinker_cookbook.recipes.verifiers_rl.verifiers_env import (
        VerifiersEnvGroupBuilder,
        VerifiersRLDataset,
        VerifiersRLDatasetBuilder,
        convert_states_to_trajectory_group,
    )
    from verifiers.utils.async_utils import maybe_semaphore
except ImportError as error:
    raise EnvironmentUnavailable(
        f"env.kind: verifiers needs the verifiers library ({error}): "
        "pip install 'recipe-run[verifiers]'"
    ) from error

State = dict[str, Any]


@chz.chz
class VerifiersRollouts(RolloutStrategy):
    """Lets the environment play a group, with the policy as its OpenAI client.

    A rollout that sampled nothing is left out and counted among the group's errors; where all of a
    group did, the first one's error ends the run.

    Attributes:
        max_concurrent: rollouts of a group at once; -1: all.
        max_concurrent_scoring: scores of a group at once; -1: all.
    """

    model_name: str
    renderer_name: str
    group_size: int
    max_concurrent: int
    max_concurrent_scoring: int

    async def execute(
        self, env_group_builder: EnvGroupBuilder, policy: TokenCompleter
    ) -> RolloutResult:
        assert isinstance(env_group_builder, VerifiersEnvGroupBuilder)
        assert isinstance(policy, TinkerTokenCompleter)
        states = await env_group_builder.vf_env.run_group(
            group_inputs=env_group_builder.get_rollout_inputs(self.group_size),
            client=self._client(policy.sampling_client),
            model="tinker",
            gen_sampling_args={"max_tokens": policy.max_tokens, "temperature": policy.temperature},
            gen_sem=await maybe_semaphore(self.max_concurrent),
            score_sem=await maybe_semaphore(self.max_concurrent_scoring),
        )
        played = [state for state in states if _has_tokens(state)]
        errors = [state.get("error") for state in states if not _has_tokens(state)]
        if not played:
            raise errors[0] or EnvironmentUnavailable("the environment sampled nothing")
        return RolloutResult(
            trajectories=_trajectories(played),
            envs=[],
            errors=[RolloutError(type(error).__name__, str(error)) for error in errors],
        )

    def _client(self, sampling_client: tinker.SamplingClient) -> TinkerAsyncOpenAIClient:
        # Making one takes 0.2 s, a copy nothing; groups of different policies run at once.
        client = copy.copy(_openai_client(self.model_name, self.renderer_name))
        client.set_sampling_client(sampling_client)
        return client


@lru_cache(maxsize=2)
def _openai_client(model_name: str, renderer_name: str) -> TinkerAsyncOpenAIClient:
    tokenizer = get_tokenizer(model_name)
    no_policy_yet: Any = None
    return TinkerAsyncOpenAIClient(no_policy_yet, get_renderer(renderer_name, tokenizer), tokenizer)


def _has_tokens(state: State) -> bool:
    return any(step.get("tokens") for step in state.get("trajectory", []))


def _trajectories(states: Sequence[State]) -> list[Trajectory]:
    """Return the states as trajectories, reward and metrics on the last turn of each."""
    group = convert_states_to_trajectory_group(list(states))
    for trajectory, reward, metrics in zip(
        group.trajectories_G, group.final_rewards_G, group.metrics_G, strict=True
    ):
        last = trajectory.transitions[-1]
        trajectory.transitions[-1] = replace(last, reward=reward, metrics=metrics)
    return group.trajectories_G


@chz.chz
class InstalledVerifiersBuilder(VerifiersRLDatasetBuilder):
    """The Cookbook's builder, for as many steps as the run has.

    Attributes:
        num_batches: steps of the run; None: once through the examples.
    """

    num_batches: int | None

    async def __call__(self) -> tuple[RLDataset, RLDataset | None]:
        _check_installed(self.vf_env_id)
        # Tokenizers can be registered anew under a name that an earlier run in this process used.
        _openai_client.cache_clear()
        with blamed(self.vf_env_id):
            dataset, test = await super().__call__()
        assert isinstance(dataset, VerifiersRLDataset)
        if self.num_batches is not None:
            needed = num_problems(self.num_batches, self.groups_per_batch)
            dataset.rows = in_passes(dataset.rows, seed=0, num_items=needed)
        return dataset, test


def _check_installed(env_id: str) -> None:
    """Find the module that the verifiers library will import for an id."""
    module = env_id.rpartition("/")[2].replace("-", "_")
    try:
        found = importlib.util.find_spec(module) is not None
    except ImportError:
        found = False
    if not found:
        name = env_id if "/" in env_id else f"OWNER/{env_id}"
        raise EnvironmentUnavailable(
            f"the verifiers environment {env_id} is not installed: prime env install {name} "
            f"(https://app.primeintellect.ai/dashboard/environments), or put {module}.py with "
            "`load_environment` beside the recipe"
        )


def builder(env: VerifiersEnv, rollouts: Rollouts) -> RLDatasetBuilder:
    """Return the dataset builder of an environment of the hub."""
    return InstalledVerifiersBuilder(
        vf_env_id=env.id,
        vf_env_args=env.kwargs,
        groups_per_batch=rollouts.groups_per_batch,
        dataset_n=-1 if env.examples is None else env.examples,
        dataset_seed=rollouts.seed if env.shuffle else None,
        num_batches=rollouts.num_batches,
    )


def strategy(env: VerifiersEnv, rollouts: Rollouts) -> RolloutStrategy:
    """Return how its groups are played."""
    return VerifiersRollouts(
        model_name=rollouts.model_name,
        renderer_name=rollouts.renderer_name,
        group_size=rollouts.group_size,
        max_concurrent=env.max_concurrent or -1,
        max_concurrent_scoring=env.max_concurrent_scoring or -1,
    )
