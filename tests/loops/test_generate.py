"""`method: generate`: what is asked, what is written, and what a kill leaves."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import chz
import pytest
from tinker_cookbook.renderers import get_renderer
from tinker_cookbook.tokenizer_utils import get_tokenizer

from recipe_runner.backends.local.models import resolve
from recipe_runner.backends.local.tokenizers import register_tokenizer
from recipe_runner.compile.data.prompts import PromptsFile
from recipe_runner.errors import DataError, RunFailed
from recipe_runner.loops.generate import Config, main
from recipe_runner.loops.generate.record import Reply, written_reply
from tests.loops.conftest import MODEL

RENDERER = "qwen3_instruct"
SUMS = [f"{a} + {b}" for a in range(5) for b in range(5)]


@pytest.fixture
def config(tmp_path: Path, credentials: None) -> Config:
    register_tokenizer(resolve(MODEL))
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text("".join(json.dumps({"prompt": each}) + "\n" for each in SUMS))
    return Config(
        log_path=str(tmp_path / "run"),
        model_name=MODEL,
        renderer_name=RENDERER,
        recipe_name="test",
        prompts=PromptsFile(path=str(prompts)),
        prompt_template="What is {{ prompt }}?",
        max_tokens=8,
        samples_per_prompt=2,
    )


def run(config: Config, **changes: Any) -> Path:
    changed: Config = chz.replace(config, **changes)
    directory = Path(changed.log_path)
    directory.mkdir(exist_ok=True)
    asyncio.run(main(changed))
    return directory


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_a_run_cut_off_anywhere_ends_like_one_that_was_not(config: Config, tmp_path: Path) -> None:
    whole = run(config)
    written = (whole / "conversations.jsonl").read_text()
    questions = [row["messages"][0]["content"] for row in rows(whole / "conversations.jsonl")]
    assert questions == [each for each in SUMS for _ in range(2)]
    metrics = rows(whole / "metrics.jsonl")
    assert [row["step"] for row in metrics] == list(range(13))
    assert metrics[-1]["progress/done_frac"] == 1
    assert sum(row["replies/kept"] for row in metrics) == 50

    # Killed in the middle of a line, with metrics that are behind the replies.
    half = tmp_path / "half"
    half.mkdir()
    replies = (whole / "replies.jsonl").read_bytes().splitlines(keepends=True)
    (half / "replies.jsonl").write_bytes(b"".join(replies[:9]) + replies[9][:20])
    (half / "metrics.jsonl").write_text(
        (whole / "metrics.jsonl").read_text().splitlines()[0] + "\n"
    )
    run(config, log_path=str(half))
    assert (half / "conversations.jsonl").read_text() == written
    asked = [row["index"] for row in rows(half / "replies.jsonl")]
    assert asked[:9] == [json.loads(line)["index"] for line in replies[:9]]
    assert sorted(asked) == list(range(25))
    assert [row["step"] for row in rows(half / "metrics.jsonl")] == list(range(13))

    # Killed before the output was there: nothing is asked again.
    (half / "conversations.jsonl").unlink()
    run(config, log_path=str(half), base_url="http://127.0.0.1:9")
    assert (half / "conversations.jsonl").read_text() == written


def test_the_seed_decides(config: Config, tmp_path: Path) -> None:
    texts = [
        (run(config, log_path=str(tmp_path / name), seed=seed) / "conversations.jsonl").read_text()
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    assert texts[0] == texts[1] != texts[2]


def test_what_the_model_is_asked_is_not_written(config: Config) -> None:
    """The number of prompt tokens on record is that of the whole prompt."""
    system = "Answer with a number."
    directory = run(config, system_prompt=system, num_prompts=1)
    (answered,) = rows(directory / "replies.jsonl")
    renderer = get_renderer(RENDERER, get_tokenizer(MODEL))
    asked = [
        {"role": "system", "content": system},
        {"role": "user", "content": "What is 0 + 0?"},
    ]
    length = renderer.build_generation_prompt(asked).length
    assert answered["num_prompt_tokens"] == length
    messages = rows(directory / "conversations.jsonl")[0]["messages"]
    assert messages[0] == {"role": "user", "content": "0 + 0"}
    assert [each["role"] for each in messages] == ["user", "assistant"]


def test_all_left_out_is_a_failure_that_shows_a_reply(config: Config) -> None:
    with pytest.raises(RunFailed, match="none of the 2 prompts") as failure:
        run(config, extract="(never so)", num_prompts=2)
    assert "the first reply was" in str(failure.value)
    assert not (Path(config.log_path) / "conversations.jsonl").exists()
    directory = run(config, extract="(never so)", num_prompts=2, keep_unmatched=True)
    assert len(rows(directory / "conversations.jsonl")) == 4


def test_no_prompts(config: Config, tmp_path: Path) -> None:
    (tmp_path / "prompts.jsonl").write_text("")
    with pytest.raises(DataError):
        run(config)


@pytest.mark.parametrize(
    ("extract", "keep", "text", "written"),
    [
        (None, False, " 12 \n", "12"),
        (None, False, " \n", None),
        (None, True, " \n", ""),
        (r"Answer: (\w+)", False, "so.\nAnswer: de.", "de"),
        (r"Answer: (\w+)", False, "Answer is de", None),
        (r"Answer: (\w+)", True, " Answer is de ", "Answer is de"),
        (r"Answer(: \w+)?", False, "Answer", None),
    ],
)
def test_what_is_written_of_a_reply(
    config: Config, extract: str | None, keep: bool, text: str, written: str | None
) -> None:
    changed = chz.replace(config, extract=extract, keep_unmatched=keep)
    assert written_reply(changed, Reply(text, 3, True)) == written


def test_dropped_replies_are_counted(config: Config) -> None:
    directory = run(config, extract=r"^(\d+)$", temperature=2.0, num_prompts=10)
    metrics = rows(directory / "metrics.jsonl")
    kept = len(rows(directory / "conversations.jsonl"))
    assert sum(row["replies/kept"] for row in metrics) == kept
    assert sum(row["replies/dropped"] for row in metrics) == 20 - kept
