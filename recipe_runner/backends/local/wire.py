"""Protobuf codecs: forward-backward requests in, forward-backward and sample results out.

Needs torch and the SDK's generated messages, so the server imports it in the background while it
already answers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import torch
from google.protobuf.message import DecodeError
from tinker.proto import tinker_public_pb2 as pb

from recipe_runner.backends.local.api import (
    Datum,
    ForwardBackwardResult,
    SampleResult,
)
from recipe_runner.backends.local.errors import not_text
from recipe_runner.backends.local.futures import Payload
from recipe_runner.backends.local.http_errors import BadRequest

PROTOBUF = "application/x-protobuf"
# The SDK reads a row that starts with (0, -99999.0) as "no top-k here" (types/topk_logprobs.py).
NO_TOKEN, NO_LOGPROB = 0, -99999.0
MAX_DATUMS = 2**16
# Of all tensors of a request together: what a dense one takes is bounded by the request's bytes,
# but a sparse one of a few bytes can have any shape.
MAX_VALUES = 2**26

_DTYPES: dict[int, Any] = {
    pb.DTYPE_FLOAT32: np.float32,
    pb.DTYPE_INT64: np.int64,
    pb.DTYPE_INT32: np.int32,
}
_STOP_REASONS = {"stop": pb.STOP_REASON_STOP, "length": pb.STOP_REASON_LENGTH}


@dataclass(frozen=True)
class ForwardBackwardCall:
    """A forward_backward request whose data are not decoded yet."""

    model_id: str
    seq_id: int
    backward: bool
    message: Any

    @property
    def loss_fn(self) -> str:
        return str(self.message.loss_fn)

    def config(self) -> dict[str, float]:
        """The loss settings; BadRequest for a setting that is not a number."""
        config = dict(self.message.loss_fn_config)
        for name, value in self.message.loss_fn_config_v2.items():
            if value.WhichOneof("value") != "number":
                raise BadRequest(f"loss_fn_config {name!r}: only numbers are served here")
            config[name] = value.number
        return config

    def data(self) -> list[Datum]:
        """The datums; BadRequest names the first one that cannot be read."""
        if not self.message.data:
            raise BadRequest("forward_backward without data")
        if len(self.message.data) > MAX_DATUMS:
            raise BadRequest(f"{len(self.message.data):,} datums; there can be {MAX_DATUMS:,}")
        data = []
        num_values = 0
        for index, datum in enumerate(self.message.data):
            try:
                num_values += sum(map(_num_values, datum.loss_fn_inputs.values()))
                if num_values > MAX_VALUES:
                    raise BadRequest(f"a request's tensors have at most {MAX_VALUES:,} values")
                data.append(_decode_datum(datum))
            except ValueError as error:
                raise BadRequest(f"datum {index}: {error}") from error
        return data


def decode_forward_backward(body: bytes) -> ForwardBackwardCall:
    """Raises BadRequest for a body that is not a ForwardBackwardRequest."""
    message = pb.ForwardBackwardRequest()
    try:
        message.ParseFromString(body)
    except DecodeError as error:
        raise BadRequest("the body is not a protobuf ForwardBackwardRequest") from error
    return ForwardBackwardCall(
        model_id=message.model_id,
        seq_id=message.seq_id,
        backward=not message.forward_only,
        message=message,
    )


def _decode_datum(datum: Any) -> Datum:
    tokens: list[int] = []
    for chunk in datum.model_input:
        kind = chunk.WhichOneof("chunk")
        if kind != "encoded_text":
            raise BadRequest(not_text(kind))
        tokens += _array(chunk.encoded_text.tokens, np.int32).tolist()
    inputs = {name: decode_tensor(tensor) for name, tensor in datum.loss_fn_inputs.items()}
    return Datum(tokens=tokens, inputs=inputs)


def decode_tensor(tensor: Any) -> torch.Tensor:
    """A `Tensor` message as a dense float32 or int64 tensor; ValueError where it is malformed."""
    dtype = _DTYPES.get(tensor.dtype)
    if dtype is None:
        raise ValueError(f"tensor type {tensor.dtype} is not float32, int64 or int32")
    shape = list(tensor.shape)
    if any(size < 0 for size in shape):
        raise ValueError(f"a tensor cannot have the shape {shape[:8]}")
    if tensor.WhichOneof("encoding") == "sparse_csr":
        dense = _densify(tensor.sparse_csr, dtype, shape)
    else:
        values = _array(tensor.dense, dtype)
        dense = values.reshape(shape) if shape else values
    return torch.from_numpy(dense.astype(np.float32 if dtype is np.float32 else np.int64))


def _num_values(tensor: Any) -> int:
    if tensor.WhichOneof("encoding") == "sparse_csr" and len(tensor.shape) == 2:
        return abs(math.prod(tensor.shape))
    return len(tensor.dense) // 4


def _densify(csr: Any, dtype: Any, shape: Sequence[int]) -> np.ndarray[Any, Any]:
    values = _array(csr.values, dtype)
    rows = _array(csr.crow_indices, np.int64)
    columns = _array(csr.col_indices, np.int64)
    if len(shape) != 2 or math.prod(shape) > MAX_VALUES:
        raise ValueError(f"a sparse tensor cannot have the shape {list(shape)[:8]}")
    counts = np.diff(rows)
    consistent = (
        len(rows) == shape[0] + 1
        and rows[0] == 0
        and rows[-1] == len(columns) == len(values)
        and (counts >= 0).all()
        and ((columns >= 0) & (columns < shape[1])).all()
    )
    if not consistent:
        raise ValueError("a sparse tensor whose indices do not fit its shape")
    dense = np.zeros(shape, dtype)
    dense[np.repeat(np.arange(shape[0]), counts), columns] = values
    return dense


def _array(data: bytes, dtype: Any) -> np.ndarray[Any, Any]:
    if len(data) % np.dtype(dtype).itemsize:
        raise ValueError(f"{len(data)} bytes are no whole number of {np.dtype(dtype).name} values")
    return np.frombuffer(data, dtype)


def encode_forward_backward(result: ForwardBackwardResult) -> Payload:
    """A ForwardBackwardOutput: one record for each run of datums that agree in trailing shape."""
    message = pb.ForwardBackwardOutput(loss_fn_output_type="ArrayRecord")
    for _, group in groupby(result.outputs, key=_layout):
        _add_record(message.loss_fn_outputs.add(), list(group))
    for name, value in result.metrics.items():
        message.metrics[name] = value
    return Payload(message.SerializeToString(), PROTOBUF)


def _layout(output: Mapping[str, torch.Tensor]) -> list[tuple[str, tuple[int, ...]]]:
    return [(name, tuple(tensor.shape[1:])) for name, tensor in sorted(output.items())]


def _add_record(record: Any, outputs: list[dict[str, torch.Tensor]]) -> None:
    record.type_tag = "ArrayRecord"
    record.num_datums = len(outputs)
    for name in outputs[0]:
        arrays = [output[name].detach().to(torch.float32).numpy() for output in outputs]
        field = record.fields[name]
        field.dtype = pb.DTYPE_FLOAT32
        field.trailing_shape.extend(arrays[0].shape[1:])
        field.data = b"".join(array.tobytes() for array in arrays)
        offsets = np.cumsum([0] + [array.nbytes for array in arrays], dtype=np.int64)
        field.offsets = offsets.tobytes()


def encode_sample(result: SampleResult, *, last_n: int | None = None) -> Payload:
    """A SampleResponse; `last_n` hides the prompt scores before the last n prompt tokens."""
    message = pb.SampleResponse()
    for sequence in result.sequences:
        message.sequences.add(
            stop_reason=_STOP_REASONS[sequence.stop_reason],
            tokens=np.asarray(sequence.tokens, np.int32).tobytes(),
            logprobs=np.asarray(sequence.logprobs, np.float32).tobytes(),
        )
    if result.prompt_logprobs is not None:
        scores = _hide_prefix(result.prompt_logprobs, last_n)
        values = [math.nan if score is None else score for score in scores]
        message.prompt_logprobs = np.asarray(values, np.float32).tobytes()
    if result.topk_prompt_logprobs is not None:
        _fill_topk(message.topk_prompt_logprobs, _hide_prefix(result.topk_prompt_logprobs, last_n))
    return Payload(message.SerializeToString(), PROTOBUF)


def _hide_prefix(rows: Sequence[Any], last_n: int | None) -> list[Any]:
    if last_n is None:
        return list(rows)
    hidden = max(len(rows) - last_n, 0)
    return [None] * hidden + list(rows[hidden:])


def _fill_topk(message: Any, rows: list[list[tuple[int, float]] | None]) -> None:
    width = max((len(row) for row in rows if row), default=1)
    tokens = np.full((len(rows), width), NO_TOKEN, np.int32)
    logprobs = np.full((len(rows), width), NO_LOGPROB, np.float32)
    for index, row in enumerate(rows):
        for rank, (token, logprob) in enumerate(row or []):
            tokens[index, rank] = token
            logprobs[index, rank] = logprob
    message.token_ids = tokens.tobytes()
    message.logprobs = logprobs.tobytes()
    message.k = width
    message.length = len(rows)
