"""`Recorder`: the first groups of each step, a line an episode, on disk before the step's metrics.

A line of rollouts.jsonl:

    step, split         `train`, or the name of a test set
    group, member       members of a group answer the same prompt
    reward              of the whole episode; none where nothing rewards it
    advantage           mean over the tokens that were trained; none where there is none
    prompt_tokens, reply_tokens
    tags, metrics       what the environment says of it; `metrics` by name
    turns               reward, metrics and logs of each turn
    sequences           lists of pieces, see `pieces`
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinker_cookbook.tokenizer_utils import get_tokenizer

from recipe_runner.loops.rollouts import pieces

if TYPE_CHECKING:
    import tinker
    from tinker_cookbook.rl.types import Trajectory, TrajectoryGroup

TRAIN = "train"
# A log of a turn may hold whole files.
_MAX_LOG = 2_000


@dataclass
class _Group:
    group: TrajectoryGroup
    data_G: list[list[tinker.Datum]]
    tags: list[str]


@dataclass
class Recorder:
    """Writes one run's rollouts.

    Attributes:
        path: the file, which is made with its first line.
        num_groups: groups of a step and split that are written; 0: none.
        model_name: whose tokenizer turns tokens into text.
    """

    path: Path
    num_groups: int
    model_name: str
    _waiting: list[_Group] = field(default_factory=list)
    _replied: dict[int, int] = field(default_factory=dict)

    def keep(
        self,
        groups: Sequence[TrajectoryGroup],
        data: Sequence[Sequence[Sequence[tinker.Datum]]],
        tags: Sequence[list[str]] = (),
    ) -> None:
        """Hold groups that the step under way trains on, until `write` gives its number.

        Loops go on to change the advantages of these very data.

        Args:
            data: by group and member.
        """
        room = self.num_groups - len(self._waiting)
        for index, (group, data_G) in enumerate(zip(groups, data, strict=True)):
            if index >= room:
                return
            labels = list(tags[index]) if index < len(tags) else []
            self._waiting.append(_Group(group, [list(each) for each in data_G], labels))

    def write(self, step: int) -> None:
        """Write the groups that were kept, as those of a step."""
        waiting, self._waiting = self._waiting, []
        self._append(
            [
                self._episode(step, TRAIN, index, member, each.group, each.tags, each.data_G)
                for index, each in enumerate(waiting)
                for member in range(len(each.group.trajectories_G))
            ]
        )

    def write_untrained(
        self, step: int, split: str, groups: Sequence[TrajectoryGroup], tags: Sequence[list[str]]
    ) -> None:
        """Write groups that were sampled to be measured."""
        self._append(
            [
                self._episode(step, split, index, member, group, labels, None)
                for index, (group, labels) in enumerate(zip(groups, tags, strict=True))
                if index < self.num_groups
                for member in range(len(group.trajectories_G))
            ]
        )

    def write_replies(
        self, step: int, group: int, prompt: list[int], replies: Sequence[list[int]]
    ) -> None:
        """Write replies to a prompt that nothing rewards; the first prompts of a step are kept."""
        if self._replied.get(step, 0) >= self.num_groups:
            return
        self._replied = {step: self._replied.get(step, 0) + 1}
        self._append(
            [
                {
                    **_place(step, TRAIN, group, member),
                    "reward": None,
                    "advantage": None,
                    "prompt_tokens": len(prompt),
                    "reply_tokens": len(tokens),
                    "sequences": [pieces.reply(prompt, tokens, self._decode)],
                }
                for member, tokens in enumerate(replies)
            ]
        )

    def _episode(
        self,
        step: int,
        split: str,
        group: int,
        member: int,
        of: TrajectoryGroup,
        tags: list[str],
        data_G: list[list[tinker.Datum]] | None,
    ) -> dict[str, Any]:
        episode = of.trajectories_G[member]
        data = None if data_G is None else data_G[member]
        return {
            **_place(step, split, group, member),
            "reward": of.get_total_rewards()[member],
            "advantage": None if data is None else pieces.mean_advantage(data),
            **_lengths(episode),
            "tags": tags,
            "metrics": of.metrics_G[member],
            "turns": [
                {"reward": turn.reward, "metrics": turn.metrics, "logs": _short(turn.logs)}
                for turn in episode.transitions
            ],
            "sequences": pieces.sequences(episode, data, self._decode),
        }

    def _decode(self, tokens: list[int]) -> str:
        return get_tokenizer(self.model_name).decode(tokens)

    def _append(self, records: list[dict[str, Any]]) -> None:
        if not records:
            return
        lines = [json.dumps(_plain(each), separators=(",", ":")) + "\n" for each in records]
        with self.path.open("a", encoding="utf-8") as file:
            file.write("".join(lines))


def _place(step: int, split: str, group: int, member: int) -> dict[str, Any]:
    return {"step": step, "split": split, "group": group, "member": member}


def _lengths(episode: Trajectory) -> dict[str, int]:
    turns = episode.transitions
    return {
        "prompt_tokens": turns[0].ob.length if turns else 0,
        "reply_tokens": sum(len(turn.ac.tokens) for turn in turns),
    }


def _short(logs: dict[str, Any]) -> dict[str, Any]:
    return {
        key: f"{value[:_MAX_LOG]}…" if isinstance(value, str) and len(value) > _MAX_LOG else value
        for key, value in logs.items()
    }


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it; numbers that JSON lacks become None."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, str | int | bool | None) else str(value)


active: ContextVar[Recorder | None] = ContextVar("active", default=None)


def current() -> Recorder | None:
    """Return the recorder of the run under way; None where rollouts are not written."""
    return active.get()
