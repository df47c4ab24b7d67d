"""An episode's tokens as text, in pieces of one kind: shown, trained, or sampled and left out.

A piece is `[text, kind, number of tokens, advantage]`, with one of the kinds below; the advantage
is that of each of its tokens, and None where nothing was trained. Tokens that lie side by side with
the same kind and advantage make one piece, so most replies are a single one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tinker
    from tinker_cookbook.rl.types import Trajectory

SHOWN = "shown"
TRAINED = "trained"
UNTRAINED = "untrained"

Piece = list[str | int | float | None]
Decode = Callable[[list[int]], str]

# What an image or another part without tokens of its own is to a reader.
_NOT_TEXT = -1
_NOT_TEXT_SHOWN = "[not text]"
# A tokenizer gives this where bytes of a character are missing.
_HALF_A_CHARACTER = "\ufffd"
# No character takes more tokens than it has bytes.
_LONGEST_CHARACTER = 4
_DIGITS = 5


@dataclass
class _Line:
    """One sequence as it was trained or sampled; the lists run beside each other.

    Attributes:
        seen: number of tokens up to the end of the last turn that was found in it.
    """

    tokens: list[int]
    kinds: list[str]
    advantages: list[float | None]
    seen: int = 0

    def takes(self, prompt: list[int], reply: list[int]) -> bool:
        """Whether a turn lies in these tokens, behind its whole prompt and the turns before it."""
        start, end = len(prompt), len(prompt) + len(reply)
        return (
            start >= self.seen and self.tokens[:start] == prompt and self.tokens[start:end] == reply
        )

    def mark_sampled(self, start: int, end: int) -> None:
        self.seen = end
        for index in range(start, end):
            if self.kinds[index] == SHOWN:
                self.kinds[index] = UNTRAINED


def sequences(
    episode: Trajectory, data: Sequence[tinker.Datum] | None, decode: Decode
) -> list[list[Piece]]:
    """Return the pieces of each sequence of an episode.

    Args:
        data: what was made of the episode to train on, in order; None: nothing was trained.
    """
    lines = _sampled(episode) if data is None else _trained(episode, data)
    return [_pieces(line, decode) for line in lines]


def mean_advantage(data: Sequence[tinker.Datum]) -> float | None:
    """Return the mean over the tokens that were trained; None without any."""
    found = [value for datum in data for value in _of(datum).advantages if value is not None]
    return sum(found) / len(found) if found else None


def reply(prompt: list[int], tokens: list[int], decode: Decode) -> list[Piece]:
    """Return the pieces of a reply that was sampled and nothing else."""
    return _pieces(_untrained(prompt, tokens), decode)


def _trained(episode: Trajectory, data: Sequence[tinker.Datum]) -> list[_Line]:
    """Mark what was sampled in the data: a turn lies in the same datum as the last, or the next."""
    lines = [_of(datum) for datum in data]
    at = 0
    for turn in episode.transitions:
        prompt, answer = _tokens(turn.ob), list(turn.ac.tokens)
        while at < len(lines) - 1 and not lines[at].takes(prompt, answer):
            at += 1
        if lines and lines[at].takes(prompt, answer):
            lines[at].mark_sampled(len(prompt), len(prompt) + len(answer))
    return lines


def _of(datum: tinker.Datum) -> _Line:
    inputs = datum.loss_fn_inputs
    tokens = [*_tokens(datum.model_input), int(inputs["target_tokens"].data[-1])]
    trained = [False, *(value > 0 for value in inputs["mask"].data)]
    advantages = [0.0, *(float(value) for value in inputs["advantages"].data)]
    return _Line(
        tokens,
        [TRAINED if each else SHOWN for each in trained],
        [value if each else None for value, each in zip(advantages, trained, strict=True)],
    )


def _sampled(episode: Trajectory) -> list[_Line]:
    """Return the episode's turns, one behind the other where a prompt holds what came before."""
    lines: list[_Line] = []
    for turn in episode.transitions:
        prompt, answer = _tokens(turn.ob), list(turn.ac.tokens)
        line = _untrained(prompt, answer)
        if lines and prompt[: len(lines[-1].tokens)] == lines[-1].tokens:
            before = lines.pop().kinds
            line.kinds[: len(before)] = before
        lines.append(line)
    return lines


def _untrained(prompt: list[int], answer: list[int]) -> _Line:
    tokens = [*prompt, *answer]
    kinds = [SHOWN] * len(prompt) + [UNTRAINED] * len(answer)
    return _Line(tokens, kinds, [None] * len(tokens))


def _tokens(model_input: tinker.ModelInput) -> list[int]:
    found: list[int] = []
    for chunk in model_input.chunks:
        known = getattr(chunk, "tokens", None)
        found += [_NOT_TEXT] * chunk.length if known is None else known
    return found


def _pieces(line: _Line, decode: Decode) -> list[Piece]:
    pieces: list[Piece] = []
    start = 0
    for end in range(1, len(line.tokens) + 1):
        if end < len(line.tokens) and _key(line, end) == _key(line, start):
            continue
        text = _text(line.tokens[start:end], decode)
        if _ends_inside_a_character(text, end - start) and end < len(line.tokens):
            continue
        advantage = line.advantages[start]
        rounded = None if advantage is None else float(f"{advantage:.{_DIGITS}g}")
        pieces.append([text, line.kinds[start], end - start, rounded])
        start = end
    return pieces


def _key(line: _Line, index: int) -> tuple[str, float | None, bool]:
    return line.kinds[index], line.advantages[index], line.tokens[index] == _NOT_TEXT


def _ends_inside_a_character(text: str, num_tokens: int) -> bool:
    """Whether the next token goes on with the last character; it then counts with this piece."""
    return text.endswith(_HALF_A_CHARACTER) and num_tokens < _LONGEST_CHARACTER


def _text(tokens: list[int], decode: Decode) -> str:
    return _NOT_TEXT_SHOWN if tokens[0] == _NOT_TEXT else decode(tokens)
