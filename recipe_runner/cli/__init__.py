"""The `recipe-run` command: one module a command, thin, with heavy imports inside the functions.

May import every package of recipe_runner, but at import time only click and light modules.
"""

from __future__ import annotations

import gc
import sys


def main(argv: list[str] | None = None) -> None:
    """Run the command and exit with its code; the entry point of the installed script."""
    from recipe_runner.cli.streams import prepare_streams

    prepare_streams()
    try:
        from recipe_runner.cli.app import run_command
    except ImportError as error:  # click, which would say it better
        from recipe_runner.versions import blamed_on_versions

        sys.exit(f"error: {error}. {blamed_on_versions(error) or 'Install recipe-run again'}")
    code = run_command(sys.argv[1:] if argv is None else argv)
    if "torch" not in sys.modules:
        # The last collection finds nothing that matters here, and takes a sixth of `validate`.
        gc.freeze()
    sys.exit(code)
