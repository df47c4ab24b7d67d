"""Weights on the local backend: listed, published, downloaded as PEFT's adapter, deleted."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tinker
import torch
from tinker import AdamParams, Datum, ModelInput

from recipe_runner.backends.local.launch import launch
from recipe_runner.cli.app import run_command
from recipe_runner.language import load
from recipe_runner.planning.plan import Served
from recipe_runner.planning.resolve import make_plan
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.files import append_json_line, read_json_lines
from tests.conftest import ROOT

MODEL = "recipe-run/tiny"
TOKENS = list(range(40, 70))


@dataclass(frozen=True)
class Trained:
    """A run with one checkpoint, and what its sampler gives each of `TOKENS` but the first."""

    run: RunDirectory
    paths: list[str]
    logprobs: list[float]

    @property
    def root(self) -> Path:
        return self.run.path.parent.parent


@pytest.fixture
def trained(write_recipe: Callable[..., Path], tmp_path: Path) -> Trained:
    root = tmp_path / "runs"
    overrides = [f"logging.dir={root}", f"model.name={MODEL}", "backend=local"]
    served = Served(kind="shipped", note="")
    run = RunDirectory.create(make_plan(load(write_recipe(), overrides=overrides), served), "")
    with launch(store=root / ".local") as server:
        service = tinker.ServiceClient(base_url=server.url, api_key=server.api_key)
        client = service.create_lora_training_client(MODEL, rank=4).result()
        datum = Datum(
            model_input=ModelInput.from_ints(TOKENS[:-1]),
            loss_fn_inputs={"target_tokens": np.asarray(TOKENS[1:])},
        )
        for _ in range(2):
            client.forward_backward([datum], "cross_entropy").result()
            client.optim_step(AdamParams(learning_rate=1e-2)).result()
        state = client.save_state("final").result().path
        sampler = client.save_weights_for_sampler("final").result().path
        sampling = service.create_sampling_client(model_path=sampler).result()
        scores = sampling.compute_logprobs(ModelInput.from_ints(TOKENS)).result()
        service.close("success").result()
    record = {"name": "final", "state_path": state, "sampler_path": sampler}
    append_json_line(run.checkpoints_file, record)
    return Trained(run, [state, sampler], [score for score in scores if score is not None])


def computed(adapter: Path) -> list[float]:
    """Return what the shipped model gives each token with the adapter that PEFT loads."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    shipped = ROOT / "recipe_runner" / "backends" / "local" / "shipped"
    base = AutoModelForCausalLM.from_pretrained(shipped, dtype=torch.float32)
    model = PeftModel.from_pretrained(base, adapter)
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([TOKENS])).logits[0, :-1]
    targets = torch.tensor(TOKENS[1:]).unsqueeze(-1)
    return [float(score) for score in logits.log_softmax(-1).gather(-1, targets)]


def test_what_a_run_left_is_published_listed_downloaded_and_deleted(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def weights(*arguments: str) -> tuple[int, str, str]:
        code = run_command(["weights", *arguments, "--dir", str(trained.root)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    assert weights("publish", "sums")[0] == 0
    listed = json.loads(weights("list", "sums", "--format", "json")[1])
    assert {each["checkpoint"] for each in listed} == set(trained.paths)
    assert all(each["public"] and each["size_bytes"] > 0 for each in listed)
    assert {each["run"] for each in listed} == {f"sums/{trained.run.path.name}@final"}

    adapter = tmp_path / "adapter"
    code, _, error = weights("download", "sums", "-o", str(adapter))
    assert code == 0, error
    names = {file.name for file in adapter.iterdir()}
    assert names == {"adapter_config.json", "adapter_model.safetensors"}
    assert computed(adapter) == pytest.approx(trained.logprobs, abs=1e-3)

    assert weights("rm", "sums", "--yes")[0] == 0
    assert read_json_lines(trained.run.checkpoints_file) == []
    again = ("download", trained.paths[0], "--backend", "local", "-o", str(tmp_path / "again"))
    code, _, error = weights(*again)
    assert code == 3
    assert "no checkpoint" in error
