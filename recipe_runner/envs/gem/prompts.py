"""The first user message of an episode."""

from __future__ import annotations

from functools import cache

from jinja2 import StrictUndefined, Template, TemplateError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

BOXED = (
    "Question: {{ observation }}\n"
    "Please reason step by step, and put your final answer within \\boxed{}."
)
_NAMED = {"boxed": BOXED, "none": "{{ observation }}"}


@cache
def _template(prompt: str) -> Template:
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True
    )
    source = _NAMED.get(prompt, prompt)
    names = meta.find_undeclared_variables(environment.parse(source))
    if names != {"observation"}:
        found = ", ".join(sorted(names)) or "none"
        raise ValueError(
            f"prompt must be 'boxed', 'none', or a template with {{{{ observation }}}} as its "
            f"only name (names found: {found})"
        )
    return environment.from_string(source)


def check_prompt(prompt: str) -> None:
    """Raise ValueError unless `prompt` is `boxed`, `none`, or a template that renders."""
    render_prompt(prompt, "an observation")


def render_prompt(prompt: str, observation: str) -> str:
    try:
        return _template(prompt).render(observation=observation)
    except TemplateError as error:
        raise ValueError(f"prompt: {error}") from error
