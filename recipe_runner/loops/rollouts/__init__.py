"""Writes what a run samples to rollouts.jsonl, to be read in its report.

`recorded` is entered around a loop. What the Cookbook's loops sample reaches the recorder through
the functions that they all call; the project's own loops hand it over themselves, to `current()`.
"""

from recipe_runner.loops.rollouts.hooks import recorded
from recipe_runner.loops.rollouts.recorder import current

__all__ = ["current", "recorded"]
