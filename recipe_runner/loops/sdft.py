"""The Cookbook's self-distillation loop, with what it leaves to its caller or leaves out.

- It takes data sets, which a configuration cannot hold: `Config` has their builder.
- Its own evaluation of a held-out set cannot read such a set, and there is no reward to report. The
  distance to the teacher is reported in its place.
- It does not report what the forward form minimizes: `sdft/forward_kl_mean` does.
- Resumed, it starts from the base model as teacher, whatever was copied to the teacher before: each
  copy is on record, and the last one before the checkpoint takes its place.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import chz
import tinker
import torch
from tinker_cookbook import checkpoint_utils
from tinker_cookbook.distillation import sdft
from tinker_cookbook.eval.evaluators import SamplingClientEvaluator
from tinker_cookbook.recipes.sdft.datasets import SDFTDataset
from tinker_cookbook.renderers import get_renderer
from tinker_cookbook.tokenizer_utils import get_tokenizer

from recipe_runner.loops.teacher_kl import Question, TeacherKl, sampling_params

FORWARD_KL = "sdft/forward_kl_mean"
COPIES = "teacher.jsonl"


@chz.chz
class Config:
    """The Cookbook's configuration, and the builder of the data: (train, held out or None)."""

    sdft: sdft.Config
    dataset_builder: Callable[[], Awaitable[tuple[SDFTDataset, SDFTDataset | None]]]

    @property
    def log_path(self) -> str:
        return self.sdft.log_path


async def main(config: Config) -> None:
    """Run the Cookbook's loop."""
    train, held_out = await config.dataset_builder()
    settings = config.sdft
    if held_out is not None and settings.eval_every > 0:
        builders = [*settings.evaluator_builders, _Distance(settings, held_out)]
        settings = chz.replace(settings, evaluator_builders=builders)
    with _instrumented(TeacherCopies(Path(settings.log_path) / COPIES), _start(settings)):
        await sdft.main(settings, train)


class TeacherCopies:
    """The student's weights that were copied to the teacher, by step, in a file of the run."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, sampler_path: str) -> None:
        """Take note of a copy; the loop names it `teacher_sync_STEP`."""
        step = int(sampler_path.rpartition("_")[2])
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, "sampler_path": sampler_path}) + "\n")

    def at(self, step: int) -> str | None:
        """Return the teacher's weights after `step` steps, None for the base model."""
        if not self._path.exists():
            return None
        lines = self._path.read_text("utf-8").splitlines(keepends=True)
        copies = [json.loads(line) for line in lines if line.endswith("\n")]
        before = [copy for copy in copies if copy["step"] <= step]
        if not before:
            return None
        last = max(copy["step"] for copy in before)
        return next(str(c["sampler_path"]) for c in reversed(before) if c["step"] == last)


class _Distance:
    """Builds the evaluator of the distance to the base model that is shown the demonstration."""

    def __init__(self, settings: sdft.Config, held_out: SDFTDataset) -> None:
        self._settings = settings
        self._held_out = held_out

    def __call__(self) -> SamplingClientEvaluator:
        settings = self._settings
        assert settings.renderer_name is not None, "every recipe with a model has a renderer"
        renderer = get_renderer(settings.renderer_name, get_tokenizer(settings.model_name))
        service = tinker.ServiceClient(base_url=settings.base_url)
        pairs = zip(self._held_out.questions, self._held_out.golden_answers, strict=True)
        questions = [
            Question(
                student=renderer.build_generation_prompt([{"role": "user", "content": question}]),
                teacher=sdft.build_sdft_teacher_prompt(
                    question, answer, renderer, settings.system_prompt, settings.demo_template
                ),
            )
            for question, answer in pairs
        ]
        return TeacherKl(
            questions,
            service.create_sampling_client(base_model=settings.model_name),
            sampling_params(renderer, settings.max_tokens, settings.temperature),
        )


def _start(settings: sdft.Config) -> int:
    """Return the step that the loop will go on from."""
    checkpoint = checkpoint_utils.get_last_checkpoint(settings.log_path)
    return checkpoint.batch or 0 if checkpoint else 0


@contextmanager
def _instrumented(copies: TeacherCopies, start: int) -> Iterator[None]:
    """While the block lasts, give the loop the teacher of its step, and have it report its KL.

    The loop has no seam for either, so the names that it looks up in its own module are replaced.
    """
    loop: Any = sdft
    before = loop.tinker, loop.train_step
    loop.tinker = SimpleNamespace(**vars(tinker))
    loop.tinker.ServiceClient = _service_class(copies, start)
    loop.train_step = _train_step
    try:
        yield
    finally:
        loop.tinker, loop.train_step = before


def _service_class(copies: TeacherCopies, start: int) -> type[tinker.ServiceClient]:
    class ServiceClient(tinker.ServiceClient):
        """Asked for the base model, gives the teacher of the step; asked for a copy, notes it."""

        def create_sampling_client(
            self, model_path: str | None = None, base_model: str | None = None, **options: Any
        ) -> Any:
            if model_path is None:
                model_path = copies.at(start)
            else:
                copies.add(model_path)
            return super().create_sampling_client(model_path, base_model, **options)

    return ServiceClient


_cookbooks_train_step = sdft.train_step


async def _train_step(
    *, data_D: list[tinker.Datum], loss_fn: str, metrics: dict[str, Any], **options: Any
) -> list[torch.Tensor]:
    logprobs_D = await _cookbooks_train_step(
        data_D=data_D, loss_fn=loss_fn, metrics=metrics, **options
    )
    if loss_fn == "cross_entropy":
        metrics[FORWARD_KL] = forward_kl(data_D, logprobs_D)
    return logprobs_D


def forward_kl(data_D: list[tinker.Datum], logprobs_D: list[torch.Tensor]) -> float:
    """Return the mean over positions of KL(teacher || student) on the teacher's likeliest tokens.

    Args:
        data_D: `weights` are the teacher's probabilities over them, of shape (N, K), 0 where
            nothing is learned.
        logprobs_D: the student's log-probabilities of the same tokens, of shape (N, K).
    """
    total, positions = 0.0, 0
    for datum, logprobs in zip(data_D, logprobs_D, strict=True):
        weights = datum.loss_fn_inputs["weights"].to_torch()
        learned = weights > 0
        gaps = torch.where(learned, weights * (weights.clamp(min=1e-30).log() - logprobs), 0.0)
        total += float(gaps.sum())
        positions += int(learned.any(dim=-1).sum())
    return total / max(positions, 1)
