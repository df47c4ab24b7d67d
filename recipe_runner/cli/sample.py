"""`recipe-run sample`: many prompts at once, to a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from recipe_runner.cli.talk_options import Talk, introduction, speaking, talk_options
from recipe_runner.errors import UsageError

if TYPE_CHECKING:
    from recipe_runner.runs.talk.answers import OnExisting
    from recipe_runner.runs.talk.sampling import Progress


@click.command("sample")
@talk_options
@click.option(
    "--prompts",
    "prompts_file",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="JSONL, `prompt` or `messages` on each line, as `data.kind: prompts`.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="JSONL, a line for each reply.",
)
@click.option("-n", "--num-samples", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True)
@click.option("--resume", is_flag=True, help="Ask what the output file lacks.")
@click.option("--overwrite", is_flag=True, help="Start the output file over.")
@click.option("--token-ids", is_flag=True, help="Write the replies' token ids too.")
@click.option(
    "--max-in-flight",
    type=click.IntRange(min=1),
    default=64,
    show_default=True,
    help="Prompts that are asked at the same time.",
)
def sample(
    talk: Talk,
    prompts_file: Path,
    output: Path,
    num_samples: int,
    seed: int,
    resume: bool,
    overwrite: bool,
    token_ids: bool,
    max_in_flight: int,
) -> None:
    """Ask checkpoints and base models every prompt of a file, and write their replies."""
    on_existing = _on_existing(resume, overwrite)
    targets = talk.find()
    from recipe_runner.compile.data.prompts import PromptsFile
    from recipe_runner.runs.talk.answers import Answers
    from recipe_runner.runs.talk.sampling import Asking
    from recipe_runner.runs.talk.sampling import sample as sample_prompts

    prompts = PromptsFile(path=str(prompts_file))()
    answers = Answers(output, on_existing)
    asking = Asking(
        sampling=talk.sampling(targets, seed=seed, num_samples=num_samples),
        system=talk.system,
        as_is=talk.as_is,
        max_in_flight=max_in_flight,
        token_ids=token_ids,
    )
    try:
        with speaking(targets) as talkers:
            for line in introduction(talkers, as_is=talk.as_is):
                click.echo(line, err=True)
            progress = sample_prompts(talkers, prompts, answers, asking, _show)
    except KeyboardInterrupt:
        click.echo(f"\n--resume asks what {output} lacks", err=True)
        raise
    click.echo(_outcome(progress, output), err=True)


def _on_existing(resume: bool, overwrite: bool) -> OnExisting:
    if resume and overwrite:
        raise UsageError("--resume goes on with a file, --overwrite starts it over: give one")
    return "resume" if resume else "overwrite" if overwrite else "fail"


def _show(progress: Progress) -> None:
    if sys.stderr.isatty():
        done = progress.already + progress.answered
        rate = f", {progress.tokens_per_s:,.0f} tokens/s" if progress.tokens else ""
        click.echo(f"\r{done} of {progress.total} prompts answered{rate}\x1b[K", nl=False, err=True)


def _outcome(progress: Progress, output: Path) -> str:
    end = "\n" if sys.stderr.isatty() else ""
    before = f" ({progress.already} were there)" if progress.already else ""
    return (
        f"{end}{progress.answered} prompts answered{before}, {progress.tokens:,} tokens sampled, "
        f"in {output}"
    )
