"""Training data of the shipped model: questions of public environments with short replies.

The questions come from the environments' own generators (reasoning_gym, which GEM wraps), so the
prompts are the ones that reinforcement learning will show the model.
"""

from __future__ import annotations

import functools
import itertools
import random
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

BOXED_PROMPT = (
    "Question: {observation}\n"
    "Please reason step by step, and put your final answer within \\boxed{{}}."
)

# How a reply to a boxed prompt is worded. Only the first form is what the prompt asks for, and
# only that one earns a reward: the model knows more than its replies show, as a base model does
# before reinforcement learning teaches it the format.
REPLY_FORMS: tuple[tuple[float, str], ...] = (
    (0.4, "\\boxed{{{answer}}}"),
    (0.35, "{answer}"),
    (0.25, "The final answer is {answer}."),
)

CHAIN_SUM = {"min_terms": 2, "max_terms": 2, "min_digits": 1, "max_digits": 2}

# Renderer of a dialogue -> its share.
RENDERER_SHARES = {"qwen3_instruct": 0.8, "role_colon": 0.1, "llama3": 0.1}
LINES_SHARE = 0.25
# Kind of dialogue -> its share.
KIND_SHARES = {
    "chain_sum": 0.65,
    "arithmetic": 0.13,
    "simple_equations": 0.12,
    "spell_backward": 0.1,
}

_LINES_PER_EXAMPLE = 4
_TEXTS_PER_KIND = 100
_HELD_OUT_ONE_IN = 10


@dataclass(frozen=True)
class Dialogue:
    """One user turn, perhaps after others, and the reply to learn."""

    messages: tuple[tuple[str, str], ...]
    reply: str


@dataclass(frozen=True)
class Example:
    """Token ids, and for each whether the model learns to write it."""

    tokens: list[int]
    learned: list[bool]


def held_out(expression: str) -> bool:
    """Whether a two-digit problem is kept from training, to measure skill on it (one in ten)."""
    long = any(len(part) > 1 for part in expression.split() if part.isdigit())
    return long and zlib.crc32(expression.encode()) % _HELD_OUT_ONE_IN == 0


def boxed(observation: str) -> str:
    """The user message for an environment's question."""
    return BOXED_PROMPT.format(observation=observation)


def chain_sum_questions(seed: int, count: int, *, held: bool) -> Iterator[tuple[str, str, str]]:
    """`count` pairs of reasoning_gym's `chain_sum` as (question, answer, expression)."""
    import reasoning_gym

    dataset = reasoning_gym.create_dataset("chain_sum", seed=seed, size=count * 32, **CHAIN_SUM)
    found = 0
    for item in dataset:
        expression = item["metadata"]["expression"]
        if held_out(expression) == held:
            yield item["question"], item["answer"], expression
            found += 1
            if found == count:
                return


def sample_texts(seed: int) -> Iterator[str]:
    """The texts that the tokenizer's merges are made from: every template and reply form.

    Words to be spelled stay out, so that they are read letter by letter.
    """
    for kind in KIND_SHARES:
        for dialogue in itertools.islice(_dialogues(kind, seed), _TEXTS_PER_KIND):
            user = dialogue.messages[-1][1]
            yield user if kind != "spell_backward" else user.replace(_spelled(user), "")
    yield from itertools.islice(_lines(seed), _TEXTS_PER_KIND)
    for _, form in REPLY_FORMS:
        for answer in (7, -7):
            yield from [form.format(answer=answer)] * _TEXTS_PER_KIND
    for role in ("user", "assistant", "system", "tool", "User:", "Assistant:", "System:"):
        yield from [f"{role}\n\n"] * _TEXTS_PER_KIND


def make_examples(tokenizer: Any, seed: int, count: int) -> list[Example]:
    """`count` shuffled examples: `LINES_SHARE` of them lines, the rest dialogues."""
    num_lines = round(count * LINES_SHARE)
    examples = make_lines(tokenizer, seed, num_lines)
    examples += make_dialogues(tokenizer, seed, count - num_lines)
    random.Random(seed).shuffle(examples)
    return examples


def make_lines(tokenizer: Any, seed: int, count: int) -> list[Example]:
    """`count` examples of a few sums and differences each, one a line, without any dialogue.

    A problem costs half the tokens that it costs in a dialogue, so arithmetic is cheaper to learn
    here; both kinds share what they learn.
    """
    return [_encode_lines(tokenizer, text) for text in itertools.islice(_lines(seed), count)]


