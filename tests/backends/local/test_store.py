from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recipe_runner.backends.local.checkpoints import Checkpoint, CheckpointPath, Lora, Run
from recipe_runner.backends.local.http_errors import BadRequest, NotFound
from recipe_runner.backends.local.store import Store
from tests.runs.test_survival import in_child

RUN = Run("session:train:0", "some/model", Lora(rank=4), {"renderer_name": "role_colon"}, 1.0)
PATH = CheckpointPath("session:train:0", "weights", "000010")


def _tensors(value: float = 1.0) -> dict[str, torch.Tensor]:
    return {"a.lora_A": torch.full((3, 2), value), "step": torch.tensor(7)}


def _save(store: Store, path: CheckpointPath = PATH, value: float = 1.0, **more) -> Checkpoint:
    return store.save(path, _tensors(value), run=RUN, optimizer=True, **more)


def test_a_checkpoint_comes_back_from_another_store_over_the_same_directory(
    tmp_path: Path,
) -> None:
    saved = _save(Store(tmp_path), user_metadata={"step": "10"})
    checkpoint, tensors = Store(tmp_path).load(PATH)
    assert checkpoint == saved
    assert checkpoint.lora == RUN.lora
    assert checkpoint.user_metadata == {"step": "10"}
    assert torch.equal(tensors["a.lora_A"], torch.ones(3, 2))
    assert int(tensors["step"]) == 7


def test_a_training_run_comes_back(tmp_path: Path) -> None:
    Store(tmp_path).put_run(RUN)
    assert Store(tmp_path).run(RUN.model_id) == RUN
    assert Store(tmp_path).runs() == [RUN]
    with pytest.raises(NotFound):
        Store(tmp_path).run("other:train:0")


def test_a_taken_name_is_refused_unless_overwritten(tmp_path: Path) -> None:
    store = Store(tmp_path)
    _save(store, value=1.0)
    with pytest.raises(BadRequest, match="exists already"):
        _save(store, value=2.0)
    assert float(store.load(PATH)[1]["a.lora_A"][0, 0]) == 1.0
    _save(store, value=3.0, overwrite=True)
    assert float(store.load(PATH)[1]["a.lora_A"][0, 0]) == 3.0
    assert len(list(tmp_path.rglob("*.safetensors"))) == 1


def test_an_expired_checkpoint_is_gone_and_swept_and_its_name_is_free(tmp_path: Path) -> None:
    now = [1000.0]
    store = Store(tmp_path, clock=lambda: now[0])
    _save(store, ttl_seconds=60)
    now[0] += 59
    assert store.checkpoint(PATH).name == "000010"
    now[0] += 2
    with pytest.raises(NotFound, match="expired"):
        store.load(PATH)
    assert store.checkpoints(RUN.model_id) == []
    _save(store, value=2.0)
    assert float(store.load(PATH)[1]["a.lora_A"][0, 0]) == 2.0
    store.set_ttl(PATH, 10)
    now[0] += 11
    assert store.sweep() == 1
    assert list(tmp_path.rglob("*.safetensors")) == []


def test_a_time_to_live_can_be_lifted(tmp_path: Path) -> None:
    now = [0.0]
    store = Store(tmp_path, clock=lambda: now[0])
    _save(store, ttl_seconds=60)
    store.set_ttl(PATH, None)
    now[0] += 1e9
    assert store.checkpoint(PATH).expires is None


def test_deletion_leaves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    _save(store)
    store.delete(PATH)
    with pytest.raises(NotFound):
        store.delete(PATH)
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


def test_listing_is_oldest_first_over_both_kinds(tmp_path: Path) -> None:
    now = [0.0]
    store = Store(tmp_path, clock=lambda: now[0])
    for name, kind in (("b", "weights"), ("a", "sampler_weights"), ("c", "weights")):
        now[0] += 1
        _save(store, CheckpointPath.of(RUN.model_id, kind, name))
    assert [c.name for c in store.checkpoints()] == ["b", "a", "c"]


