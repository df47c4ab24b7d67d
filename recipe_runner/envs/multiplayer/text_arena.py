"""Two-player games of TextArena: the policy plays both sides, then against an opponent."""

from __future__ import annotations

import difflib
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import chz
import tinker
from tinker_cookbook.completers import TinkerMessageCompleter
from tinker_cookbook.renderers import Message, Renderer
from tinker_cookbook.rl.types import Env, EnvGroupBuilder, RLDatasetBuilder

from recipe_runner.envs import EnvironmentUnavailable, Rollouts
from schemas.env import MultiplayerEnv

try:
    import textarena
    from textarena.envs.registration import ENV_REGISTRY
    from tinker_cookbook.recipes.multiplayer_rl.text_arena.env import (
        TwoPlayerEnvGroupBuilder,
        TwoPlayerTextArenaDataset,
        TwoPlayerTextArenaDatasetBuilder,
    )
except ImportError as error:
    raise EnvironmentUnavailable(
        f"text_arena needs TextArena ({error}): pip install 'recipe-run[multiplayer]'"
    ) from error

PLAYERS = 2
DEFAULT_TEST_GAMES = 128


@dataclass
class SeededGame(TwoPlayerEnvGroupBuilder):
    """A game whose start depends on its seed alone.

    TextArena's games draw from Python's shared random state, here only while one is set up.
    """

    seed: str = ""

    async def make_envs(self) -> Sequence[Env]:
        with _random_state(self.seed):
            return await super().make_envs()


class FirstMessage:
    """Reads a reply up to the end of its first message, and renders as ever.

    The Cookbook stops a move at "]" and a new line alone. A model that writes neither may go on
    after its message ended, and reading more than one message is an error of the renderer.
    """

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

    def build_generation_prompt(self, messages: list[Message]) -> tinker.ModelInput:
        return self._renderer.build_generation_prompt(messages)

    def parse_response(self, response: list[int]) -> tuple[Message, Any]:
        ends = [response.index(stop) for stop in self._stop_tokens() if stop in response]
        return self._renderer.parse_response(response[: min(ends) + 1] if ends else response)

    def _stop_tokens(self) -> list[int]:
        return [stop for stop in self._renderer.get_stop_sequences() if isinstance(stop, int)]


@contextmanager
def _random_state(seed: str) -> Iterator[None]:
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)


class SeededGames(TwoPlayerTextArenaDataset):
    """The Cookbook's data set, with a seed of its own for each game."""

    builder: SeededGame

    def get_batch(self, index: int) -> Sequence[EnvGroupBuilder]:
        games = super().get_batch(index)
        return [
            replace(self.builder, seed=f"{self.builder.seed}/{index}/{position}")
            for position in range(len(games))
        ]


@chz.chz
class SeededTextArenaBuilder(TwoPlayerTextArenaDatasetBuilder):
    """The Cookbook's self-play with games that depend on the seed.

    `batch_size` counts players, two a game, and so do the Cookbook's `num_…_datapoints`.
    """

    seed: int

    async def __call__(self) -> tuple[TwoPlayerTextArenaDataset, TwoPlayerTextArenaDataset]:
        _try(self.game_name)
        train, test = await super().__call__()
        return self._seeded(train, "train"), self._seeded(test, "test")

    def _seeded(self, dataset: TwoPlayerTextArenaDataset, part: str) -> SeededGames:
        game = SeededGame(**vars(dataset.builder), seed=f"{self.seed}/{part}")
        first_message: Any = FirstMessage(game.renderer)
        game.renderer = first_message
        if isinstance(game.opponent_policy, TinkerMessageCompleter):
            game.opponent_policy.renderer = first_message
        return SeededGames(dataset.batch_size, game, dataset.num_datapoints)


def _try(game: str) -> None:
    """Set the game up once, so that one that cannot be played says so before anything is spent."""
    if game not in ENV_REGISTRY:
        near = difflib.get_close_matches(game, ENV_REGISTRY, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"TextArena has no game {game!r}{hint}")
    try:
        opened: Any = textarena.make(env_id=game)
        opened.reset(num_players=PLAYERS)
        player, _ = opened.get_observation()
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise EnvironmentUnavailable(
            f"{game} does not start with two players on this machine: {reason}"
        ) from error
    if player != 0:
        raise EnvironmentUnavailable(f"{game} starts with player {player}; the Cookbook's does not")


def builder(env: MultiplayerEnv, rollouts: Rollouts) -> RLDatasetBuilder:
    """Return the dataset builder of a game."""
    assert env.id is not None, "check() refuses text_arena without an id"
    assert rollouts.group_size == PLAYERS, "check() refuses other groups"
    games = env.train_games
    if rollouts.num_batches is not None:
        games = max(games, rollouts.num_batches * rollouts.groups_per_batch)
    return SeededTextArenaBuilder(
        batch_size=rollouts.groups_per_batch * PLAYERS,
        num_train_datapoints=games * PLAYERS,
        num_test_datapoints=env.test_games or DEFAULT_TEST_GAMES,
        base_url=rollouts.base_url,
        model_name=rollouts.model_name,
        game_name=env.id,
        renderer_name=rollouts.renderer_name,
        test_opponent=env.test_opponent,
        seed=rollouts.seed,
    )
