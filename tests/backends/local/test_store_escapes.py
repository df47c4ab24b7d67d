"""A store that a stranger wrote, and names that try to leave one."""

from __future__ import annotations

import http.client
import json
import os
import tarfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import torch

from recipe_runner.backends.local.checkpoints import CheckpointPath, Lora, Run
from recipe_runner.backends.local.http_errors import BadRequest, NotFound
from recipe_runner.backends.local.launch import RunningServer
from recipe_runner.backends.local.store import Store

RUN = Run("session:train:0", "some/model", Lora(rank=4))
PATH = CheckpointPath.of(RUN.model_id, "weights", "a")
LONG_AGO = time.time() - 7200


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with one training run and one checkpoint."""
    store = Store(tmp_path / "store")
    store.put_run(RUN)
    store.save(PATH, {"t": torch.ones(2)}, run=RUN)
    return store


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    """A directory of the user's outside the store, with old files in it."""
    directory = tmp_path / "precious"
    directory.mkdir()
    for name in ("thesis.tex", "model.safetensors", "notes.json", f"a.{'0' * 32}.safetensors"):
        (directory / name).write_text("{}")
        os.utime(directory / name, (LONG_AGO, LONG_AGO))
    return directory


def record(store: Store, **changes: Any) -> Path:
    """Rewrite the checkpoint's record as a stranger could have."""
    (file,) = (store.root / "session%3Atrain%3A0" / "weights").glob("*.json")
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))
    return file


FORGED: dict[str, Callable[[Path], dict[str, Any]]] = {
    "tensors above": lambda place: {"tensors_file": f"../../../{place.name}/model.safetensors"},
    "tensors absolute": lambda place: {"tensors_file": str(place / "thesis.tex")},
    "tensors empty": lambda place: {"tensors_file": ""},
    "tensors beside": lambda place: {"tensors_file": "a.json"},
    "another model": lambda place: {"model_id": ".."},
    "another kind": lambda place: {"kind": f"../../../{place.name}"},
    "another name": lambda place: {"name": f"../../../../{place.name}/notes"},
    "no number": lambda place: {"created": "yesterday"},
    "no lora": lambda place: {"lora": {"rank": "many"}},
    "nothing": lambda place: {"lora": None},
}


@pytest.mark.parametrize("forged", FORGED)
def test_a_forged_record_reaches_no_file_outside(store: Store, precious: Path, forged: str) -> None:
    before = sorted(precious.iterdir())
    record(store, **{"expires": 1.0, **FORGED[forged](precious)})
    assert store.sweep() == 0
    record(store, expires=None)
    for use in (store.load, store.files, store.delete, store.checkpoint):
        with pytest.raises(NotFound):
            use(PATH)
    assert store.checkpoints() == []
    assert store.checkpoints(RUN.model_id) == []
    assert sorted(precious.iterdir()) == before


def test_a_forged_run_stands_for_no_other(store: Store) -> None:
    (store.root / "session%3Atrain%3A0" / "run.json").write_text(
        json.dumps({**asdict(RUN), "model_id": ".."})
    )
    with pytest.raises(NotFound):
        store.run(RUN.model_id)
    assert store.runs() == []


@pytest.mark.parametrize("link", ["other/weights", "other", "other/my_weights"])
def test_tidying_follows_no_link_out_of_the_store(
    store: Store, precious: Path, link: str, tmp_path: Path
) -> None:
    target = precious
    if link == "other":
        target = tmp_path / "outer"
        target.mkdir()
        precious.rename(target / "weights")
    (store.root / link).parent.mkdir(exist_ok=True)
    (store.root / link).symlink_to(target)
    assert store.sweep() == 0
    assert len(list(tmp_path.rglob("thesis.tex"))) == 1
    assert len(list(tmp_path.rglob("model.safetensors"))) == 1
    assert len(list(tmp_path.rglob(f"a.{'0' * 32}.safetensors"))) == 1


def test_tidying_takes_only_what_a_server_left(store: Store) -> None:
    directory = store.root / "session%3Atrain%3A0" / "weights"
    mine = ["thesis.tex", "model.safetensors", "backup.tar"]
    left = [f"b.{'0' * 32}.safetensors", f".{'0' * 32}.tmp"]
    for name in (*mine, *left):
        (directory / name).touch()
        os.utime(directory / name, (LONG_AGO, LONG_AGO))
    assert store.sweep() == len(left)
    assert all((directory / name).exists() for name in mine)


def test_tensors_that_are_a_link_are_not_read(store: Store, precious: Path) -> None:
    from safetensors.torch import save_file

    save_file({"t": torch.zeros(2)}, precious / "model.safetensors")
    name = f"a.{'1' * 32}.safetensors"
    (store.root / "session%3Atrain%3A0" / "weights" / name).symlink_to(
        precious / "model.safetensors"
    )
    record(store, tensors_file=name)
    with pytest.raises(NotFound):
        store.load(PATH)


