"""What a recipe names outside its project is said, and nothing of it is quoted."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from recipe_runner.cli.output import as_text
from recipe_runner.language import Diagnostic, RecipeError, RecipeFile
from recipe_runner.language.project import Project
from recipe_runner.planning.checks import check_variant

SECRET = "hunter2-do-not-print"
CONVERSATION = '{"messages": [{"role": "user", "content": "a"}]}\n'
Checked = Callable[..., list[Diagnostic]]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with files of others beside it; the working directory is in it."""
    project = tmp_path / "project"
    (project / ".git").mkdir(parents=True)
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "rows.jsonl").write_text(CONVERSATION * 24)
    (project / "rows.jsonl").write_text(CONVERSATION * 24)
    monkeypatch.chdir(project)
    return project


@pytest.fixture
def checked(project: Path) -> Checked:
    """Return what is said of a recipe with that text, as `validate` says it."""

    def check(text: str, *overrides: str, name: str = "recipe.yaml") -> list[Diagnostic]:
        (project / name).write_text(text)
        try:
            return check_variant(RecipeFile(name, overrides=overrides))[1]
        except RecipeError as error:
            return error.diagnostics

    return check


def outside(found: list[Diagnostic]) -> list[Diagnostic]:
    return [each for each in found if each.code == "outside-project"]


def test_a_project_is_the_repository_however_deep_the_recipe_lies(project: Path) -> None:
    (project / "a" / "b").mkdir(parents=True)
    assert Project.of(project / "a" / "b" / "r.yaml").root == str(project)
    (project / "a" / ".git").write_text("gitdir: elsewhere\n")  # as in a worktree or a submodule
    assert Project.of("a/b/r.yaml").root == str(project / "a")


def test_without_a_repository_it_is_the_working_directory_if_that_holds_the_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Project.of("a/b/r.yaml").root == str(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert Project.of("../a/r.yaml").root == str(tmp_path / "a")


def test_a_directory_of_a_similar_name_is_not_in_the_project(project: Path) -> None:
    assert not Project.of("r.yaml").contains(f"{project}-2/rows.jsonl")
    assert Project.of("r.yaml").contains(project)


RL = """\
version: 1
method: rl
model: {name: Qwen/Qwen3-8B-Base}
rollout: {groups_per_batch: 64, group_size: 8, max_tokens: 2048}
optimizer: {learning_rate: 2e-5}
steps: 200
"""
GEM = 'env: {kind: gem, id: "rg:simple_equations"}\n'
SFT = "version: 1\nmethod: sft\nmodel: {name: Qwen/Qwen3-8B-Base}\nbatch_size: 2\n"
DPO = "version: 1\nmethod: dpo\nmodel: {name: Qwen/Qwen3-8B}\nbatch_size: 2\n"
PIPELINE = "version: 1\nmethod: pipeline\n"
EVAL = "version: 1\nmethod: eval\nmodel: {name: Qwen/Qwen3-8B}\n"
ROWS, MINE = "../others/rows.jsonl", "rows.jsonl"


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("data.path", SFT + f"data: {{kind: conversations, path: {ROWS}}}\n"),
        ("data.dataset", SFT + "data: {kind: huggingface, dataset: ../others}\n"),
        ("data.kwargs.f", SFT + f"data: {{kind: custom, builder: a:b, kwargs: {{f: {ROWS}}}}}"),
        (
            "data.parts.0.data.path",
            SFT + f"data: {{kind: mixture, parts: [data: {{kind: conversations, path: {ROWS}}}]}}",
        ),
        ("data.path", DPO + f"data: {{kind: comparisons, path: {ROWS}}}\n"),
        ("data.chosen", DPO + f"data: {{kind: comparisons, chosen: {ROWS}, rejected: {MINE}}}"),
        ("data.rejected", DPO + f"data: {{kind: comparisons, chosen: {MINE}, rejected: {ROWS}}}"),
        ("env.dataset", RL + f'env: {{kind: gem, id: "math:Math12K", dataset: {ROWS}}}\n'),
        ("env.kwargs.a.0", RL + f'env: {{kind: gem, id: "math:Math12K", kwargs: {{a: [{ROWS}]}}}}'),
        ("env.dataset", RL + f"env: {{kind: code, dataset: {ROWS}}}\n"),
        ("env.test_dataset", RL + f"env: {{kind: code, dataset: {MINE}, test_dataset: {ROWS}}}"),
        ("env.dataset", RL + f"env: {{kind: search, dataset: {ROWS}, documents: rows.jsonl}}\n"),
        ("env.documents", RL + f"env: {{kind: search, documents: {ROWS}}}\n"),
        ("env.data", RL + f"env: {{kind: rubric, data: {ROWS}, grader: {{model: Qwen/Qwen3-8B}}}}"),
        ("model.name", SFT.replace("Qwen/Qwen3-8B-Base", "../others")),
        ("evaluators.0.file", EVAL + f"evaluators: [{{kind: inspect, tasks: [t], file: {ROWS}}}]"),
        ("logging.dir", RL + GEM + "logging: {dir: ../others/runs}\n"),
        ("logging.dir", RL + GEM + 'vars: {up: ../others}\nlogging: {dir: "{{ vars.up }}/runs"}\n'),
        ("extends", "extends: ../others/base.yaml\n" + RL + GEM),
        ("extends", "extends: [base.yaml, ../others/base.yaml]\n" + RL + GEM),
        ("stages.a.recipe", PIPELINE + "stages: {a: {recipe: ../others/r.yaml}}\n"),
        (
            "stages.a.recipe.extends",
            PIPELINE + "stages: {a: {recipe: {extends: ../others/r.yaml}}}\n",
        ),
        (
            "stages.a.set.env.dataset",
            PIPELINE + f"stages: {{a: {{recipe: stage.yaml, set: {{env.dataset: {ROWS}}}}}}}\n",
        ),
    ],
)  # fmt: skip
def test_what_leads_out_is_named_at_its_place(
    checked: Checked, project: Path, key: str, text: str
) -> None:
    (project / "base.yaml").write_text("tags: [a]\n")
    (project / "stage.yaml").write_text(RL + 'env: {kind: gem, id: "math:Math12K"}\n')
    (project.parent / "others" / "base.yaml").write_text("tags: [b]\n")
    (project.parent / "others" / "r.yaml").write_text(RL + GEM)
    (found,) = outside(checked(text))
    assert found.severity == "warning"
    assert found.path == key
    assert str(project.parent / "others") in found.message
    line = text.splitlines()[found.line - 1]
    assert line[found.column - 1 :].lstrip('["').startswith(("..", "{{"))


