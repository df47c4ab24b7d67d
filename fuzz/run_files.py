"""The files of a run's directory and of a sweep's: the first byte says which is replaced.

Right: it is shown as far as it goes, or an error says which file is wrong: a list of runs, the page
of one, and a report must not end because of one record.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from fuzz.limits import Limits
from fuzz.recipes import directory
from recipe_runner.cli.run_page import lines
from recipe_runner.cli.run_tables import as_json, list_lines
from recipe_runner.errors import RunnerError
from recipe_runner.language import load
from recipe_runner.planning.plan import Served
from recipe_runner.planning.resolve import make_plan
from recipe_runner.planning.tokens import Tokens
from recipe_runner.reports import sweep
from recipe_runner.reports.assemble import assemble
from recipe_runner.runs import overview, registry
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.manifest import new_attempt, now
from recipe_runner.runs.usage import usage_of, write_usage
from recipe_runner.sweeps.record import SweepRecord, VariantRecord, read_sweep

LIMITS = Limits(max_bytes=8192, holds_json=True)
_RECIPE = """\
version: 1
name: sums
method: rl
model: {name: Qwen/Qwen3-8B-Base}
env: {kind: gem, id: "rg:chain_sum"}
rollout: {groups_per_batch: 4, group_size: 2, max_tokens: 16}
optimizer: {learning_rate: 1e-3}
steps: 3
"""
_TURN = {"reward": 1.0, "metrics": {}, "logs": {"a": 1}}
_CONTENT: dict[str, list[dict[str, object]]] = {
    "metrics.jsonl": [
        {"step": 0, "progress/done_frac": 0.5, "env/all/reward/total": 0.5, "time/total": 1.5},
        {"step": 1, "progress/done_frac": 1.0, "env/all/reward/total": 1, "test/nll": float("nan")},
    ],
    "checkpoints.jsonl": [
        {"name": "000002", "batch": 2, "state_path": "tinker://a/weights/x", "sampler_path": "s"}
    ],
    "events.jsonl": [{"time": "2026-11-28T12:00:00+00:00", "event": "start", "step": 0}],
    "evaluations.jsonl": [{"evaluator": "a", "metrics": {"score": 0.5}, "seconds": 1.0}],
    "rollouts.jsonl": [
        {
            **{"step": 0, "split": "train", "group": 0, "member": 1, "reward": 1.0},
            **{"advantage": 0.5, "prompt_tokens": 3, "reply_tokens": 4, "metrics": {"m": 1}},
            **{"turns": [_TURN], "sequences": [[["What?", "shown", 3, None], ["4", "t", 1, -0.1]]]},
        }
    ],
}


def seeds() -> Iterator[bytes]:
    for number, (_, content) in enumerate(sorted(_originals().items())):
        yield bytes([number]) + content


def one_input(data: bytes) -> None:
    originals = sorted(_originals().items())
    name, original = originals[(data[0] if data else 0) % len(originals)]
    file = _sweep() if name == "sweep.json" else _run().path / name
    file.write_bytes(data[1:])
    try:
        _look()
    finally:
        file.write_bytes(original)


def _look() -> None:
    root, run = directory() / "runs", _run()
    found = list(overview.rows(root))
    for row in found:
        as_json(row)
        list(lines(row))
    list(list_lines(found))
    read_sweep(_sweep())
    for reference in ("sums", "sums@2"):
        with suppress(RunnerError):
            registry.find_checkpoint(root, reference)
    with suppress(RunnerError):
        assemble(sweep.Chosen([run], [_sweep()]), rollouts=10)
    with suppress(RunnerError):
        run.read_plan()


@lru_cache(maxsize=1)
def _run() -> RunDirectory:
    recipe = directory() / "sums.yaml"
    recipe.write_text(_RECIPE)
    loaded = load(recipe, overrides=[f"logging.dir={directory() / 'runs'}"])
    run = RunDirectory.create(make_plan(loaded, Served(kind="hosted", note="")), _RECIPE)
    attempt = new_attempt(0).model_copy(update={"ended": now(), "state": "failed", "error": "no"})
    run.note(attempts=[attempt], state="failed")
    for name, records in _CONTENT.items():
        (run.path / name).write_text("".join(json.dumps(each) + "\n" for each in records))
    tokens = {"Qwen/Qwen3-8B-Base": Tokens(prefill=3, sampled=4, trained=5)}
    write_usage(run, usage_of(tokens, 3.5))
    return run


@lru_cache(maxsize=1)
def _sweep() -> Path:
    file = directory() / "runs" / ".sweeps" / "sums-1" / "sweep.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    variant = VariantRecord(variant="a", title="sums[a]", plan_hash="h", run=str(_run().path))
    record = SweepRecord(
        name="sums",
        source="sums.yaml",
        executor="local",
        metric=["env/all/reward/total"],
        metric_label="reward",
        lower_is_better=False,
        started=now(),
        variants=[variant],
    )
    file.write_text(record.model_dump_json())
    return file


@lru_cache(maxsize=1)
def _originals() -> dict[str, bytes]:
    names = ("run.json", "plan.json", "usage.json", *_CONTENT)
    found = {name: (_run().path / name).read_bytes() for name in names}
    found["sweep.json"] = _sweep().read_bytes()
    return {
        name: _on_one_line(text) if name.endswith(".json") else text for name, text in found.items()
    }


def _on_one_line(text: bytes) -> bytes:
    return json.dumps(json.loads(text)).encode()
