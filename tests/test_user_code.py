"""Code that a recipe names: found beside it, and blamed by file and line when it fails."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from recipe_runner.errors import RunFailed, UserCodeError
from recipe_runner.runs.failures import explain
from recipe_runner.user_code import blamed, load_object, search_path, shadowed

Write = Callable[[str, str], Path]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory of a user's, with recipes in `recipes/`."""
    (tmp_path / "recipes").mkdir()
    monkeypatch.chdir(tmp_path)
    with search_path("recipes/mine.yaml"):
        yield tmp_path


@pytest.fixture
def write(project: Path) -> Write:
    def written(name: str, text: str) -> Path:
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return written


@pytest.mark.parametrize(
    ("file", "reference"),
    [
        ("rewards.py", "rewards:Digits"),
        ("lib/rewards.py", "lib.rewards:Digits"),
        ("recipes/rewards.py", "rewards:Digits"),
        ("recipes/modules/rewards.py", "modules.rewards:Digits"),
        ("recipes/rewards/__init__.py", "rewards:Digits"),
    ],
)
def test_a_module_is_found_in_the_working_directory_and_beside_the_recipe(
    write: Write, file: str, reference: str
) -> None:
    write(file, "class Digits:\n    pass\n")
    assert load_object(reference).__name__ == "Digits"


def test_a_module_is_found_near_a_directory(write: Write, project: Path) -> None:
    write("elsewhere/rewards.py", "value = 7\n")
    with search_path("recipes/mine.yaml"):
        assert load_object("rewards:value", near=project / "elsewhere") == 7
    assert str(project / "elsewhere") not in sys.path


def test_sys_path_and_loaded_modules_are_as_before_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    for value in (1, 2):
        source = tmp_path / str(value)
        (source / "pack").mkdir(parents=True)
        (source / "pack" / "inner.py").write_text("from beside import value as v\nvalue = v\n")
        (source / "beside.py").write_text(f"value = {value}\n")
        with search_path(source / "recipe.yaml"):
            assert load_object("pack.inner:value") == value
        assert sys.path == before
        assert not {"pack.inner", "beside"} & set(sys.modules)


def test_installed_modules_come_before_files_of_the_user(write: Write) -> None:
    write("json.py", "loads = None\n")
    assert load_object("json:loads") is not None


def test_a_missing_module_says_where_it_was_looked_for(project: Path) -> None:
    with pytest.raises(UserCodeError) as raised:
        load_object("rewards.digits:Digits")
    text = str(raised.value)
    assert "there is no module rewards;" in text
    assert f"looked in {project}, {project / 'recipes'}" in text


def test_a_missing_submodule_says_which_package_was_found(write: Write, project: Path) -> None:
    write("json/extra.py", "x = 1\n")
    with pytest.raises(UserCodeError, match=r"no module json\.extra.*comes before .*json: give"):
        load_object("json.extra:x")


def test_a_missing_name_says_near_ones(write: Write) -> None:
    path = write("rewards.py", "def digits_builder(): ...\n")
    with pytest.raises(UserCodeError) as raised:
        load_object("rewards:digit_builder")
    assert str(path) in str(raised.value)
    assert "did you mean digits_builder?" in str(raised.value)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("x = 1\nraise ValueError('no  such\\nthing')\n", 2, "ValueError: no such thing"),
        ("\n\nimport nothing_of_this_name\n", 3, "No module named 'nothing_of_this_name'"),
        ("def f(:\n    pass\n", 1, "SyntaxError: "),
        ("import json\n\njson.loads('{')\n", 3, "JSONDecodeError: "),
    ],
)
def test_a_module_that_fails_is_blamed_with_its_line(
    write: Write, text: str, line: int, words: str
) -> None:
    path = write("recipes/broken.py", text)
    with pytest.raises(UserCodeError) as raised:
        load_object("broken:x")
    assert words in str(raised.value)
    assert f"({path}:{line})" in str(raised.value)


def test_what_user_code_raises_when_called_is_blamed_with_its_line(write: Write) -> None:
    path = write("rewards.py", "def build(size):\n    return [1][size]\n")
    build = load_object("rewards:build")
    with (
        pytest.raises(UserCodeError, match=r"IndexError: list index out of range") as raised,
        blamed("rewards:build"),
    ):
        build(3)
    assert f"({path}:2)" in str(raised.value)


def test_an_error_in_the_middle_of_a_run_names_the_line(tmp_path: Path) -> None:
    (tmp_path / "rewards.py").write_text("def grade(x):\n    raise KeyError(x)\n")
    with pytest.raises(KeyError) as raised, search_path(tmp_path / "recipe.yaml"):
        load_object("rewards:grade")("answer")
    explained = explain(raised.value)
    assert isinstance(explained, RunFailed)
    assert f"{tmp_path / 'rewards.py'}:2" in str(explained)


def test_a_schemas_package_of_the_project_is_noticed(write: Write, project: Path) -> None:
    assert shadowed("recipes/mine.yaml") is None
    write("schemas/readme.txt", "no code\n")
    assert shadowed("recipes/mine.yaml") is None
    write("schemas/tables.py", "x = 1\n")
    assert shadowed("recipes/mine.yaml") == project / "schemas"


def test_our_own_schemas_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(__file__).parents[1]
    monkeypatch.chdir(root)
    assert shadowed("recipes/quickstart.yaml") is None


def test_importing_a_hidden_schemas_says_why_it_fails(write: Write) -> None:
    write("schemas/tables.py", "x = 1\n")
    write("rewards.py", "from schemas.tables import x\n")
    with pytest.raises(UserCodeError, match="`schemas` is recipe-run's own package"):
        load_object("rewards:x")