def test_a_link_in_the_project_is_followed(checked: Checked, project: Path) -> None:
    (project / "mine.jsonl").symlink_to(project.parent / "others" / "rows.jsonl")
    (project / "parts").symlink_to(project.parent / "others")
    (project.parent / "others" / "base.yaml").write_text("tags: [b]\n")
    text = SFT + "extends: parts/base.yaml\ndata: {kind: conversations, path: mine.jsonl}\n"
    assert [each.path for each in outside(checked(text))] == ["extends", "data.path"]


def test_what_is_in_the_project_or_typed_gets_no_warning(checked: Checked, project: Path) -> None:
    text = SFT + "data: {kind: conversations, path: rows.jsonl}\n"
    assert checked(text) == []
    assert checked(text, f"data.path={ROWS}", "logging.dir=/tmp/somewhere") == []
    (project / "deep").mkdir()
    assert checked(text.replace("rows", "../rows"), name="deep/recipe.yaml") == []


def test_runs_may_lie_in_the_working_directory(
    checked: Checked, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.parent / "others")
    (project / "recipe.yaml").write_text(RL + GEM + "logging: {dir: my_runs}\n")
    loaded, warnings = check_variant(RecipeFile("../project/recipe.yaml"))
    assert warnings == []
    assert loaded.recipe.logging.dir == "my_runs"


def test_a_recipe_cannot_silence_what_warns_of_it(checked: Checked) -> None:
    text = SFT + (
        f"data:\n  kind: conversations\n  path: {ROWS}  # recipe-run: ignore[outside-project]\n"
    )
    assert outside(checked(text))


