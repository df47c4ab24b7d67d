"""Prompts and mixtures: what is read, in which order, and what is said when something is wrong."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import tinker
import torch
from hypothesis import given
from hypothesis import strategies as st
from tinker_cookbook.supervised.types import SupervisedDataset

from recipe_runner.compile.data.mixture import Concatenation, Mixture
from recipe_runner.compile.data.prompts import (
    ChosenPrompts,
    CustomPrompts,
    HubPrompts,
    Prompt,
    PromptsFile,
)
from recipe_runner.errors import DataError, UserCodeError


def numbered(count: int) -> Callable[[], list[Prompt]]:
    return lambda: [
        Prompt([{"role": "user", "content": str(i)}], None, f"line {i}") for i in range(count)
    ]


@given(st.integers(1, 20), st.integers(0, 19), st.integers(0, 60), st.integers(0, 99))
def test_each_pass_has_every_prompt_once_and_none_that_is_held_out(
    count: int, test_size: int, wanted: int, seed: int
) -> None:
    chosen = ChosenPrompts(
        source=numbered(count), test_size=test_size, seed=seed, num_prompts=wanted
    )
    if test_size >= count:
        with pytest.raises(DataError, match="test_size"):
            chosen.train()
        return
    held_out = {prompt.place for prompt in chosen.held_out()}
    places = [prompt.place for prompt in chosen.train()]
    assert [prompt.place for prompt in chosen.train()] == places
    assert len(held_out) == test_size
    assert len(places) == wanted
    rest = {prompt.place for prompt in numbered(count)()} - held_out
    for start in range(0, wanted, len(rest)):
        one_pass = places[start : start + len(rest)]
        assert len(set(one_pass)) == len(one_pass)
        assert set(one_pass) <= rest


def test_lines_of_a_prompts_file(tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    talk = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
    path.write_text(
        json.dumps({"prompt": "1 + 2 =", "answer": "3"}) + "\n" + json.dumps({"messages": talk})
    )
    first, second = PromptsFile(path=str(path))()
    assert first.messages == [{"role": "user", "content": "1 + 2 ="}]
    assert first.answer == "3"
    assert (second.messages, second.answer) == (talk, None)


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ('{"question": "1 + 2"}', "prompt"),
        ('{"prompt": 3}', "prompt"),
        ('{"messages": [{"role": "assistant", "content": "3"}]}', "messages"),
        ('{"prompt": "1 + 2", "answer": 3}', "answer"),
    ],
)
def test_a_wrong_line_is_named_by_file_line_and_column(
    tmp_path: Path, line: str, column: str
) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_text(f'{{"prompt": "right"}}\n{line}\n')
    with pytest.raises(DataError, match=rf"prompts.jsonl:2: column '{column}'"):
        PromptsFile(path=str(path))()


def test_prompts_of_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_prompts.py").write_text(
        "def ask(count):\n"
        "    yield from ['one'] * count\n"
        "    yield {'prompt': 'two', 'answer': '2'}\n"
        "def wrong():\n"
        "    return [3]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_prompts", raising=False)
    found = CustomPrompts(reference="own_prompts:ask", kwargs={"count": 2})()
    assert [(prompt.messages[0]["content"], prompt.answer) for prompt in found] == [
        ("one", None),
        ("one", None),
        ("two", "2"),
    ]
    with pytest.raises(UserCodeError, match="prompt 0 has to be a text"):
        CustomPrompts(reference="own_prompts:wrong", kwargs={})()


def test_prompts_of_conversations_on_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    talk = [("user", "a?"), ("assistant", "b"), ("user", "c?"), ("assistant", "d")]
    rows = [{"talk": [{"role": role, "content": text} for role, text in talk]}]
    loaded = datasets.Dataset.from_list(rows)
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: loaded)
    (prompt,) = HubPrompts(dataset="a/b", name=None, split="train", column="talk")()
    assert [message["content"] for message in prompt.messages] == ["a?", "b", "c?"]
    assert prompt.answer == "d"
    with pytest.raises(DataError, match=r"no column 'messages'; it has talk"):
        HubPrompts(dataset="a/b", name=None, split="train", column="messages")()


class Singles(SupervisedDataset):
    """Batches of one datum, whose token says which it is."""

    def __init__(self, tokens: list[int]) -> None:
        self._tokens = tokens

    def get_batch(self, index: int) -> list[tinker.Datum]:
        weights = tinker.TensorData.from_torch(torch.tensor([0.5, 1.0]))
        return [
            tinker.Datum(
                model_input=tinker.ModelInput.from_ints([self._tokens[index]] * 2),
                loss_fn_inputs={"weights": weights},
            )
        ]

    def __len__(self) -> int:
        return len(self._tokens)


@given(
    st.lists(st.integers(0, 9), min_size=2, max_size=3).filter(lambda sizes: sum(sizes) > 0),
    st.integers(1, 4),
    st.integers(0, 3),
)
def test_a_mixture_has_all_of_each_part_at_its_weight(
    sizes: list[int], batch_size: int, epoch: int
) -> None:
    weights = [1.0, 0.25, 2.0][: len(sizes)]
    parts = [Singles([100 * part + i for i in range(size)]) for part, size in enumerate(sizes)]
    mixture = Mixture(list(parts), weights, batch_size, seed=5)
    mixture.set_epoch(epoch)
    data = [datum for i in range(len(mixture)) for datum in mixture.get_batch(i)]
    tokens = [datum.model_input.to_ints()[0] for datum in data]
    assert len(tokens) == len(set(tokens)) == sum(sizes) // batch_size * batch_size
    for token, datum in zip(tokens, data, strict=True):
        expected = [0.5 * weights[token // 100], 1.0 * weights[token // 100]]
        assert list(datum.loss_fn_inputs["weights"].data) == expected
    again = Mixture(list(parts), weights, batch_size, seed=5)
    again.set_epoch(epoch)
    assert [d.model_input.to_ints()[0] for i in range(len(again)) for d in again.get_batch(i)] == (
        tokens
    )


def test_test_sets_of_the_parts_come_one_after_the_other() -> None:
    both = Concatenation([Singles([1, 2]), Singles([3])])
    assert [both.get_batch(i)[0].model_input.to_ints()[0] for i in range(len(both))] == [1, 2, 3]
