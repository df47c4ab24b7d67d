from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recipe_runner.backends.local.http_errors import BadRequest
from recipe_runner.backends.local.sequencer import Operation, Sequencer


def _recorder(ran: list[int], number: int) -> Operation:
    async def operation() -> None:
        await asyncio.sleep(0)
        ran.append(number)

    return operation


@given(st.permutations(list(range(1, 9))))
@settings(max_examples=30, deadline=None)
def test_operations_run_by_number_whatever_the_order_of_arrival(arrival: list[int]) -> None:
    async def scenario() -> list[int]:
        ran: list[int] = []
        sequencer = Sequencer()
        for number in arrival:
            sequencer.submit(number, _recorder(ran, number))
            await asyncio.sleep(0)
        for _ in range(100):
            await asyncio.sleep(0)
        await sequencer.close()
        return ran

    assert asyncio.run(scenario()) == list(range(1, 9))


def test_one_operation_runs_at_a_time() -> None:
    running = 0

    async def operation() -> None:
        nonlocal running
        running += 1
        assert running == 1
        await asyncio.sleep(0.001)
        running -= 1

    async def scenario() -> None:
        done = asyncio.Event()

        async def last() -> None:
            done.set()

        sequencer = Sequencer()
        for number in range(1, 6):
            sequencer.submit(number, operation)
        sequencer.submit(6, last)
        await asyncio.wait_for(done.wait(), 5)
        await sequencer.close()

    asyncio.run(scenario())


def test_a_number_is_taken_once() -> None:
    async def scenario() -> None:
        ran: list[int] = []
        sequencer = Sequencer()
        sequencer.submit(1, _recorder(ran, 1))
        sequencer.submit(3, _recorder(ran, 3))
        with pytest.raises(BadRequest, match="used already"):
            sequencer.check(3)
        await asyncio.sleep(0.01)
        with pytest.raises(BadRequest, match="expects 2 or later"):
            sequencer.check(1)
        assert ran == [1]
        await sequencer.close()

    asyncio.run(scenario())


def test_a_number_that_never_comes_does_not_hold_up_the_rest_for_ever() -> None:
    async def scenario() -> list[int]:
        ran: list[int] = []
        sequencer = Sequencer(missing_after_s=0.02)
        sequencer.submit(3, _recorder(ran, 3))
        sequencer.submit(4, _recorder(ran, 4))
        await asyncio.sleep(0.005)
        assert ran == []
        await asyncio.sleep(0.1)
        await sequencer.close()
        return ran

    assert asyncio.run(scenario()) == [3, 4]


def test_closing_drops_what_is_queued() -> None:
    async def scenario() -> list[int]:
        ran: list[int] = []
        sequencer = Sequencer()
        sequencer.submit(1, _recorder(ran, 1))
        await sequencer.close()
        return ran

    assert asyncio.run(scenario()) == []
