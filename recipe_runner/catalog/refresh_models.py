"""Writes data/models.json from the installed Cookbook and data/tinker_prices.yaml.

python -m recipe_runner.catalog.refresh_models
"""

from __future__ import annotations

import json
from typing import Any

from recipe_runner.catalog import DATA
from recipe_runner.catalog.models import SHIPPED_MODEL

# The shipped model's tokenizer has the markers of all these renderers; it was trained with the
# first. It is nobody's hosted model, so no learning rate is recommended.
SHIPPED_RENDERERS = ["qwen3_instruct", "role_colon", "llama3"]
SHIPPED_CONTEXT = 4096


def _model_attributes() -> dict[str, Any]:
    """Return the Cookbook's whole model table, by full model name."""
    from tinker_cookbook import model_info

    tables = [
        getattr(model_info, name)
        for name in sorted(vars(model_info))
        if name.startswith("get_") and name.endswith("_info")
    ]
    return {
        f"{attributes.organization}/{version}": attributes
        for table in tables
        for version, attributes in table().items()
    }


def _recommended_learning_rate(model_name: str) -> float | None:
    from tinker_cookbook.exceptions import ConfigurationError
    from tinker_cookbook.hyperparam_utils import get_lr

    try:
        return float(get_lr(model_name))
    except (NotImplementedError, ConfigurationError):
        return None


def _lora_parameters_per_rank(model_name: str) -> int | None:
    from tinker_cookbook.exceptions import ConfigurationError
    from tinker_cookbook.hyperparam_utils import get_lora_param_count

    try:
        return int(get_lora_param_count(model_name, lora_rank=1))
    except ConfigurationError:
        return None


def build() -> dict[str, Any]:
    """Return the contents of data/models.json."""
    from ruamel.yaml import YAML

    prices = YAML(typ="safe", pure=True).load(DATA / "tinker_prices.yaml")
    models = {
        name: {
            "renderers": list(attributes.recommended_renderers),
            "is_chat": attributes.is_chat,
            "learning_rate": _recommended_learning_rate(name),
            "context": prices["models"].get(name, {}).get("context"),
            "lora_parameters_per_rank": _lora_parameters_per_rank(name),
        }
        for name, attributes in sorted(_model_attributes().items())
    }
    models[SHIPPED_MODEL] = {
        "renderers": SHIPPED_RENDERERS,
        "is_chat": True,
        "learning_rate": None,
        "context": SHIPPED_CONTEXT,
        "lora_parameters_per_rank": None,
    }
    retired = {
        name: {"date": date, "replacement": replacement}
        for name, (date, replacement) in prices["retired"].items()
    }
    return {
        "models": models,
        "retired": retired,
        "prices": {name: _price(row) for name, row in prices["models"].items()},
        "storage_usd_per_gb_month": prices["storage_usd_per_gb_month"],
        "cached_prefill_discount": prices["cached_prefill_discount"],
    }


def _price(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "context"}


def main() -> None:
    (DATA / "models.json").write_text(json.dumps(build(), indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
