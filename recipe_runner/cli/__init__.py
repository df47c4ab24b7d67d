"""The `recipe-run` command: one module a command, thin, with heavy imports inside the functions.

May import every package of recipe_runner, but at import time only click and light modules.
"""

from __future__ import annotations

import sys


def main(argv: list[str] | None = None) -> None:
    """Run the command and exit with its code; the entry point of the installed script."""
    from recipe_runner.cli.streams import prepare_streams

    prepare_streams()
    from recipe_runner.cli.app import run_command

    sys.exit(run_command(sys.argv[1:] if argv is None else argv))
