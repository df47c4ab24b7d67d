"""Whatever breaks, every caller hears of it, and nothing spins while there is nothing to do."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, wait
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch

from recipe_runner.backends.local.api import Adam, Datum, LoraSpec, SampleRequest
from recipe_runner.backends.local.app import build_app
from recipe_runner.backends.local.decoding import FastDecoder
from recipe_runner.backends.local.engine import Engine, EngineError
from recipe_runner.backends.local.scheduler import FairShare
from recipe_runner.backends.local.service import Service
from recipe_runner.backends.local.store import Store

NAME = "some/model"
PATIENCE_S = 60


@pytest.fixture
def engine(tiny_model_dir: Path) -> Iterator[Engine]:
    engine = Engine(model_path=tiny_model_dir, max_slots=4)
    engine.create_sampler("s", base_model=NAME).result()
    yield engine
    engine.close()


def endless(num_samples: int = 1) -> SampleRequest:
    return SampleRequest([5, 6], num_samples, 10**6, stop=[])


def raises(error: BaseException) -> Callable[..., Any]:
    def broken(*args: object, **kwargs: object) -> Any:
        raise error

    return broken


@pytest.mark.parametrize("method", ["prefill", "step", "head", "copy_slot"])
def test_a_fault_in_sampling_reaches_every_caller_and_the_sampler_recovers(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    requests = [SampleRequest([5, index], 3, 4 + index, stop=[]) for index in range(6)]
    with monkeypatch.context() as patch:
        patch.setattr(FastDecoder, method, raises(MemoryError("no memory left")))
        futures = [engine.sample("s", request) for request in requests]
        for future in futures:
            with pytest.raises(MemoryError, match="no memory left"):
                future.result(timeout=PATIENCE_S)
    assert engine.failure is None
    for request in requests:
        result = engine.sample("s", request).result(timeout=PATIENCE_S)
        assert [len(s.tokens) for s in result.sequences] == [request.max_tokens] * 3


@pytest.mark.parametrize("error", [RuntimeError("lost its way"), SystemExit(3)])
def test_a_fault_outside_all_work_fails_everything_and_later_calls_say_so(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    engine.create_model("m", NAME, LoraSpec(4)).result(timeout=PATIENCE_S)
    sampling = engine.sample("s", endless(9))
    monkeypatch.setattr(FairShare, "pick", raises(error))
    queued = engine.optim_step("m", Adam(1e-3))
    for future in (sampling, queued):
        with pytest.raises(RuntimeError, match="compute thread ended with"):
            future.result(timeout=PATIENCE_S)
    assert engine.failure is error
    with pytest.raises(RuntimeError, match="compute thread ended with"):
        engine.sample("s", endless())
    with pytest.raises(RuntimeError, match="compute thread ended with"):
        engine.optim_step("m", Adam(1e-3))


def test_a_task_that_ends_the_thread_fails_with_the_rest(engine: Engine) -> None:
    futures = [engine._put("a", raises(SystemExit(1))), engine._put("b", time.monotonic)]
    wait(futures, timeout=PATIENCE_S)
    with pytest.raises(RuntimeError, match="SystemExit"):
        futures[0].result(timeout=0)
    assert engine.failure is not None


def test_a_server_whose_compute_thread_ended_says_so(engine: Engine, tmp_path: Path) -> None:
    async def statuses() -> list[int]:
        service = Service(Store(tmp_path), lambda: engine)
        service.start()
        transport = httpx.ASGITransport(build_app(service, None))
        address, key = "http://127.0.0.1", {"X-API-Key": "tml-any"}
        async with httpx.AsyncClient(transport=transport, base_url=address, headers=key) as http:
            await service.engine()
            before = await http.get("/api/v1/healthz")
            with pytest.raises(RuntimeError, match="SystemExit"):
                await asyncio.wrap_future(engine._put("a", raises(SystemExit(1))))
            after = await http.get("/api/v1/healthz")
            assert "SystemExit" in after.text
        await service.stop()
        return [before.status_code, after.status_code]

    assert asyncio.run(statuses()) == [200, 503]


def test_refused_and_cancelled_requests_leave_the_thread_idle(engine: Engine) -> None:
    for request in (SampleRequest([], 1, 1), SampleRequest([5], 0, 1), SampleRequest([5], 1, 0)):
        with pytest.raises(EngineError):
            engine.sample("s", request).result(timeout=PATIENCE_S)
    running = [engine.sample("s", endless(9)) for _ in range(3)]
    assert all(future.cancel() for future in running)
    _wait_until(lambda: not engine._sampling)
    before = time.process_time()
    time.sleep(0.3)
    assert time.process_time() - before < 0.05


def test_cancelling_frees_slots_for_those_who_wait(engine: Engine) -> None:
    hogs = [engine.sample("s", endless(2)) for _ in range(2)]
    _wait_until(lambda: engine.stats()["slots"] == 4)
    waiting = engine.sample("s", SampleRequest([7], 2, 3, stop=[]))
    assert hogs[0].cancel()
    assert len(waiting.result(timeout=PATIENCE_S).sequences) == 2
    assert not hogs[1].done()
    with pytest.raises(CancelledError):
        hogs[0].result()
    hogs[1].cancel()


def test_no_sampler_waits_for_the_sequences_of_another(engine: Engine) -> None:
    hog = engine.sample("s", endless(9))
    engine.create_sampler("other", base_model=NAME).result(timeout=PATIENCE_S)
    _wait_until(lambda: engine.stats()["slots"] == 4)
    engine.sample("other", SampleRequest([7], 3, 3, stop=[])).result(timeout=PATIENCE_S)
    assert not hog.done()
    hog.cancel()


def test_an_engine_without_slots_is_refused() -> None:
    with pytest.raises(ValueError, match="max_slots must be 1 or more, not 0"):
        Engine(max_slots=0)


def test_a_prompt_may_fill_the_context(engine: Engine) -> None:
    request = SampleRequest([5] * 2048, 1, 7, stop=[], prompt_logprobs=True)
    result = engine.sample("s", request).result(timeout=PATIENCE_S)
    assert len(result.sequences[0].tokens) == 1
    assert result.prompt_logprobs is not None
    assert len(result.prompt_logprobs) == 2048


@pytest.mark.parametrize("max_slots", [1, 3, 64])
def test_nobody_waits_for_ever_in_a_crowd(tiny_model_dir: Path, max_slots: int) -> None:
    """Samplers come and go, training runs in between, clients cancel, requests are wrong."""
    rng = random.Random(max_slots)
    engine = Engine(model_path=tiny_model_dir, max_slots=max_slots)
    engine.create_model("m", NAME, LoraSpec(4)).result(timeout=PATIENCE_S)
    futures: list[Future[Any]] = []
    for step in range(12):
        name = f"s{step}"
        futures.append(engine.create_sampler(name, model_id="m"))
        futures[-1].result(timeout=PATIENCE_S)
        for _ in range(rng.randrange(1, 8)):
            futures.append(engine.sample(f"s{rng.randrange(step + 1)}", _any_request(rng)))
            if rng.random() < 0.2:
                futures[-1].cancel()
        futures.append(engine.forward_backward("m", _data(rng), "cross_entropy", {}))
        futures.append(engine.optim_step("m", Adam(1e-3)))
        if rng.random() < 0.6:
            futures.append(engine.drop_sampler(f"s{rng.randrange(step + 1)}"))
    done, not_done = wait(futures, timeout=PATIENCE_S)
    assert not not_done
    assert all(f.cancelled() or isinstance(f.exception(), EngineError | None) for f in done)
    assert engine.failure is None
    _wait_until(lambda: engine.stats()["slots"] == 0)
    engine.close()


def _any_request(rng: random.Random) -> SampleRequest:
    length = rng.choice([0, 1, 2, 9, 40, 300, 2047, 2048, 2049])
    prompt = [rng.randrange(256)] * length
    max_tokens = rng.choice([0, 1, 2, 12]) if length < 2047 else 10**6
    stop = rng.choice([None, [], [7, 8, 9], ["a", "bc"]])
    return SampleRequest(prompt, rng.choice([1, 2, 5]), max_tokens, stop=stop)


def _data(rng: random.Random) -> list[Datum]:
    tokens = [rng.randrange(256) for _ in range(rng.randrange(2, 50))]
    return [Datum(tokens, {"target_tokens": torch.tensor(tokens)})] * rng.randrange(1, 5)


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)
