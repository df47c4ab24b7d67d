"""How far a student is from its teacher on prompts that it is not trained on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import chz
import tinker
from tinker_cookbook.eval.evaluators import SamplingClientEvaluator
from tinker_cookbook.renderers import Renderer, get_renderer
from tinker_cookbook.tokenizer_utils import get_tokenizer

METRIC = "teacher_kl"


@dataclass(frozen=True)
class Question:
    """One prompt as the student sees it and as the teacher does."""

    student: tinker.ModelInput
    teacher: tinker.ModelInput


class TeacherKl(SamplingClientEvaluator):
    """Mean over the student's tokens of log p_student - log p_teacher, one reply to each question.

    That is an estimate of the reverse KL a token, in nats: what on-policy distillation minimizes.
    """

    def __init__(
        self,
        questions: list[Question],
        teacher: tinker.SamplingClient,
        sampling: tinker.SamplingParams,
        name: str = METRIC,
    ) -> None:
        self._questions = questions
        self._teacher = teacher
        self._sampling = sampling
        self._name = name

    async def __call__(self, sampling_client: tinker.SamplingClient) -> dict[str, float]:
        replies = await asyncio.gather(
            *(self._gap(sampling_client, question) for question in self._questions)
        )
        gap, tokens = (sum(column) for column in zip(*replies, strict=True))
        return {self._name: gap / max(tokens, 1)}

    async def _gap(self, student: tinker.SamplingClient, question: Question) -> tuple[float, int]:
        """Return the summed difference of log-probabilities of one reply, and its tokens."""
        answer = await student.sample(
            prompt=question.student, num_samples=1, sampling_params=self._sampling
        )
        reply = answer.sequences[0]
        if not reply.tokens:
            return 0.0, 0
        assert reply.logprobs is not None, "a service returns them unless it is told not to"
        whole = question.teacher.append(tinker.EncodedTextChunk(tokens=reply.tokens))
        scored = await self._teacher.compute_logprobs(whole)
        of_reply = [value or 0.0 for value in scored[question.teacher.length :]]
        return sum(reply.logprobs) - sum(of_reply), len(reply.tokens)


@chz.chz
class TeacherKlBuilder:
    """Builds the evaluator of one teacher, which sees the same prompts as the student.

    Attributes:
        held_out: gives the conversations, each up to the user's turn.
        teacher_path: the teacher's weights as `tinker://…`, None for the base model.
    """

    held_out: Callable[[], list[Any]]
    model_name_for_tokenizer: str
    renderer_name: str
    teacher_model: str
    teacher_path: str | None
    base_url: str | None
    max_tokens: int
    temperature: float
    name: str = METRIC

    def __call__(self) -> SamplingClientEvaluator:
        renderer = get_renderer(self.renderer_name, get_tokenizer(self.model_name_for_tokenizer))
        service = tinker.ServiceClient(base_url=self.base_url)
        teacher = service.create_sampling_client(
            base_model=self.teacher_model, model_path=self.teacher_path
        )
        prompts = [renderer.build_generation_prompt(messages) for messages in self.held_out()]
        return TeacherKl(
            [Question(student=prompt, teacher=prompt) for prompt in prompts],
            teacher,
            sampling_params(renderer, self.max_tokens, self.temperature),
            self.name,
        )


def sampling_params(
    renderer: Renderer, max_tokens: int, temperature: float
) -> tinker.SamplingParams:
    """Return how replies are sampled that end where the renderer says."""
    return tinker.SamplingParams(
        max_tokens=max_tokens, temperature=temperature, stop=renderer.get_stop_sequences()
    )