def test_leftovers_of_dead_writers_are_swept_only_when_old(tmp_path: Path) -> None:
    store = Store(tmp_path)
    _save(store)
    directory = next(tmp_path.rglob("*.safetensors")).parent
    stale, fresh = (directory / f"00001{n}.{n * 32}.safetensors" for n in "12")
    stale.write_bytes(b"half")
    fresh.write_bytes(b"half")
    os.utime(stale, (time.time() - 7200,) * 2)
    assert store.sweep() == 1
    assert not stale.exists()
    assert fresh.exists()
    store.load(PATH)


WRITER = """
import sys, torch
from pathlib import Path
from recipe_runner.backends.local.checkpoints import CheckpointPath, Lora, Run
from recipe_runner.backends.local.store import Store
store = Store(Path(sys.argv[1]))
run = Run("session:train:0", "some/model", Lora(rank=4))
print("ready", flush=True)
value = 0
while True:
    value += 1
    tensors = {"a": torch.full((200_000,), float(value)), "b": torch.full((10,), float(value))}
    store.save(CheckpointPath("session:train:0", "weights", "rolling"), tensors, run=run,
               optimizer=False, overwrite=True)
"""


def test_a_writer_killed_at_any_moment_leaves_a_whole_checkpoint(tmp_path: Path) -> None:
    store = Store(tmp_path)
    path = CheckpointPath("session:train:0", "weights", "rolling")
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    with writer, writer.stdout:
        writer.stdout.readline()
        seen = set()
        deadline = time.monotonic() + 2.0
        while time.monotonic() < deadline:
            try:
                tensors = store.load(path)[1]
            except NotFound:
                continue
            assert len(torch.unique(torch.cat([tensors["a"], tensors["b"]]))) == 1
            seen.add(float(tensors["a"][0]))
        writer.send_signal(signal.SIGKILL)
    assert len(seen) > 2
    tensors = store.load(path)[1]
    assert len(torch.unique(torch.cat([tensors["a"], tensors["b"]]))) == 1


def test_of_two_writers_of_one_name_exactly_one_wins(tmp_path: Path) -> None:
    outcomes: list[str] = []

    def write(value: float) -> None:
        try:
            _save(Store(tmp_path), value=value)
            outcomes.append("saved")
        except BadRequest:
            outcomes.append("refused")

    threads = [threading.Thread(target=write, args=(float(i),)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused"] * 7 + ["saved"]
    Store(tmp_path).load(PATH)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "weights/a",
        "tinker://run/weights",
        "tinker://run/weights/a/b",
        "tinker://../weights/a",
        "tinker://run/other/a",
        "tinker://run/weights/..",
        "tinker://run/weights/",
        "tinker://run/weights/" + "x" * 300,
        "http://run/weights/a",
    ],
)
def test_a_malformed_path_is_refused(path: str) -> None:
    with pytest.raises(BadRequest):
        CheckpointPath.parse(path)


@given(st.text(max_size=60))
def test_any_name_is_refused_or_stays_inside_the_store(tmp_path_factory, name: str) -> None:
    try:
        path = CheckpointPath.of("session:train:0", "weights", name)
    except BadRequest:
        return
    assert CheckpointPath.parse(str(path)) == path
    root = Path("/store")
    file = Store.__new__(Store)
    file.root = root
    assert file._json_file(path).resolve().parent == root / "session%3Atrain%3A0" / "weights"


def test_what_does_not_fit_is_named_and_leaves_no_part_of_it(tmp_path: Path) -> None:
    """A limit on the size of files is met as a full disk is: by a write, which raises."""
    store = Store(tmp_path)
    _save(store)
    large = CheckpointPath("session:train:0", "weights", "000020")
    files = sorted(tmp_path.rglob("*"))

    def without_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        with pytest.raises(OSError, match=r"weights/000020\..*safetensors"):
            store.save(large, {"a": torch.zeros(4096)}, run=RUN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200, 4096))
        with pytest.raises(OSError, match=r"weights/\..*tmp"):
            store.save(large, {"a": torch.zeros(1)}, run=RUN)

    assert in_child(without_room) == 0
    assert sorted(tmp_path.rglob("*")) == files
    assert store.checkpoints() == [store.checkpoint(PATH)]


def test_a_clock_that_jumps_ahead_ends_no_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    _save(store, ttl_seconds=3600)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 30 * 86_400)
    assert store.sweep() == 0
    assert store.load(PATH)
