"""The Cookbook's own training loops, unmodified, against a real server process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import chz
import pytest
from tinker_cookbook.recipes.math_rl.arithmetic_env import ArithmeticDatasetBuilder
from tinker_cookbook.rl import train as rl
from tinker_cookbook.supervised import train as sft
from tinker_cookbook.supervised.common import datum_from_model_input_weights
from tinker_cookbook.supervised.types import SupervisedDataset, SupervisedDatasetBuilder
from tinker_cookbook.tokenizer_utils import get_tokenizer, register_tokenizer

from recipe_runner.backends.local.launch import RunningServer, launch
from recipe_runner.loops.gspo import GspoConfig
from recipe_runner.loops.gspo import main as gspo_main

MODEL = "test/tiny"
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")


@pytest.fixture(autouse=True)
def credentials(
    server: RunningServer, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import AutoTokenizer

    monkeypatch.setenv("TINKER_BASE_URL", server.url)
    monkeypatch.setenv("TINKER_API_KEY", server.api_key)
    register_tokenizer(MODEL, lambda: AutoTokenizer.from_pretrained(tiny_model_dir))


def _metrics(log_path: Path) -> list[dict[str, Any]]:
    lines = (log_path / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def _checkpoints(log_path: Path) -> list[dict[str, Any]]:
    lines = (log_path / "checkpoints.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


class Sums(SupervisedDataset):
    """Batches of four sums written out; every epoch the same."""

    def __init__(self, num_batches: int) -> None:
        self._num_batches = num_batches

    def get_batch(self, index: int) -> list[Any]:
        import tinker
        import torch

        tokenizer = get_tokenizer(MODEL)
        data = []
        for k in range(4 * index, 4 * index + 4):
            tokens = tokenizer.encode(f"{k} + {k} = {2 * k}\n")
            weights = torch.ones(len(tokens))
            data.append(
                datum_from_model_input_weights(tinker.ModelInput.from_ints(tokens), weights)
            )
        return data

    def __len__(self) -> int:
        return self._num_batches


@chz.chz
class SumsBuilder(SupervisedDatasetBuilder):
    num_batches: int = 4

    def __call__(self) -> tuple[SupervisedDataset, SupervisedDataset | None]:
        return Sums(self.num_batches), Sums(1)


def _supervised(log_path: Path, **settings: Any) -> None:
    config = sft.Config(
        **{
            "log_path": str(log_path),
            "model_name": MODEL,
            "recipe_name": "test",
            "renderer_name": "role_colon",
            "dataset_builder": SumsBuilder(),
            "learning_rate": 1e-2,
            "lora_rank": 8,
            "save_every": 2,
            "eval_every": 2,
            **settings,
        }
    )
    asyncio.run(sft.main(config))


def _rl(log_path: Path, **settings: Any) -> None:
    dataset = ArithmeticDatasetBuilder(
        batch_size=2,
        model_name_for_tokenizer=MODEL,
        renderer_name="role_colon",
        n_batches=10,
        group_size=2,
    )
    loss_is_gspo = settings.get("loss_fn") == "gspo"
    config = (GspoConfig if loss_is_gspo else rl.Config)(
        **{
            "log_path": str(log_path),
            "model_name": MODEL,
            "recipe_name": "test",
            "renderer_name": "role_colon",
            "dataset_builder": dataset,
            "learning_rate": 1e-3,
            "lora_rank": 8,
            "max_tokens": 6,
            "max_steps": 3,
            "save_every": 2,
            "eval_every": 0,
            **settings,
        }
    )
    asyncio.run((gspo_main if loss_is_gspo else rl.main)(config))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"submit_ahead": 2, "async_periodic_saves": True, "rolling_save_every": 1},
        {"lora_rank": 0},
    ],
    ids=["plain", "ahead", "full"],
)
def test_supervised(tmp_path: Path, settings: dict[str, Any]) -> None:
    _supervised(tmp_path, **settings)
    losses = [row["train_mean_nll"] for row in _metrics(tmp_path) if "train_mean_nll" in row]
    assert len(losses) == 4
    assert losses[-1] < losses[0]
    assert _checkpoints(tmp_path)[-1]["name"] == "final" or "rolling_save_every" in settings


RL_MODES: dict[str, dict[str, Any]] = {
    "sync": {},
    "rolling": {"rolling_save_every": 1},
    "async": {"async_config": rl.AsyncConfig(max_steps_off_policy=2, groups_per_batch=2)},
    "stream": {
        "stream_minibatch_config": rl.StreamMinibatchConfig(groups_per_batch=2, num_minibatches=2)
    },
    "kl": {
        "kl_penalty_coef": 0.1,
        "kl_reference_config": rl.KLReferenceConfig(base_model=MODEL),
        "compute_post_kl": True,
    },
    "ppo-substeps": {"loss_fn": "ppo", "num_substeps": 2},
    "cispo": {
        "loss_fn": "cispo",
        "loss_fn_config": {"clip_low_threshold": 0.0, "clip_high_threshold": 4.0},
    },
    "dro": {"loss_fn": "dro", "loss_fn_config": {"beta": 0.05}},
    "gspo": {"loss_fn": "gspo", "num_substeps": 2},
    "gspo-stream": {
        "loss_fn": "gspo",
        "stream_minibatch_config": rl.StreamMinibatchConfig(groups_per_batch=2, num_minibatches=2),
    },
}


@pytest.mark.parametrize("mode", RL_MODES)
def test_reinforcement_learning(tmp_path: Path, mode: str) -> None:
    _rl(tmp_path, **RL_MODES[mode])
    steps = [row for row in _metrics(tmp_path) if "env/all/reward/total" in row]
    assert len(steps) == 3
    if mode == "kl":
        assert "kl_policy_base" in steps[-1]
        assert any("kl_post" in key or "kl_pre_post" in key for row in steps for key in row)
    final = [c for c in _checkpoints(tmp_path) if c["name"] == "final"]
    assert final[0]["state_path"].startswith("tinker://")


@pytest.fixture
def own_server(
    tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """A function that starts a server over one store and points the SDK at it."""

    def start() -> Any:
        return launch(store=tmp_path / "store", model_path=tiny_model_dir)

    return start


def test_a_run_resumes_after_its_server_was_killed(
    own_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_path = tmp_path / "log"
    with own_server() as server:
        monkeypatch.setenv("TINKER_API_KEY", server.api_key)
        _supervised(log_path, base_url=server.url, dataset_builder=SumsBuilder(num_batches=6),
                    max_steps=4)  # fmt: skip
        os.kill(server.pid, signal.SIGKILL)
    with own_server() as server:
        monkeypatch.setenv("TINKER_API_KEY", server.api_key)
        _drop_final(log_path)
        _supervised(log_path, base_url=server.url, dataset_builder=SumsBuilder(num_batches=6))
    steps = [row["step"] for row in _metrics(log_path) if "train_mean_nll" in row]
    assert steps == [0, 1, 2, 3, 2, 3, 4, 5]


def _drop_final(log_path: Path) -> None:
    """Leave the records as a run leaves them that is killed before its end."""
    kept = [c for c in _checkpoints(log_path) if c["name"] != "final"]
    (log_path / "checkpoints.jsonl").write_text("".join(json.dumps(c) + "\n" for c in kept))


def _hub_cache(home: Path, model_dir: Path, *names: str) -> None:
    """A hub cache that holds one model's files under several names."""
    for name in names:
        repo = home / "hub" / f"models--{name.replace('/', '--')}"
        (repo / "refs").mkdir(parents=True)
        (repo / "refs" / "main").write_text("0" * 40)
        snapshot = repo / "snapshots" / ("0" * 40)
        snapshot.mkdir(parents=True)
        for file in model_dir.iterdir():
            (snapshot / file.name).symlink_to(file)


def test_a_cookbook_module_runs_as_a_stranger_starts_it(
    server: RunningServer, tiny_model_dir: Path, tmp_path: Path
) -> None:
    names = ("meta-llama/Llama-3.2-1B", "thinkingmachineslabinc/meta-llama-3-instruct-tokenizer")
    _hub_cache(tmp_path / "hf", tiny_model_dir, *names)
    command = [sys.executable, "-m", "tinker_cookbook.recipes.math_rl.train"]
    command += ["env=arithmetic", f"model_name={names[0]}", "group_size=2", "groups_per_batch=2"]
    command += ["max_steps=2", f"log_path={tmp_path / 'log'}", "eval_every=0"]
    environment = {
        **os.environ,
        "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_OFFLINE": "1",
        "TINKER_BASE_URL": server.url,
        "TINKER_API_KEY": server.api_key,
    }
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(_metrics(tmp_path / "log")) >= 2
