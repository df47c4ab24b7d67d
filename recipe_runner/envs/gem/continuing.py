"""Prompts that continue what the model has seen, token by token.

A renderer tokenizes a conversation anew for each turn, and the tokens that a model chose for a
reply are not always those that the tokenizer would choose. Where the text is the same, the next
prompt keeps the tokens as they were: the model goes on from what it wrote, and the turns of an
episode share one prefix, so that they are trained as one sequence.
"""

from __future__ import annotations

from tinker_cookbook.renderers import Renderer


def as_continued(seen: list[int], rendered: list[int], renderer: Renderer) -> list[int]:
    """Return the rendered prompt, beginning with the tokens seen so far where its text does.

    Args:
        seen: the last prompt and the reply to it, to the token that ended the reply.
        rendered: the next prompt as the renderer tokenizes it.

    A renderer that changes the history (thinking is left out, a reply was cut), or one whose
    replies do not end in a token of their own, gets its own tokens.
    """
    if not seen or seen[-1] not in renderer.get_stop_sequences():
        return rendered
    end = _position(rendered, seen[-1], seen.count(seen[-1]))
    if end is None:
        return rendered
    decode = renderer.tokenizer.decode
    if rendered[:end] != seen and decode(rendered[:end]) != decode(seen):
        return rendered
    return seen + rendered[end:]


def _position(tokens: list[int], token: int, occurrence: int) -> int | None:
    """Return the position after a token's nth occurrence."""
    position = 0
    for _ in range(occurrence):
        try:
            position = tokens.index(token, position) + 1
        except ValueError:
            return None
    return position
