"""How much is measured: enough for a mean, and no more than a person waits for."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Limits:
    """Bounds on a measurement.

    Attributes:
        problems: environments opened, or prompts rendered.
        rehearsals: episodes of many turns that are played.
        turns: replies of each of them.
        texts: rows of training data rendered, whole batches at least one.
        seconds: for what is measured after the data is loaded; what is left out then is not
            waited for.
    """

    problems: int = 32
    rehearsals: int = 8
    turns: int = 24
    texts: int = 512
    seconds: float = 10.0
    _started: float = field(default_factory=time.monotonic, repr=False)

    def is_over(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() - self._started > self.seconds

    @property
    def seconds_left(self) -> float:
        return max(0.1, self.seconds - (time.monotonic() - self._started))

    def restarted(self) -> Limits:
        """Return the same limits with the time starting now."""
        return Limits(self.problems, self.rehearsals, self.turns, self.texts, self.seconds)
