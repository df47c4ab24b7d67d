"""The Cookbook's reinforcement-learning loop with the input that the `gspo` loss needs besides.

`gspo` takes the ratio of a whole sequence over the tokens that `sequence_ratio_mask` marks. The
Cookbook marks the sampled tokens of each datum, in `mask`, and takes the mark off before it sends
the datum; here it is sent under the name that the loss knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import chz
import tinker
from tinker_cookbook.rl import train


@chz.chz
class GspoConfig(train.Config):
    """The Cookbook's configuration, for a run with the `gspo` loss."""


async def main(config: GspoConfig) -> None:
    """Run the Cookbook's loop with the sampled tokens marked for the loss."""
    with _marked_datums():
        await train.main(config)


@contextmanager
def _marked_datums() -> Iterator[None]:
    original = train._remove_mask
    train._remove_mask = marked
    try:
        yield
    finally:
        train._remove_mask = original


def marked(datum: tinker.Datum) -> tinker.Datum:
    """Return the datum with its mask of sampled tokens as `sequence_ratio_mask`."""
    inputs = dict(datum.loss_fn_inputs)
    inputs["sequence_ratio_mask"] = inputs.pop("mask")
    return tinker.Datum(model_input=datum.model_input, loss_fn_inputs=inputs)
