"""Dated facts about models and environments, shipped as data.

May import schemas, and nothing heavy.
Each `refresh_*` module writes a data file from the installed packages; a test holds them equal.
"""

from pathlib import Path

# A path, not importlib.resources: importing that costs a validation tens of milliseconds.
DATA = Path(__file__).parent / "data"
