"""The command's table of subcommands, and the one place where errors become exit codes."""

from __future__ import annotations

import difflib
import importlib
import os
import sys
from contextlib import suppress
from typing import Any, TextIO

import click

from recipe_runner.errors import RunnerError
from recipe_runner.printable import printable_lines

EXIT_WRONG_RECIPE = 1
EXIT_INTERNAL = 3
EXIT_REFUSED = 3
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141  # as a shell reports a process that SIGPIPE ended

# Command -> where it is, and what it does: nothing is imported before it is used.
COMMANDS: dict[str, tuple[str, str]] = {
    "validate": ("recipe_runner.cli.validate:validate", "Check recipes; report every mistake."),
    "plan": ("recipe_runner.cli.plan:plan", "Print what a recipe will do, all defaults resolved."),
    "preflight": ("recipe_runner.cli.preflight:preflight", "Try real steps on this machine."),
    "variants": ("recipe_runner.cli.variants:variants", "List the variants of a recipe."),
    "sweep": ("recipe_runner.cli.sweep:sweep", "Run the variants of a recipe side by side."),
    "runs": ("recipe_runner.cli.runs:runs", "List, show, resume, remove runs."),
    "report": ("recipe_runner.cli.report:report", "Write runs as a page to look at."),
    "compare": ("recipe_runner.cli.compare:compare", "Plans and metrics of runs, side by side."),
    "reproduce": ("recipe_runner.cli.reproduce:reproduce", "Run a run again, from its record."),
    "export": ("recipe_runner.cli.export:export", "Print the compiled Cookbook configuration."),
    "import": ("recipe_runner.cli.import_:import_", "Write a Cookbook command as a recipe."),
    "chat": ("recipe_runner.cli.chat:chat", "Talk to checkpoints and base models."),
    "sample": ("recipe_runner.cli.sample:sample", "Ask them every prompt of a file."),
    "weights": ("recipe_runner.cli.weights:weights", "Checkpoints on the service."),
    "serve": ("recipe_runner.cli.serve:serve", "Serve the local backend for any Tinker client."),
    "models": ("recipe_runner.cli.models:models", "List the models, with prices and context."),
    "envs": ("recipe_runner.cli.envs:envs", "List the environments, with what each needs."),
    "init": ("recipe_runner.cli.init:init", "Write a commented recipe to start from."),
    "migrate": ("recipe_runner.cli.migrate:migrate", "Rewrite recipes of an earlier version."),
    "doctor": ("recipe_runner.cli.doctor:doctor", "Look at what this machine has and lacks."),
    "schema": ("recipe_runner.cli.schema:schema", "Print the JSON Schema of recipes."),
}
RUN = "recipe_runner.cli.run:run"

EPILOG = """\b
Examples:
  recipe-run recipes/quickstart.yaml
  recipe-run recipes/gem_math.yaml --set optimizer.learning_rate=1e-5
  recipe-run validate recipes/
  recipe-run preflight recipes/gem_math.yaml
"""


