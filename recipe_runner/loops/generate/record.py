"""What was answered so far, on disk: the only state of the loop, so that a kill loses nothing.

`replies.jsonl` has a line for each prompt that was answered, in the order in which the answers
came. The metrics and the output follow from it.
"""

from __future__ import annotations

import json
import math
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from recipe_runner.loops.generate.config import Config

REPLIES = "replies.jsonl"
# A run is shown in about so many steps.
_ROWS = 20


@dataclass(frozen=True)
class Reply:
    """One reply; `finished` says that it was not cut off by `max_tokens`."""

    text: str
    num_tokens: int
    finished: bool


@dataclass(frozen=True)
class Answered:
    """The replies to the prompt at `index`, as they were sampled."""

    index: int
    num_prompt_tokens: int
    replies: tuple[Reply, ...]


class Record:
    """The replies of a run, those of earlier attempts included, in the order they came in."""

    def __init__(self, log_path: Path) -> None:
        self._path = log_path / REPLIES
        self.answered = _read(self._path)

    def open(self) -> TextIO:
        return self._path.open("a", encoding="utf-8")

    def add(self, file: TextIO, answered: Answered) -> None:
        """Keep the replies to a prompt: on disk first."""
        file.write(json.dumps(asdict(answered)) + "\n")
        file.flush()
        self.answered.append(answered)


def _read(path: Path) -> list[Answered]:
    """Return what a file holds, and cut off a last line that was not written to its end."""
    if not path.exists():
        return []
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        with path.open("r+b") as file:
            file.truncate(len(whole))
    return [_answered(json.loads(line)) for line in whole.splitlines()]


def _answered(values: dict[str, Any]) -> Answered:
    replies = tuple(Reply(**reply) for reply in values["replies"])
    return Answered(values["index"], values["num_prompt_tokens"], replies)


def written_reply(config: Config, reply: Reply) -> str | None:
    """Return what is written out of a reply, None if it is left out.

    Without `extract` only an empty reply is left out.
    """
    text = reply.text.strip()
    if config.extract is not None:
        match = re.search(config.extract, reply.text)
        if match is not None and match[1] is not None:
            return match[1]
        return text if config.keep_unmatched else None
    return text if text or config.keep_unmatched else None


def prompts_per_row(num_prompts: int) -> int:
    return max(1, math.ceil(num_prompts / _ROWS))


def metrics_row(
    config: Config, answered: list[Answered], step: int, num_prompts: int
) -> dict[str, float]:
    """Return the metrics of one step, `prompts_per_row` answers, from the record alone."""
    size = prompts_per_row(num_prompts)
    block = answered[step * size : (step + 1) * size]
    replies = [reply for each in block for reply in each.replies]
    written = [written_reply(config, reply) for reply in replies]
    matches = [reply for reply in replies if _matches(config, reply)]
    prompt_tokens = sum(each.num_prompt_tokens for each in block)
    sampled_tokens = sum(reply.num_tokens for reply in replies)
    return {
        "progress/done_frac": (step * size + len(block)) / num_prompts,
        "replies/sampled": len(replies),
        "replies/kept": sum(text is not None for text in written),
        "replies/dropped": sum(text is None for text in written),
        "replies/kept_frac": sum(text is not None for text in written) / len(replies),
        "replies/match_frac": len(matches) / len(replies),
        "replies/finished_frac": sum(reply.finished for reply in replies) / len(replies),
        "replies/tokens_mean": sampled_tokens / len(replies),
        "num_tokens": prompt_tokens + sampled_tokens,
    }


def _matches(config: Config, reply: Reply) -> bool:
    if config.extract is None:
        return bool(reply.text.strip())
    match = re.search(config.extract, reply.text)
    return match is not None and match[1] is not None


def write_atomically(path: Path, lines: list[str]) -> None:
    """Write a file that a reader never sees in part."""
    temporary = path.with_name(f".{path.name}.part")
    with temporary.open("w", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in lines)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
