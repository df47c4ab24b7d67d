"""The codecs against the SDK's own: what it encodes is decoded here, and the other way round."""

from __future__ import annotations

import contextlib
import math

import numpy as np
import pytest
import tinker
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tinker.proto import tinker_public_pb2 as pb
from tinker.proto.request_conv import forward_backward_request_to_proto
from tinker.proto.response_conv import (
    deserialize_forward_backward_output,
    deserialize_sample_response,
)

from recipe_runner.backends.local import wire
from recipe_runner.backends.local.api import ForwardBackwardResult, SampleResult, Sequence
from recipe_runner.backends.local.http_errors import BadRequest

FLOATS = st.floats(-1e6, 1e6, width=32)


def _request(datums: list[tinker.Datum], **config: float | str) -> bytes:
    request = tinker.types.ForwardBackwardRequest(
        forward_backward_input=tinker.types.ForwardBackwardInput(
            data=datums, loss_fn="ppo", loss_fn_config=config or None
        ),
        model_id="session:train:0",
        seq_id=7,
    )
    return forward_backward_request_to_proto(request).SerializeToString()


def _datum(tokens: list[int], **inputs: torch.Tensor) -> tinker.Datum:
    return tinker.Datum(
        model_input=tinker.ModelInput.from_ints(tokens),
        loss_fn_inputs={k: tinker.TensorData.from_torch(v) for k, v in inputs.items()},
    )


def test_the_head_of_a_request_is_read() -> None:
    datum = _datum([1, 2], target_tokens=torch.tensor([2, 3]))
    call = wire.decode_forward_backward(_request([datum], clip_low_threshold=0.5))
    assert (call.model_id, call.seq_id, call.loss_fn) == ("session:train:0", 7, "ppo")
    assert call.backward
    assert call.config() == {"clip_low_threshold": 0.5}


@given(st.lists(st.tuples(st.integers(0, 2**31 - 1), FLOATS), min_size=1, max_size=20))
@settings(max_examples=50, deadline=None)
def test_dense_tensors_survive(rows: list[tuple[int, float]]) -> None:
    tokens = [token for token, _ in rows]
    weights = torch.tensor([weight for _, weight in rows], dtype=torch.float32)
    body = _request([_datum(tokens, target_tokens=torch.tensor(tokens), weights=weights)])
    (datum,) = wire.decode_forward_backward(body).data()
    assert datum.tokens == tokens
    assert datum.inputs["target_tokens"].dtype == torch.int64
    assert datum.inputs["target_tokens"].tolist() == tokens
    assert torch.equal(datum.inputs["weights"], weights)


@given(st.integers(1, 8), st.integers(1, 12), st.data())
@settings(max_examples=50, deadline=None)
def test_sparse_tensors_become_dense(rows: int, columns: int, data: st.DataObject) -> None:
    cells = data.draw(
        st.lists(st.sampled_from([0.0, 0.0, 0.0, 1.5, -2.0]), min_size=rows * columns,
                 max_size=rows * columns)
    )  # fmt: skip
    weights = torch.tensor(cells).reshape(rows, columns)
    datum = tinker.Datum(
        model_input=tinker.ModelInput.from_ints([1] * rows),
        loss_fn_inputs={"weights": tinker.TensorData.from_torch_sparse(weights)},
    )
    (decoded,) = wire.decode_forward_backward(_request([datum])).data()
    assert torch.equal(decoded.inputs["weights"], weights)


def test_what_cannot_be_read_is_refused_with_its_place() -> None:
    good = _datum([1], target_tokens=torch.tensor([2]))
    message = pb.ForwardBackwardRequest.FromString(_request([good, good]))
    message.data[1].loss_fn_inputs["target_tokens"].shape[:] = [5]
    with pytest.raises(BadRequest, match="datum 1"):
        wire.decode_forward_backward(message.SerializeToString()).data()
    message.data[1].model_input[0].image.format = "png"
    with pytest.raises(BadRequest, match="datum 1: input of type 'image'"):
        wire.decode_forward_backward(message.SerializeToString()).data()
    with pytest.raises(BadRequest, match="not a protobuf"):
        wire.decode_forward_backward(b"\xff\xff\xff")
    with pytest.raises(BadRequest, match="without data"):
        wire.decode_forward_backward(b"").data()
    with pytest.raises(BadRequest, match="only numbers"):
        wire.decode_forward_backward(_request([good], mode="x")).config()


@given(st.binary(max_size=24), st.binary(max_size=24), st.binary(max_size=24))
@settings(max_examples=100, deadline=None)
def test_damaged_sparse_indices_are_refused(values: bytes, rows: bytes, columns: bytes) -> None:
    tensor = pb.Tensor(dtype=pb.DTYPE_FLOAT32, shape=[2, 2])
    tensor.sparse_csr.values = values
    tensor.sparse_csr.crow_indices = rows
    tensor.sparse_csr.col_indices = columns
    with contextlib.suppress(ValueError):
        assert wire.decode_tensor(tensor).shape == (2, 2)


def test_outputs_keep_their_order_and_ragged_shapes() -> None:
    outputs = [
        {"logprobs": torch.arange(3.0)},
        {"logprobs": torch.arange(5.0)},
        {"logprobs": torch.arange(6.0).reshape(3, 2)},
        {"logprobs": torch.arange(8.0).reshape(2, 4)},
        {"logprobs": torch.arange(1.0)},
    ]
    metrics = {"loss:sum": 1.5, "tokens:sum": 3.0}
    payload = wire.encode_forward_backward(ForwardBackwardResult(outputs, metrics))
    decoded = deserialize_forward_backward_output(payload.body)
    assert decoded.metrics == metrics
    assert len(decoded.loss_fn_outputs) == len(outputs)
    for output, expected in zip(decoded.loss_fn_outputs, outputs, strict=True):
        assert torch.equal(output["logprobs"].to_torch(), expected["logprobs"])


def test_samples_survive_with_prompt_scores() -> None:
    result = SampleResult(
        sequences=[
            Sequence([5, 6], [-0.5, -0.25], "stop"),
            Sequence([7], [-1.0], "length"),
        ],
        prompt_logprobs=[None, -1.0, -2.0],
        topk_prompt_logprobs=[None, [(3, -0.1), (0, -0.2)], [(1, -0.3)]],
    )
    decoded = deserialize_sample_response(wire.encode_sample(result).body)
    assert [s.tokens for s in decoded.sequences] == [[5, 6], [7]]
    assert [s.logprobs for s in decoded.sequences] == [[-0.5, -0.25], [-1.0]]
    assert [s.stop_reason for s in decoded.sequences] == ["stop", "length"]
    assert decoded.prompt_logprobs == [None, -1.0, -2.0]
    rows = decoded.topk_prompt_logprobs
    assert rows is not None
    assert rows[0] is None
    assert [token for token, _ in rows[1]] == [3, 0]
    assert [token for token, _ in rows[2]] == [1]
    assert np.allclose([p for _, p in rows[1]], [-0.1, -0.2])


def test_the_scores_before_the_last_n_prompt_tokens_can_be_hidden() -> None:
    result = SampleResult([], [None, -1.0, -2.0, -3.0], [None, [(1, -1.0)], [(2, -2.0)], None])
    message = pb.SampleResponse.FromString(wire.encode_sample(result, last_n=2).body)
    scores = np.frombuffer(message.prompt_logprobs, np.float32).tolist()
    assert [math.isnan(score) for score in scores] == [True, True, False, False]
    assert np.frombuffer(message.topk_prompt_logprobs.token_ids, np.int32).tolist() == [0, 0, 2, 0]
