"""JSONL data files: what they hold comes out, and what is wrong in them is named."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipe_runner import jsonl
from recipe_runner.errors import DataError
from recipe_runner.jsonl import Record, read_records
from recipe_runner.quoting import quoted, quoting
from recipe_runner.runs.failures import explain

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str | bytes], list[Record]]:
    def records(content: str | bytes) -> list[Record]:
        path = tmp_path / "data.jsonl"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return list(read_records(path))

    return records


def record(**values: Any) -> Record:
    return Record(Path("data.jsonl"), 7, values)


@given(st.lists(st.dictionaries(st.text(), JSON), min_size=1))
def test_every_object_comes_back_with_its_line(
    tmp_path_factory: pytest.TempPathFactory, objects: list[dict[str, Any]]
) -> None:
    path = tmp_path_factory.mktemp("jsonl") / "data.jsonl"
    path.write_text("\n\n".join(json.dumps(each, ensure_ascii=False) for each in objects), "utf-8")
    records = list(read_records(path))
    assert [each.values for each in records] == objects
    assert [each.line for each in records] == list(range(1, 2 * len(objects), 2))


@given(st.lists(st.sampled_from(["{", "}", '"', "a", ":", "1", ",", "\n", " ", "[", "é"])))
def test_anything_else_is_an_error_that_names_the_file(
    tmp_path_factory: pytest.TempPathFactory, parts: list[str]
) -> None:
    path = tmp_path_factory.mktemp("jsonl") / "data.jsonl"
    path.write_text("".join(parts), "utf-8")
    try:
        found, problem = list(read_records(path)), None
    except DataError as error:
        found, problem = [], str(error)
    assert problem is None or problem.startswith(str(path))
    assert all(isinstance(each.values, dict) for each in found)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"a": 1}\n{"a": }\n', ":2:7: is not JSON: Expecting value"),
        ("\n[1]\n", ":2: has to be a JSON object, not a list"),
        ('{"a": 1, "b": 2, "a": 3}\n', ":1: the key 'a' is there twice"),
        (b'{"a": "\xff"}\n', ":1: is not UTF-8 (byte 8 of the line)"),
        ("[" * 100_000 + "\n", ":1: nested too deeply"),
        ('{"a": ' + "9" * 5000 + "}\n", ":1: a number has more than 4,300 digits"),
        ("\n \n", " has no lines; it needs one JSON object a line"),
    ],
)
def test_a_wrong_line_is_named(
    read: Callable[[str | bytes], list[Record]], content: str | bytes, message: str
) -> None:
    with pytest.raises(DataError) as raised:
        read(content)
    assert str(raised.value).rpartition("data.jsonl")[2] == message


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        list(read_records(tmp_path / "nowhere.jsonl"))
    with pytest.raises(DataError, match="directory"):
        list(read_records(tmp_path))


def test_a_line_without_end_is_refused(
    read: Callable[[str | bytes], list[Record]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jsonl, "MAX_LINE_BYTES", 2**20)
    longest = b'{"a": 1}' + b" " * (2**20 - 9) + b"\n"
    assert len(read(longest)) == 1
    with pytest.raises(DataError, match=r"data.jsonl:2: is longer than 1 MiB"):
        read(longest + b"[" * 2**22)
    with pytest.raises(DataError, match=r"/dev/zero:1: is longer than 1 MiB"):
        list(read_records("/dev/zero"))


def test_a_key_that_is_there_twice_is_found_in_no_time(
    read: Callable[[str | bytes], list[Record]],
) -> None:
    """Counting each key anew took hours for a line of a megabyte."""
    keys = ", ".join(f'"{number}": 1' for number in range(100_000))
    started = time.process_time()
    with pytest.raises(DataError, match="the key 'z' is there twice"):
        read(f'{{{keys}, "z": 1, "z": 2}}\n')
    assert time.process_time() - started < 5


def test_a_byte_order_mark_is_no_content(read: Callable[[str | bytes], list[Record]]) -> None:
    assert read(b'\xef\xbb\xbf{"a": 1}')[0].values == {"a": 1}


def test_a_text_and_messages_come_out() -> None:
    messages = [{"role": "user", "content": "Hello"}]
    assert record(prompt="Hello").text("prompt") == "Hello"
    assert record(prompt=messages).messages("prompt") == messages
    assert record(prompt="Hello").conversation("prompt", "user") == messages
    assert record(prompt=messages).conversation("prompt", "user") == messages


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "column 'prompt': is missing; the line has prompt, reply"),
        (3, "column 'prompt': has to be a text or a list of messages, not a number"),
        (" ", "column 'prompt': is empty"),
        ([], "column 'prompt': has to be a list of messages, not an empty list"),
        (["Hello"], "column 'prompt': message 1 has to be an object, not a text"),
        ([{"content": "Hello"}], "column 'prompt': message 1 has no role; there are system, "),
        ([{"role": "me", "content": ""}], "column 'prompt': message 1 has the role 'me'; there "),
        ([{"role": "user"}], "column 'prompt': message 1 has no content; a text is needed"),
        ([{"role": "user", "content": 1}], "message 1 has a number as content; a text is needed"),
    ],
)
def test_a_wrong_column_is_named(value: Any, message: str) -> None:
    with pytest.raises(DataError) as raised:
        record(prompt=value, reply="Hi").conversation("prompt", "user")
    assert str(raised.value).startswith("data.jsonl:7: ")
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "column 'messages': is empty"),
        ({"role": "user"}, "has to be a list of messages, not an object"),
        (["Hello"], "message 1 has to be an object, not a text"),
        ([{"role": "user", "content": "Hi"}, {"content": "Hello"}], "message 2 has no role"),
    ],
)
def test_a_conversation_that_cannot_be_rendered_is_named(value: Any, message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        record(messages=value).turns("messages")


def test_content_of_any_kind_is_a_conversation() -> None:
    messages = [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]
    assert record(messages=messages).turns("messages") == messages


def test_a_data_error_ends_a_run_in_its_own_words() -> None:
    error = record().error("prompt", "is empty")
    assert explain(error) is error
    assert explain(ExceptionGroup("tasks", [error])) is error


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ('{"hunter2": 1}', "messages"),
        ('{"hunter2": 1, "hunter2": 2}', "messages"),
        ('{"messages": [{"role": "hunter2", "content": "a"}]}', "messages"),
        ('{"messages": hunter2}', "messages"),
    ],
)
def test_a_file_outside_the_project_is_not_quoted(tmp_path: Path, line: str, column: str) -> None:
    (tmp_path / "rows.jsonl").write_text(line + "\n")
    with quoting(lambda path: False), pytest.raises(DataError) as raised:
        [record.messages(column) for record in read_records(tmp_path / "rows.jsonl")]
    assert "rows.jsonl:1:" in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_what_may_be_quoted_is_again_as_before_afterwards(tmp_path: Path) -> None:
    with quoting(lambda path: path.name == "mine.jsonl"):
        assert quoted(tmp_path / "mine.jsonl", "words") == "words"
        assert quoted(tmp_path / "theirs.jsonl", "words") != "words"
    assert quoted(tmp_path / "theirs.jsonl", "words") == "words"
