"""Every environment that works offline: opened, and a reply played."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from recipe_runner.catalog.gem import gem_facts, gem_ids
from recipe_runner.envs.gem.protocol import EnvSpec
from recipe_runner.envs.gem.workers import EpisodeError, WorkerPool

USABLE = sorted(
    env_id for env_id in gem_ids() if gem_facts(env_id).offline and not gem_facts(env_id).broken
)
# Rooms of these can take minutes to make; game:Sokoban-v0-easy has the same code.
SLOW = {"game:Sokoban-v0-hard", "game:Sokoban-v0-random"}
RAISING = ["rg:boxnet"]  # its grader, on a number


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    pool = WorkerPool(2)
    yield pool
    pool.close()


def test_every_offline_environment_opens_reproducibly_and_takes_a_reply(
    pool: WorkerPool, run: Callable[..., Any]
) -> None:
    async def play(env_id: str) -> str | None:
        kind: Any = "rg" if env_id.startswith("rg:") else "game"
        spec = EnvSpec(kind, env_id, {})
        first, second = await asyncio.gather(pool.start(spec, 11), pool.start(spec, 11))
        assert (first.observation, first.board) == (second.observation, second.board), env_id
        assert first.observation.strip(), env_id
        try:
            turn = await pool.step(first.state, "\\boxed{1}")
        except EpisodeError:
            return env_id
        assert turn.reward <= 1.0, env_id
        assert turn.done or gem_facts(env_id).multi_turn, env_id
        return None

    async def sweep() -> list[str | None]:
        return list(await asyncio.gather(*[play(e) for e in USABLE if e not in SLOW]))

    raising = [env_id for env_id in run(sweep()) if env_id is not None]
    assert raising == RAISING
