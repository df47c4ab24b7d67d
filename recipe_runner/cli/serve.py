"""`recipe-run serve`: the local backend alone, for any Tinker client."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("serve")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0: any free port.")
@click.option(
    "--model-path",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Directory of real weights to serve.",
)
@click.option(
    "--store",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("runs/.local"),
    show_default=True,
    help="Directory of checkpoints.",
)
@click.option("--api-key", metavar="KEY", help="Take this key alone; default: any tml-… key.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True)
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True)
def serve(
    port: int, model_path: Path | None, store: Path, api_key: str | None, seed: int, threads: int
) -> None:
    """Serve Tinker's protocol on 127.0.0.1 until Ctrl-C; prints the URL on a line of its own."""
    from recipe_runner.backends.local.server import serve as serve_until_interrupted

    serve_until_interrupted(
        port=port, model_path=model_path, store=store, api_key=api_key, seed=seed, threads=threads
    )
