"""`loss: gspo` with the Cookbook's loop: the sampled tokens are marked for the loss."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import tinker
import torch
from tinker_cookbook.rl import train

from recipe_runner.compile import Target, compile_plan
from recipe_runner.language import load
from recipe_runner.loops.gspo import GspoConfig, marked
from recipe_runner.planning.plan import Served
from recipe_runner.planning.resolve import make_plan


def test_the_mask_of_sampled_tokens_is_sent_for_the_loss() -> None:
    mask = tinker.TensorData.from_torch(torch.tensor([0.0, 1.0]))
    datum = tinker.Datum(
        model_input=tinker.ModelInput.from_ints([1, 2]), loss_fn_inputs={"mask": mask}
    )
    inputs = marked(datum).loss_fn_inputs
    assert set(inputs) == {"sequence_ratio_mask"}
    assert list(inputs["sequence_ratio_mask"].data) == [0.0, 1.0]


def test_only_gspo_runs_the_loop_that_marks(write_recipe: Callable[..., Path]) -> None:
    def entry(loss: str) -> tuple[type, str]:
        plan = make_plan(
            load(write_recipe(), overrides=[f"loss={loss}"]), Served(kind="hosted", note="")
        )
        job = compile_plan(plan, Target(log_path=Path("here")))
        return type(job.config), job.entry

    assert entry("gspo") == (GspoConfig, "recipe_runner.loops.gspo:main")
    assert entry("ppo") == (train.Config, "tinker_cookbook.rl.train:main")
