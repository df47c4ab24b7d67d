"""Lengths of training texts: the batches that a run begins with, as the loop renders them."""

from __future__ import annotations

import tinker
from tinker_cookbook.supervised.types import SupervisedDataset

from recipe_runner.compile.lengths.limits import Limits
from recipe_runner.compile.lengths.ruler import Ruler
from recipe_runner.planning.estimate import Span
from recipe_runner.planning.volume.lengths import Texts
from recipe_runner.planning.volume.spans import mean_of


def measured_texts(
    train: SupervisedDataset,
    test: SupervisedDataset | None,
    *,
    steps: int,
    datums_a_row: int,
    ruler: Ruler,
    limits: Limits,
) -> Texts:
    """Return the mean tokens of a row, over the first batches in the order that the data has.

    Args:
        steps: of the run: where one epoch holds them and all are measured, the mean is exact.
        datums_a_row: two for comparisons.
    """
    text = _mean(train, steps, datums_a_row, ruler, limits)
    if test is None or len(test) == 0:
        return Texts(text=text)
    rows = sum(len(test.get_batch(index)) for index in range(len(test))) // datums_a_row
    held_out = _mean(test, len(test), datums_a_row, ruler, limits)
    return Texts(text=text, held_out=rows, held_out_text=held_out)


def _mean(
    dataset: SupervisedDataset, steps: int, datums_a_row: int, ruler: Ruler, limits: Limits
) -> Span:
    lengths: list[float] = []
    batches = min(steps, len(dataset))
    done = 0
    while done < batches and (done == 0 or not (len(lengths) >= limits.texts or limits.is_over())):
        try:
            batch = dataset.get_batch(done)
        except StopIteration:  # a stream that is shorter than it says
            break
        lengths += [_row(row, ruler) for row in _rows(batch, datums_a_row)]
        done += 1
    return ruler.widened(mean_of(lengths, all_of_them=done == steps))


def _rows(batch: list[tinker.Datum], datums_a_row: int) -> list[list[tinker.Datum]]:
    return [batch[start : start + datums_a_row] for start in range(0, len(batch), datums_a_row)]


def _row(row: list[tinker.Datum], ruler: Ruler) -> float:
    return sum(ruler.length(datum.model_input) for datum in row)
