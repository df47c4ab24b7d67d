"""What a pipeline's stage reads of what an earlier one writes, before it is written."""

from __future__ import annotations

from collections.abc import Mapping

from recipe_runner.planning.estimate import Span
from recipe_runner.planning.plan import Plan
from recipe_runner.planning.volume.generate import num_prompts
from recipe_runner.planning.volume.lengths import Lengths, Texts, assumed
from recipe_runner.planning.volume.replies import reply_span
from recipe_runner.planning.volume.spans import at_most
from schemas.base import STAGE, stage_output
from schemas.common import TrainingKeys
from schemas.data import PromptsData
from schemas.generate import GenerateRecipe


def reads_a_stage(plan: Plan) -> str | None:
    """Return what a stage reads of an earlier one, by the name that stands for it until then."""
    path = getattr(getattr(plan.recipe, "data", None), "path", None)
    return path if isinstance(path, str) and path.startswith(STAGE) else None


def lengths_of_output(
    plan: Plan, stages: Mapping[str, Plan], measured: Mapping[str, Lengths]
) -> Lengths:
    """Return the lengths of data that an earlier stage generates.

    Args:
        stages: a pipeline's.
        measured: those of the stages before this one.
    """
    path = reads_a_stage(plan)
    name = next((name for name in stages if stage_output(name) == path), None)
    writer = stages[name].recipe if name is not None else None
    if name is None or name not in measured or not isinstance(writer, GenerateRecipe):
        return assumed(plan, f"{path} is not written yet")
    source = measured[name]
    text = _written(plan, source, writer)
    rows = _rows(writer, source)
    return Lengths(
        rows=rows,
        steps=None if rows is None else _steps(plan, rows),
        texts=[Texts(text=text, held_out=_held_out(plan), held_out_text=text)],
        assumptions=[
            f"what stage {name} writes is not there yet: a row is taken to be a prompt of its data "
            "and a reply, and every reply to be kept"
        ],
    )


def _written(plan: Plan, source: Lengths, writer: GenerateRecipe) -> Span:
    # The system prompt and the template are read by the writer and not written out.
    prompt = source.texts[0].text
    text = Span(low=1, expected=prompt.expected, high=prompt.high)
    if not isinstance(getattr(plan.recipe, "data", None), PromptsData):
        text = text + reply_span(writer.sampling.max_tokens, source)
    longest = getattr(plan.recipe, "max_length", None)
    return text if longest is None else at_most(text, longest)


def _rows(writer: GenerateRecipe, source: Lengths) -> int | None:
    prompts = num_prompts(writer, source)
    return None if prompts is None else prompts * writer.samples_per_prompt


def _held_out(plan: Plan) -> int:
    return int(getattr(getattr(plan.recipe, "data", None), "test_size", 0))


def _steps(plan: Plan, rows: int) -> int | None:
    """Return the steps that so many rows give, for methods that go through them in batches."""
    batch_size = getattr(plan.recipe, "batch_size", None)
    if batch_size is None or not isinstance(plan.recipe, TrainingKeys):
        return None
    epochs = getattr(plan.recipe, "epochs", 1)
    return int(max(rows - _held_out(plan), 0) // batch_size * epochs)