# Files that are no recipes, as they lie about in home directories.
WITHOUT_SOME = RL.replace("version: 1\n", "").replace("optimizer: {learning_rate: 2e-5}\n", "")
FOREIGN = {
    "mapping": f"github.com:\n  token: {SECRET}\n",
    "deep": f"model:\n  {SECRET}: 1\n",
    "value": f"optimizer: {{learning_rate: {SECRET}}}\n",
    "text": f"{SECRET}\n",
    "list": f"[{SECRET}]\n",
    "open": f"a: [b\nkey: {SECRET}\n",
    "quote": f'a: "b\\q{SECRET}"\n',
    "tag": f"token: !{SECRET} 1\n",
    "twice": f"{SECRET}: 1\n{SECRET}: 2\n",
    "alias": f"a: *{SECRET}\n",
    "template": f'tags: ["{{{{ {SECRET.replace("-", "_")} }}}}"]\n',
    "variant": f"variants: {{a: {{{SECRET}: 1}}}}\n",
    "path": f"data: {{path: {SECRET}}}\n",
    "extends": f"extends: {SECRET}\n",
    "number": f"version: '{SECRET}'\n",
    "name": f"name: {SECRET.upper()} no name\n",
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
def test_nothing_of_a_file_outside_is_quoted(checked: Checked, project: Path, content: str) -> None:
    (project.parent / "others" / "config.yml").write_text(content)
    for text in (
        "extends: ../others/config.yml\n" + WITHOUT_SOME + GEM,
        PIPELINE + "stages: {a: {recipe: ../others/config.yml}}\n",
        PIPELINE + "stages: {a: {recipe: {extends: ../others/config.yml}}}\n",
    ):
        found = checked(text)
        assert outside(found)
        assert [each for each in found if each.severity == "error"]
        _require_discretion(found)


def test_nothing_is_quoted_of_a_recipe_that_is_a_link_to_a_file_outside(
    project: Path, tmp_path: Path
) -> None:
    (tmp_path / "others" / "config.yml").write_text(FOREIGN["mapping"])
    (project / "recipe.yaml").symlink_to(tmp_path / "others" / "config.yml")
    with pytest.raises(RecipeError) as raised:
        RecipeFile("recipe.yaml").load()
    assert outside(raised.value.diagnostics)
    _require_discretion(raised.value.diagnostics)


@pytest.mark.parametrize(
    "template",
    [
        "{{ recipe['github.com'].token }}",
        "{{ recipe['github.com'].token | upper | lower }}",
        "{{ recipe['github.com'].token + 1 }}",
        "{{ recipe['github.com'].token | int }}",
        "{{ recipe['github.com'].nothing }}",
        "{{ recipe['github.com'] }}",
        "{{ recipe.nothing }}",
        "{{ recipe.description }}",
    ],
)
def test_a_template_carries_nothing_in_that_is_quoted(
    checked: Checked, project: Path, template: str
) -> None:
    secret = f"github.com: {{token: {SECRET}, {SECRET}: 1}}\n{SECRET}: 2\n"
    (project.parent / "others" / "config.yml").write_text(secret)
    text = "extends: ../others/config.yml\n" + RL + GEM
    text = text.replace("steps: 200", f'steps: "{template}"')
    text += "description: \"{{ recipe['github.com'].token }}\"\n"
    found = checked(text)
    assert "steps" in {each.path for each in found}
    _require_discretion(found)


def test_names_beside_a_missing_file_outside_are_not_suggested(
    checked: Checked, project: Path
) -> None:
    (project.parent / "others" / f"{SECRET}.yaml").write_text("tags: [a]\n")
    found = checked(f"extends: ../others/{SECRET}x.yaml\n" + RL + GEM)
    assert [(each.code, each.hint) for each in found] == [("missing-file", None)]


def test_bytes_of_a_file_outside_are_not_quoted(checked: Checked, project: Path) -> None:
    (project.parent / "others" / "config.yml").write_bytes(b"a: \xfe\n")
    found = checked("extends: ../others/config.yml\n" + RL + GEM)
    assert "0xfe" not in "".join(each.message for each in found)
    assert {each.file for each in found} == {"recipe.yaml"}


def _require_discretion(found: list[Diagnostic]) -> None:
    shown = "\n".join(as_text(each, {}) for each in found) + repr(found)
    assert SECRET not in shown.lower().replace("_", "-")
    assert all(os.path.dirname(each.file) == "" for each in found)
