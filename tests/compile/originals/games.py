"""The configuration of the Cookbook's multiplayer commands, which make it in `build_config`."""

from __future__ import annotations

import importlib
from typing import Any

import chz


def game_config(game: str, *arguments: str) -> Any:
    """Return what `python -m …multiplayer_rl.<game>.train key=value…` hands to its loop."""
    module = importlib.import_module(f"tinker_cookbook.recipes.multiplayer_rl.{game}.train")
    return module.build_config(chz.Blueprint(module.CLIConfig).make_from_argv(list(arguments)))
