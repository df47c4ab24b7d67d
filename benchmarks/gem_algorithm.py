"""The algorithm of GEM's `examples/train_tinker/tinker_train.py`, for `reinforce.py`.

    python benchmarks/gem_algorithm.py CHECKPOINT FOLDER --steps N --episodes E --at-once A

Written anew, with what decides tokens and time as it is there: the games live in this process, A
are played at the same time, and the next A begin when all have ended; each turn renders the whole
conversation and waits for one sample; every turn is a datum, which has its whole prompt again; the
weights to sample from are saved under a name; and calls that wait for the service block.

What is not: the games have seeds (there they come from the clock), so that both ways play the same
ones; no turn is left out to make a batch of a fixed size; and the prompts are those of our renderer
(GEM's `concat_chat` ends each turn twice, and puts the board behind the reply's beginning).
"""

from __future__ import annotations

import argparse
import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gem
import tinker
import torch
from tinker_cookbook import renderers
from transformers import AutoTokenizer

from recipe_runner.backends.local import shipped
from recipe_runner.envs.gem.items import ProceduralItems

GAME = "game:GuessTheNumber-v0-hard"
SETTINGS = {"min_number": 1, "max_number": 99, "max_turns": 10}
RENDERER = "qwen3_instruct"
MAX_TOKENS = 16
LEARNING_RATE = 1e-5
GAMMA = 0.9


@dataclass
class Turn:
    prompt: list[int]
    tokens: list[int]
    logprobs: list[float]
    reward: float
    credit: float = 0.0


def shown(observation: str, info: dict[str, Any]) -> str:
    """Return what the player reads: what happened, and the state of the game."""
    return f"{observation.rstrip()}\n\n{info['suffix']}"


async def episode(
    policy: tinker.SamplingClient, game: gem.Env, seed: int, renderer: renderers.Renderer
) -> list[Turn]:
    observation, info = game.reset(seed=seed)
    talk: list[renderers.Message] = []
    turns: list[Turn] = []
    done = False
    while not done:
        talk.append({"role": "user", "content": shown(observation, info)})
        prompt = renderer.build_generation_prompt(talk)
        params = tinker.SamplingParams(max_tokens=MAX_TOKENS)
        sampled = (await policy.sample(prompt, 1, params)).sequences[0]
        reply, _ = renderer.parse_response(sampled.tokens)
        talk.append(reply)
        observation, reward, over, cut, info = game.step(renderers.get_text_content(reply))
        assert sampled.logprobs is not None
        turns.append(Turn(prompt.to_ints(), sampled.tokens, list(sampled.logprobs), reward))
        done = over or cut
    return turns


def credited(episodes: list[list[Turn]]) -> list[Turn]:
    """Give each turn its return, normalized over the batch."""
    for turns in episodes:
        later = 0.0
        for turn in reversed(turns):
            turn.credit = later = turn.reward + GAMMA * later
    flat = [turn for turns in episodes for turn in turns]
    credits = torch.tensor([turn.credit for turn in flat])
    normalized = (credits - credits.mean()) / (credits.std() + 1e-9)
    for turn, credit in zip(flat, normalized.tolist(), strict=True):
        turn.credit = credit
    return flat


def datum(turn: Turn) -> tinker.Datum:
    tokens = turn.prompt + turn.tokens
    before = [0.0] * (len(turn.prompt) - 1)
    inputs = {
        "target_tokens": torch.tensor(tokens[1:]),
        "logprobs": torch.tensor(before + turn.logprobs),
        "advantages": torch.tensor(before + [turn.credit] * len(turn.tokens)),
    }
    return tinker.Datum(
        model_input=tinker.ModelInput.from_ints(tokens[:-1]),
        loss_fn_inputs={key: tinker.TensorData.from_torch(each) for key, each in inputs.items()},
    )


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--episodes", type=int, required=True)
    parser.add_argument("--at-once", type=int, required=True)
    given = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(Path(str(shipped.__file__)).parent)
    renderer = renderers.get_renderer(RENDERER, tokenizer)
    games = [gem.make(GAME, **SETTINGS) for _ in range(given.at_once)]
    service = tinker.ServiceClient()
    training = await service.create_training_client_from_state(given.checkpoint)
    problems = ProceduralItems(0)
    for step in range(given.steps):
        saved = training.save_weights_for_sampler(f"{step:06d}").result()
        policy = await service.create_sampling_client(model_path=saved.path)
        episodes: list[list[Turn]] = []
        while len(episodes) < given.episodes:
            first = step * given.episodes + len(episodes)
            seeds = [problems.at(first + i).seed for i in range(given.at_once)]
            episodes += await asyncio.gather(
                *[
                    episode(policy, game, seed, renderer)
                    for game, seed in zip(games, seeds, strict=True)
                ]
            )
        data = [datum(turn) for turn in credited(episodes)]
        gradients = training.forward_backward(data, "importance_sampling")
        update = training.optim_step(
            tinker.AdamParams(learning_rate=LEARNING_RATE, beta1=0.9, beta2=0.95, eps=1e-8)
        )
        gradients.result()
        update.result()
        row = {
            "step": step,
            "turns": len(data),
            "tokens": sum(each.model_input.length for each in data),
        }
        with (given.folder / "metrics.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
