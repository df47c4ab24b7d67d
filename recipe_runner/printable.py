"""Text from files that others wrote, made safe to print.

Control characters move a terminal's cursor, colour it or retitle it; directional ones show text in
another order than it is read in ("Trojan Source", CVE-2021-42574); line separators end a line where
no line ended. Light: the standard library alone.
"""

from __future__ import annotations

import unicodedata

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# Control, format, half of a pair, line and paragraph separators.
_UNSAFE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
# Parts of words in Persian and of emoji; neither hides nor turns anything.
_SAFE = {"\t", "\N{ZERO WIDTH NON-JOINER}", "\N{ZERO WIDTH JOINER}"}


def printable(text: str) -> str:
    """Return one line: each character that a terminal would obey is replaced by a sign."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(REPLACEMENT if is_unsafe(character) else character for character in text)


def printable_lines(text: str) -> str:
    """Return the text in its lines, each as `printable` has it."""
    return "\n".join(map(printable, text.split("\n")))


def is_unsafe(character: str) -> bool:
    """Whether a terminal would obey the character rather than show it."""
    return unicodedata.category(character) in _UNSAFE and character not in _SAFE
