"""What a caller of the engine did wrong."""

from __future__ import annotations


class EngineError(ValueError):
    """A fault of the caller: unknown loss, wrong shapes, a token out of vocabulary.

    The message names the fault; on the wire it becomes an error of category "user".
    """
