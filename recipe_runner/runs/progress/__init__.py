"""What a person sees of a run: read from the metrics file, live on a terminal or line by line."""

from recipe_runner.runs.progress.curve import Curve, headline
from recipe_runner.runs.progress.watcher import watch

__all__ = ["Curve", "headline", "watch"]
