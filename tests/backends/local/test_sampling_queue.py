"""Samplers take turns, and a turn is long enough to pay for what it brings into the caches."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path

import pytest

from recipe_runner.backends.local import sampling_queue
from recipe_runner.backends.local.api import SampleRequest, SampleResult
from recipe_runner.backends.local.models import ModelSource
from recipe_runner.backends.local.network import Network
from recipe_runner.backends.local.sampling import Sampler
from recipe_runner.backends.local.sampling_queue import SamplingQueue
from recipe_runner.backends.local.snapshot import Snapshot


@pytest.fixture(scope="module")
def network(tiny_model_dir: Path) -> Network:
    return Network(ModelSource("x", "weights", tiny_model_dir, tiny_model_dir, ""))


def busy(network: Network, names: str) -> tuple[SamplingQueue, list[Future[SampleResult]]]:
    """A queue of samplers that have 20 tokens to sample each."""
    queue = SamplingQueue(max_slots=16)
    futures = []
    for name in names:
        queue.add(name, Sampler(Snapshot(network, {}), seed=0))
        futures.append(queue.put(name, SampleRequest([5, 6, 7], 2, 20, stop=[])))
    queue.take_requests()
    return queue, futures


def turn(queue: SamplingQueue) -> Sampler:
    sampler = queue.next()
    assert sampler is not None
    queue.advance(sampler)
    return sampler


def test_a_turn_is_several_steps_where_others_wait(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling_queue, "_TURN_S", 60)
    queue, (first, second) = busy(network, "ab")
    turn(queue)
    assert first.done()
    assert not second.done()


def test_a_turn_ends_though_the_sampler_has_more_to_do(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling_queue, "_TURN_S", 0)
    queue, futures = busy(network, "ab")
    turns = [turn(queue) for _ in range(40)]
    assert turns[0::2] == [turns[0]] * 20
    assert turns[1::2] == [turns[1]] * 20
    assert turns[0] is not turns[1]
    assert all(future.done() for future in futures)


def test_a_sampler_alone_looks_for_new_requests_after_each_step(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling_queue, "_TURN_S", 60)
    queue, (future,) = busy(network, "a")
    turn(queue)
    assert not future.done()


def test_the_length_of_a_turn_changes_no_sample(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes = []
    for seconds in (0, 60):
        monkeypatch.setattr(sampling_queue, "_TURN_S", seconds)
        queue, futures = busy(network, "abc")
        while queue:
            turn(queue)
        outcomes.append([future.result(timeout=0) for future in futures])
    assert outcomes[0] == outcomes[1]
