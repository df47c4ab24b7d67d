"""What a run was expected to take against what it counted, for a recipe of each method.

    python benchmarks/estimates.py [NAME…]

Runs each on the local backend, and prints expected and counted tokens by model and kind, with how
far off the expectation was.
Kinds whose length is the model's choice (sampled tokens, and what grows with them) may be far off;
every count has to be inside low and high.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from recipe_runner.planning.estimate import KINDS, of_kind
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.estimates import read_estimate
from recipe_runner.runs.usage import read_usage

ROOT = Path(__file__).resolve().parent.parent
COMMAND = Path(sys.executable).with_name("recipe-run")
DATA = ROOT / "recipes/data"
TINY = "version: 1\nbackend: local\nmodel: {name: recipe-run/tiny}\n"
RATE = "optimizer: {learning_rate: 1e-4}\n"
ROLLOUT = "rollout: {groups_per_batch: 2, group_size: 4, max_tokens: 16}\n"
# Written beside the recipes: questions with an answer each.
QUESTIONS = "questions.jsonl"
ALL_PROMPTS = f"{{kind: prompts, path: {QUESTIONS}}}"
PROMPTS = ALL_PROMPTS.replace("}", ", test_size: 2}")

RECIPES = {
    "sft": f"""method: sft
data: {{kind: conversations, path: {DATA}/conversations.jsonl, test_size: 8}}
batch_size: 8
epochs: 2
eval: {{every: 4}}
""",
    "dpo": f"""method: dpo
data: {{kind: comparisons, path: {DATA}/comparisons.jsonl, test_size: 4}}
batch_size: 4
steps: 3
eval: {{every: 2}}
""",
    "rl": f"""method: rl
env: {{kind: gem, id: "rg:chain_sum", eval: {{every: 2, size: 4}}}}
{ROLLOUT}steps: 3
kl: {{coef: 0.1, post_update: true}}
""",
    "rl-async": f"""method: rl
env: {{kind: gem, id: "rg:chain_sum"}}
{ROLLOUT}steps: 3
execution: {{kind: async, max_steps_off_policy: 1}}
""",
    "rl-game": f"""method: rl
env: {{kind: multiplayer, game: guess_number}}
{ROLLOUT}steps: 2
""",
    "rl-rubric": f"""method: rl
env:
  kind: rubric
  data: {DATA}/rubric_train.jsonl
  grader: {{model: Qwen/Qwen3-8B, max_tokens: 32}}
{ROLLOUT}steps: 2
""",
    "rl-judge": f"""method: rl
env:
  kind: preference
  data: {{kind: prompts, path: {DATA}/multilingual_prompts.jsonl}}
  judge: {{kind: prompted, model: Qwen/Qwen3-8B, principles: [Be brief.], max_tokens: 16}}
{ROLLOUT}steps: 2
""",
    "reinforce-game": """method: reinforce
env: {kind: gem, id: "game:GuessTheNumber-v0-easy", max_turns: 4, eval: {every: 2, size: 4}}
episodes_per_batch: 8
max_tokens: 16
steps: 3
""",
    "reinforce-tool": """method: reinforce
env: {kind: gem, id: "rg:chain_sum", wrappers: [python_tool], max_turns: 3}
episodes_per_batch: 4
max_tokens: 16
steps: 2
""",
    "distill": f"""method: distill
mode: on_policy
teacher: {{model: Qwen/Qwen3-8B}}
data: {PROMPTS}
{ROLLOUT}steps: 3
eval: {{every: 2}}
""",
    "distill-given": f"""method: distill
mode: off_policy
teacher: {{model: Qwen/Qwen3-8B}}
data: {{kind: conversations, path: {DATA}/conversations.jsonl}}
batch_size: 4
steps: 3
""",
    "sdft": f"""method: sdft
data: {PROMPTS}
{ROLLOUT}steps: 3
eval: {{every: 2}}
""",
    "generate": f"""method: generate
data: {ALL_PROMPTS}
sampling: {{max_tokens: 16}}
samples_per_prompt: 3
num_prompts: 6
""",
}
WITHOUT_RATE = ("generate",)


def run(name: str, directory: Path) -> tuple[str, Path]:
    """Run one recipe, and return what it said and its run."""
    recipe = directory / f"{name}.yaml"
    rate = "" if name in WITHOUT_RATE else RATE
    recipe.write_text(TINY + rate + RECIPES[name], "utf-8")
    done = subprocess.run(
        [COMMAND, recipe],
        cwd=directory,
        capture_output=True,
        text=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stdout}{done.stderr}")
    (found,) = directory.glob(f"runs/{name}/*")
    return done.stdout, found


def write_questions(directory: Path) -> None:
    """Make questions with answers of the comparisons that ship with the recipes."""
    rows = (DATA / "comparisons.jsonl").read_text("utf-8").splitlines()
    pairs = [json.loads(row) for row in rows]
    lines = [json.dumps({"prompt": row["prompt"], "answer": row["chosen"]}) for row in pairs]
    (directory / QUESTIONS).write_text("\n".join(lines), "utf-8")


def compare(name: str, path: Path) -> bool:
    """Print one run's counts beside its estimate; return whether all were inside."""
    estimate, usage = read_estimate(RunDirectory(path)), read_usage(RunDirectory(path))
    assert estimate is not None, "every run writes its estimate"
    assert usage is not None, "every run counts its tokens"
    inside = set(usage.tokens) == set(estimate.tokens)
    for model, expected in estimate.tokens.items():
        counted = usage.tokens.get(model)
        for kind in KINDS:
            span, number = expected.of_kind(kind), of_kind(counted, kind) if counted else 0
            if not (span.high or number):
                continue
            fits = span.low <= number <= span.high
            inside = inside and fits
            off = f"{(span.expected - number) / number:+.1%}" if number else "-"
            print(
                f"{name:16}{model:18}{kind:9}{number:>9,}{span.expected:>9,.0f}{off:>9}"
                f"{span.low:>10,.0f} - {span.high:<10,.0f}{'' if fits else 'OUTSIDE'}"
            )
    return inside


def main() -> None:
    names = sys.argv[1:] or list(RECIPES)
    print(
        f"{'recipe':16}{'model':18}{'kind':9}{'counted':>9}{'expected':>9}{'off':>9}"
        f"{'low':>10} - {'high':<10}"
    )
    with tempfile.TemporaryDirectory(prefix="recipe-run-estimates-") as directory:
        write_questions(Path(directory))
        inside = [compare(name, run(name, Path(directory))[1]) for name in names]
    print(f"{sum(inside)} of {len(names)} runs inside low and high in every kind")


if __name__ == "__main__":
    main()
