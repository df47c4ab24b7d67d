"""A small environment of the `verifiers` library: a sentence is said backwards, word by word.

`load_environment` is what the library looks for in a module; its arguments are `env.kwargs`.
"""

from __future__ import annotations

import random
from difflib import SequenceMatcher
from typing import Any

import verifiers as vf
from datasets import Dataset

NAMES = ("Ada", "Ben", "Cleo", "Dan", "Eve", "Finn", "Gus", "Ida")
VERBS = ("carries", "draws", "finds", "hides", "paints", "sees", "sells", "wants")
COLOURS = ("black", "blue", "green", "grey", "old", "red", "small", "white")
THINGS = ("boat", "book", "cup", "door", "hat", "key", "lamp", "stone")

TASK = (
    "Say the sentence backwards, the last word first. "
    "Put the result between <reversed> and </reversed>.\n\n"
)


def sentences(count: int, seed: int) -> list[str]:
    """Return made-up sentences of six words."""
    rng = random.Random(seed)
    words = (NAMES, VERBS, ("a", "the", "one", "that"), COLOURS, THINGS, ("today", "again", "now"))
    return [" ".join(rng.choice(choices) for choices in words) for _ in range(count)]


def load_environment(count: int = 256, seed: int = 0) -> vf.Environment:
    """Return the environment.

    Args:
        count: sentences to train on.
        seed: of the sentences.
    """
    parser = vf.XMLParser(["reversed"], answer_field="reversed")

    def similarity(completion: Any, answer: str, **_: Any) -> float:
        """How much of the reply stands as it should: 1 where all of it does."""
        given = (parser.parse_answer(completion) or "").split()
        return SequenceMatcher(None, given, answer.split()).ratio()

    rows = [
        {"question": TASK + text, "answer": " ".join(reversed(text.split()))}
        for text in sentences(count, seed)
    ]
    rubric = vf.Rubric(
        funcs=[similarity, parser.get_format_reward_func()], weights=[1.0, 0.2], parser=parser
    )
    return vf.SingleTurnEnv(dataset=Dataset.from_list(rows), parser=parser, rubric=rubric)
