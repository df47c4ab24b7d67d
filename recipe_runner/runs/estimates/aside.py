"""Measuring in a process of its own: what it imports, downloads and starts ends with it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from recipe_runner.planning.plan import Plan
from recipe_runner.planning.volume.lengths import Lengths, assumed
from recipe_runner.planning.volume.pipeline import reads_a_stage

# Data that takes longer to load than this is not waited for.
TIMEOUT_S = 120.0
# What changes no length: plans that differ in these alone are measured once.
_WITHOUT_LENGTH = (
    "name", "description", "tags", "budget", "checkpoint", "logging", "optimizer", "loss", "kl",
    "substeps", "drop_constant_groups", "beta", "reference", "top_k", "gamma",
    "normalize_returns", "teacher_sync_every",
)  # fmt: skip

Measured = dict[str, Lengths]


def lengths_of(plans: list[Plan]) -> list[Measured]:
    """Return each plan's lengths: under "", or of a pipeline's stages under their names.

    A stage that reads what an earlier one writes is left out.
    """
    wanted = [_parts(plan) for plan in plans]
    by_key: dict[str, Plan] = {_key(part): part for parts in wanted for part in parts.values()}
    measured = dict(zip(by_key, _measured(list(by_key.values())), strict=True))
    return [{name: measured[_key(part)] for name, part in parts.items()} for parts in wanted]


def _parts(plan: Plan) -> dict[str, Plan]:
    stages = plan.stages or {"": plan}
    return {
        name: stage
        for name, stage in stages.items()
        if not reads_a_stage(stage) and stage.recipe.method != "eval"
    }


def _key(plan: Plan) -> str:
    recipe = plan.recipe.model_dump(mode="json", exclude=set(_WITHOUT_LENGTH))
    recipe["model"].pop("lora_rank")
    (recipe.get("rollout") or {}).pop("group_size", None)
    return json.dumps([recipe, plan.renderer, plan.fingerprints], sort_keys=True)


def _measured(plans: list[Plan]) -> list[Lengths]:
    if not plans:
        return []
    with TemporaryDirectory(prefix="recipe-run-estimate-") as directory:
        asked, answered = Path(directory) / "plans.json", Path(directory) / "lengths.json"
        asked.write_text(json.dumps([plan.model_dump(mode="json") for plan in plans]), "utf-8")
        failure = _run_child([str(asked), str(answered)])
        try:
            answers: list[Any] = json.loads(answered.read_text("utf-8"))
        except (OSError, ValueError):
            reason = failure or "measuring them failed"
            return [assumed(plan, reason) for plan in plans]
    return [Lengths.model_validate(answer) for answer in answers]


def _run_child(arguments: list[str]) -> str | None:
    """Run the measuring process to its end; return why it has none, None where it has."""
    command = [sys.executable, "-P", "-m", "recipe_runner.runs.estimates.child", *arguments]
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        child.wait(TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return f"measuring them took more than {TIMEOUT_S:g} seconds"
    finally:
        if child.poll() is None:
            # With its workers: they are of its group.
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
    return None if child.returncode == 0 else "measuring them failed"
