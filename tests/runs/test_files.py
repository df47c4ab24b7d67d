"""State files are replaced whole; a JSON-lines file that was cut short is read up to the cut."""

from __future__ import annotations

from pathlib import Path

import pytest

from recipe_runner.runs.files import read_json_lines, replace_atomically, write_json_lines


def test_replaced_files_leave_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    replace_atomically(path, "old")
    replace_atomically(path, "new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_replacement_keeps_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    replace_atomically(path, "old")
    with pytest.raises(UnicodeEncodeError):
        replace_atomically(path, "\ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_line_that_was_cut_short_is_left_out(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "metrics.jsonl"
    write_json_lines(path, [{"step": 0}, {"step": 1}])
    path.write_bytes(path.read_bytes()[:-cut])
    whole = 2 if cut == 1 else 1 if cut < 12 else 0
    assert [row["step"] for row in read_json_lines(path)] == list(range(whole))


def test_bytes_that_are_not_text_end_the_file(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step": 0}\n\x00\xff\x00\n')
    assert read_json_lines(path) == [{"step": 0}]


def test_a_missing_file_is_empty(tmp_path: Path) -> None:
    assert read_json_lines(tmp_path / "none.jsonl") == []


def test_a_replaced_file_is_as_readable_as_any_new_one(tmp_path: Path) -> None:
    (tmp_path / "new").touch()
    replace_atomically(tmp_path / "replaced", "text")
    assert (tmp_path / "replaced").stat().st_mode == (tmp_path / "new").stat().st_mode
