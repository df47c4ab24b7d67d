"""`loss`: the service's policy-gradient losses and their settings.

Settings and defaults: tutorial 202 of the Tinker Cookbook and the losses page of Tinker's
documentation (read 2026-11). A setting that is not given is left to the service.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from schemas.base import ImportPath, RecipeModel

Threshold = Annotated[float, Field(ge=0, allow_inf_nan=False)]
LossName = Literal["importance_sampling", "ppo", "cispo", "dro", "gspo"]


class ClipConfig(RecipeModel):
    clip_low_threshold: Threshold | None = Field(
        default=None, description="Lower bound on the probability ratio."
    )
    clip_high_threshold: Threshold | None = Field(
        default=None, description="Upper bound on the probability ratio."
    )


class DroConfig(RecipeModel):
    beta: Threshold | None = Field(default=None, description="Weight of the quadratic penalty.")


class ImportanceSampling(RecipeModel):
    name: Literal["importance_sampling"]


class Ppo(RecipeModel):
    name: Literal["ppo"]
    config: ClipConfig = Field(default_factory=ClipConfig, description="Clip thresholds.")


class Cispo(RecipeModel):
    name: Literal["cispo"]
    config: ClipConfig = Field(default_factory=ClipConfig, description="Clip thresholds.")


class Dro(RecipeModel):
    name: Literal["dro"]
    config: DroConfig = Field(default_factory=DroConfig, description="Settings of DRO.")


class Gspo(RecipeModel):
    name: Literal["gspo"]
    config: ClipConfig = Field(default_factory=ClipConfig, description="Clip thresholds.")


LossWithConfig = Annotated[
    ImportanceSampling | Ppo | Cispo | Dro | Gspo, Field(discriminator="name")
]


class CustomLoss(RecipeModel):
    """A loss of the user's own, computed on this machine from the service's log-probabilities."""

    custom: ImportPath


def _loss_form(value: Any) -> str:
    return "name" if isinstance(value, str) else "config"


def _loss_form_with_custom(value: Any) -> str:
    if isinstance(value, CustomLoss) or (isinstance(value, dict) and "custom" in value):
        return "custom"
    return _loss_form(value)


Loss = Annotated[
    Annotated[LossName, Tag("name")] | Annotated[LossWithConfig, Tag("config")],
    Discriminator(_loss_form),
]
LossOrCustom = Annotated[
    Annotated[LossName, Tag("name")]
    | Annotated[LossWithConfig, Tag("config")]
    | Annotated[CustomLoss, Tag("custom")],
    Discriminator(_loss_form_with_custom),
]


def loss_name(loss: Loss) -> str:
    """Return the loss's name in either of its forms."""
    return loss if isinstance(loss, str) else loss.name


def loss_config(loss: Loss) -> dict[str, float]:
    """Return the settings that the recipe gives, empty when it leaves all to the service."""
    config = getattr(loss, "config", None)
    return {} if config is None else config.model_dump(exclude_none=True)
