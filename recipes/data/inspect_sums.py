"""Two tasks for Inspect AI: sums, and words to spell backwards.

inspect eval inspect_sums.py@sums
"""

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.scorer import pattern
from inspect_ai.solver import generate, prompt_template

ASK = (
    "Question: {prompt}\nPlease reason step by step, and put your final answer within \\boxed{{}}."
)
ANSWER = r"\\boxed\{([^{}]*)\}"
SUM = "State the final answer to the following arithmetic problem: {} + {} ="
SUMS = [(3, 4), (12, 5), (20, 31), (7, 8), (44, 9), (15, 60), (2, 2), (38, 41)]
WORD = "Spell this word backward (example: sun -> nus): {}"
WORDS = ["tree", "lamp", "window", "stone", "river", "paper", "cloud", "spoon"]


@task
def sums() -> Task:
    return _asked("sums", [Sample(input=SUM.format(a, b), target=str(a + b)) for a, b in SUMS])


@task
def backwards() -> Task:
    return _asked("backwards", [Sample(input=WORD.format(w), target=w[::-1]) for w in WORDS])


def _asked(name: str, samples: list[Sample]) -> Task:
    return Task(
        dataset=MemoryDataset(samples, name=name),
        solver=[prompt_template(ASK), generate()],
        scorer=pattern(ANSWER),
    )
