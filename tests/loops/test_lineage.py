"""A request for samples gets its seed by its place in the tree of tasks, never by when it comes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tinker import ModelInput, SamplingClient, SamplingParams

from recipe_runner.loops.lineage import number_tasks, seeded_samples


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """The seeds that requests have, in the order that they are sent."""
    seeds: list[int | None] = []

    def sample(self: Any, prompt: Any, num_samples: int, sampling_params: SamplingParams) -> None:
        seeds.append(sampling_params.seed)

    monkeypatch.setattr(SamplingClient, "sample", sample)
    return seeds


def seeds_of(asked: list[int | None], *, delays: list[float], seed: int = 0) -> list[int | None]:
    """Let two groups of two ask for the same prompt, each member after its delay."""
    prompt, found = ModelInput.from_ints([1, 2]), dict[tuple[int, int], int | None]()

    async def member(group: int, index: int, client: SamplingClient) -> None:
        await asyncio.sleep(delays[2 * group + index])
        client.sample(prompt, 1, SamplingParams(max_tokens=1))
        found[group, index] = asked[-1]

    async def group(number: int, client: SamplingClient) -> None:
        await asyncio.gather(*[member(number, index, client) for index in range(2)])

    async def loop() -> None:
        number_tasks()
        client = object.__new__(SamplingClient)
        await asyncio.sleep(0)
        await asyncio.gather(*[group(number, client) for number in range(2)])

    with seeded_samples(seed):
        asyncio.run(loop())
    return [found[key] for key in sorted(found)]


def test_seeds_are_the_same_in_whatever_order_requests_come(asked: list[int | None]) -> None:
    there = seeds_of(asked, delays=[0.0, 0.01, 0.02, 0.03])
    back = seeds_of(asked, delays=[0.03, 0.02, 0.01, 0.0])
    assert there == back
    assert len(set(there)) == 4
    assert None not in there


def test_another_seed_of_the_recipe_gives_other_seeds(asked: list[int | None]) -> None:
    delays = [0.0] * 4
    assert not set(seeds_of(asked, delays=delays)) & set(seeds_of(asked, delays=delays, seed=1))


def test_tasks_made_before_do_not_count(asked: list[int | None]) -> None:
    # As in a resumed run, which has not made the tasks of earlier steps.
    async def steps(first: int) -> None:
        number_tasks()
        client = object.__new__(SamplingClient)
        for step in range(first, 3):

            async def ask(step: int = step) -> None:
                client.sample(ModelInput.from_ints([step]), 1, SamplingParams(max_tokens=1))

            await asyncio.gather(ask(), ask())

    with seeded_samples(0):
        asyncio.run(steps(0))
        whole = list(asked)
        asyncio.run(steps(2))
    assert asked[len(whole) :] == whole[-2:]


def test_a_seed_that_was_given_and_requests_outside_of_tasks_stay(asked: list[int | None]) -> None:
    client = object.__new__(SamplingClient)
    with seeded_samples(0):
        client.sample(ModelInput.from_ints([1]), 1, SamplingParams(max_tokens=1))

        async def loop() -> None:
            number_tasks()

            async def ask() -> None:
                client.sample(ModelInput.from_ints([1]), 1, SamplingParams(seed=7))

            await asyncio.create_task(ask())

        asyncio.run(loop())
    assert asked == [None, 7]


def test_what_is_done_on_first_use_does_not_count(asked: list[int | None]) -> None:
    # As when the environments' workers are started by whoever needs them first.
    async def started() -> None:
        await asyncio.sleep(0)

    async def ask(client: SamplingClient) -> None:
        client.sample(ModelInput.from_ints([1]), 1, SamplingParams(max_tokens=1))

    async def step(first: bool) -> None:
        number_tasks()
        client = object.__new__(SamplingClient)
        tasks = [asyncio.create_task(started())] if first else []
        await asyncio.gather(*tasks, ask(client), ask(client))

    with seeded_samples(0):
        asyncio.run(step(first=True))
        asyncio.run(step(first=False))
    assert asked[:2] == asked[2:]
    assert asked[0] != asked[1]
