"""What a pipeline's stage reads of what earlier ones write, before it is written."""

from __future__ import annotations

from collections.abc import Mapping

from recipe_runner.planning.estimate import Span
from recipe_runner.planning.marked import stage_outputs
from recipe_runner.planning.plan import Plan
from recipe_runner.planning.volume.generate import num_prompts
from recipe_runner.planning.volume.lengths import Lengths, Texts, assumed, known_held_out
from recipe_runner.planning.volume.replies import reply_span
from recipe_runner.planning.volume.spans import at_most
from schemas.base import stage_output
from schemas.common import TrainingKeys
from schemas.data import ComparisonsData, ConversationsData, PromptsData
from schemas.generate import GenerateRecipe


def reads_a_stage(plan: Plan) -> bool:
    """Whether a stage's data is yet to be written by an earlier one."""
    return bool(stage_outputs(plan.recipe))


def lengths_of_output(
    plan: Plan, stages: Mapping[str, Plan], measured: Mapping[str, Lengths]
) -> Lengths:
    """Return the lengths of a stage's data, of which earlier stages generate at least a part.

    Args:
        stages: a pipeline's.
        measured: those of the stages before this one.
    """
    writer = _writer(plan, stages, measured)
    if writer is None:
        return assumed(plan, f"{', '.join(stage_outputs(plan.recipe))} is not written yet")
    name, recipe = writer
    source = measured[name]
    text, rows = _text(plan, source, recipe), _rows(plan, source, recipe)
    return Lengths(
        rows=rows,
        steps=None if rows is None else _steps(plan, rows),
        texts=[Texts(text=text, held_out=known_held_out(plan) or 0, held_out_text=text)],
        assumptions=[
            f"what stage {name} writes is not there yet: a row is taken to be a prompt of its data "
            "and a reply, and every reply to be kept"
        ],
    )


def _writer(
    plan: Plan, stages: Mapping[str, Plan], measured: Mapping[str, Lengths]
) -> tuple[str, GenerateRecipe] | None:
    """Return the stage that writes all of the data or one side of its pairs, None where none does.

    One that writes a part of a mixture says nothing of the others.
    """
    if not isinstance(
        getattr(plan.recipe, "data", None), ConversationsData | PromptsData | ComparisonsData
    ):
        return None
    outputs = stage_outputs(plan.recipe)
    for name, stage in stages.items():
        if outputs[0] == stage_output(name) and name in measured:
            return (name, stage.recipe) if isinstance(stage.recipe, GenerateRecipe) else None
    return None


def _text(plan: Plan, source: Lengths, writer: GenerateRecipe) -> Span:
    data = getattr(plan.recipe, "data", None)
    # The system prompt and the template are read by the writer and not written out.
    prompt = source.texts[0].text
    text = Span(low=1, expected=prompt.expected, high=prompt.high)
    reply = reply_span(writer.sampling.max_tokens, source)
    if isinstance(data, ConversationsData):
        text = text + reply
    if isinstance(data, ComparisonsData):
        # Both replies with their prompt, whether as two texts or in one.
        text = text + text + reply + reply
    longest = getattr(plan.recipe, "max_length", None)
    return text if longest is None else at_most(text, longest)


def _rows(plan: Plan, source: Lengths, writer: GenerateRecipe) -> int | None:
    """Return the rows; of pairs with another file none are known, for they go by their prompts."""
    prompts = num_prompts(writer, source)
    if prompts is None or isinstance(getattr(plan.recipe, "data", None), ComparisonsData):
        return None
    return prompts * writer.samples_per_prompt


def _steps(plan: Plan, rows: int) -> int | None:
    """Return the steps that so many rows give, for methods that go through them in batches."""
    batch_size = getattr(plan.recipe, "batch_size", None)
    if batch_size is None or not isinstance(plan.recipe, TrainingKeys):
        return None
    epochs = getattr(plan.recipe, "epochs", 1)
    return int(max(rows - (known_held_out(plan) or 0), 0) // batch_size * epochs)
