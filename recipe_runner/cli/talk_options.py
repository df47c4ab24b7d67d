"""The options that `chat` and `sample` share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recipe_runner.cli.options import named_backend
from recipe_runner.errors import RunnerError, UsageError

if TYPE_CHECKING:
    from recipe_runner.loops.speaker import Sampling
    from recipe_runner.runs.talk.speaking import Talker
    from recipe_runner.runs.talk.targets import Target

_OPTIONS = [
    click.argument("targets", nargs=-1, required=True, metavar="[RUN[@STEP]|MODEL|tinker://…]…"),
    click.option(
        "--dir",
        "root",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path("runs"),
        show_default=True,
        help="Directory of the runs.",
    ),
    click.option(
        "--backend",
        metavar="tinker|local|URL",
        help="Ask there; default: where the run was, or hosted Tinker.",
    ),
    click.option("--renderer", help="Default: the run's, or the model's recommended one."),
    click.option("--system", metavar="TEXT", help="System prompt; default: the recipe's."),
    click.option(
        "--as-is", is_flag=True, help="Ask without the wording that the recipe trained with."
    ),
    click.option(
        "--max-tokens", type=click.IntRange(min=1), help="Of a reply; default: as in training."
    ),
    click.option("--temperature", type=click.FloatRange(0, 2), default=1.0, show_default=True),
    click.option(
        "--top-p",
        type=click.FloatRange(0, 1, min_open=True),
        default=1.0,
        show_default=True,
        help="Sample from the likeliest tokens of this total probability.",
    ),
]


def talk_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add who is asked, where, and how replies are sampled; they arrive as one `Talk`."""

    @wraps(command)
    def wrapped(**given: Any) -> Any:
        names = Talk.__dataclass_fields__
        talk = Talk(**{name: given.pop(name) for name in names})
        return command(talk=talk, **given)

    result: Callable[..., Any] = wrapped
    for option in reversed(_OPTIONS):
        result = option(result)
    return result


@dataclass(frozen=True)
class Talk:
    """Who is asked, where, and how replies are sampled."""

    targets: tuple[str, ...]
    root: Path
    backend: str | None
    renderer: str | None
    system: str | None
    as_is: bool
    max_tokens: int | None
    temperature: float
    top_p: float

    def find(self) -> list[Target]:
        """Return what the targets mean.

        Raises:
            UsageError: if one means nothing, or nothing that can be asked.
        """
        from recipe_runner.runs.talk.targets import find_targets

        _require_renderer(self.renderer)
        backend = None if self.backend is None else named_backend(self.backend)
        return find_targets(self.root, self.targets, backend=backend, renderer=self.renderer)

    def sampling(
        self, targets: Sequence[Target], *, seed: int | None, num_samples: int
    ) -> Sampling:
        from recipe_runner.loops.speaker import Sampling
        from recipe_runner.runs.talk.conversation import default_max_tokens

        return Sampling(
            max_tokens=self.max_tokens or default_max_tokens(targets),
            temperature=self.temperature,
            top_p=self.top_p,
            seed=seed,
            num_samples=num_samples,
        )


@contextmanager
def speaking(targets: Sequence[Target]) -> Iterator[list[Talker]]:
    """Bring up what answers; the SDK's errors become ours."""
    from recipe_runner.runs.redacted_logs import redacted_logs
    from recipe_runner.runs.talk.speaking import speaking as bring_up

    try:
        with redacted_logs(), bring_up(targets) as talkers:
            yield talkers
    except RunnerError:
        raise
    except Exception as error:
        from recipe_runner.runs.failures import explain

        raise explain(error) from error


def introduction(talkers: Sequence[Talker], *, as_is: bool) -> Iterator[str]:
    """Yield lines that say who answers, in which wording, and which weights are not the model's."""
    from recipe_runner.runs.talk.conversation import rewords

    for talker in talkers:
        target, model = talker.target, talker.speaker.model
        backend = target.backend if isinstance(target.backend, str) else target.backend.base_url
        trained = "" if target.label == model else f": {model}"
        trained += ", trained" if target.path is not None and trained else ""
        stand_in = f" ({talker.stand_in})" if talker.stand_in else ""
        yield f"{target.label}{trained}, on {backend}{stand_in}"
    if not as_is and any(rewords(talker.target) for talker in talkers):
        yield "questions are asked in the recipe's wording, as in training; --as-is leaves it out"


def _require_renderer(name: str | None) -> None:
    from recipe_runner.catalog.models import renderer_names

    if name is None or name in renderer_names():
        return
    import difflib

    near = difflib.get_close_matches(name, renderer_names(), n=1)
    hint = (
        f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(renderer_names()))}"
    )
    raise UsageError(f"there is no renderer {name!r}; {hint}")
