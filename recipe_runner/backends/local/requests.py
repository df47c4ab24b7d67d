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


class Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class CreateSession(Request):
    tags: list[str] = []
    user_metadata: dict[str, Any] | None = None
    sdk_version: str = ""
    project_id: str | None = None
    display_name: str | None = None
    type: Literal["create_session"] = "create_session"


class SessionHeartbeat(Request):
    session_id: str
    type: Literal["session_heartbeat"] = "session_heartbeat"


class LoraConfig(Request):
    rank: int = Field(ge=0, le=4096)
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
    model_seq_id: int
    base_model: str = Field(min_length=1)
    user_metadata: dict[str, Any] | None = None
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
    user_metadata: dict[str, str] | None = None
    type: Literal["save_weights"] = "save_weights"


class SaveWeightsForSampler(Request):
    model_id: str
    seq_id: int
    path: str | None = None
    sampling_session_seq_id: int | None = None
    # An inflight sampler promises "these weights or newer", which a snapshot keeps.
    kind: Literal["snapshot", "inflight"] = "snapshot"
    ttl_seconds: TtlSeconds | None = None
    user_metadata: dict[str, str] | None = None
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
    model_seq_id: int | None = None
    base_model: str | None = None
    user_metadata: dict[str, Any] | None = None
    optimizer_config: OptimizerConfig | None = None
    weights_access_token: str | None = None
    type: Literal["load_weights"] = "load_weights"


class CreateSamplingSession(Request):
    session_id: str
    sampling_session_seq_id: int
    base_model: str | None = None
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
    stop: str | list[str] | list[int] | None = None
    temperature: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    top_k: int = -1
    top_p: float = Field(default=1.0, gt=0, le=1)


def _unserved(value: object) -> object:
    if value:
        raise ValueError("is not served by the local backend")
    return value


class Sample(Request):
    sampling_session_id: str
    seq_id: int
    num_samples: int = Field(default=1, ge=1, le=4096)
    prompt: ModelInput
    sampling_params: SamplingParams
    prompt_logprobs: bool | None = None
    topk_prompt_logprobs: int = Field(default=0, ge=0, le=1024)
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
