"""Continuous batching: the requests of one sampler share prefills and decode steps.

A sampler is one set of weights. Its rows, one for each sequence to sample, sit in slots 0 … B-1;
new rows join between two steps, a finished row's slot goes to the last row.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Mapping
from concurrent.futures import Future
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from recipe_runner.backends.local.answers import fail, notify_cancelled, succeed
from recipe_runner.backends.local.api import SampleRequest, SampleResult, Sequence
from recipe_runner.backends.local.batches import check_prompt
from recipe_runner.backends.local.choosing import choose
from recipe_runner.backends.local.decoding import Decoder, decoder_for
from recipe_runner.backends.local.errors import EngineError
from recipe_runner.backends.local.fast_cache import rounded_length
from recipe_runner.backends.local.network import Network
from recipe_runner.backends.local.rng import derive_seed
from recipe_runner.backends.local.snapshot import Snapshot
from recipe_runner.backends.local.stops import StopRule, stop_rule

# Prompt tokens of one prefill: bounds how long running sequences and training wait.
_PREFILL_AT_ONCE = 2048
# Logits of this many floats (64 MiB) are held at a time.
_LOGITS_AT_ONCE = 16 * 1024**2


class Sampler:
    """Requests over one set of weights; every method runs on the compute thread."""

    def __init__(self, snapshot: Snapshot, seed: int) -> None:
        self.network = snapshot.network
        self._snapshot = snapshot
        self._seed = seed
        self._decoder: Decoder | None = None
        # By a digest: a sampler that lives for a whole run is asked a million prompts.
        self._asked: Counter[int] = Counter()
        self._waiting: deque[_Row] = deque()
        self._rows: list[_Row] = []
        self._jobs: dict[int, _Job] = {}
        # Filled by whichever thread cancels.
        self._cancelled: deque[_Job] = deque()

    @property
    def num_rows(self) -> int:
        """Slots in use."""
        return len(self._rows)

    @property
    def num_bytes(self) -> int:
        """Bytes of its own weights, and of the merged ones while it keeps them."""
        merged = self._decoder.num_bytes if self._decoder is not None else 0
        return self._snapshot.num_bytes + merged

    @property
    def busy(self) -> bool:
        return bool(self._waiting or self._rows)

    def can_advance(self, max_rows: int) -> bool:
        """Whether `advance` has something to do when only `max_rows` more slots are free."""
        return bool(self._rows) or (bool(self._waiting) and max_rows > 0)

    def submit(self, request: SampleRequest, future: Future[SampleResult]) -> None:
        """Queue a request; EngineError when it does not fit the model."""
        _check(request, self.network)
        prompt = tuple(request.prompt)
        room = self.network.context_length - len(prompt)
        job = _Job(request, stop_rule(request.stop, self.network), max(room, 1), future)
        self._jobs[id(job)] = job
        future.add_done_callback(partial(self._on_done, job))
        digest = derive_seed(prompt)
        for index in range(request.num_samples):
            seed = self._row_seed(request, index, prompt, self._asked[digest])
            self._waiting.append(_Row(job, index, prompt, seed))
            self._asked[digest] += 1

    def advance(self, max_rows: int) -> None:
        """One slice of work: admit waiting rows up to `max_rows` new ones, or step all rows."""
        try:
            with torch.no_grad():
                self._drop_cancelled()
                if self._waiting and max_rows > 0:
                    self._admit(max_rows)
                elif self._rows:
                    self._step()
        except Exception as error:
            # Whatever went wrong, the callers must hear of it, or they would wait for ever.
            self.fail(error)
        if not self.busy and self._decoder is not None:
            self._decoder.forget()

    def release(self) -> None:
        """Drop the merged weights; the next request merges them again."""
        assert not self.busy
        self._decoder = None

    def _row_seed(
        self, request: SampleRequest, index: int, prompt: tuple[int, ...], times_asked: int
    ) -> int:
        if request.seed is not None:
            return derive_seed("request", request.seed, index)
        return derive_seed("sample", self._seed, prompt, times_asked)

    @property
    def _current_decoder(self) -> Decoder:
        if self._decoder is None:
            self._decoder = decoder_for(self.network, self._snapshot.overrides())
        return self._decoder

    def _admit(self, max_rows: int) -> None:
        """Move rows from the queue into slots: each distinct prompt is computed once."""
        groups = self._next_groups(max_rows)
        running = {row.prompt: slot for slot, row in enumerate(self._rows)}
        fresh = [prompt for prompt in groups if not _shares(groups[prompt], running)]
        first_slots = {}
        admitted: list[_Row] = []
        for prompt, rows in groups.items():
            first_slots[prompt] = len(self._rows) + len(admitted)
            admitted += rows
        for prompts in _by_length(fresh):
            self._prefill(prompts, first_slots, groups)
        for prompt, rows in groups.items():
            self._share(prompt, rows, first_slots[prompt], running, is_fresh=prompt in fresh)
        self._rows += admitted
        self._take(torch.stack([_known(row.first_logits) for row in admitted]), admitted)

    def _next_groups(self, max_rows: int) -> dict[tuple[int, ...], list[_Row]]:
        """The rows to admit now, in order of arrival, by prompt."""
        groups: dict[tuple[int, ...], list[_Row]] = {}
        num_tokens = 0
        for _ in range(min(max_rows, len(self._waiting))):
            row = self._waiting[0]
            if row.prompt not in groups:
                num_tokens += len(row.prompt)
                if groups and num_tokens > _PREFILL_AT_ONCE:
                    break
            groups.setdefault(row.prompt, []).append(self._waiting.popleft())
        return groups

    def _prefill(
        self,
        prompts: list[tuple[int, ...]],
        first_slots: Mapping[tuple[int, ...], int],
        groups: Mapping[tuple[int, ...], list[_Row]],
    ) -> None:
        decoder = self._current_decoder
        hidden = decoder.prefill(
            [list(prompt) for prompt in prompts], [first_slots[prompt] for prompt in prompts]
        )
        last = torch.tensor([len(prompt) - 1 for prompt in prompts])
        logits = decoder.head(hidden[torch.arange(len(prompts)), last])
        for index, prompt in enumerate(prompts):
            for row in groups[prompt]:
                row.first_logits = logits[index]
            jobs = {id(row.job): row.job for row in groups[prompt]}
            for job in jobs.values():
                if job.wants_prompt and not job.has_prompt:
                    self._score_prompt(job, hidden[index, : len(prompt) - 1])

    def _share(
        self,
        prompt: tuple[int, ...],
        rows: list[_Row],
        first_slot: int,
        running: Mapping[tuple[int, ...], int],
        *,
        is_fresh: bool,
    ) -> None:
        """Give the group's other slots the prompt's keys and values."""
        slots = list(range(first_slot, first_slot + len(rows)))
        source = slots.pop(0) if is_fresh else running[prompt]
        if not is_fresh:
            for row in rows:
                row.first_logits = self._rows[source].first_logits
        if slots:
            self._current_decoder.copy_slot(source, slots, len(prompt))

    def _score_prompt(self, job: _Job, hidden: Tensor) -> None:
        """Log-probabilities of the prompt's tokens after the first, at temperature 1."""
        request = job.request
        targets = torch.tensor(request.prompt[1:], dtype=torch.long).unsqueeze(1)
        num_top = min(request.topk_prompt_logprobs, self.network.vocab_size)
        scored: list[float | None] = [None]
        top: list[list[tuple[int, float]] | None] = [None]
        at_once = max(1, _LOGITS_AT_ONCE // self.network.vocab_size)
        for states, wanted in zip(
            torch.split(hidden, at_once), torch.split(targets, at_once), strict=True
        ):
            logprobs = self._current_decoder.head(states).log_softmax(-1)
            scored += logprobs.gather(-1, wanted).squeeze(1).tolist()
            if num_top:
                values, tokens = logprobs.topk(num_top, -1)
                pairs = zip(tokens.tolist(), values.tolist(), strict=True)
                top += [list(zip(*pair, strict=True)) for pair in pairs]
        job.prompt_logprobs = scored if request.prompt_logprobs else None
        job.topk_prompt_logprobs = top if num_top else None
        job.has_prompt = True

    def _step(self) -> None:
        """One more token for every row."""
        logits = self._current_decoder.step(
            [row.tokens[-1] for row in self._rows], [row.length - 1 for row in self._rows]
        )
        self._take(logits, self._rows)

    def _take(self, logits: Tensor, rows: list[_Row]) -> None:
        """Choose a token for each of `rows`, and retire those that it ends."""
        tokens, logprobs = choose(logits, rows)
        for row, token, logprob in zip(rows, tokens, logprobs, strict=True):
            row.take(token, logprob)
        for slot in range(len(self._rows) - 1, -1, -1):
            if self._rows[slot].stop_reason is not None:
                self._retire(slot)

    def _retire(self, slot: int) -> None:
        row = self._rows[slot]
        self._free(slot)
        if row.job.finish(row):
            del self._jobs[id(row.job)]

    def _free(self, slot: int) -> None:
        """Give the slot to the last row."""
        last = self._rows.pop()
        if slot < len(self._rows):
            self._current_decoder.copy_slot(len(self._rows), [slot], last.length - 1)
            self._rows[slot] = last

    def fail(self, error: BaseException) -> None:
        """Answer every request under way with `error`."""
        # Not those of rows and queue alone: a row that was on its way between the two when
        # something broke is in neither.
        jobs = list(self._jobs.values())
        self._rows.clear()
        self._waiting.clear()
        self._jobs.clear()
        for job in jobs:
            fail(job.future, error)

    def _on_done(self, job: _Job, future: Future[SampleResult]) -> None:
        if future.cancelled():
            self._cancelled.append(job)

    def _drop_cancelled(self) -> None:
        """Free the slots of requests that nobody waits for any more."""
        while self._cancelled:
            job = self._cancelled.popleft()
            if self._jobs.pop(id(job), None) is None:
                continue
            notify_cancelled(job.future)
            self._waiting = deque(row for row in self._waiting if row.job is not job)
            for slot in range(len(self._rows) - 1, -1, -1):
                if self._rows[slot].job is job:
                    self._free(slot)


class _Job:
    """A request under way."""

    def __init__(
        self, request: SampleRequest, stop: StopRule, room: int, future: Future[SampleResult]
    ) -> None:
        self.request = request
        self.stop = stop
        # A continuation ends where the context does.
        self.max_tokens = min(request.max_tokens, room)
        self.future = future
        self.wants_prompt = request.prompt_logprobs or request.topk_prompt_logprobs > 0
        self.has_prompt = False
        self.prompt_logprobs: list[float | None] | None = None
        self.topk_prompt_logprobs: list[list[tuple[int, float]] | None] | None = None
        self._sequences: dict[int, Sequence] = {}

    def finish(self, row: _Row) -> bool:
        """Take a finished row; whether it was the request's last."""
        assert row.stop_reason is not None
        self._sequences[row.index] = Sequence(row.tokens, row.logprobs, row.stop_reason)
        if len(self._sequences) < self.request.num_samples:
            return False
        succeed(
            self.future,
            SampleResult(
                [self._sequences[index] for index in range(self.request.num_samples)],
                self.prompt_logprobs,
                self.topk_prompt_logprobs,
            ),
        )
        return True


class _Row:
    """One sequence being sampled."""

    def __init__(self, job: _Job, index: int, prompt: tuple[int, ...], seed: int) -> None:
        self.job = job
        self.index = index
        self.prompt = prompt
        self.temperature = job.request.temperature
        self.top_p = job.request.top_p
        self.top_k = job.request.top_k
        self.uniform = random.Random(seed).random
        self.first_logits: Tensor | None = None
        self.tokens: list[int] = []
        self.logprobs: list[float] = []
        self.stop_reason: Literal["stop", "length"] | None = None

    @property
    def length(self) -> int:
        return len(self.prompt) + len(self.tokens)

    def take(self, token: int, logprob: float) -> None:
        self.tokens.append(token)
        self.logprobs.append(logprob)
        if self.job.stop.ends(self.tokens):
            self.stop_reason = "stop"
        elif len(self.tokens) >= self.job.max_tokens:
            self.stop_reason = "length"


def _shares(rows: list[_Row], running: Mapping[tuple[int, ...], int]) -> bool:
    """Whether the group can start from a running row's prompt: known, and nothing to score."""
    needs_states = any(row.job.wants_prompt and not row.job.has_prompt for row in rows)
    return rows[0].prompt in running and not needs_states


def _by_length(prompts: list[tuple[int, ...]]) -> list[list[tuple[int, ...]]]:
    """Prompts in batches of one rounded length, the longest first."""
    batches: dict[int, list[tuple[int, ...]]] = {}
    for prompt in sorted(prompts, key=len, reverse=True):
        batches.setdefault(rounded_length(len(prompt)), []).append(prompt)
    return list(batches.values())


def _known(logits: Tensor | None) -> Tensor:
    assert logits is not None
    return logits


def _check(request: SampleRequest, network: Network) -> None:
    if not request.prompt:
        raise EngineError("the prompt has no tokens")
    check_prompt(request.prompt, network.vocab_size)
    # A prompt that fills the context still has a next token, which is not fed back.
    if len(request.prompt) > network.context_length:
        raise EngineError(
            f"a prompt of {len(request.prompt)} tokens does not fit the context of "
            f"{network.context_length}"
        )
    for name, value, fits in (
        ("num_samples", request.num_samples, request.num_samples >= 1),
        ("max_tokens", request.max_tokens, request.max_tokens >= 1),
        ("temperature", request.temperature, 0 <= request.temperature < float("inf")),
        ("top_p", request.top_p, 0 < request.top_p <= 1),
        ("top_k", request.top_k, request.top_k == -1 or request.top_k >= 1),
        ("topk_prompt_logprobs", request.topk_prompt_logprobs, request.topk_prompt_logprobs >= 0),
    ):
        if not fits:
            raise EngineError(f"{name} is out of range: {value}")
