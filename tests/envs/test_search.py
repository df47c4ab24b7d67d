"""Retrieval in this process: real passages, the real store, the Cookbook's own tool and reward."""

from __future__ import annotations

import asyncio
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tinker_cookbook.tool_use.types import ToolInput

from recipe_runner.envs import EnvironmentUnavailable, dataset_builder
from recipe_runner.envs.search.embedding import embed
from recipe_runner.envs.search.store import EmbeddedTool
from recipe_runner.errors import DataError
from schemas.env import SearchEnv
from tests.envs.small import rollouts

DATA = Path(__file__).parents[2] / "recipes" / "data"
DOCUMENTS = str(DATA / "search_documents.jsonl")
QUESTIONS = str(DATA / "search_questions.jsonl")


def tool(documents: str = DOCUMENTS, n_results: int = 3) -> EmbeddedTool:
    return EmbeddedTool(documents, n_results=n_results, embedding_dim=256)


def found(search_tool: EmbeddedTool, *queries: str) -> str:
    call = ToolInput(arguments={"query_list": list(queries)})
    result = asyncio.run(search_tool.search.run(call))
    return str(result.messages[0]["content"])


def dot(one: list[float], other: list[float]) -> float:
    return sum(x * y for x, y in zip(one, other, strict=True))


def test_a_text_is_nearest_to_itself_and_near_to_what_shares_its_words() -> None:
    query, same, other = embed(["towns on the river", "A town by a river.", "Nine bells"], 256)
    assert dot(query, query) == pytest.approx(1)
    assert dot(query, same) > dot(query, other)


@pytest.mark.parametrize("text", ["", "the of", "?!", "日本語", "a" * 10_000])
def test_any_text_has_a_vector_of_length_1(text: str) -> None:
    (vector,) = embed([text], 64)
    assert sum(value * value for value in vector) == pytest.approx(1)


def test_a_search_gives_the_passage_that_answers_in_the_cookbooks_words() -> None:
    text = found(tool(n_results=2), "river on which Aldmoor is", "Where was Edith Ekman born?")
    assert text.startswith("Query: river on which Aldmoor is\nDocument 1:\nAldmoor\n")
    assert "Query: Where was Edith Ekman born?\nDocument 1:\nEdith Ekman\n" in text
    assert text.count("Document ") == 4


def test_the_tool_survives_pickling() -> None:
    filled = tool()
    before = found(filled, "a town with a lighthouse")
    assert found(pickle.loads(pickle.dumps(filled)), "a town with a lighthouse") == before


def test_a_bad_call_is_an_answer_not_a_crash() -> None:
    assert "error" in json.loads(found(tool()))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('{"id": 1}\n', r":1: column 'text': is missing"),
        ('{"id": 1, "text": "a"}\n{"id": 1, "text": "b"}\n', r":2: column 'id': '1' is there"),
        ('{"id": true, "text": "a"}\n', r":1: column 'id': has to be a text or a number"),
        ('{"text": "a"}\n{"title": 3, "text": "b"}\n', r":2: column 'title': has to be a text"),
    ],
)
def test_a_wrong_passage_is_named(tmp_path: Path, lines: str, message: str) -> None:
    path = tmp_path / "passages.jsonl"
    path.write_text(lines)
    with pytest.raises(DataError, match=message):
        asyncio.run(tool(str(path)).fill())


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"question": "q"}', r":1: column 'answers': is missing"),
        ('{"question": "q", "answers": []}', r":1: column 'answers': has to be a list"),
        ('{"question": "q", "answers": [3]}', r":1: column 'answers': has to hold texts"),
        ('{"answers": ["a"]}', r":1: column 'question': is missing"),
    ],
)
def test_a_wrong_question_is_named(model: str, tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "questions.jsonl"
    path.write_text(line + "\n")
    env = SearchEnv(kind="search", documents=DOCUMENTS, dataset=str(path))
    with pytest.raises(DataError, match=message):
        asyncio.run(dataset_builder(env, rollouts(model))())


def test_batches_depend_on_the_seed_and_last_as_long_as_the_run(model: str) -> None:
    env = SearchEnv(kind="search", documents=DOCUMENTS, dataset=QUESTIONS)

    def questions(batch: int, **changes: Any) -> list[str]:
        dataset, _ = asyncio.run(dataset_builder(env, rollouts(model, **changes))())
        return [group.datum["question"] for group in dataset.get_batch(batch)]

    assert questions(1) == questions(1)
    assert questions(1) != questions(1, seed=1)
    assert len(questions(19, num_batches=20)) == 5


def test_an_episode_with_a_search_earns_its_reward(
    model: str, reply: Callable[..., list[int]]
) -> None:
    env = SearchEnv(kind="search", documents=DOCUMENTS, dataset=QUESTIONS, n_results=1)

    async def play() -> tuple[Any, Any, Any]:
        dataset, _ = await dataset_builder(env, rollouts(model))()
        group = dataset.get_batch(0)[0]
        episode = (await group.make_envs())[0]
        await episode.initial_observation()
        call = {"name": "search", "arguments": {"query_list": [group.datum["question"]]}}
        searched = await episode.step(reply(f"<tool_call>\n{json.dumps(call)}\n</tool_call>"))
        answer = await episode.step(reply(f"Answer: {group.datum['answer'][0]}"))
        return group, searched, answer

    group, searched, answer = asyncio.run(play())
    assert not searched.episode_done
    assert f"Query: {group.datum['question']}" in searched.logs["tool_result_0"]
    assert answer.episode_done
    assert answer.reward == 1.0


def test_a_server_that_does_not_answer_says_what_is_needed(model: str) -> None:
    env = SearchEnv(kind="search", server="127.0.0.1:1", dataset=QUESTIONS)
    with pytest.raises(EnvironmentUnavailable, match=r"127\.0\.0\.1:1 does not start.*documents"):
        asyncio.run(dataset_builder(env, rollouts(model))())
