"""Models that an environment asks: a grader, an opponent."""

from __future__ import annotations

import tinker
from tinker_cookbook import model_info
from tinker_cookbook.completers import TinkerMessageCompleter
from tinker_cookbook.renderers import get_renderer
from tinker_cookbook.tokenizer_utils import get_tokenizer


def asked_model(
    *,
    model_name: str,
    model_path: str | None,
    renderer_name: str | None,
    max_tokens: int,
    base_url: str | None,
) -> TinkerMessageCompleter:
    """Return what answers in a model's name, at temperature 1.

    Args:
        model_path: the `tinker://` path of its weights; None: the base model's.
        renderer_name: None: the Cookbook's recommended one.
        base_url: of the service; None: hosted Tinker.
    """
    renderer = get_renderer(
        renderer_name or model_info.get_recommended_renderer_name(model_name),
        get_tokenizer(model_name),
    )
    service = tinker.ServiceClient(base_url=base_url)
    client = (
        service.create_sampling_client(base_model=model_name)
        if model_path is None
        else service.create_sampling_client(model_path=model_path)
    )
    return TinkerMessageCompleter(client, renderer, max_tokens=max_tokens)
