"""`recipe-run report`: runs as a page to look at."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click


@click.command("report")
@click.argument("references", metavar="RUN...", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=True, path_type=Path),
    default=Path("report.html"),
    show_default=True,
    help="The HTML file; a report that is there is replaced, any other file is not.",
)
@click.option(
    "--dir",
    "root",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("runs"),
    show_default=True,
    help="Directory of the runs.",
)
@click.option(
    "--rollouts",
    type=click.IntRange(min=0),
    default=5000,
    show_default=True,
    help="Rollouts of each run at most; the report says what it left out.",
)
@click.option("--serve", is_flag=True, help="Follow the runs on a page of this machine's own.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    show_default=True,
    help="Port of --serve; 0 takes a free one.",
)
def report(
    references: tuple[str, ...],
    output: Path,
    root: Path,
    rollouts: int,
    serve: bool,
    port: int,
) -> None:
    """Write curves, rollouts, plans and costs of RUNs to one HTML file that needs no network.

    RUN is an id, the start of one, a recipe's name (its newest run) or a run's directory; or the
    directory of a sweep. Several runs are drawn over each other.
    """
    from recipe_runner.reports.sweep import find_all

    chosen = find_all(root, references)
    if serve:
        from recipe_runner.reports.server import serve as serve_report

        choose = partial(find_all, root, references)
        serve_report(choose, rollouts=rollouts, port=port, ready=click.echo)
        return
    from recipe_runner.reports.assemble import assemble
    from recipe_runner.reports.output import check_writable, write
    from recipe_runner.reports.page import render

    check_writable(output)
    data = assemble(chosen, rollouts=rollouts)
    page = render(data)
    write(page, output)
    for run in data["runs"]:
        shown = run["rollouts"]
        if shown and shown["kept"] < shown["total"]:
            click.echo(
                f"{run['name']}: {shown['kept']:,} of {shown['total']:,} rollouts; "
                "--rollouts N takes more",
                err=True,
            )
    click.echo(f"{output}  {len(page) / 1e6:.1f} MB")
