"""A small recipe of each method, and what its run leaves, for the benchmarks of survival."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent

_TRAINING = """\
version: 1
name: {name}
backend: local
model: {{name: recipe-run/tiny, lora_rank: 4}}
optimizer: {{learning_rate: 1e-3}}
"""
_RL = """\
method: rl
env: {kind: gem, id: "rg:chain_sum", kwargs: {min_terms: 2, max_terms: 2, max_digits: 1}}
rollout: {groups_per_batch: 4, group_size: 4, max_tokens: 8}
steps: 12
"""
_SFT = """\
method: sft
data: {kind: conversations, path: talks.jsonl}
batch_size: 2
max_length: 128
epochs: 2
steps: 14
"""

# name -> the recipe behind what all have in common, and whether its metrics are the same every time
_TRAINED = {
    "sft": (_SFT + "checkpoint: {every: 3}\n", True),
    "sft-rolling": (_SFT + "checkpoint: {every: 6, rolling_every: 2}\n", True),
    "rl": (_RL + "checkpoint: {every: 3}\n", True),
    "rl-rolling": (_RL + "checkpoint: {every: 6, rolling_every: 1}\n", True),
    "rl-stream": (
        _RL + "execution: {kind: stream, minibatches: 2}\ncheckpoint: {every: 3}\n",
        False,
    ),
    "rl-async": (
        _RL + "execution: {kind: async, max_steps_off_policy: 2}\ncheckpoint: {every: 3}\n",
        False,
    ),
    "reinforce": (
        """\
method: reinforce
env: {kind: gem, id: "rg:chain_sum", kwargs: {min_terms: 2, max_terms: 2, max_digits: 1}}
episodes_per_batch: 8
max_tokens: 8
steps: 12
checkpoint: {every: 3}
""",
        True,
    ),
    "dpo": (
        """\
method: dpo
data: {kind: comparisons, path: pairs.jsonl}
batch_size: 4
max_length: 128
epochs: 4
steps: 12
checkpoint: {every: 3}
""",
        True,
    ),
    "distill-on-policy": (
        """\
method: distill
mode: on_policy
teacher: {model: recipe-run/tiny}
data: {kind: prompts, path: sums.jsonl}
rollout: {groups_per_batch: 4, group_size: 2, max_tokens: 8}
steps: 12
checkpoint: {every: 3}
""",
        True,
    ),
    "distill-off-policy": (
        """\
method: distill
mode: off_policy
teacher: {model: recipe-run/tiny}
data: {kind: conversations, path: talks.jsonl}
batch_size: 2
max_length: 128
steps: 14
checkpoint: {every: 3}
""",
        True,
    ),
    "sdft": (
        """\
method: sdft
data: {kind: prompts, path: sums.jsonl}
top_k: 4
teacher_sync_every: 4
rollout: {groups_per_batch: 4, group_size: 1, max_tokens: 8}
steps: 12
checkpoint: {every: 3}
""",
        True,
    ),
}
_OTHERS = {
    "generate": """\
version: 1
name: generate
method: generate
backend: local
model: {name: recipe-run/tiny}
data: {kind: prompts, path: sums.jsonl}
sampling: {max_tokens: 24}
""",
    "eval": """\
version: 1
name: eval
method: eval
backend: local
model: {name: recipe-run/tiny}
evaluators:
"""
    + 6 * "  - {kind: inspect, file: sums.py, tasks: [sums], max_tokens: 8, temperature: 0.0}\n",
    "pipeline": """\
version: 1
name: pipeline
method: pipeline
backend: local
stages:
  data:
    recipe:
      method: generate
      model: {name: recipe-run/tiny}
      data: {kind: prompts, path: sums.jsonl}
      sampling: {max_tokens: 6}
  sft:
    recipe: sft.yaml
    set: {data.path: "{{ stages.data.output }}"}
  more:
    recipe: sft.yaml
    set: {model.load_from: "{{ stages.sft.checkpoint }}", epochs: 1}
""",
}

NAMES = [*_TRAINED, *_OTHERS]
# The rows of `generate` follow the order in which replies come in; its output does not.
REPRODUCIBLE = {name for name, (_, same) in _TRAINED.items() if same} | {"eval"}


def write_recipe(directory: Path, name: str) -> Path:
    """Write a recipe and what it reads."""
    directory.mkdir(parents=True, exist_ok=True)
    sums = [(a, b) for a in range(4, 12) for b in range(1, 5)]
    _write(directory / "talks.jsonl", [_talk(f"{a} + {b}", str(a + b)) for a, b in sums])
    _write(
        directory / "sums.jsonl",
        [{"prompt": f"{a} + {b} =", "answer": str(a + b)} for a, b in 2 * sums],
    )
    _write(directory / "pairs.jsonl", [_pair(f"{a} + {b}", str(a + b)) for a, b in sums])
    shutil.copy(ROOT / "recipes" / "data" / "inspect_sums.py", directory / "sums.py")
    (directory / "sft.yaml").write_text(_recipe("sft"))
    path = directory / f"{name}.yaml"
    path.write_text(_recipe(name))
    return path


def _recipe(name: str) -> str:
    if name in _OTHERS:
        return _OTHERS[name]
    return _TRAINING.format(name=name) + _TRAINED[name][0]


def _talk(question: str, answer: str) -> dict[str, Any]:
    roles = (("user", question), ("assistant", answer))
    return {"messages": [{"role": role, "content": text} for role, text in roles]}


def _pair(question: str, answer: str) -> dict[str, Any]:
    prompt = [{"role": "user", "content": question}]
    return {"prompt": prompt, "chosen": answer, "rejected": "I do not know."}


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def metrics(run: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the training rows of a run, or of each stage, without what a clock decides."""
    files = sorted(run.glob("**/metrics.jsonl"))
    return {
        str(file.parent.relative_to(run)): [_timeless(row) for row in rows(file)] for file in files
    }


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


# What a clock decides, or the name of a session.
_NOT_COMPARED = ("time/", "batch_time", "state_path", "sampler_path")


def _timeless(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if not key.startswith(_NOT_COMPARED)}


def steps_once_each(found: dict[str, list[dict[str, Any]]]) -> bool:
    """Whether every step is logged, and once."""
    steps = [
        [row["step"] for row in each if "progress/done_frac" in row or "progress" in row]
        for each in found.values()
    ]
    return bool(steps) and all(each == list(range(len(each))) for each in steps)


def final_checkpoints(run: Path) -> bool:
    """Whether a run, or each stage that has checkpoints, ends with its final one."""
    files = [run / "checkpoints.jsonl", *run.glob("stages/*/checkpoints.jsonl")]
    return all(rows(file)[-1]["name"] == "final" for file in files if file.exists())


def _same(one: Any, other: Any) -> bool:
    """Whether two values are one, but for the order in which concurrent requests were summed up."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-4, abs_tol=1e-5)
    return bool(one == other)


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Return the keys of the metrics in which two runs differ."""
    found: list[str] = []
    for stage in sorted({*one, *other}):
        left, right = one.get(stage, []), other.get(stage, [])
        if len(left) != len(right):
            found.append(f"{stage}: {len(left)} and {len(right)} rows")
            continue
        for a, b in zip(left, right, strict=True):
            keys = [key for key in sorted({*a, *b}) if not _same(a.get(key), b.get(key))]
            found += [
                f"{stage} step {a.get('step')} {key}: {a.get(key)} {b.get(key)}" for key in keys
            ]
    return found
