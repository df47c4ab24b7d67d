"""The Cookbook's games, with batches that depend on seed and index."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest

from recipe_runner.envs import EnvironmentUnavailable, dataset_builder
from schemas.env import MultiplayerEnv
from tests.envs.small import rollouts


def guess(**changes: Any) -> MultiplayerEnv:
    return MultiplayerEnv(kind="multiplayer", game="guess_number", **changes)


def arena(game: str = "TicTacToe-v0", **changes: Any) -> MultiplayerEnv:
    changes = {"test_opponent": "random", **changes}
    return MultiplayerEnv(kind="multiplayer", game="text_arena", id=game, **changes)


def built(env: MultiplayerEnv, model: str, **changes: Any) -> tuple[Any, Any]:
    train, test = asyncio.run(dataset_builder(env, rollouts(model, **changes))())
    return train, test


def test_numbers_depend_on_the_seed_but_not_those_kept_apart(model: str) -> None:
    train, test = built(guess(), model)
    again, _ = built(guess(), model)
    other_train, other_test = built(guess(), model, seed=1)
    assert train.answers == again.answers
    assert train.answers != other_train.answers
    assert sorted(train.answers) == sorted(other_train.answers)
    assert test.answers == other_test.answers
    assert not set(train.answers) & set(test.answers)


def test_a_long_run_goes_over_the_numbers_again_and_the_evaluation_can_be_cut(model: str) -> None:
    env = guess(test_games=3, test_group_size=2)
    train, test = built(env, model, num_batches=300)
    assert len(train) >= 300
    assert len(train.get_batch(299)) == 5
    assert len(test.get_batch(0)) == 3
    assert test.group_size == 2


def test_a_number_is_guessed(model: str, reply: Callable[..., list[int]]) -> None:
    train, _ = built(guess(), model)
    group = train.get_batch(0)[0]

    async def play() -> list[float]:
        game = (await group.make_envs())[0]
        await game.initial_observation()
        wrong = 0 if group.answer else 1
        steps = [await game.step(reply(f"Guess: {each}")) for each in (wrong, group.answer)]
        return [step.reward for step in steps]

    assert asyncio.run(play()) == [0.0, 1.0]


@pytest.mark.parametrize("seed", [0, 1])
def test_games_start_from_seed_and_index(model: str, seed: int) -> None:
    def boards(index: int) -> list[str]:
        train, _ = built(arena("Battleship-v0"), model, seed=seed)

        async def opened() -> list[str]:
            games = [await group.make_envs() for group in train.get_batch(index)[:2]]
            return [str(game[0].coordinator.shared_env.get_observation()) for game in games]

        return asyncio.run(opened())

    before = random.getstate()
    first = boards(0)
    random.setstate(before)
    assert boards(0) == first
    assert boards(1) != first
    assert first[0] != first[1]


def test_setting_a_game_up_leaves_pythons_random_state(model: str) -> None:
    train, _ = built(arena("Battleship-v0"), model)
    before = random.getstate()
    asyncio.run(train.get_batch(0)[0].make_envs())
    assert random.getstate() == before


def test_self_play_is_zero_sum_to_the_end(model: str, reply: Callable[..., list[int]]) -> None:
    train, _ = built(arena(), model)

    async def play() -> list[float]:
        players = await train.get_batch(0)[0].make_envs()

        async def one(player: Any, moves: list[int]) -> float:
            await player.initial_observation()
            total = 0.0
            for move in moves:
                step = await player.step(reply(f"[{move}]"))
                total += step.reward
                if step.episode_done:
                    break
            return total

        return list(await asyncio.gather(one(players[0], [0, 1, 2]), one(players[1], [3, 4, 8])))

    assert asyncio.run(play()) == [1.0, -1.0]


def test_a_move_is_read_up_to_the_end_of_its_message(
    model: str, reply: Callable[..., list[int]]
) -> None:
    train, _ = built(arena(), model)

    async def play() -> Any:
        player = (await train.get_batch(0)[0].make_envs())[0]
        await player.initial_observation()
        # The other player does not move: waiting for it is cut off.
        move = asyncio.ensure_future(player.step(reply("[4]") + reply("[0]") + reply("[1]")))
        done, _ = await asyncio.wait([move], timeout=0.1)
        assert not done
        move.cancel()
        return player.coordinator.shared_env.state.game_state["board"]

    board = asyncio.run(play())
    assert [cell for row in board for cell in row] == ["", "", "", "", "O", "", "", "", ""]


def test_the_evaluation_plays_as_many_games_as_it_says(model: str) -> None:
    train, test = built(arena(train_games=20, test_games=4), model)
    assert len(train) == 4
    assert [len(asyncio.run(group.make_envs())) for group in test.get_batch(0)] == [2, 2]


def test_an_unknown_game_is_named(model: str) -> None:
    with pytest.raises(ValueError, match=r"no game 'TicTacTo-v0'; did you mean TicTacToe-v0\?"):
        built(arena("TicTacTo-v0"), model)


def test_a_game_for_other_numbers_of_players_says_so(model: str) -> None:
    with pytest.raises(EnvironmentUnavailable, match="does not start with two players"):
        built(arena("Sudoku-v0"), model)