@pytest.mark.parametrize("kind", ["gzip", "cut short", "a link", "a device", "no archive"])
def test_an_archive_that_is_not_ours_is_refused_unread(
    store: Store, tmp_path: Path, kind: str
) -> None:
    path = CheckpointPath.of(RUN.model_id, "external_weights", "x")
    saved = store.save(path, {"adapter_config.json": b"{}", "b": b"x" * 9000}, run=RUN)
    file = store.root / "session%3Atrain%3A0" / "external_weights" / saved.tensors_file
    if kind == "cut short":
        file.write_bytes(file.read_bytes()[:5000])
    elif kind == "no archive":
        file.write_bytes(b"no archive" * 100)
    else:
        with tarfile.open(file, "w:gz" if kind == "gzip" else "w") as archive:
            member = tarfile.TarInfo("adapter_config.json")
            if kind == "a link":
                member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            elif kind == "a device":
                member.type = tarfile.CHRTYPE
            archive.addfile(member)
    with pytest.raises(BadRequest, match="is damaged"):
        store.files(path)


def test_names_that_differ_in_case_or_form_alone_are_different(tmp_path: Path) -> None:
    store = Store(tmp_path)
    names = ["a", "A", "é", "e\u0301", "con", "con.", "a ", "a%2e", "a\u2028", "x" * 200, "a.json"]
    for value, name in enumerate(names):
        path = CheckpointPath.of(RUN.model_id, "weights", name)
        store.save(path, {"t": torch.full((1,), float(value))}, run=RUN)
    for value, name in enumerate(names):
        _, tensors = store.load(CheckpointPath.of(RUN.model_id, "weights", name))
        assert float(tensors["t"]) == value
    assert {c.name for c in store.checkpoints()} == set(names)
    places = {file.parent for file in tmp_path.rglob("*") if file.is_file()}
    assert places == {tmp_path / "session%3Atrain%3A0" / "weights"}


ESCAPES = [
    "..",
    ".",
    "../..",
    "..%2f..",
    "%2e%2e",
    "%2e%2e%2f%2e%2e%2fx",
    "%252e%252e",
    "/etc/passwd",
    "%2fetc%2fpasswd",
    "a%00b",
    "%5c..%5c",
    "x" * 5000,
    "%ff",
    "~",
    "a:..",
]
PLACES = [
    ("DELETE", "/training_runs/{}/checkpoints/weights/a"),
    ("DELETE", "/training_runs/session:train:0/checkpoints/{}/a"),
    ("DELETE", "/training_runs/session:train:0/checkpoints/weights/{}"),
    ("PUT", "/training_runs/{}/checkpoints/weights/a/ttl"),
    ("POST", "/training_runs/{}/checkpoints/weights/a/publish"),
    ("GET", "/training_runs/{}"),
    ("GET", "/training_runs/{}/checkpoints"),
    ("GET", "/training_runs/{}/checkpoints/external_weights/a/external_weights_urls"),
    ("GET", "/sessions/{}"),
    ("GET", "/samplers/{}"),
    ("POST", "/sessions/{}/finish"),
    ("GET", "/external_weights/9999999999/00/{}/a/b"),
]


@pytest.mark.parametrize("escape", ESCAPES, ids=lambda each: each[:20])
def test_no_part_of_an_address_leaves_the_store(server: RunningServer, escape: str) -> None:
    # Not httpx, which takes `..` out of an address by itself.
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(server.url).port)
    for method, place in PLACES:
        target = "/api/v1" + place.format(escape)
        body, headers = b'{"ttl_seconds": null}', {"X-API-Key": server.api_key}
        connection.request(method, target, body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        assert answer.status in (400, 403, 404), (target, text)
        assert "fault" not in text
    connection.close()


@pytest.mark.parametrize(
    "escape", ["../x", "..", "/etc/x", "a/b", "a\0b", "", ".hidden", "x" * 201]
)
@pytest.mark.parametrize("call", ["save_weights", "save_weights_for_sampler", "load_weights"])
def test_no_name_in_a_request_leaves_the_store(
    server: RunningServer, escape: str, call: str
) -> None:
    headers = {"X-API-Key": server.api_key}
    with httpx.Client(base_url=f"{server.url}/api/v1", headers=headers, timeout=60) as client:
        session = client.post("/create_session", json={}).json()["session_id"]
        wanted = {"session_id": session, "base_model": "a/b", "lora_config": {"rank": 1}}
        created = result(client, client.post("/create_model", json={**wanted, "model_seq_id": 0}))
        model_id = created["model_id"]
        path = escape if call != "load_weights" else f"tinker://{model_id}/weights/{escape}"
        body: dict[str, Any] = {"model_id": model_id, "seq_id": 1, "path": path}
        if call == "load_weights":
            body["optimizer"] = False
        answer = result(client, client.post(f"/{call}", json=body))
        assert answer["category"] == "user", answer
        client.post(f"/sessions/{session}/finish")


def result(client: httpx.Client, promised: httpx.Response) -> dict[str, Any]:
    wanted = {"request_id": promised.json()["request_id"]}
    while True:
        answer = client.post("/retrieve_future", json=wanted)
        if answer.status_code != 408:
            return dict(answer.json())
