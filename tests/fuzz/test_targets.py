"""The targets of `python -m fuzz` hold for what they start from, and for it with changes."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from google.protobuf.message import Message
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tinker.proto import tinker_public_pb2 as pb

from fuzz import backend, backend_json, backend_protobuf, data_files, run_files, targets
from fuzz.json_mutations import mutated, mutated_lines

RANDOM = st.randoms(use_true_random=False)


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[None]:
    """The backend's server is made by the first test that asks it, and closed with the module."""
    yield
    if backend.backend.cache_info().currsize:
        backend.backend().close()
        backend.backend.cache_clear()


@pytest.mark.parametrize("name", targets.NAMES)
def test_a_target_holds_for_its_seeds(name: str) -> None:
    target = targets.load(name)
    seeds = list(target.seeds())
    assert seeds
    for seed in seeds:
        target.one_input(seed)


def test_the_seeds_of_the_backend_are_served() -> None:
    server = backend.backend()
    for method, path, body in backend_json.ROUTES[:9]:
        text = backend_json._body(backend_json.json.dumps(body).encode())
        assert server.send(method, path, text).status_code == 200, path


@settings(max_examples=150)
@given(st.sampled_from(backend_json.ROUTES), RANDOM)
def test_a_request_that_is_almost_right_is_answered_or_refused(
    route: tuple[str, str, object], rng: random.Random
) -> None:
    method, path, body = route
    data = backend_json.json.dumps(mutated(body, rng)).encode()
    backend.backend().send(method, path, backend_json._body(data))


@settings(max_examples=150)
@given(st.sampled_from(list(run_files.seeds())), RANDOM)
def test_a_run_with_a_strange_file_is_shown_as_far_as_it_goes(
    seed: bytes, rng: random.Random
) -> None:
    run_files.one_input(seed[:1] + (mutated_lines(seed[1:], rng) or seed[1:]))


@settings(max_examples=150)
@given(st.sampled_from(list(data_files.seeds())), RANDOM)
def test_a_data_file_with_a_strange_line_is_read_or_named(seed: bytes, rng: random.Random) -> None:
    data_files.one_input(seed[:1] + (mutated_lines(seed[1:], rng) or seed[1:]))


SIZES = st.sampled_from([-(2**63), -2, -1, 0, 1, 2, 3, 4, 2**31, 2**40, 2**63 - 1])
BYTES = st.binary(max_size=24) | st.sampled_from(
    [b"", b"\0" * 24, b"\xff" * 24, b"\0\0\x80\x7f" * 3, b"\0\0\xc0\x7f" * 3]
)
NAMES = st.sampled_from(
    ["target_tokens", "weights", "logprobs", "advantages", "clip_low_threshold", "mask", ""]
)
KINDS = ["loss", "config", "tokens", "alone", "shape", "dtype", "dense", "sparse"]
DOUBLES = st.floats() | st.sampled_from([1e300, -1e300, 0.0])


@st.composite
def requests(draw: st.DrawFn) -> Message:
    """A request that is served, with one to four fields of it changed."""
    loss_fn = draw(st.sampled_from(["cross_entropy", "ppo", "cispo", "dro", "gspo", "nope", ""]))
    request = backend_protobuf.message(
        loss_fn, draw(st.sampled_from([1, 3])), draw(st.integers(0, 3))
    )
    for _ in range(draw(st.integers(1, 4))):
        _change(request, draw)
    return request


def _change(request: pb.Any, draw: st.DrawFn) -> None:
    kind = draw(st.sampled_from(KINDS))
    if kind == "loss":
        request.forward_only = draw(st.booleans())
    elif kind == "config":
        name = draw(st.sampled_from(["clip_low_threshold", "clip_high_threshold", "beta", "x"]))
        request.loss_fn_config[name] = draw(DOUBLES)
    elif request.data:
        datum = draw(st.sampled_from(list(request.data)))
        if kind == "tokens":
            datum.model_input.add().encoded_text.tokens = draw(BYTES)
            return
        if kind == "alone":
            for name in backend_protobuf.FLOATS:
                datum.loss_fn_inputs.pop(name, None)
            return
        tensor = datum.loss_fn_inputs[draw(NAMES)]
        if kind == "shape":
            tensor.shape[:] = draw(st.lists(SIZES, max_size=4))
        elif kind == "dtype":
            tensor.dtype = draw(st.integers(0, 4))
        elif kind == "dense":
            tensor.dense = draw(BYTES)
        else:
            tensor.shape[:] = draw(st.lists(SIZES, min_size=2, max_size=2))
            tensor.sparse_csr.values = draw(BYTES)
            tensor.sparse_csr.crow_indices = draw(BYTES)
            tensor.sparse_csr.col_indices = draw(BYTES)


def with_targets(shape: list[int]) -> Message:
    """A request with nothing but targets, of this shape."""
    request = backend_protobuf.message()
    for name in backend_protobuf.FLOATS:
        del request.data[0].loss_fn_inputs[name]
    tensor = request.data[0].loss_fn_inputs["target_tokens"]
    tensor.shape[:], tensor.dense = shape, b""
    return request


@settings(max_examples=200)
@given(requests())
@example(with_targets([3, 0]))
@example(with_targets([-1]))
@example(with_targets([2**40, 2**40]))
def test_training_data_that_is_almost_right_is_trained_on_or_refused(request: Message) -> None:
    backend_protobuf.one_input(request.SerializeToString())
