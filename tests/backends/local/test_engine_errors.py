"""What the engine refuses, and what it says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from recipe_runner.backends.local.engine import Adam, Datum, Engine, EngineError, LoraSpec

LORA = LoraSpec(rank=4, seed=0)
NAME = "Qwen/Qwen3-8B-Base"


@pytest.fixture
def engine(tiny_model_dir: Path) -> Iterator[Engine]:
    engine = Engine(model_path=tiny_model_dir)
    yield engine
    engine.close()


def datum(length: int) -> Datum:
    ones = torch.ones(length)
    targets = torch.arange(length) + 3
    inputs = {"target_tokens": targets, "weights": ones, "logprobs": -ones, "advantages": ones}
    return Datum(list(range(2, length + 2)), inputs)


@pytest.mark.parametrize(
    ("change", "loss_fn", "message"),
    [
        ({"target_tokens": None}, "cross_entropy", "datum 1: .*needs the input 'target_tokens'"),
        ({"logprobs": None}, "ppo", "datum 1: .*needs the input 'logprobs'"),
        ({"weights": torch.ones(4)}, "cross_entropy", r"datum 1: weights has shape \[4\]"),
        ({"target_tokens": torch.full((5,), 999)}, "cross_entropy", "target token 999"),
        ({"target_tokens": torch.full((5,), -100)}, "cross_entropy", "target token -100"),
        ({"target_tokens": torch.ones(5)}, "cross_entropy", "must be integers"),
        ({"target_tokens": torch.ones(5, 2).long()}, "ppo", "do not fit loss 'ppo'"),
        ({"weights": torch.full((5,), float("nan"))}, "cross_entropy", "not finite"),
    ],
)
def test_data_that_does_not_fit_says_why(
    engine: Engine, change: dict[str, torch.Tensor | None], loss_fn: str, message: str
) -> None:
    engine.create_model("m", NAME, LORA).result()
    inputs = {**datum(5).inputs, **change}
    broken = Datum(datum(5).tokens, {k: v for k, v in inputs.items() if v is not None})
    with pytest.raises(EngineError, match=message):
        engine.forward_backward("m", [datum(5), broken], loss_fn, {}).result()
    assert engine.optim_step("m", Adam(1e-3)).result() == {"grad_norm:mean": 0.0}


@pytest.mark.parametrize(
    ("tokens", "message"),
    [([], "no tokens"), ([300], "token 300 is outside"), ([1] * 2049, "context of 2048")],
)
def test_tokens_that_do_not_fit_say_why(engine: Engine, tokens: list[int], message: str) -> None:
    engine.create_model("m", NAME, LORA).result()
    one = Datum(tokens, {"target_tokens": torch.zeros(len(tokens), dtype=torch.long)})
    with pytest.raises(EngineError, match=message):
        engine.forward_backward("m", [one], "cross_entropy", {}).result()


def test_unknown_and_doubled_ids_say_so(engine: Engine) -> None:
    with pytest.raises(EngineError, match="no model 'm'"):
        engine.optim_step("m", Adam(1.0)).result()
    engine.create_model("m", NAME, LORA).result()
    with pytest.raises(EngineError, match="exists already"):
        engine.create_model("m", NAME, LORA).result()
    state = engine.export_state("m", optimizer=False).result()
    other = engine.create_model("other", NAME, LoraSpec(8))
    other.result()
    with pytest.raises(EngineError, match="has shape"):
        engine.import_state("other", state, optimizer=False).result()
    with pytest.raises(EngineError, match="optimizer"):
        engine.import_state("m", state, optimizer=True).result()
    engine.unload_model("m").result()
    with pytest.raises(EngineError, match="no model 'm'"):
        engine.export_state("m", optimizer=False).result()
