"""What is measured for each method, on the data and the environment of its compiled configuration.

The loop's own builders make them, so what is measured is what the loop will see.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import islice
from typing import Any

from tinker_cookbook.distillation.sdft import build_sdft_teacher_prompt
from tinker_cookbook.renderers import get_renderer
from tinker_cookbook.rl.types import RLDataset

from recipe_runner.compile.lengths.datums import measured_texts
from recipe_runner.compile.lengths.graders import measured_grades
from recipe_runner.compile.lengths.limits import Limits
from recipe_runner.compile.lengths.problems import Prompts, measured_prompts, rehearsed
from recipe_runner.compile.lengths.ruler import Ruler
from recipe_runner.loops.generate.run import asked
from recipe_runner.planning.estimate import Span
from recipe_runner.planning.plan import Plan
from recipe_runner.planning.volume.lengths import Lengths, Texts
from recipe_runner.planning.volume.spans import mean_of
from recipe_runner.planning.volume.turns import assumed_turns
from schemas.distill import DistillRecipe
from schemas.env import GemEnv, PreferenceEnv, RubricEnv
from schemas.reinforce import ReinforceRecipe
from schemas.rl import RlRecipe

Measure = Callable[[Plan, Any, Ruler, Limits], Lengths]


def conversations(plan: Plan, config: Any, ruler: Ruler, limits: Limits) -> Lengths:
    """`sft` and `dpo`: whole texts, both replies of a comparison together."""
    train, test = config.dataset_builder()
    train.set_epoch(seed=0)  # as both loops begin
    steps = len(train) * config.num_epochs
    texts = measured_texts(
        train,
        test,
        steps=min(steps, config.max_steps or steps),
        datums_a_row=_datums_a_row(plan),
        ruler=ruler,
        limits=limits.restarted(),
    )
    return Lengths(steps=steps, texts=[texts])


def _datums_a_row(plan: Plan) -> int:
    return 2 if plan.recipe.method == "dpo" else 1


def given_replies(plan: Plan, config: Any, ruler: Ruler, limits: Limits) -> Lengths:
    """`distill`, off-policy: each teacher's conversations."""
    built = [each.dataset_builder() for each in config.dataset_configs]
    steps = min(len(train) for train, _ in built)
    wanted = min(steps, config.max_steps or steps)
    texts = [
        measured_texts(
            train, None, steps=wanted, datums_a_row=1, ruler=ruler, limits=limits.restarted()
        )
        for train, _ in built
    ]
    return Lengths(steps=steps, texts=texts)


def sampled_replies(plan: Plan, config: Any, ruler: Ruler, limits: Limits) -> Lengths:
    """`distill`, on-policy: each teacher's prompts, those held out included."""

    async def measured() -> tuple[list[Texts], int]:
        texts: list[Texts] = []
        steps: list[int] = []
        for each in config.dataset_configs:
            dataset, _ = await each.dataset_builder()
            prompts = await measured_prompts(dataset, ruler=ruler, limits=limits.restarted())
            texts.append(Texts(text=prompts.text, held_out=_held_out(each.dataset_builder)))
            steps.append(len(dataset))
        return texts, min(steps)

    texts, steps = asyncio.run(measured())
    return Lengths(steps=steps, texts=texts)


def _held_out(builder: Any) -> int:
    """Return how many prompts a builder of ours holds out; the Cookbook's hold out none."""
    prompts = getattr(builder, "prompts", None)
    return 0 if prompts is None else prompts.test_size


def distilled(plan: Plan, config: Any, ruler: Ruler, limits: Limits) -> Lengths:
    """`distill`, either way."""
    assert isinstance(plan.recipe, DistillRecipe)
    measure = sampled_replies if plan.recipe.mode == "on_policy" else given_replies
    return measure(plan, config, ruler, limits)


def environments(plan: Plan, config: Any, ruler: Ruler, limits: Limits) -> Lengths:
    """`rl` and `reinforce`: prompts of the environment, and episodes where they can be played."""
    return asyncio.run(_environments(plan, config, ruler, limits))


