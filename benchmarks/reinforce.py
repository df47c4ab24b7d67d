"""What one datum an episode saves over one datum a turn, on a game of ten turns.

    python benchmarks/reinforce.py [--episodes 16] [--steps 3]

Both ways train the same episodes (same seeds) of `method: reinforce` on the local backend, one
after the other in one run: quote the ratios. The game is guess-the-number's form, a conversation
of ten turns in which any reply counts, because the shipped model cannot play GEM's own to the end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import chz
import tinker
from tinker_cookbook import renderers
from tinker_cookbook.completers import StopCondition
from tinker_cookbook.rl.types import (
    Action,
    ActionExtra,
    Env,
    EnvGroupBuilder,
    Observation,
    RLDataset,
    RLDatasetBuilder,
    StepResult,
)
from transformers import AutoTokenizer

from recipe_runner.backends.local import shipped
from recipe_runner.backends.local.launch import launch
from recipe_runner.envs.gem.continuing import as_continued
from recipe_runner.loops.reinforce import train
from recipe_runner.loops.reinforce.config import Config

TURNS = 10
RENDERER = "qwen3_instruct"


class TenTurns(Env):
    def __init__(self, renderer: renderers.Renderer, number: int) -> None:
        self._renderer = renderer
        self._talk = [{"role": "user", "content": f"Guess my number, game {number}."}]
        self._seen: list[int] = []
        self._turns = 0

    async def initial_observation(self) -> tuple[Observation, StopCondition]:
        return self._prompt(), self._renderer.get_stop_sequences()

    async def step(self, action: Action, *, extra: ActionExtra | None = None) -> StepResult:
        self._turns += 1
        stop = self._renderer.get_stop_sequences()
        self._seen += action if action[-1] in stop else [*action, *stop]
        text = self._renderer.tokenizer.decode(action, skip_special_tokens=True)
        self._talk.append({"role": "assistant", "content": text})
        hint = f"At turn {self._turns}, the target number is higher. Enter your next guess."
        self._talk.append({"role": "user", "content": hint})
        return StepResult(
            reward=float(any(character.isdigit() for character in text)),
            episode_done=self._turns == TURNS,
            next_observation=self._prompt(),
            next_stop_condition=stop,
        )

    def _prompt(self) -> tinker.ModelInput:
        rendered = self._renderer.build_generation_prompt(self._talk).to_ints()
        self._seen = as_continued(self._seen, rendered, self._renderer)
        return tinker.ModelInput.from_ints(self._seen)


class _Problem(EnvGroupBuilder):
    def __init__(self, number: int) -> None:
        self._number = number

    async def make_envs(self) -> Sequence[Env]:
        tokenizer = AutoTokenizer.from_pretrained(Path(str(shipped.__file__)).parent)
        return [TenTurns(renderers.get_renderer(RENDERER, tokenizer), self._number)]


class _Problems(RLDataset):
    def __init__(self, episodes: int) -> None:
        self._episodes = episodes

    def get_batch(self, index: int) -> Sequence[EnvGroupBuilder]:
        return [_Problem(index * self._episodes + i) for i in range(self._episodes)]

    def __len__(self) -> int:
        return 1_000


@chz.chz
class Builder(RLDatasetBuilder):
    episodes: int

    async def __call__(self) -> tuple[RLDataset, RLDataset | None]:
        return _Problems(self.episodes), None


def measure(directory: Path, episodes: int, steps: int, *, share_prefixes: bool) -> list[float]:
    """Return tokens trained and seconds of training, a step, the first step left out."""
    config = Config(
        log_path=str(directory),
        model_name="recipe-run/tiny",
        recipe_name="benchmark",
        renderer_name=RENDERER,
        dataset_builder=Builder(episodes=episodes),
        max_steps=steps + 1,
        max_tokens=24,
        learning_rate=1e-4,
        share_prefixes=share_prefixes,
        num_groups_to_log=0,
    )
    asyncio.run(train.main(config))
    lines = (directory / "metrics.jsonl").read_text().splitlines()[1:]
    rows = [json.loads(line) for line in lines]
    columns = ("train/num_datums", "train/num_tokens", "time/train", "time/total")
    return [sum(row[column] for row in rows) / len(rows) for column in columns]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=16)
    parser.add_argument("--steps", type=int, default=3)
    options = parser.parse_args()
    logging.disable(logging.INFO)
    with tempfile.TemporaryDirectory() as name:
        here = Path(name)
        with launch(store=here / "store", log=here / "server.log") as server:
            os.environ |= {"TINKER_BASE_URL": server.url, "TINKER_API_KEY": server.api_key}
            found = [
                measure(here / way, options.episodes, options.steps, share_prefixes=way == "shared")
                for way in ("shared", "separate")
            ]
    shared, separate = found
    print(f"{'a step':24}{'an episode':>12}{'a turn':>12}{'ratio':>8}")
    for label, one, other in zip(
        ("datums", "tokens trained", "seconds of training", "seconds in all"),
        shared,
        separate,
        strict=True,
    ):
        print(f"{label:24}{one:12,.2f}{other:12,.2f}{other / one:8.1f}")


if __name__ == "__main__":
    main()
