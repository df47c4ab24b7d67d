"""Data -> one HTML file that loads nothing: the scripts, styles and data are all in it."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

# What every report has near its start; a file without it is not overwritten.
MARK = '<meta name="generator" content="recipe-run report">'

_CHARTS = "vendor/uPlot.iife.min.js"
# In the order in which they build on each other.
_SCRIPTS = (
    "dom.js",
    "words.js",
    "data.js",
    "colours.js",
    "charts.js",
    "curves.js",
    "cost.js",
    "overview.js",
    "episode.js",
    "rollouts.js",
    "plan.js",
    "record.js",
    "live.js",
    "main.js",
)
_STYLES = ("vendor/uPlot.min.css", "style.css")


def render(data: dict[str, Any]) -> str:
    """Return the page that shows what `assemble` returned."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True
    )
    template = environment.from_string(_file("template.html.jinja"))
    return template.render(
        title=_title(data),
        policy=_policy(live=bool(data["live"])),
        styles=Markup(_styles()),
        scripts=[Markup(script) for script in _scripts()],
        data=Markup(_in_a_script(data)),
    )


def _title(data: dict[str, Any]) -> str:
    names = [str(run["name"]) for run in data["runs"] if run["parent"] is None]
    if len(data["sweeps"]) == 1 and len(names) > 1:
        names = [str(data["sweeps"][0]["name"])]
    return f"{', '.join(dict.fromkeys(names))} – recipe-run report"


def _in_a_script(data: dict[str, Any]) -> str:
    """Return data as JSON that cannot end the element that holds it, whatever a model wrote."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _policy(*, live: bool) -> str:
    """Allow the page's own scripts and styles by their hashes, and nothing else at all."""
    scripts = " ".join(_hash(script) for script in _scripts())
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {scripts}",
            f"style-src {_hash(_styles())}",
            "connect-src 'self'" if live else "connect-src 'none'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


@cache
def _styles() -> str:
    return "\n".join(_file(name) for name in _STYLES)


@cache
def _scripts() -> tuple[str, str]:
    """Return the chart library, and the page's own scripts as one, which share their names."""
    own = "\n".join(_file(name) for name in _SCRIPTS)
    return _file(_CHARTS), f'(() => {{\n"use strict";\n{own}\n}})();'


def _file(name: str) -> str:
    place: Traversable = files("recipe_runner.reports") / "page"
    return place.joinpath(*name.split("/")).read_text("utf-8")
