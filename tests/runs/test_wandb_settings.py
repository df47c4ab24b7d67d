"""W&B's settings beside the runs may name a project, and never where the user's key goes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from recipe_runner.errors import UsageError
from recipe_runner.language import load
from recipe_runner.planning.plan import Served
from recipe_runner.planning.resolve import make_plan
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.loggers import followed
from recipe_runner.runs.progress.status import Status
from recipe_runner.runs.wandb_settings import require_own_settings


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    (tmp_path / "wandb").mkdir()
    return tmp_path / "wandb" / "settings"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no settings",
        "[default]\nentity = me\nproject = mine\nmode = offline\n",
        "[other]\nbase_url = https://w.invalid\n",
    ],
)
def test_what_names_runs_alone_is_fine(settings: Path, text: str) -> None:
    require_own_settings(settings)
    settings.write_text(text)
    require_own_settings(settings)


@pytest.mark.parametrize(
    "setting",
    ["base_url", "BASE_URL", "https_proxy", "insecure_disable_ssl", "identity_token_file"],
)
@pytest.mark.parametrize("lines", ["[default]\n{}", "[DEFAULT]\n{}\n[default]\nproject = p"])
def test_what_decides_where_a_key_goes_is_refused(settings: Path, setting: str, lines: str) -> None:
    settings.write_text(lines.format(f"{setting} = https://w.invalid"))
    with pytest.raises(UsageError, match=setting.lower()) as raised:
        require_own_settings(settings)
    assert str(settings) in str(raised.value)


def test_a_run_looks_before_it_starts_wandb(
    settings: Path,
    write_recipe: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    settings.write_text("[default]\nbase_url = https://w.invalid\n")
    loaded = load(write_recipe(), overrides=["logging.wandb={project: p, mode: offline}"])
    plan = make_plan(loaded, Served(kind="hosted", note=""))
    run = RunDirectory.create(plan, "")
    with pytest.raises(UsageError, match="base_url"), followed(plan, run, Status()):
        raise AssertionError("it started")