class _Commands(click.Group):
    """Imports a subcommand when it is used, and takes a file in place of a subcommand."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return _import(COMMANDS[cmd_name][0]) if cmd_name in COMMANDS else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name in COMMANDS:
            return name, self.get_command(ctx, name), args[1:]
        if _looks_like_a_file(name):
            # The command is shown in usage lines as it was typed: recipe-run RECIPE.
            return "", _import(RUN), args
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f"; did you mean `recipe-run {near[0]}`?" if near else "; see `recipe-run --help`"
        raise click.UsageError(f"no such command or file: {name}{hint}", ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


def _import(location: str) -> click.Command:
    module, attribute = location.split(":")
    command: click.Command = getattr(importlib.import_module(module), attribute)
    return command


def _looks_like_a_file(name: str) -> bool:
    return os.path.exists(name) or name.endswith((".yaml", ".yml")) or os.sep in name


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        click.echo(f"recipe-run {version('recipe-run')}")
        ctx.exit()


@click.group(
    cls=_Commands,
    epilog=EPILOG,
    options_metavar="",
    subcommand_metavar="RECIPE [OPTIONS] | COMMAND [ARGS]",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--debug", is_flag=True, help="Show tracebacks (anywhere on the command line).")
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Print the version.",
)
def app(debug: bool) -> None:
    """Run Tinker Cookbook experiments from validated YAML recipes.

    `recipe-run RECIPE` validates, plans and runs a recipe; its options: recipe-run RECIPE --help.
    """


def run_command(argv: list[str]) -> int:
    """Run one command line and return its exit code; errors are printed, never raised.

    With `--debug`, tracebacks are printed too, without keys that a service may have said back.
    """
    debug, arguments = _take_debug(argv)
    try:
        with app.make_context("recipe-run", arguments) as context:
            app.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as error:
        error.show()
        if isinstance(error, click.NoSuchOption) and error.ctx and not error.ctx.parent:
            click.echo("Options of a run follow the recipe: recipe-run RECIPE --steps 3", err=True)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort) as stop:
        if debug:
            _print_traceback(stop)
        click.echo("interrupted", err=True)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        _discard(sys.stdout)
        return EXIT_BROKEN_PIPE
    except Exception as error:
        if debug:
            _print_traceback(error)
        with suppress(OSError):  # nor can it be said: standard error is full, too
            return _report(error, argv)
        _discard(sys.stderr)
        return EXIT_INTERNAL
    return 0


def _discard(stream: TextIO) -> None:
    """Send what a stream could not get rid of nowhere; Python would complain about it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _print_traceback(error: BaseException) -> None:
    from recipe_runner.runs.redaction import redacted_traceback

    with suppress(OSError):
        click.echo(redacted_traceback(error), err=True, nl=False)


def _take_debug(argv: list[str]) -> tuple[bool, list[str]]:
    end = argv.index("--") if "--" in argv else len(argv)
    kept = [word for word in argv[:end] if word != "--debug"]
    return len(kept) < end, [*kept, *argv[end:]]


def _report(error: Exception, argv: list[str]) -> int:
    """Print an error for people and return the exit code that it stands for."""
    diagnostics: list[Any] | None = getattr(error, "diagnostics", None)
    if diagnostics is not None:
        from recipe_runner.cli.output import flag_texts, print_text

        print_text(diagnostics, flag_texts(argv))
        return EXIT_WRONG_RECIPE
    if isinstance(error, RunnerError):
        click.echo(f"error: {printable_lines(str(error))}", err=True)
        for note in getattr(error, "__notes__", []):
            click.echo(printable_lines(note), err=True)
        return error.exit_code
    if isinstance(error, OSError):
        click.echo(f"error: {printable_lines(_refused(error))}", err=True)
        return EXIT_REFUSED
    from recipe_runner.versions import blamed_on_versions

    reason = f"{type(error).__name__}: {printable_lines(str(error))}"
    versions = blamed_on_versions(error)
    if versions is not None:
        click.echo(f"error: {reason}\n{versions}", err=True)
        return EXIT_REFUSED
    click.echo(f"internal error: {reason}", err=True)
    click.echo(
        "This is a fault of recipe-run: please report it with the recipe and what "
        "`recipe-run --debug …` prints.",
        err=True,
    )
    return EXIT_INTERNAL


def _refused(error: OSError) -> str:
    from recipe_runner.refused import in_words

    if _was_printing(error):
        _discard(sys.stdout)
        return f"standard output cannot be written: {error.strerror}"
    return in_words(error)


def _was_printing(error: OSError) -> bool:
    """Whether the write that failed, which names no file, was one to standard output."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    module = frame.tb_frame.f_globals.get("__name__") if frame is not None else None
    return error.filename is None and module in ("click.utils", __name__)
