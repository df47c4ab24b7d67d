"""The loop, for real: the SDK, a server with the shipped model, an environment of three turns."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import tinker
from tinker_cookbook.eval.evaluators import SamplingClientEvaluator
from tinker_cookbook.stores.storage import LocalStorage
from tinker_cookbook.stores.training_store import TrainingRunStore

from recipe_runner.errors import UserCodeError
from recipe_runner.loops.reinforce import train
from recipe_runner.loops.reinforce.config import Config
from recipe_runner.loops.reinforce.data import for_loss

_spec = importlib.util.spec_from_file_location("turns", Path(__file__).with_name("turns.py"))
assert _spec is not None
assert _spec.loader is not None
turns = importlib.util.module_from_spec(_spec)
sys.modules["turns"] = turns
_spec.loader.exec_module(turns)

pytestmark = [
    pytest.mark.usefixtures("credentials"),
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning"),
]
MODEL = "recipe-run/tiny"
Row = dict[str, Any]


def run(log_path: Path, builder: Any = None, **settings: Any) -> list[Row]:
    """Run the loop and return the metrics of all steps, times left out."""
    config = Config(
        **{
            "log_path": str(log_path),
            "model_name": MODEL,
            "recipe_name": "test",
            "renderer_name": "qwen3_instruct",
            "dataset_builder": builder or turns.TurnsBuilder(),
            "max_steps": 2,
            "max_tokens": 6,
            "learning_rate": 3e-3,
            "lora_rank": 4,
            **settings,
        }
    )
    asyncio.run(train.main(config))
    return rows(log_path)


def rows(log_path: Path) -> list[Row]:
    lines = (log_path / "metrics.jsonl").read_text().splitlines()
    return [
        {key: value for key, value in json.loads(line).items() if not key.startswith("time/")}
        for line in lines
    ]


def test_a_step_has_the_numbers_of_the_original_and_one_datum_an_episode(tmp_path: Path) -> None:
    first, second = run(tmp_path)
    assert first["sampler/num_episodes"] == 4
    assert first["sampler/num_turns_per_episode"] == 3
    assert 0 <= first["sampler/episode_return"] <= 3
    assert 3 <= first["sampler/action_num_tokens"] <= 18
    assert first["sampler/token_entropy"] > 0
    assert abs(first["train/kl_sample_train_v1"]) < 1e-4
    assert 0 <= first["train/kl_sample_train_v2"] < 1e-4
    assert first["train/num_datums"] == 4
    assert (first["progress/done_frac"], second["progress/done_frac"]) == (0.5, 1.0)
    assert "time/sample" in (tmp_path / "metrics.jsonl").read_text()
    assert first["train/loss:sum"] != second["train/loss:sum"]


def test_the_same_seed_gives_the_same_numbers_to_the_last_digit(tmp_path: Path) -> None:
    first = run(tmp_path / "first", seed=3)
    assert run(tmp_path / "second", seed=3) == first
    assert run(tmp_path / "third", seed=4) != first


def test_a_resumed_run_is_the_run_that_was_not_interrupted(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole", max_steps=4)
    run(tmp_path / "parts", max_steps=2)
    parts = run(tmp_path / "parts", max_steps=4)
    for row in (*whole, *parts):
        del row["progress/done_frac"]  # the first part was to be shorter
    assert parts == whole
    records = [
        json.loads(line)
        for line in (tmp_path / "parts" / "checkpoints.jsonl").read_text().splitlines()
    ]
    assert [(record["name"], record["batch"]) for record in records] == [("final", 2), ("final", 4)]


def test_periodic_and_rolling_checkpoints_end_with_the_final_one(tmp_path: Path) -> None:
    run(tmp_path, max_steps=4, save_every=2, rolling_save_every=1)
    lines = (tmp_path / "checkpoints.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    assert [record["batch"] for record in records if not record.get("rolling")] == [2, 4]
    assert {record["batch"] for record in records if record.get("rolling")} == {1, 3}
    assert records[-1]["name"] == "final"


def test_one_datum_a_turn_trains_the_same_on_more_tokens(tmp_path: Path) -> None:
    shared = run(tmp_path / "shared", max_steps=3)
    separate = run(tmp_path / "separate", max_steps=3, share_prefixes=False)
    assert [row["train/num_datums"] for row in separate] == [12, 12, 12]
    for one, other in zip(shared, separate, strict=True):
        assert one["train/num_tokens"] < other["train/num_tokens"]
        assert one["sampler/episode_return"] == other["sampler/episode_return"]
        assert one["train/loss:sum"] == pytest.approx(other["train/loss:sum"], abs=1e-3)


@pytest.mark.parametrize("loss", ["importance_sampling", "ppo", "cispo"])
def test_gradients_equal_those_of_one_datum_a_turn(loss: str) -> None:
    probe = tinker.ModelInput.from_ints([21, 3, 4, 90, 91, 92])
    after = [_logprobs_after_a_step(loss, probe, share_prefixes=share) for share in (True, False)]
    before = _logprobs_after_a_step(loss, probe, share_prefixes=True, learning_rate=0.0)
    assert after[0] == pytest.approx(after[1], abs=2e-4)
    assert after[0] != pytest.approx(before, abs=2e-2)


def _logprobs_after_a_step(
    loss: str, probe: tinker.ModelInput, *, share_prefixes: bool, learning_rate: float = 1e-2
) -> list[float]:
    """Play a batch, take one step of plain gradient size, and look at the weights' effect."""
    config = Config(
        log_path="",
        model_name=MODEL,
        recipe_name="test",
        renderer_name="qwen3_instruct",
        dataset_builder=turns.TurnsBuilder(),
        max_steps=1,
        max_tokens=6,
        learning_rate=learning_rate,
        share_prefixes=share_prefixes,
    )

    async def step() -> list[float]:
        client = await tinker.ServiceClient().create_lora_training_client(MODEL, rank=4, seed=1)
        sampler = await client.save_weights_and_get_sampling_client()
        problems, _ = await config.dataset_builder()
        groups = await train.play(
            problems.get_batch(0), sampler, config, step=0, split="train", store=None
        )
        by_episode = train.training_data(groups, config)
        data = [for_loss(datum, loss) for episode in by_episode for datum in episode]
        gradients = client.forward_backward(data, loss)
        # A large epsilon makes Adam's step follow the size of the gradient, not its sign alone.
        params = tinker.AdamParams(learning_rate=learning_rate, beta1=0.9, beta2=0.95, eps=1.0)
        update = client.optim_step(params)
        await gradients
        await update
        after = await client.save_weights_and_get_sampling_client()
        return (await after.compute_logprobs_async(probe))[1:]

    return asyncio.run(step())


