"""`Plan`: what will happen. Frozen, pure data, JSON both ways."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from schemas import Recipe

# What may change when a run is resumed. First what a run keeps, shows or is called, but never
# learns from, which no hash covers; then what decides how long it goes on.
_WITHOUT_EFFECT_ON_THE_RESULT = (
    "version",
    "name",
    "description",
    "tags",
    "budget",
    "checkpoint",
    "eval",
    "logging",
)
_HOW_LONG = ("steps",)
_EVALUATION_OF_AN_ENV = (
    "eval",
    "test_data",
    "test_dataset",
    "test_games",
    "test_group_size",
    "test_opponent",
)


class Served(BaseModel):
    """Which weights the backend trains under the model's name.

    `stand-in` means that the weights are not the named model's: what such a run shows is that the
    recipe works, never how well the model does.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    kind: Literal["hosted", "remote", "shipped", "weights", "stand-in"]
    note: str

    @property
    def is_stand_in(self) -> bool:
        return self.kind == "stand-in"


class LearningRate(BaseModel):
    model_config = ConfigDict(frozen=True, defer_build=True)

    value: float
    source: str


class Plan(BaseModel):
    """One run, fully resolved.

    Attributes:
        source: the recipe's file as it was given.
        recipe: the recipe with every default written out.
        renderer: the renderer's name, `auto` resolved; none where the recipe has no model.
        learning_rate: peak learning rate and where it came from; none where nothing is trained.
        served: which weights stand behind the model's name.
        fingerprints: SHA-256 of each data file that the recipe names, by path.
        notes: what a reader of the plan should know.
        stages: the plans of a pipeline's stages, in the order that they run in.
        from_base_weights: whether base weights stand in for every checkpoint that the recipe names,
            but for those of earlier stages; only a preflight does that.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    source: str
    variant: str | None
    recipe: Recipe
    renderer: str | None
    learning_rate: LearningRate | None
    served: Served
    fingerprints: dict[str, str]
    notes: list[str]
    stages: dict[str, Plan] = {}
    from_base_weights: bool = False

    @property
    def recipes(self) -> list[Recipe]:
        """The recipe, or those of a pipeline's stages."""
        return [stage.recipe for stage in self.stages.values()] or [self.recipe]

    @property
    def hash(self) -> str:
        """SHA-256 over everything that changes the result, and nothing else."""
        text = json.dumps(self._result_inputs(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def _result_inputs(self) -> dict[str, Any]:
        if self.stages:
            return {"stages": [[n, stage._result_inputs()] for n, stage in self.stages.items()]}
        recipe = self.recipe.model_dump(mode="json", exclude=set(_WITHOUT_EFFECT_ON_THE_RESULT))
        recipe["renderer"] = self.renderer
        if self.learning_rate is not None:
            recipe["optimizer"]["learning_rate"] = self.learning_rate.value
        if "env" in recipe:
            for key in _EVALUATION_OF_AN_ENV:
                recipe["env"].pop(key, None)
        return {
            "recipe": _with_fingerprints(recipe, self.fingerprints),
            "served": self.served.kind,
        }

    def to_json(self) -> str:
        """Return the plan as JSON, its hash included."""
        return json.dumps({"hash": self.hash, **self.model_dump(mode="json")}, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """Read a plan that `to_json` wrote.

        Raises:
            pydantic.ValidationError: if it is not one.
        """
        return cls.model_validate_json(text)


def changes_result(path: str) -> bool:
    """Whether a plan's hash covers a dotted key, also one of a stage (`stages.NAME.…`)."""
    parts = path.split(".")
    if parts[0] == "stages":
        parts = parts[2:]
    if parts[:1] == ["env"] and len(parts) > 1 and parts[1] in _EVALUATION_OF_AN_ENV:
        return False
    return not parts or parts[0] not in _WITHOUT_EFFECT_ON_THE_RESULT


def may_change_on_resume(path: str) -> bool:
    """Whether a run can go on under another value of a dotted key.

    The steps of a pipeline's stage cannot change: later stages start from what it leaves.
    """
    return path in _HOW_LONG or not changes_result(path)


def _with_fingerprints(tree: Any, fingerprints: dict[str, str]) -> Any:
    """Return the tree with each data file's path replaced by the hash of its content."""
    if isinstance(tree, dict):
        return {key: _with_fingerprints(value, fingerprints) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_with_fingerprints(value, fingerprints) for value in tree]
    return fingerprints.get(tree, tree) if isinstance(tree, str) else tree