async def _environments(plan: Plan, config: Any, ruler: Ruler, limits: Limits) -> Lengths:
    assert isinstance(plan.recipe, RlRecipe | ReinforceRecipe)
    env = plan.recipe.env
    train, test = await config.dataset_builder()
    prompts = await measured_prompts(train, ruler=ruler, limits=limits.restarted())
    texts = await _with_test_set(prompts, test, env, ruler, limits)
    turns = assumed_turns(env)
    lengths = Lengths(
        steps=len(train),
        texts=[texts],
        turns=turns.replies,
        observation=turns.observation,
        rewritten=turns.rewritten,
        longest_prompt=prompts.longest,
        assumptions=[] if turns.said is None else [turns.said],
    )
    if isinstance(env, GemEnv) and turns.said is not None:
        lengths = await _with_rehearsal(lengths, train, ruler, limits)
    if isinstance(env, RubricEnv):
        grades = measured_grades(train, ruler=ruler, limits=limits)
        lengths = lengths.model_copy(update=grades)
    return lengths


async def _with_test_set(
    prompts: Prompts, test: RLDataset | None, env: Any, ruler: Ruler, limits: Limits
) -> Texts:
    if isinstance(env, PreferenceEnv):
        return Texts(text=prompts.text, held_out=env.eval_size, held_out_text=prompts.text)
    if test is None or len(test) == 0:
        return Texts(text=prompts.text)
    held_out = await measured_prompts(test, ruler=ruler, limits=limits.restarted())
    groups = sum(len(test.get_batch(index)) for index in range(len(test)))
    return Texts(
        text=prompts.text,
        held_out=round(groups * held_out.group_size),
        held_out_text=held_out.text,
    )


async def _with_rehearsal(
    lengths: Lengths, train: RLDataset, ruler: Ruler, limits: Limits
) -> Lengths:
    played = await rehearsed(train, ruler=ruler, limits=limits.restarted())
    if played is None:
        return lengths
    said = (
        f"{played.played} episodes played with random valid moves took "
        f"{played.turns.expected:.3g} turns on average; 1 to {played.turns.high:g} are possible"
    )
    return lengths.model_copy(
        update={
            "turns": played.turns,
            "observation": played.observation,
            "assumptions": [said],
        }
    )


def demonstrations(plan: Plan, config: Any, ruler: Ruler, limits: Limits) -> Lengths:
    """`sdft`: questions, and the same with the demonstration before them."""
    train, held_out = asyncio.run(config.dataset_builder())
    text, teacher = _questions(train, config.sdft, ruler, limits)
    texts = Texts(text=text, teacher=teacher)
    if held_out is not None:
        test_text, test_teacher = _questions(held_out, config.sdft, ruler, limits)
        texts = Texts(
            text=text,
            teacher=teacher,
            held_out=len(held_out.questions),
            held_out_text=test_text,
            held_out_teacher=test_teacher,
        )
    return Lengths(steps=len(train), texts=[texts])


def _questions(data: Any, settings: Any, ruler: Ruler, limits: Limits) -> tuple[Span, Span]:
    renderer = data.renderer
    asked_of_student: list[float] = []
    shown_to_teacher: list[float] = []
    pairs = list(zip(data.questions, data.golden_answers, strict=True))
    for question, answer in pairs[: limits.problems]:
        prompt = renderer.build_generation_prompt([{"role": "user", "content": question}])
        shown = build_sdft_teacher_prompt(
            question, answer, renderer, settings.system_prompt, settings.demo_template
        )
        asked_of_student.append(ruler.length(prompt))
        shown_to_teacher.append(ruler.length(shown))
    everything = len(pairs) <= limits.problems
    return (
        ruler.widened(mean_of(asked_of_student, all_of_them=everything)),
        ruler.widened(mean_of(shown_to_teacher, all_of_them=everything)),
    )


def prompts(plan: Plan, config: Any, ruler: Ruler, limits: Limits) -> Lengths:
    """`generate`: prompts in their template, behind the system prompt."""
    found = config.prompts()[: config.num_prompts]
    renderer = get_renderer(config.renderer_name, ruler.tokenizer)
    lengths = [
        ruler.length(renderer.build_generation_prompt(asked(config, prompt)))
        for prompt in islice(found, limits.texts)
    ]
    text = ruler.widened(mean_of(lengths, all_of_them=len(lengths) == len(found)))
    longest = ruler.longest(lengths)
    return Lengths(rows=len(found), texts=[Texts(text=text)], longest_prompt=longest)


# method -> how it is measured; `eval` has nothing to measure before it runs.
METHODS: dict[str, Measure] = {
    "distill": distilled,
    "dpo": conversations,
    "generate": prompts,
    "reinforce": environments,
    "rl": environments,
    "sdft": demonstrations,
    "sft": conversations,
}
