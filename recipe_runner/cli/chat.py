"""`recipe-run chat`: talk to what was trained, and to what it was before."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from recipe_runner.cli.talk_options import Talk, introduction, speaking, talk_options
from recipe_runner.printable import printable_lines

if TYPE_CHECKING:
    from recipe_runner.loops.speaker import Reply
    from recipe_runner.runs.talk.repl import Screen


@click.command("chat")
@talk_options
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Same seed, same replies.")
def chat(talk: Talk, seed: int | None) -> None:
    """Talk to checkpoints and base models, several at once if several are given.

    At a terminal: /help lists what can be done beside talking. Otherwise each line of standard
    input is answered, in one conversation.
    """
    targets = talk.find()
    from recipe_runner.runs.talk.conversation import Conversation, system_prompt
    from recipe_runner.runs.talk.repl import Chat

    interactive = sys.stdin.isatty() and sys.stdout.isatty()
    sampling = talk.sampling(targets, seed=seed, num_samples=1)
    with speaking(targets) as talkers:
        for line in introduction(talkers, as_is=talk.as_is):
            click.echo(line, err=True)
        conversations = [
            Conversation(talker, system=system_prompt(talker.target, talk.system), as_is=talk.as_is)
            for talker in talkers
        ]
        if interactive:
            click.echo("/help lists commands, Ctrl-D ends", err=True)
        screen = _screen(several=len(talkers) > 1, interactive=interactive)
        Chat(conversations, sampling, screen, interactive).run(_lines(interactive))


def _lines(interactive: bool) -> Iterator[str]:
    """Yield what is said, at a terminal with line editing; Ctrl-C there clears the line."""
    if not interactive:
        yield from sys.stdin
        return
    import readline

    readline.set_auto_history(True)
    while True:
        try:
            yield input("> ")
        except EOFError:
            click.echo()
            return
        except KeyboardInterrupt:
            click.echo("\n/exit or Ctrl-D ends", err=True)


def _screen(*, several: bool, interactive: bool) -> Screen:
    from recipe_runner.runs.talk.repl import Screen

    def reply(label: str, given: Reply) -> None:
        if several:
            _echo(label, bold=True)
        if given.thinking:
            _echo(printable_lines(given.thinking.strip()), dim=True, err=not interactive)
        # What a program reads is the reply as it is; a terminal would obey some of it.
        click.echo(printable_lines(given.text) if sys.stdout.isatty() else given.text)
        if given.stop_reason == "length":
            _echo(f"(cut off after {len(given.tokens)} tokens)", dim=True, err=True)
        if several or interactive:
            click.echo()

    return Screen(reply=reply, note=lambda text: click.echo(text, err=True))


def _echo(text: str, *, err: bool = False, **style: bool) -> None:
    plain = "NO_COLOR" in os.environ
    click.echo(text if plain else click.style(text, **style), err=err)
