"""Each loss against scalar arithmetic, one token at a time, and numerical derivatives."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recipe_runner.backends.local.errors import EngineError
from recipe_runner.backends.local.losses import LOSSES, configured

LENGTHS = [3, 1, 4]
Row = Mapping[str, float]


def batch(seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)

    def normal(scale: float) -> torch.Tensor:
        values = torch.randn(sum(LENGTHS), generator=generator, dtype=torch.float64)
        return values * scale

    return {
        "current": -normal(1).abs(),
        "logprobs": -normal(1).abs(),
        "advantages": normal(1),
        "weights": normal(2),
        "sequence_ratio_mask": torch.tensor([0, 1, 1, 0, 1, 0, 1, 1], dtype=torch.float64),
    }


def clipped(ratio: float, row: Row, config: Row) -> float:
    low, high = config["clip_low_threshold"], config["clip_high_threshold"]
    inside = low if ratio < low else high if ratio > high else ratio
    return -min(ratio * row["advantages"], inside * row["advantages"])


def by_hand_cross_entropy(row: Row, config: Row, sequence: list[Row]) -> float:
    return -row["current"] * row["weights"]


def by_hand_importance_sampling(row: Row, config: Row, sequence: list[Row]) -> float:
    return -math.exp(row["current"]) / math.exp(row["logprobs"]) * row["advantages"]


def by_hand_ppo(row: Row, config: Row, sequence: list[Row]) -> float:
    return clipped(math.exp(row["current"]) / math.exp(row["logprobs"]), row, config)


def by_hand_cispo(row: Row, config: Row, sequence: list[Row]) -> float:
    low, high = config["clip_low_threshold"], config["clip_high_threshold"]
    # `frozen` is the value that carries no derivative.
    ratio = math.exp(row["frozen"] - row["logprobs"])
    return -min(max(ratio, low), high) * row["current"] * row["advantages"]


def by_hand_dro(row: Row, config: Row, sequence: list[Row]) -> float:
    distance = row["current"] - row["logprobs"]
    return -row["advantages"] * row["current"] + config["beta"] / 2 * distance**2


def by_hand_gspo(row: Row, config: Row, sequence: list[Row]) -> float:
    marked = [token for token in sequence if token["sequence_ratio_mask"]]
    log_ratios = [token["frozen"] - token["logprobs"] for token in marked]
    mean = sum(log_ratios) / len(log_ratios) if marked else 0.0
    ratio = math.exp(mean) * math.exp(row["current"]) / math.exp(row["frozen"])
    return clipped(ratio, row, config)


BY_HAND: dict[str, Callable[[Row, Row, list[Row]], float]] = {
    "cross_entropy": by_hand_cross_entropy,
    "importance_sampling": by_hand_importance_sampling,
    "ppo": by_hand_ppo,
    "cispo": by_hand_cispo,
    "dro": by_hand_dro,
    "gspo": by_hand_gspo,
}
CONFIGS: dict[str, dict[str, float]] = {
    "ppo": {"clip_low_threshold": 0.9, "clip_high_threshold": 1.1},
    "cispo": {"clip_low_threshold": 0.5, "clip_high_threshold": 1.5},
    "dro": {"beta": 0.3},
    "gspo": {"clip_low_threshold": 0.7, "clip_high_threshold": 1.3},
}


def losses_by_hand(
    name: str, values: Mapping[str, torch.Tensor], config: Row, current: list[float]
) -> list[float]:
    frozen = values["current"].tolist()
    columns = {key: tensor.tolist() for key, tensor in values.items() if key != "current"}
    rows = [
        {key: column[i] for key, column in columns.items()}
        | {"current": current[i], "frozen": frozen[i]}
        for i in range(len(frozen))
    ]
    losses = []
    for start, length in zip([0, 3, 4], LENGTHS, strict=True):
        sequence = rows[start : start + length]
        losses += [BY_HAND[name](row, config, sequence) for row in sequence]
    return losses


def test_every_loss_has_an_independent_computation() -> None:
    assert BY_HAND.keys() == LOSSES.keys()


@pytest.mark.parametrize("name", list(LOSSES))
@pytest.mark.parametrize("with_defaults", [True, False])
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_value_and_derivative_equal_the_formula(name: str, with_defaults: bool, seed: int) -> None:
    values = batch(seed)
    loss, config = configured(name, {} if with_defaults else CONFIGS.get(name, {}))
    current = values["current"].clone().requires_grad_()
    inputs = {key: tensor for key, tensor in values.items() if key != "current"}
    computed = loss.function(current, inputs, config, LENGTHS)

    at = values["current"].tolist()
    expected = losses_by_hand(name, values, config, at)
    assert computed.tolist() == pytest.approx(expected, rel=1e-9, abs=1e-12)

    (gradient,) = torch.autograd.grad(computed.sum(), current)
    step = 1e-6
    for i in range(len(at)):
        up, down = list(at), list(at)
        up[i] += step
        down[i] -= step
        rise = sum(losses_by_hand(name, values, config, up))
        fall = sum(losses_by_hand(name, values, config, down))
        assert gradient[i].item() == pytest.approx((rise - fall) / (2 * step), rel=1e-4, abs=1e-6)


def test_topk_cross_entropy_sums_each_positions_targets() -> None:
    logprobs = torch.tensor([[-1.0, -2.0], [-3.0, -4.0]])
    weights = torch.tensor([[0.25, 0.75], [1.0, 0.0]])
    loss, config = configured("cross_entropy", {})
    elementwise = loss.function(logprobs, {"weights": weights}, config, [2])
    assert elementwise.sum().item() == pytest.approx(0.25 + 1.5 + 3.0)


def test_a_datums_own_thresholds_come_before_the_configuration() -> None:
    inputs = {
        "logprobs": torch.zeros(2),
        "advantages": torch.ones(2),
        "clip_high_threshold": torch.tensor([1.1, 3.0]),
    }
    loss, config = configured("ppo", {})
    computed = loss.function(torch.full((2,), math.log(2.0)), inputs, config, [2])
    assert computed.tolist() == pytest.approx([-1.1, -2.0])


def test_defaults_are_tinkers() -> None:
    assert configured("ppo", {})[1] == {"clip_low_threshold": 0.8, "clip_high_threshold": 1.2}
    assert configured("cispo", {})[1] == {"clip_low_threshold": 0.0, "clip_high_threshold": 4.0}


def test_unknown_names_are_named_with_the_valid_ones() -> None:
    with pytest.raises(EngineError, match=r"unknown loss 'pppo'.*importance_sampling"):
        configured("pppo", {})
    with pytest.raises(EngineError, match=r"no setting 'clip'.*clip_high_threshold"):
        configured("ppo", {"clip": 1.0})
    with pytest.raises(EngineError, match="takes no settings"):
        configured("cross_entropy", {"beta": 1.0})
