"""Protobuf bodies of the local backend's forward_backward.

Right: as for JSON. A body that can be parsed and names the model `M` is sent to a live model with
the number that comes next.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from google.protobuf.message import DecodeError
from tinker.proto import tinker_public_pb2 as pb

from fuzz.backend import backend
from fuzz.limits import Limits

LIMITS = Limits(max_bytes=1024, timeout_s=60, memory_mb=6144)
FLOATS = ("weights", "logprobs", "advantages", "sequence_ratio_mask")


def message(loss_fn: str = "cross_entropy", length: int = 3, num_datums: int = 1) -> pb.Any:
    """A request that is served."""
    request = pb.ForwardBackwardRequest(model_id="M", seq_id=1, loss_fn=loss_fn)
    for _ in range(num_datums):
        datum = request.data.add()
        tokens = np.arange(1, length + 1, dtype=np.int32)
        datum.model_input.add().encoded_text.tokens = tokens.tobytes()
        targets = datum.loss_fn_inputs["target_tokens"]
        targets.dtype, targets.dense = pb.DTYPE_INT64, tokens.astype(np.int64).tobytes()
        targets.shape.append(length)
        for name in FLOATS:
            tensor = datum.loss_fn_inputs[name]
            tensor.dtype = pb.DTYPE_FLOAT32
            tensor.dense = np.full(length, 0.5, np.float32).tobytes()
            tensor.shape.append(length)
    return request


def seeds() -> Iterator[bytes]:
    for loss_fn in ("cross_entropy", "importance_sampling", "ppo", "cispo", "dro", "gspo"):
        yield message(loss_fn).SerializeToString()
    sparse = message()
    weights = sparse.data[0].loss_fn_inputs["weights"]
    weights.shape[:] = [3, 2]
    weights.sparse_csr.values = np.ones(2, np.float32).tobytes()
    weights.sparse_csr.crow_indices = np.array([0, 1, 1, 2], np.int64).tobytes()
    weights.sparse_csr.col_indices = np.array([0, 1], np.int64).tobytes()
    yield sparse.SerializeToString()
    two = message(num_datums=2, length=2)
    two.forward_only = True
    two.loss_fn_config["clip_low_threshold"] = 0.5
    yield two.SerializeToString()


def one_input(data: bytes) -> None:
    server = backend()
    request = pb.ForwardBackwardRequest()
    try:
        request.ParseFromString(data)
    except DecodeError:
        pass
    else:
        if request.model_id == "M":
            request.model_id, request.seq_id = server.model, server.next_seq_id
            data = request.SerializeToString()
    server.send("POST", "/forward_backward", data)
