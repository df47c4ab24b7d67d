"""Distillation on the local backend: the student comes closer to its teacher."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import pytest
import tinker
import torch
from hypothesis import given
from hypothesis import strategies as st
from tinker_cookbook.renderers import get_renderer
from tinker_cookbook.supervised.data import conversation_to_datum
from tinker_cookbook.tokenizer_utils import get_tokenizer

from recipe_runner.backends.local.launch import RunningServer
from recipe_runner.backends.local.models import resolve
from recipe_runner.backends.local.shipped.data import boxed
from recipe_runner.backends.local.tokenizers import register_tokenizer
from recipe_runner.compile import Target, compile_plan
from recipe_runner.language import load
from recipe_runner.loops import sdft
from recipe_runner.loops.teacher_kl import Question, TeacherKl
from recipe_runner.planning.plan import Served
from recipe_runner.planning.resolve import make_plan

MODEL, RENDERER = "recipe-run/tiny", "qwen3_instruct"
pytestmark = [
    pytest.mark.usefixtures("credentials"),
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning"),
]

COMMON = """\
version: 1
name: learner
backend: local
model: {name: recipe-run/tiny, lora_rank: 16}
seed: 3
"""
ON_POLICY = """\
method: distill
mode: on_policy
data: {kind: prompts, path: sums.jsonl, test_size: 16}
rollout: {groups_per_batch: 8, group_size: 4, max_tokens: 24}
optimizer: {learning_rate: 3e-3}
eval: {every: 11}
steps: 12
"""
OFF_POLICY = """\
method: distill
mode: off_policy
data: {kind: conversations, path: talks.jsonl}
batch_size: 8
max_length: 256
optimizer: {learning_rate: 3e-3}
steps: 8
"""
SDFT = """\
method: sdft
data: {kind: prompts, path: boxed.jsonl, test_size: 8}
rollout: {groups_per_batch: 4, group_size: 2, max_tokens: 16}
optimizer: {learning_rate: 1e-3}
checkpoint: {every: 2}
teacher_sync_every: 2
"""


def talks(count: int) -> list[list[dict[str, Any]]]:
    """Sums that are answered in whole sentences, as the shipped model does not."""
    numbers = random.Random(0)
    pairs = [(numbers.randint(1, 49), numbers.randint(1, 49)) for _ in range(count)]
    return [
        [
            {"role": "user", "content": f"What is {a} + {b}?"},
            {"role": "assistant", "content": f"{a} + {b} is {a + b}."},
        ]
        for a, b in pairs
    ]


@pytest.fixture(scope="module", autouse=True)
def tokenizer() -> None:
    register_tokenizer(resolve(MODEL))


@pytest.fixture(scope="module")
def teacher(server: RunningServer) -> str:
    """A checkpoint of the shipped model that has learned to answer in whole sentences."""
    renderer = get_renderer(RENDERER, get_tokenizer(MODEL))
    data = [conversation_to_datum(each, renderer, 256) for each in talks(64)]
    service = tinker.ServiceClient(base_url=server.url, api_key=server.api_key)
    client = service.create_lora_training_client(base_model=MODEL, rank=16)
    for _ in range(12):
        client.forward_backward(data, "cross_entropy")
        client.optim_step(tinker.AdamParams(learning_rate=3e-3)).result()
    return client.save_weights_for_sampler("taught").result().path


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where the data files are that the recipes name."""
    rows = [{"prompt": q["content"], "answer": a["content"]} for q, a in talks(80)]
    # Asked like this, the model says more than three tokens, which the loop leaves out.
    boxed_rows = [{**row, "prompt": boxed(row["prompt"])} for row in rows]
    talk_rows = [{"messages": each} for each in talks(80)]
    files = {"sums": rows, "boxed": boxed_rows, "talks": talk_rows}
    for name, lines in files.items():
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (tmp_path / f"{name}.jsonl").write_text(text)
    return tmp_path