def test_a_history_that_changes_is_split(tmp_path: Path) -> None:
    (row,) = run(tmp_path, turns.TurnsBuilder(kind="split"), max_steps=1)
    assert row["train/num_datums"] == 8


def test_what_the_service_refuses_is_raised(tmp_path: Path) -> None:
    with pytest.raises(tinker.TinkerError):
        run(tmp_path, turns.TurnsBuilder(kind="long"))


def test_a_batch_without_a_turn_stops_the_run(tmp_path: Path) -> None:
    with pytest.raises(train.NoEpisodeStarted, match="no board today"):
        run(tmp_path, turns.TurnsBuilder(kind="never"))


def test_a_custom_loss_of_the_same_formula_trains_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_losses.py").write_text(
        "import torch\n"
        "def importance_sampling(data, logprobs):\n"
        "    total = torch.tensor(0.0)\n"
        "    for datum, p in zip(data, logprobs, strict=True):\n"
        "        get = lambda key: datum.loss_fn_inputs[key].to_torch()\n"
        "        total = total - (torch.exp(p - get('logprobs')) * get('advantages')).sum()\n"
        "    return total, {'mine': 1.0}\n"
        "def broken(data, logprobs):\n"
        "    raise KeyError('weights')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    service = run(tmp_path / "service", max_steps=3)
    custom = run(
        tmp_path / "custom",
        max_steps=3,
        loss_fn="custom",
        custom_loss="own_losses:importance_sampling",
    )
    assert [row["train/mine"] for row in custom] == [1.0] * 3
    for one, other in zip(custom, service, strict=True):
        assert one["sampler/episode_return"] == other["sampler/episode_return"]
        assert one["train/loss:sum"] == pytest.approx(other["train/loss:sum"], abs=1e-3)
    with pytest.raises(UserCodeError, match=r"own_losses:broken: KeyError"):
        run(tmp_path / "broken", loss_fn="custom", custom_loss="own_losses:broken")


class Counting(SamplingClientEvaluator):
    async def __call__(self, sampling_client: tinker.SamplingClient) -> dict[str, float]:
        sampled = await sampling_client.sample_async(
            tinker.ModelInput.from_ints([1]), 1, tinker.SamplingParams(max_tokens=2)
        )
        return {"counted": float(len(sampled.sequences))}


def test_test_episodes_and_evaluators_run_when_they_are_due(tmp_path: Path) -> None:
    found = run(
        tmp_path,
        turns.TurnsBuilder(test_episodes=3),
        max_steps=4,
        test_every=2,
        evaluator_builders=[Counting],
        eval_every=3,
    )
    tested = [row["step"] for row in found if "test/env/all/reward/total" in row]
    counted = [row["step"] for row in found if "counted" in row]
    assert (tested, counted) == ([0, 2, 3], [0, 3])
    assert found[0]["test/env/all/total_episodes"] == 3


def test_rollouts_are_written_as_the_cookbook_writes_its_own(tmp_path: Path) -> None:
    run(tmp_path, turns.TurnsBuilder(test_episodes=1), max_steps=1, test_every=1)
    store = TrainingRunStore(LocalStorage(tmp_path))
    records = store.read_rollouts(0)
    assert [len(record["steps"]) for record in records] == [3, 3, 3, 3]
    assert records[0]["tags"] == ["turns"]
    assert len(store.read_rollouts(0, base_name="eval_test")) == 1
    assert store.read_logtree(0) is not None
    assert (tmp_path / "iteration_000000" / "train.html").stat().st_size > 0


def test_nothing_is_written_out_where_nothing_is_asked_for(tmp_path: Path) -> None:
    run(tmp_path, max_steps=1, num_groups_to_log=0)
    assert not (tmp_path / "iteration_000000").exists()


def test_a_run_starts_from_the_weights_of_another(tmp_path: Path) -> None:
    run(tmp_path / "first")
    record = json.loads((tmp_path / "first/checkpoints.jsonl").read_text().splitlines()[-1])
    (row,) = run(tmp_path / "next", max_steps=1, load_checkpoint_path=record["state_path"])
    (fresh,) = run(tmp_path / "fresh", max_steps=1)
    assert row["sampler/token_entropy"] != fresh["sampler/token_entropy"]
