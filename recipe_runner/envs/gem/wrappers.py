"""The observation wrappers of gem.wrappers that a recipe may name. Standard library only.

Without one, an episode is a conversation: each turn's observation is a new user message. With one,
GEM builds each turn's prompt itself out of all turns so far, and the model sees that one message.

Not offered: `concat_chat` and `concat_chat_on_reset` put chat templates into the text, which is the
renderer's work; `python_tool` runs the model's code without isolating it; `search_tool` needs a
server.
"""

from __future__ import annotations

from collections.abc import Iterable

WRAPPERS = {
    # name in gem.wrappers.wrapper_factory -> arguments of gem's ObservationWrapper
    "concat": {"include_action": False, "include_chat_template": False},
    "concat_with_action": {"include_action": True, "include_chat_template": False},
}


def check_wrappers(names: Iterable[str]) -> None:
    names = list(names)
    unknown = [name for name in names if name not in WRAPPERS]
    if unknown:
        known = ", ".join(sorted(WRAPPERS))
        raise ValueError(f"unknown wrapper {unknown[0]!r}: the wrappers are {known}")
    if len(names) > 1:
        raise ValueError(f"one wrapper at most, not {', '.join(names)}: each builds the prompt")
