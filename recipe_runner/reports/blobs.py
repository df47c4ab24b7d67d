"""What a page keeps packed until it is looked at: gzip, then base64."""

from __future__ import annotations

import base64
import gzip
import json
import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

_LEVEL = 6
# Whole numbers up to here are exact in four bytes; other values keep seven digits.
_EXACT_IN_FOUR_BYTES = 2**24


@dataclass
class Blobs:
    """Packed pieces; what refers to one has its number."""

    packed: list[str] = field(default_factory=list)

    def add_json(self, value: Any) -> int:
        """Pack a value as JSON in UTF-8."""
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        # Half of a surrogate pair, which a model can write, has no bytes in UTF-8.
        return self._add(text.encode("utf-8", "replace"))

    def add_numbers(self, values: Sequence[float]) -> tuple[int, str]:
        """Pack numbers in little-endian order; return the form as well: `f4` or `f8`."""
        form = "f8" if _needs_eight_bytes(values) else "f4"
        numbers = array("d" if form == "f8" else "f", values)
        return self._add(_little_endian(numbers)), form

    def _add(self, data: bytes) -> int:
        # No time in the header: the same data give the same bytes.
        packed = gzip.compress(data, _LEVEL, mtime=0)
        self.packed.append(base64.b64encode(packed).decode("ascii"))
        return len(self.packed) - 1


def _needs_eight_bytes(values: Sequence[float]) -> bool:
    finite = [abs(value) for value in values if value == value and abs(value) != float("inf")]
    return bool(finite) and max(finite) > _EXACT_IN_FOUR_BYTES


def _little_endian(numbers: array[float]) -> bytes:
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()
