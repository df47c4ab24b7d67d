"""A model that judges two replies by the principles it is told."""

from __future__ import annotations

import re
from collections.abc import Sequence

import chz
import tinker
from tinker_cookbook import renderers
from tinker_cookbook.completers import MessageCompleter, TinkerMessageCompleter
from tinker_cookbook.preference.types import Comparison, PreferenceModel, PreferenceModelBuilder
from tinker_cookbook.renderers import Message, get_text_content
from tinker_cookbook.tokenizer_utils import get_tokenizer

INSTRUCTIONS = """\
Below are a conversation and two replies to its last message. Decide which reply is better, by \
these principles alone:
{principles}

[Conversation]
{conversation}

[Reply A]
{first}

[Reply B]
{second}

[End]
The length and the order of the replies do not matter. You may think it over in a few sentences. \
Then write your verdict on a line of its own at the end: A, B, or Tie."""

# A line that is a verdict and nothing else: "B", "**B**", "Verdict: Reply B.", "[[B]]".
_VERDICT = re.compile(
    r"\W*(?:(?:my\s+|the\s+|final\s+)*(?:verdict|answer|choice)\W+)?(?:reply\s+)?(A|B|tie)\W*",
    re.IGNORECASE,
)
SCORES = {"A": -1.0, "B": 1.0, "TIE": 0.0}


def read_verdict(text: str) -> float | None:
    """Return -1 for A, 1 for B, 0 for a tie; None where the last line is no verdict."""
    lines = text.strip().splitlines()
    match = _VERDICT.fullmatch(lines[-1].strip()) if lines else None
    return SCORES[match.group(1).upper()] if match else None


def question(comparison: Comparison, principles: Sequence[str]) -> str:
    """Return what the judge is asked."""
    return INSTRUCTIONS.format(
        principles="\n".join(f"{i}. {each}" for i, each in enumerate(principles, start=1)),
        conversation="\n\n".join(
            f"{message['role'].capitalize()}: {get_text_content(message)}"
            for message in comparison.prompt_conversation
        ),
        first=_text(comparison.completion_A),
        second=_text(comparison.completion_B),
    )


class PromptedJudge(PreferenceModel):
    """Asks a model for its verdict on a comparison."""

    def __init__(self, completer: MessageCompleter, principles: Sequence[str]) -> None:
        self._completer = completer
        self._principles = principles

    async def verdict(self, comparison: Comparison) -> float | None:
        """Return the judge's verdict; None where it gave none that can be read."""
        messages: list[Message] = [
            {"role": "user", "content": question(comparison, self._principles)}
        ]
        return read_verdict(get_text_content(await self._completer(messages)))

    async def __call__(self, comparison: Comparison) -> float:
        """Return the verdict, a tie where there is none that can be read."""
        return await self.verdict(comparison) or 0.0


@chz.chz
class PromptedJudgeBuilder(PreferenceModelBuilder):
    """Builds a `PromptedJudge` that samples from a model of its own.

    Attributes:
        model_path: `tinker://` path of its weights; None: the base model's.
    """

    model_name: str
    renderer_name: str
    principles: tuple[str, ...]
    max_tokens: int
    temperature: float
    model_path: str | None = None
    base_url: str | None = None

    def __call__(self) -> PromptedJudge:
        renderer = renderers.get_renderer(self.renderer_name, get_tokenizer(self.model_name))
        client = (
            tinker.ServiceClient(base_url=self.base_url)
            .create_sampling_client(base_model=self.model_name, model_path=self.model_path)
            .result()
        )
        completer = TinkerMessageCompleter(
            client, renderer, max_tokens=self.max_tokens, temperature=self.temperature
        )
        return PromptedJudge(completer, self.principles)


def _text(messages: Sequence[Message]) -> str:
    return "\n\n".join(get_text_content(message) for message in messages)
