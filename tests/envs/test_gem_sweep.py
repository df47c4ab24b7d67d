"""Every environment that works offline: opened, and a reply played."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from recipe_runner.catalog.gem import gem_facts, gem_ids
from recipe_runner.envs.gem.protocol import EnvSpec
from recipe_runner.envs.gem.workers import WorkerPool

USABLE = sorted(
    env_id for env_id in gem_ids() if gem_facts(env_id).offline and not gem_facts(env_id).broken
)
SLOW = {"game:Sokoban-v0-hard"}


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    pool = WorkerPool(2)
    yield pool
    pool.close()


def test_every_offline_environment_opens_reproducibly_and_takes_a_reply(
    pool: WorkerPool, run: Callable[..., Any]
) -> None:
    async def play(env_id: str) -> None:
        kind: Any = "rg" if env_id.startswith("rg:") else "game"
        spec = EnvSpec(kind, env_id, {})
        first, second = await asyncio.gather(pool.start(spec, 11), pool.start(spec, 11))
        assert (first.observation, first.board) == (second.observation, second.board), env_id
        assert first.observation.strip(), env_id
        turn = await pool.step(first.state, "\\boxed{1}")
        assert turn.reward <= 1.0, env_id
        assert turn.done or gem_facts(env_id).multi_turn, env_id

    async def sweep() -> list[Any]:
        playing = [play(env_id) for env_id in USABLE if env_id not in SLOW]
        return list(await asyncio.gather(*playing, return_exceptions=True))

    failures = [str(result) for result in run(sweep()) if result is not None]
    # Its grader raises on what is not a product; see test_gem_episodes for how that is counted.
    assert failures == []