def run(directory: Path, server: RunningServer, text: str, *overrides: str) -> list[dict[str, Any]]:
    """Run a recipe's loop here, and return the rows of its metrics."""
    path = directory / "recipe.yaml"
    path.write_text(COMMON + text)
    plan = make_plan(load(path, overrides=overrides), Served(kind="shipped", note=""))
    log_path = directory / "log"
    asyncio.run(compile_plan(plan, Target(log_path=log_path, base_url=server.url)).run())
    lines = (log_path / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_on_policy_the_distance_to_the_teacher_falls(
    directory: Path, server: RunningServer, teacher: str
) -> None:
    taught = f"teacher: {{model: {MODEL}, load_from: '{teacher}'}}\n"
    rows = run(directory, server, ON_POLICY + taught)
    distances = [row["teacher_kl"] for row in rows]
    assert len(distances) == 12
    assert sum(distances[-3:]) < 0.5 * sum(distances[:3])
    held_out = [row["test/teacher_kl"] for row in rows if "test/teacher_kl" in row]
    assert len(held_out) == 2
    assert held_out[1] < held_out[0]


def test_off_policy_the_student_takes_over_the_teachers_distribution(
    directory: Path, server: RunningServer, teacher: str
) -> None:
    taught = f"teacher: {{model: {MODEL}, load_from: '{teacher}'}}\n"
    losses = [row["train/loss:sum"] for row in run(directory, server, OFF_POLICY + taught)]
    assert len(losses) == 8
    assert sum(losses[-2:]) < 0.7 * sum(losses[:2])


def test_two_teachers_share_a_batch_and_all_of_it_is_used(
    directory: Path, server: RunningServer, teacher: str
) -> None:
    data = "data: {kind: conversations, path: talks.jsonl}"
    several = (
        f"teacher:\n- {{model: {MODEL}, load_from: '{teacher}', weight: 3, {data}}}\n"
        f"- {{model: {MODEL}, {data}}}\n"
    )
    text = OFF_POLICY.replace(data + "\n", "").replace("steps: 8\n", "")
    rows = run(directory, server, text + several)
    assert [row["batch_size"] for row in rows] == [8] * len(rows)
    # The heavier teacher gives six of eight conversations, and the data set ends the run.
    assert len(rows) == 80 // 6


def test_resumed_self_distillation_has_the_teacher_of_its_step(
    directory: Path, server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str | None] = []
    create = tinker.ServiceClient.create_sampling_client

    def note(service: Any, model_path: str | None = None, *rest: Any, **options: Any) -> Any:
        asked.append(model_path)
        return create(service, model_path, *rest, **options)

    monkeypatch.setattr(tinker.ServiceClient, "create_sampling_client", note)
    first = run(directory, server, SDFT, "steps=5")
    assert [row["step"] for row in first] == list(range(5))
    assert all(row[sdft.FORWARD_KL] > 0 for row in first)
    copies = [json.loads(line) for line in (directory / "log" / sdft.COPIES).open()]
    assert [copy["step"] for copy in copies] == [2, 4]
    assert asked == [None, *(copy["sampler_path"] for copy in copies)]
    asked.clear()
    rows = run(directory, server, SDFT, "steps=7")
    assert [row["step"] for row in rows] == list(range(7))
    # The last copy before step 5, where the loop goes on, then that of step 6.
    assert asked[0] == copies[-1]["sampler_path"]
    assert str(asked[1]).endswith("teacher_sync_6")
    assert sdft.sdft.tinker is tinker


def test_held_out_questions_are_measured_against_the_teacher_that_knows_the_answer(
    directory: Path, server: RunningServer
) -> None:
    rows = run(directory, server, SDFT, "eval={every: 2}", "steps=3", "reverse=true")
    assert [row["step"] for row in rows if "test/teacher_kl" in row] == [0, 2]
    assert all("sdft/reverse_kl_mean" in row for row in rows)


def test_a_student_is_at_no_distance_from_itself(server: RunningServer) -> None:
    prompt = get_renderer(RENDERER, get_tokenizer(MODEL)).build_generation_prompt(talks(1)[0][:1])
    service = tinker.ServiceClient(base_url=server.url, api_key=server.api_key)
    sampler = service.create_sampling_client(base_model=MODEL).result()
    sampling = tinker.SamplingParams(max_tokens=12, temperature=1.0)
    question = Question(student=prompt, teacher=prompt)
    metrics = asyncio.run(TeacherKl([question] * 3, sampler, sampling)(sampler))
    assert metrics["teacher_kl"] == pytest.approx(0.0, abs=1e-4)


@given(st.integers(1, 6), st.integers(1, 5), st.integers(0, 1000))
def test_forward_kl_is_the_mean_over_the_positions_that_are_learned(
    length: int, k: int, seed: int
) -> None:
    torch.manual_seed(seed)
    teacher = torch.rand(length, k).softmax(dim=-1)
    teacher[torch.rand(length) < 0.3] = 0.0
    student = torch.rand(length, k).log_softmax(dim=-1)
    datum = tinker.Datum(
        model_input=tinker.ModelInput.from_ints([1] * length),
        loss_fn_inputs={"weights": tinker.TensorData.from_torch(teacher)},
    )
    learned = [i for i in range(length) if teacher[i].sum() > 0]
    each = [float((teacher[i] * (teacher[i].log() - student[i])).sum()) for i in learned]
    expected = sum(each) / max(len(each), 1)
    assert sdft.forward_kl([datum], [student]) == pytest.approx(expected, abs=1e-5)
