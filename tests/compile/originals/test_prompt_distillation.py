"""Both halves of prompt_distillation against the Cookbook's create_data and train."""

from __future__ import annotations

import asyncio
import importlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tinker
from tinker_cookbook.renderers import get_renderer
from tinker_cookbook.tokenizer_utils import get_tokenizer

from recipe_runner.backends.local.models import resolve
from recipe_runner.backends.local.tokenizers import register_tokenizer
from recipe_runner.loops.generate import main
from tests.compile.originals.originals import (
    ROOT,
    assert_equal_but_for,
    compiled,
    original_config,
)

RECIPE = "prompt_distillation.yaml"
MODEL = "Qwen/Qwen3.6-35B-A3B"


class Answering:
    """The service: records what it is asked, and answers by a table of its own."""

    def __init__(self, sentences: list[str]) -> None:
        register_tokenizer(resolve(MODEL))
        self.tokenizer = get_tokenizer(MODEL)
        self.renderer = get_renderer("qwen3_5_disable_thinking", self.tokenizer)
        self.asked: dict[str, tinker.SamplingParams] = {}
        self.sentences = sentences

    async def sample(self, **request: Any) -> Any:
        return await self.sample_async(**request)

    async def sample_async(
        self, prompt: tinker.ModelInput, num_samples: int, sampling_params: tinker.SamplingParams
    ) -> Any:
        assert num_samples == 1
        text = self.tokenizer.decode(prompt.to_ints())
        self.asked[text] = sampling_params
        (number,) = [i for i, sentence in enumerate(self.sentences) if sentence in text]
        reply = f"Final Answer: l{number}" if number % 5 else "It is hard to say."
        tokens = self.tokenizer.encode(reply) + self.renderer.get_stop_sequences()
        return SimpleNamespace(sequences=[SimpleNamespace(tokens=tokens)])


def talks(path: Path) -> list[tuple[str, str]]:
    found = []
    for line in path.read_text("utf-8").splitlines():
        question, answer = json.loads(line)["messages"]
        assert (question["role"], answer["role"]) == ("user", "assistant")
        found.append((question["content"], answer["content"]))
    return found


def test_create_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = importlib.import_module("tinker_cookbook.recipes.prompt_distillation.create_data")
    lines = (ROOT / "recipes/data/multilingual_prompts.jsonl").read_text("utf-8").splitlines()
    sentences = [json.loads(line)["prompt"] for line in lines]
    file = tmp_path / "tinker_cookbook/example_data/multilingual.txt"
    file.parent.mkdir(parents=True)
    file.write_text("\n".join(sentences))
    monkeypatch.chdir(tmp_path)

    theirs = Answering(sentences)
    config = original.Config(output_file=str(tmp_path / "original.jsonl"))
    asyncio.run(original.create_data_async(config, theirs, theirs.tokenizer, theirs.renderer))

    # Its prompt in place of the recipe's, which says the same in words of its own.
    prompt = original.LANGUAGE_CLASSIFICATION_PROMPT.format(text="{{ prompt }}")
    job = compiled(RECIPE, f"stages.data.set.prompt={json.dumps(prompt)}", stage="data")
    assert job.entry == "recipe_runner.loops.generate:main"
    ours = Answering(sentences)

    async def client(**weights: str) -> Answering:
        assert weights == {"base_model": MODEL}
        return ours

    service = SimpleNamespace(create_sampling_client=client)
    monkeypatch.setattr(tinker, "ServiceClient", lambda **_: service)
    Path(job.config.log_path).mkdir(parents=True)
    asyncio.run(main(job.config))

    assert ours.asked.keys() == theirs.asked.keys()
    for text, parameters in ours.asked.items():
        # The original has no seed; a prompt that is asked again is answered alike here.
        assert parameters.seed is not None
        assert parameters.model_copy(update={"seed": None}) == theirs.asked[text]
    written = talks(Path(job.config.log_path) / "conversations.jsonl")
    # The original writes them in the order of the answers.
    assert sorted(written) == sorted(talks(tmp_path / "original.jsonl"))
    assert [question for question, _ in written] == [s for i, s in enumerate(sentences) if i % 5]


def test_train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "data.jsonl"
    data.touch()
    original = original_config(
        monkeypatch,
        "tinker_cookbook.recipes.prompt_distillation.train",
        f"file_path={data}",
        loop="tinker_cookbook.supervised.train:main",
    )
    differences = {
        "dataset_builder.file_path": "what the first stage wrote",
        "dataset_builder.common_config.batch_size": "52 sentences are shipped, not 2,100",
        "eval_every": "nothing is held out, so the original's 5 does nothing",
    }
    assert_equal_but_for(compiled(RECIPE, stage="sft"), original, differences)
