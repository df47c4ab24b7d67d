"""What a caller of the engine did wrong."""

from __future__ import annotations


class EngineError(ValueError):
    """A fault of the caller: unknown loss, wrong shapes, a token out of vocabulary.

    The message names the fault; on the wire it becomes an error of category "user".
    """


def not_text(chunk_type: object) -> str:
    """What is wrong with a piece of input that is no text."""
    return (
        f"input of type {chunk_type!r} is refused: the models of the local backend read text "
        "alone; images and audio need a service that has a model for them (backend: tinker)"
    )
