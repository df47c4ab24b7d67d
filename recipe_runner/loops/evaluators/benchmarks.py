"""The Cookbook's benchmarks, through the Cookbook's evaluator."""

from __future__ import annotations

import json
from pathlib import Path

import tinker
from tinker_cookbook.eval.benchmark_evaluator import BenchmarkEvaluator
from tinker_cookbook.eval.benchmarks import BenchmarkConfig
from tinker_cookbook.eval.evaluators import SamplingClientEvaluator
from tinker_cookbook.renderers import Renderer, get_renderer
from tinker_cookbook.tokenizer_utils import get_tokenizer

from recipe_runner.loops.configs import config_class


@config_class
class Judge:
    """A model that grades.

    Attributes:
        model_path: its weights as `tinker://…`, None for the base model.
        base_url: of the service that serves it.
    """

    model_name: str
    renderer_name: str
    model_path: str | None = None
    base_url: str | None = None

    def sampling_client(self) -> tinker.SamplingClient:
        service = tinker.ServiceClient(base_url=self.base_url)
        return service.create_sampling_client(
            model_path=self.model_path, base_model=None if self.model_path else self.model_name
        )

    def renderer(self) -> Renderer:
        return get_renderer(self.renderer_name, get_tokenizer(self.model_name))


@config_class
class BenchmarkBuilder:
    """One benchmark; the fields from `max_examples` on are those of `BenchmarkConfig`.

    Attributes:
        context_window: tokens of prompt and reply together; replies are cut to fit.
        save_dir: takes what the model said to each example; an example that it holds already is not
            asked again, unless it ended in an error.
    """

    benchmark: str
    model_name: str
    renderer_name: str
    judge: Judge | None = None
    max_examples: int | None
    num_samples: int
    max_tokens: int
    temperature: float
    timeout_seconds: float
    system_prompt: str | None = None
    context_window: int | None = None
    save_dir: str | None = None

    def __call__(self) -> SamplingClientEvaluator:
        if self.save_dir is not None:
            forget_failures(Path(self.save_dir) / self.benchmark / "trajectories.jsonl")
        renderer = get_renderer(self.renderer_name, get_tokenizer(self.model_name))
        evaluator = BenchmarkEvaluator(self.benchmark, renderer)
        evaluator.config = self.benchmark_config()
        return evaluator

    def benchmark_config(self) -> BenchmarkConfig:
        """Return the Cookbook's configuration of it."""
        return BenchmarkConfig(
            judge_sampling_client=self.judge.sampling_client() if self.judge else None,
            judge_renderer=self.judge.renderer() if self.judge else None,
            max_examples=self.max_examples,
            num_samples=self.num_samples,
            max_tokens=self.max_tokens,
            temperature=self.temperature,
            timeout_seconds=self.timeout_seconds,
            system_prompt=self.system_prompt,
            context_window=self.context_window,
            save_dir=self.save_dir,
        )


def forget_failures(trajectories: Path) -> None:
    """Take the examples that ended in an error, or were cut short, out of a benchmark's file.

    The Cookbook would count them as done when the benchmark is resumed.
    """
    if not trajectories.exists():
        return
    kept = [line for line in trajectories.read_bytes().splitlines() if _succeeded(line)]
    trajectories.write_bytes(b"".join(line + b"\n" for line in kept))


def _succeeded(line: bytes) -> bool:
    try:
        return json.loads(line).get("error") is None
    except ValueError:
        return False
