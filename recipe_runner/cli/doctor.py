"""`recipe-run doctor`: what this machine has and lacks, each with the next step."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import click

from recipe_runner.versions import TESTED, installed_version, untested

TESTED_PYTHON = (3, 11)

Status = Literal["ok", "missing", "optional"]

# Distribution -> what does not work without it, and how to get it; not all need these.
_FOR_PARTS = {
    "gem-llm": ("env.kind gem and method reinforce", "Python 3.12.0 or earlier, then reinstall"),
    "inspect-ai": ("evaluators of kind inspect", "pip install 'recipe-run[eval]'"),
    "textarena": ("env.kind multiplayer, text_arena", "pip install 'recipe-run[multiplayer]'"),
    "chromadb": ("env.kind search", "pip install 'recipe-run[search]'"),
    "verifiers": ("env.kind verifiers", "pip install 'recipe-run[verifiers]'"),
    "trackio": ("logging.trackio", "pip install 'recipe-run[trackio]'"),
    "optuna": ("sweep --halving", "pip install 'recipe-run[halving]'"),
    "ray": ("sweep --executor ray", "pip install 'recipe-run[ray]'"),
}


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, how it stands, and what to do about it."""

    what: str
    status: Status
    detail: str
    next_step: str = ""


@click.command("doctor")
@click.option("--offline", is_flag=True, help="Ask nothing on the network.")
@click.pass_context
def doctor(ctx: click.Context, offline: bool) -> None:
    """Look at Python, packages, keys, the hub and isolation; say what to do where one is missing.

    Exit code 3 if something is missing that every run needs.
    """
    missing = False
    for check in (_python, _packages, _parts, _keys, _isolation, *(() if offline else (_reach,))):
        for finding in check():
            click.echo(_line(finding))
            missing = missing or finding.status == "missing"
    if missing:
        ctx.exit(3)


def _line(finding: Finding) -> str:
    mark = {"ok": "ok      ", "missing": "MISSING ", "optional": "-       "}[finding.status]
    step = f"  -> {finding.next_step}" if finding.next_step else ""
    return f"{mark}{finding.what}: {finding.detail}{step}"


def _python() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] == TESTED_PYTHON:
        yield Finding("Python", "ok", version)
    else:
        yield Finding("Python", "optional", f"{version}; the tests run on 3.11", "use Python 3.11")


def _packages() -> Iterator[Finding]:
    for name in TESTED:
        found = untested(name)
        if found is None:
            yield Finding(name, "ok", str(installed_version(name)))
        elif found.installed is not None:
            detail = f"{found.installed}; the tests run with {found.tested}"
            yield Finding(name, "optional", detail, found.remedy)
        elif name not in _FOR_PARTS:
            yield Finding(name, "missing", "not installed", found.remedy)


def _parts() -> Iterator[Finding]:
    for name, (part, step) in _FOR_PARTS.items():
        version = installed_version(name)
        if version is None:
            yield Finding(name, "optional", f"not installed; {part} needs it", step)
        elif name not in TESTED:
            yield Finding(name, "ok", version)


def _keys() -> Iterator[Finding]:
    """Say which keys are set, never what they are."""
    if os.environ.get("TINKER_API_KEY"):
        yield Finding("TINKER_API_KEY", "ok", "set")
    else:
        yield Finding(
            "TINKER_API_KEY",
            "optional",
            "not set; hosted Tinker needs it, --backend local does not",
            "export TINKER_API_KEY=… from the Tinker console",
        )
    if os.environ.get("WANDB_API_KEY") or _has_netrc("api.wandb.ai"):
        yield Finding("W&B", "ok", "logged in")
    else:
        detail = "no login; logging.wandb needs one, unless mode is offline"
        yield Finding("W&B", "optional", detail, "wandb login")


def _isolation() -> Iterator[Finding]:
    from recipe_runner.isolation import available

    mechanism = available()
    if mechanism is not None:
        yield Finding("isolation", "ok", mechanism)
    else:
        yield Finding(
            "isolation",
            "optional",
            "none; code that models write is refused",
            "install bubblewrap",
        )


def _reach() -> Iterator[Finding]:
    from recipe_runner.runs.hub_samples import hub_is_reachable

    if hub_is_reachable():
        yield Finding("Hugging Face hub", "ok", "reachable")
    else:
        yield Finding(
            "Hugging Face hub",
            "optional",
            "not reachable; its data sets are not available",
            "check the network, or give local files",
        )


def _has_netrc(host: str) -> bool:
    import netrc

    try:
        return netrc.netrc().authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False
