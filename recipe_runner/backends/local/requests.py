"""The JSON requests of Tinker's wire protocol that this server takes, as SDK 0.38 sends them.

Unknown fields are refused: a feature that this server lacks must not be ignored in silence.
Fields that mean nothing here (`type`, tags, access tokens) are accepted and unused.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from recipe_runner.backends.local.errors import not_text
from recipe_runner.backends.local.http_errors import BadRequest

MIN_TTL_S = 3600
MAX_TTL_S = 10 * 366 * 24 * 3600
TtlSeconds = Annotated[int, Field(ge=MIN_TTL_S, le=MAX_TTL_S)]

MAX_RANK = 4096
MAX_SAMPLES = 4096
MAX_TOPK_LOGPROBS = 1024
MAX_STOPS = 1000
MAX_STOP_CHARACTERS = 1000
MAX_NAME = 500
MAX_METADATA = 64 * 1024
# The client's running numbers, which become parts of ids and of file names.
Ordinal = Annotated[int, Field(ge=0, lt=2**63)]
Name = Annotated[str, Field(max_length=MAX_NAME)]
Stop = Annotated[str, Field(max_length=MAX_STOP_CHARACTERS)]
Stops = Annotated[list[Stop], Field(max_length=MAX_STOPS)]
StopTokens = Annotated[list[int], Field(max_length=MAX_STOPS)]


def _small(metadata: dict[str, Any]) -> dict[str, Any]:
    size = sum(len(key) + len(str(value)) for key, value in metadata.items())
    if size > MAX_METADATA:
        raise ValueError(f"has {size:,} characters; there can be {MAX_METADATA:,}")
    return metadata


Metadata = Annotated[dict[str, Any], AfterValidator(_small)]
Texts = Annotated[dict[str, str], AfterValidator(_small)]


class Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class CreateSession(Request):
    tags: list[str] = []
    user_metadata: Metadata | None = None
    sdk_version: str = ""
    project_id: str | None = None
    display_name: Name | None = None
    type: Literal["create_session"] = "create_session"


class SessionHeartbeat(Request):
    session_id: str
    type: Literal["session_heartbeat"] = "session_heartbeat"


class LoraConfig(Request):
    rank: int = Field(ge=0, le=MAX_RANK)
    seed: int | None = None
    train_unembed: bool = True
    train_mlp: bool = True
    train_attn: bool = True


class OptimizerConfig(BaseModel):
    """Any family may be named; only `adamw` is served."""

    model_config = ConfigDict(extra="allow", frozen=True)
    type: str = "adamw"

    def check(self) -> None:
        if self.type != "adamw":
            raise BadRequest(f"optimizer {self.type!r} is not served here; only adamw is")


class CreateModel(Request):
    session_id: str
    model_seq_id: Ordinal
    base_model: str = Field(min_length=1, max_length=MAX_NAME)
    user_metadata: Metadata | None = None
    lora_config: LoraConfig | None = None
    optimizer_config: OptimizerConfig = OptimizerConfig()
    type: Literal["create_model"] = "create_model"


class ModelOnly(Request):
    """`get_info` and `unload_model`."""

    model_id: str
    type: str = ""


class AdamParams(Request):
    learning_rate: float = Field(default=1e-4, ge=0, allow_inf_nan=False)
    beta1: float = Field(default=0.9, ge=0, lt=1)
    beta2: float = Field(default=0.95, ge=0, lt=1)
    eps: float = Field(default=1e-12, ge=0, allow_inf_nan=False)
    weight_decay: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    grad_clip_norm: float = Field(default=0.0, ge=0, allow_inf_nan=False)


class OptimStep(Request):
    model_id: str
    seq_id: int
    adam_params: AdamParams | None = None
    optimizer_params: OptimizerConfig | None = None
    type: Literal["optim_step"] = "optim_step"

    def adam(self) -> AdamParams:
        if self.adam_params is not None:
            return self.adam_params
        if self.optimizer_params is None:
            raise BadRequest("optim_step needs adam_params")
        self.optimizer_params.check()
        return AdamParams(**self.optimizer_params.model_extra or {})


class SaveWeights(Request):
    model_id: str
    seq_id: int
    path: str | None = None
    ttl_seconds: TtlSeconds | None = None
    overwrite: bool = False
    user_metadata: Texts | None = None
    type: Literal["save_weights"] = "save_weights"


class SaveWeightsForSampler(Request):
    model_id: str
    seq_id: int
    path: str | None = None
    sampling_session_seq_id: Ordinal | None = None
    # An inflight sampler promises "these weights or newer", which a snapshot keeps.
    kind: Literal["snapshot", "inflight"] = "snapshot"
    ttl_seconds: TtlSeconds | None = None
    user_metadata: Texts | None = None
    type: Literal["save_weights_for_sampler"] = "save_weights_for_sampler"


class SaveWeightsExternal(Request):
    model_id: str
    seq_id: int
    path: str
    ttl_seconds: TtlSeconds | None = None
    age_encryption_recipients: Annotated[list[str], Field(max_length=10)] | None = None
    type: Literal["save_weights_external"] = "save_weights_external"


class LoadWeights(Request):
    """Onto a model (`model_id`, `seq_id`), or creating one (`session_id`, `model_seq_id`)."""

    path: str
    optimizer: bool
    model_id: str | None = None
    seq_id: int | None = None
    session_id: str | None = None
    model_seq_id: Ordinal | None = None
    base_model: Name | None = None
    user_metadata: Metadata | None = None
    optimizer_config: OptimizerConfig | None = None
    weights_access_token: str | None = None
    type: Literal["load_weights"] = "load_weights"


class CreateSamplingSession(Request):
    session_id: str
    sampling_session_seq_id: Ordinal
    base_model: Name | None = None
    model_path: str | None = None
    type: Literal["create_sampling_session"] = "create_sampling_session"


class Chunk(BaseModel):
    """A piece of a prompt; only encoded text is served."""

    model_config = ConfigDict(extra="allow", frozen=True)
    type: str = "encoded_text"
    tokens: list[int] | None = None


class ModelInput(Request):
    chunks: list[Chunk]

    def token_ids(self) -> list[int]:
        tokens: list[int] = []
        for chunk in self.chunks:
            if chunk.type != "encoded_text" or chunk.tokens is None:
                raise BadRequest(not_text(chunk.type))
            tokens += chunk.tokens
        return tokens


class SamplingParams(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)
    max_tokens: int | None = Field(default=None, ge=1)
    seed: int | None = None
    stop: Stop | Stops | StopTokens | None = None
    temperature: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    top_k: int = Field(default=-1, ge=-1, lt=2**31)
    top_p: float = Field(default=1.0, gt=0, le=1)


def _unserved(value: object) -> object:
    if value:
        raise ValueError("is not served by the local backend")
    return value


class Sample(Request):
    sampling_session_id: str
    seq_id: Ordinal
    num_samples: int = Field(default=1, ge=1, le=MAX_SAMPLES)
    prompt: ModelInput
    sampling_params: SamplingParams
    prompt_logprobs: bool | None = None
    topk_prompt_logprobs: int = Field(default=0, ge=0, le=MAX_TOPK_LOGPROBS)
    prompt_logprobs_last_n: int | None = Field(default=None, ge=1)
    topk_sample_logprobs: Annotated[int, AfterValidator(_unserved)] = 0
    target_prompt_logprobs: Annotated[Any, AfterValidator(_unserved)] = None
    prompt_alt_tokens_k: Annotated[int, AfterValidator(_unserved)] = 0
    record_stability_info: Annotated[bool | None, AfterValidator(_unserved)] = None
    base_model: str | None = None
    model_path: str | None = None
    type: Literal["sample"] = "sample"


class RetrieveFuture(Request):
    request_id: str
    allow_metadata_only: bool = False


class WeightsInfo(Request):
    tinker_path: str


class SetTtl(Request):
    ttl_seconds: TtlSeconds | None = None


class FinishSession(BaseModel):
    model_config = ConfigDict(extra="allow")


def explain(error: ValidationError) -> str:
    """A validation error in one line: every place and what is wrong there."""
    parts = []
    for item in error.errors(include_url=False, include_context=False):
        place = ".".join(str(part) for part in item["loc"]) or "the request"
        parts.append(f"{place}: {item['msg'].removeprefix('Value error, ')}")
    return "; ".join(parts)
