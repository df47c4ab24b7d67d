"""What one input may take before it counts as a fault."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Attributes:
    max_bytes: of an input.
    timeout_s: of an input's processing; longer is a hang.
    memory_mb: of the process.
    holds_json: behind the first byte, which says what for; it is changed as JSON.
    """

    max_bytes: int
    timeout_s: int = 10
    memory_mb: int = 2048
    holds_json: bool = False
