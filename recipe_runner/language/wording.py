"""Words for values and for what the language expects in their place."""

from __future__ import annotations

import re
from typing import Any, get_origin

from recipe_runner.language.grammar import Slot
from recipe_runner.language.scalars import resolve_plain
from recipe_runner.language.tree import Node

MAX_SHOWN = 40
_NAMES: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    list: "a list",
    dict: "a mapping",
}
_YAML_1_1_BOOLEANS = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false"}
_YAML_1_1_BOOLEANS["n"] = "false"


def shorten(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"


def show(value: Any) -> str:
    """Describe a value: `"ppo"`, `2.5`, `a list`."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return shorten(str(value))
    if isinstance(value, str):
        return f'"{shorten(value)}"' if value else "empty text"
    return "a list" if isinstance(value, list) else "a mapping"


def show_type(value: Any) -> str:
    """Describe a value of the wrong type: `the text "32"`."""
    return f"the text {show(value)}" if isinstance(value, str) and value else show(value)


def expected(slot: Slot) -> str:
    """Describe what a slot takes: `a whole number`, `a number, auto or a mapping`."""
    branches = slot.branches()
    mixed = any(branch.model is None for branch in branches)
    words = [_expected_branch(branch, forms=mixed) for branch in branches]
    words = list(dict.fromkeys(word for word in words if word))
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def form(branch: Slot) -> str:
    """Describe a mapping by the keys that it must have: `{kind: …, base_url: …}`."""
    fields = branch.model.model_fields if branch.model else {}
    needed = [key for key, info in fields.items() if info.is_required()]
    return f"{{{', '.join(f'{key}: …' for key in needed)}}}" if needed else "a mapping"


def _expected_branch(branch: Slot, *, forms: bool) -> str:
    if branch.is_union:
        return expected(branch)
    if branch.literals:
        literals = [str(literal) for literal in branch.literals]
        return literals[0] if len(literals) == 1 else f"one of {', '.join(literals)}"
    if branch.model is not None:
        return form(branch) if forms else "a mapping"
    return _NAMES.get(get_origin(branch.type) or branch.type, "a value")


def type_hint(slot: Slot, node: Node | None) -> str | None:
    """Say how to write the value that was probably meant."""
    if node is None:
        return None
    value = node.value
    wanted = {branch.type for branch in slot.branches()}
    if isinstance(value, str) and not any(get_origin(w) is list for w in wanted):
        return _hint_for_text(value, wanted, quoted=node.text is None)
    if isinstance(value, float) and int in wanted and value == int(value):
        return f"write {int(value)}"
    if isinstance(value, bool | int | float) and str in wanted:
        return f'write "{node.text or value}" in quotes'
    if not isinstance(value, dict | list) and any(get_origin(w) is list for w in wanted):
        return f"write [{node.text or value}]"
    if isinstance(value, list) and len(value) == 1 and wanted & {int, float, str, bool}:
        return "write the value without brackets"
    models = [branch.model for branch in slot.branches() if branch.model is not None]
    if models and not isinstance(value, dict):
        return f"its keys are {', '.join(models[0].model_fields)}"
    return None


def _hint_for_text(value: str, wanted: set[Any], *, quoted: bool) -> str | None:
    if bool in wanted and value.lower() in _YAML_1_1_BOOLEANS:
        return f"write {_YAML_1_1_BOOLEANS[value.lower()]}; in YAML 1.2 `{value}` is text"
    meant = resolve_plain(value.strip())
    if bool in wanted and isinstance(meant, bool):
        return f"write {value.strip().lower()} without quotes"
    if not wanted & {int, float}:
        return None
    if quoted and isinstance(meant, int | float) and not isinstance(meant, bool):
        return f"write {value.strip()} without quotes"
    digits = value.replace("_", "").replace(",", "").replace(" ", "")
    if digits != value and re.fullmatch(r"[-+]?[0-9]+(\.[0-9]+)?", digits):
        return f"write {digits}"
    thousands = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([kKmM])", value)
    if thousands:
        factor = 1000 if thousands[2] in "kK" else 1_000_000
        return f"write {round(float(thousands[1]) * factor)}"
    return None
