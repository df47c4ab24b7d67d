"""The wrappers of gem.wrappers that a recipe may name. Standard library only.

Without one, an episode is a conversation: each turn's observation is a new user message, and the
model's replies are its own. `concat_chat` names just that: GEM puts a chat template into the text,
here the renderer does. With another of `PROMPTS`, GEM builds each turn's prompt out of all turns so
far, and the model sees that one message.

A wrapper of `TOOLS` goes first and lets the model run Python programs, in `recipe_runner.isolation`
and nowhere else; see `tools`.

Not offered: `concat_chat_on_reset`, whose later turns have no template; `search_tool`, which needs
a server.
"""

from __future__ import annotations

from collections.abc import Sequence

CONVERSATION = "concat_chat"

PROMPTS = {
    # name in gem.wrappers.wrapper_factory -> arguments of gem's ObservationWrapper
    "concat": {"include_action": False, "include_chat_template": False},
    "concat_with_action": {"include_action": True, "include_chat_template": False},
}

TOOLS = frozenset(
    {
        "python_tool",
        "python_tool_no_int_reward",
        "python_tool_no_int_reward_last_line_error",
    }
)


def tool_of(names: Sequence[str]) -> str | None:
    """Return the tool's name among the wrappers, if there is one."""
    return next((name for name in names if name in TOOLS), None)


def prompt_of(names: Sequence[str]) -> str | None:
    """Return the wrapper that builds the prompts; None for a conversation."""
    return next((name for name in names if name in PROMPTS), None)


def check_wrappers(names: Sequence[str]) -> None:
    """Raise ValueError unless the names are known, the tool first, one of each kind at most."""
    known = {*PROMPTS, *TOOLS, CONVERSATION}
    unknown = [name for name in names if name not in known]
    if unknown:
        listed = ", ".join(sorted(known))
        raise ValueError(f"unknown wrapper {unknown[0]!r}: the wrappers are {listed}")
    tools = [name for name in names if name in TOOLS]
    if len(tools) > 1 or (tools and names[0] != tools[0]):
        raise ValueError(f"one tool at most, and it comes first, not {', '.join(names)}")
    if len(names) - len(tools) > 1:
        raise ValueError(
            f"one wrapper of prompts at most, not {', '.join(names)}: each builds the prompt"
        )