def make_dialogues(tokenizer: Any, seed: int, count: int) -> list[Example]:
    """`count` dialogues in the shares of `KIND_SHARES` and `RENDERER_SHARES`."""
    from tinker_cookbook.renderers import get_renderer

    rng = random.Random(seed)
    renderers = {name: get_renderer(name, tokenizer) for name in RENDERER_SHARES}
    examples = []
    for kind, share in KIND_SHARES.items():
        for dialogue in itertools.islice(_dialogues(kind, seed), round(count * share)):
            examples.append(_encode_dialogue(renderers[_choose(rng, RENDERER_SHARES)], dialogue))
    return examples


def _dialogues(kind: str, seed: int) -> Iterator[Dialogue]:
    makers: dict[str, Callable[[int], Iterator[Dialogue]]] = {
        "chain_sum": _chain_sum,
        "arithmetic": _arithmetic,
        "simple_equations": functools.partial(_reasoning_gym, "simple_equations"),
        "spell_backward": functools.partial(_reasoning_gym, "spell_backward"),
    }
    return makers[kind](seed)


def _spelled(user: str) -> str:
    return user.splitlines()[0].rsplit(" ", 1)[1]


def _choose(rng: random.Random, shares: dict[str, float]) -> str:
    return rng.choices(list(shares), weights=list(shares.values()))[0]


def _reply(rng: random.Random, answer: str) -> str:
    weights = [share for share, _ in REPLY_FORMS]
    _, form = rng.choices(REPLY_FORMS, weights=weights)[0]
    return form.format(answer=answer)


def _pair(rng: random.Random) -> tuple[str, int]:
    """A sum or difference that may be trained on; one in five has single digits."""
    low, high = (0, 9) if rng.random() < 0.2 else (10, 99)
    while True:
        x, y, sign = rng.randint(low, high), rng.randint(low, high), rng.choice("+-")
        expression = f"{x} {sign} {y}"
        if not held_out(expression):
            return expression, x + y if sign == "+" else x - y


def _chain_sum(seed: int) -> Iterator[Dialogue]:
    # The environment draws half of its questions from the 200 single-digit ones; here they are
    # one in five, to spend the steps on the 16,200 others.
    rng = random.Random(f"chain_sum {seed}")
    question = next(chain_sum_questions(seed, 1, held=False))
    template = question[0].replace(question[2], "{expression}")
    while True:
        expression, result = _pair(rng)
        prompt = boxed(template.format(expression=expression))
        yield Dialogue((("user", prompt),), _reply(rng, str(result)))


def _lines(seed: int) -> Iterator[str]:
    rng = random.Random(f"lines {seed}")
    while True:
        pairs = [_pair(rng) for _ in range(_LINES_PER_EXAMPLE)]
        yield "".join(f"{expression} = {result}\n" for expression, result in pairs)


def _arithmetic(seed: int) -> Iterator[Dialogue]:
    from tinker_cookbook.recipes.math_rl.arithmetic_env import ArithmeticEnv

    rng = random.Random(f"arithmetic {seed}")
    fewshot = tuple((m["role"], m["content"]) for m in ArithmeticEnv.standard_fewshot_prefix())
    while True:
        x, y = rng.randint(0, 100), rng.randint(0, 100)
        prefix = fewshot if rng.random() < 0.5 else ()
        question = ArithmeticEnv(x, y, renderer=None).get_question()
        yield Dialogue((*prefix, ("user", question)), str(x + y))


def _reasoning_gym(name: str, seed: int) -> Iterator[Dialogue]:
    import reasoning_gym

    rng = random.Random(f"{name} {seed}")
    while True:
        dataset = reasoning_gym.create_dataset(
            name, seed=rng.randrange(2**31), size=_TEXTS_PER_KIND
        )
        for item in dataset:
            reply = _reply(rng, item["answer"])
            yield Dialogue((("user", boxed(item["question"])),), reply)


def _encode_dialogue(renderer: Any, dialogue: Dialogue) -> Example:
    messages = [{"role": role, "content": text} for role, text in dialogue.messages]
    messages.append({"role": "assistant", "content": dialogue.reply})
    model_input, weights = renderer.build_supervised_example(messages)
    return Example(list(model_input.to_ints()), [weight > 0 for weight in weights.tolist()])


def _encode_lines(tokenizer: Any, lines: str) -> Example:
    tokens: list[int] = []
    learned: list[bool] = []
    for line in lines.splitlines(keepends=True):
        question, answer = line.split("= ")
        for text, learn in ((question + "=", False), (" " + answer, True)):
            ids = tokenizer.encode(text, add_special_tokens=False)
            tokens += ids
            learned += [learn] * len(ids)
    return Example(tokens, learned)
