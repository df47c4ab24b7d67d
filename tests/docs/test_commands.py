"""Every command in the README and in docs/ is run, here or by what ELSEWHERE names."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from recipe_runner.envs import ENVS
from schemas import METHODS
from schemas.common import TrainingKeys
from schemas.env import Env
from tests.e2e.command import INSTALLED, Result, environment
from tests.e2e.test_preflight_matrix import ALL

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

# command -> where it is run instead
ELSEWHERE = {
    "make setup": ".ci/run",
    "make check": ".ci/run",
    "make test": ".ci/run",
    "make preflight": ".ci/run",
    "make quickstart": "tests/e2e/test_quickstart.py",
    "recipe-run recipes/sft_conversations.yaml": "tests/e2e/test_recipes.py",
    "recipe-run recipes/sft_conversations.yaml --set budget.tokens=100000": (
        "tests/e2e/test_stopping.py"
    ),
    "recipe-run runs show sft-conversations": "tests/e2e/test_recipes.py",
    "recipe-run chat quickstart@final recipe-run/tiny --backend local": "tests/e2e/test_chat.py",
    "recipe-run sample quickstart@final recipe-run/tiny "
    "--prompts recipes/data/multilingual_prompts.jsonl -o replies.jsonl -n 4": (
        "tests/e2e/test_chat.py"
    ),
    "recipe-run report quickstart": "tests/reports/test_page.py",
    "recipe-run report 20261121-0744 20261121-0748 -o rates.html": "tests/reports/test_page.py",
    "recipe-run report quickstart --serve": "tests/reports/test_page.py",
    "recipe-run serve --port 8000": "tests/e2e/test_serve.py",
    "recipe-run sweep recipes/sweep.yaml": "tests/sweeps/test_sweep.py",
    "recipe-run sweep recipes/sweep.yaml --max-parallel 4 --sort test/env/all/reward/total:max": (
        "tests/sweeps/test_sweep.py"
    ),
    "recipe-run sweep recipes/sweep.yaml --halving headline --halving-steps 5 "
    "--halving-factor 3": "tests/sweeps/test_sweep.py",
    "TINKER_BASE_URL=http://127.0.0.1:8000 TINKER_API_KEY=tml-local python your_program.py": (
        "tests/e2e/test_serve.py"
    ),
}
# What a command ends with when it is not 0: there is no key here.
EXIT_CODES = {"recipe-run recipes/gem_math.yaml": 4}


# The preflight matrix tries every recipe as it is.
MATRIX = re.compile(r"recipe-run preflight recipes/(?P<recipe>[\w/]+\.yaml)")


def commands(page: Path) -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_is_run_elsewhere_is_run_there(page: Path) -> None:
    for command in commands(page):
        if (tried := MATRIX.fullmatch(command)) is not None:
            assert tried["recipe"] in ALL
        elif command not in ELSEWHERE:
            assert command.startswith("recipe-run "), f"nothing runs `{command}`"
        else:
            assert (ROOT / ELSEWHERE[command]).exists()
            if command.startswith("make ") and ELSEWHERE[command] == ".ci/run":
                assert command in (ROOT / ".ci/run").read_text()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_do_what_the_page_says(
    page: Path, recipe_run: Callable[..., Result], tmp_path: Path
) -> None:
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    for command in commands(page):
        if command in ELSEWHERE or MATRIX.fullmatch(command):
            continue
        done = recipe_run(*command.split()[1:], timeout=600)
        assert done.returncode == EXIT_CODES.get(command, 0), f"{command}\n{done.stderr}"


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


@pytest.mark.parametrize("method", METHODS)
def test_every_key_of_a_method_is_documented(method: str) -> None:
    page = (ROOT / f"docs/methods/{method}.md").read_text("utf-8")
    common = (ROOT / "docs/recipes.md").read_text("utf-8")
    for key in METHODS[method].model_fields:
        described = common if key in TrainingKeys.model_fields else page
        assert f"`{key}" in described, key


@pytest.mark.parametrize("kind", ENVS)
def test_every_key_of_an_environment_is_documented(kind: str) -> None:
    page = (ROOT / f"docs/environments/{kind}.md").read_text("utf-8")
    for model in get_args(get_args(Env)[0]):
        if get_args(model.model_fields["kind"].annotation) == (kind,):
            for key in model.model_fields.keys() - {"kind"}:
                assert f"`{key}" in page, key


def test_the_diagnostic_in_the_readme_is_what_validate_says(tmp_path: Path) -> None:
    (block,) = re.findall(r"^```text\n(.*?)^```", PAGES[0].read_text(), re.MULTILINE | re.DOTALL)
    recipe = tmp_path / "recipes" / "gem_math.yaml"
    recipe.parent.mkdir()
    text = (ROOT / "recipes/gem_math.yaml").read_text()
    recipe.write_text(text.replace("groups_per_batch: 64", "groups_per_bach: 64"))
    done = subprocess.run(
        [str(INSTALLED), "validate", "recipes/gem_math.yaml"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.stderr.strip() == block.strip()
