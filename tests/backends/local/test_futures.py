from __future__ import annotations

import asyncio

import pytest

from recipe_runner.backends.local.futures import FutureStore, Payload
from recipe_runner.backends.local.http_errors import Gone, NotFound


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_result_is_given_to_who_waited_and_to_who_asks_again() -> None:
    async def scenario() -> None:
        futures = FutureStore()
        request_id = futures.open("key", "session")
        waiting = asyncio.create_task(futures.wait(request_id, 5))
        await asyncio.sleep(0)
        futures.resolve(request_id, Payload(b"result"))
        assert await waiting == Payload(b"result")
        assert await futures.wait(request_id, 5) == Payload(b"result")

    asyncio.run(scenario())


def test_a_pending_result_times_out_as_none() -> None:
    async def scenario() -> None:
        futures = FutureStore()
        assert await futures.wait(futures.open("key", "session"), 0.01) is None

    asyncio.run(scenario())


def test_a_repeated_submission_finds_the_first_request_id() -> None:
    futures = FutureStore()
    request_id = futures.open(("train", "model", 1), "session")
    assert futures.find(("train", "model", 1)) == request_id
    assert futures.find(("train", "model", 2)) is None


def test_results_are_forgotten_some_time_after_they_were_read() -> None:
    clock = Clock()
    futures = FutureStore(clock=clock)

    async def read(key: int) -> str:
        request_id = futures.open(key, "session")
        futures.resolve(request_id, Payload(b"x" * 100))
        await futures.wait(request_id, 1)
        return request_id

    first = asyncio.run(read(1))
    clock.now += 59
    asyncio.run(read(2))
    assert asyncio.run(futures.wait(first, 1)) is not None
    clock.now += 2
    asyncio.run(read(3))
    with pytest.raises(Gone, match="no longer kept"):
        asyncio.run(futures.wait(first, 1))
    assert futures.find(1) is None


def test_memory_stays_bounded_over_many_read_results() -> None:
    futures = FutureStore(keep_read_bytes=1000)

    async def read_many() -> None:
        for key in range(5000):
            request_id = futures.open(key, "session")
            futures.resolve(request_id, Payload(b"x" * 100))
            await futures.wait(request_id, 1)

    asyncio.run(read_many())
    assert len(futures) <= 12


def test_a_result_that_nobody_fetches_is_kept_an_hour() -> None:
    clock = Clock()
    futures = FutureStore(clock=clock)
    request_id = futures.open(1, "session")
    futures.resolve(request_id, Payload(b"x"))
    clock.now += 3500
    futures.open(2, "session")
    assert futures.find(1) == request_id
    clock.now += 200
    futures.open(3, "session")
    assert futures.find(1) is None


def test_dropping_a_session_ends_its_waits() -> None:
    async def scenario() -> None:
        futures = FutureStore()
        request_id = futures.open("key", "session")
        waiting = asyncio.create_task(futures.wait(request_id, 5))
        await asyncio.sleep(0)
        futures.drop_owner("session")
        with pytest.raises(Gone):
            await waiting
        futures.resolve(request_id, Payload(b"late"))
        assert len(futures) == 0

    asyncio.run(scenario())


def test_an_id_that_was_never_given_out_is_not_found() -> None:
    futures = FutureStore()
    other = FutureStore().open("key", "session")
    for request_id in ("nonsense", "", "a-b-c", other):
        with pytest.raises(NotFound):
            asyncio.run(futures.wait(request_id, 1))


def test_closing_answers_every_wait_as_pending() -> None:
    async def scenario() -> None:
        futures = FutureStore()
        waiting = asyncio.create_task(futures.wait(futures.open("key", "session"), 5))
        await asyncio.sleep(0)
        futures.close()
        assert await waiting is None

    asyncio.run(scenario())
