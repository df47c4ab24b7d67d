from __future__ import annotations

import math
from concurrent.futures import Future
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    Gemma2Config,
    GPT2Config,
    LlamaConfig,
    MambaConfig,
    MistralConfig,
    PreTrainedConfig,
    Qwen2Config,
    Qwen3Config,
)

from recipe_runner.backends.local import products
from recipe_runner.backends.local.api import SampleRequest, SampleResult
from recipe_runner.backends.local.choosing import choose
from recipe_runner.backends.local.decoding import (
    CachedDecoder,
    FastDecoder,
    RecomputingDecoder,
    decoder_for,
)
from recipe_runner.backends.local.errors import EngineError
from recipe_runner.backends.local.models import ModelSource
from recipe_runner.backends.local.network import Network
from recipe_runner.backends.local.sampling import Sampler
from recipe_runner.backends.local.snapshot import Snapshot

PROMPTS = [[5, 6, 7], [8, 9, 10, 11, 12, 13, 14], [15]]
SHAPE = {
    "vocab_size": 60,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "head_dim": 8,
    "eos_token_id": 1,
}
LLAMA3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}
FAST = {
    "qwen3": Qwen3Config(**SHAPE, tie_word_embeddings=True),
    "qwen2": Qwen2Config(**SHAPE),
    "llama": LlamaConfig(**SHAPE, attention_bias=True, mlp_bias=True, rope_parameters=LLAMA3_ROPE),
}
CACHED = {
    "mistral with a window": MistralConfig(**SHAPE, sliding_window=4),
    "gemma2": Gemma2Config(**SHAPE, sliding_window=4, query_pre_attn_scalar=8),
    "gpt2": GPT2Config(vocab_size=60, n_embd=32, n_layer=2, n_head=4, n_positions=64),
}
RECOMPUTED = {
    "bloom": BloomConfig(vocab_size=60, hidden_size=32, n_layer=2, n_head=4),
    "mamba": MambaConfig(vocab_size=60, hidden_size=32, num_hidden_layers=2, state_size=4),
}


def built(config: PreTrainedConfig, directory: Path) -> Network:
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():  # norms and biases of one and zero would hide mistakes
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape) * 0.1)
    model.save_pretrained(directory)
    return Network(ModelSource("x", "weights", directory, directory, ""))


@pytest.fixture(scope="module")
def network(tiny_model_dir: Path) -> Network:
    return Network(ModelSource("x", "weights", tiny_model_dir, tiny_model_dir, ""))


def sampler(network: Network, seed: int = 0) -> Sampler:
    return Sampler(Snapshot(network, {}), seed)


def run(sampler: Sampler, *requests: SampleRequest, max_rows: int = 100) -> list[SampleResult]:
    futures: list[Future[SampleResult]] = [Future() for _ in requests]
    for request, future in zip(requests, futures, strict=True):
        sampler.submit(request, future)
    while sampler.busy:
        sampler.advance(max_rows - sampler.num_rows)
    return [future.result(timeout=0) for future in futures]


def naive_logprobs(network: Network, tokens: list[int]) -> torch.Tensor:
    """Row i is the distribution after the first i + 1 tokens."""
    with torch.no_grad():
        return network.model(torch.tensor([tokens])).logits[0].log_softmax(-1)


@pytest.mark.parametrize("name", FAST)
def test_decoding_over_packed_weights_equals_forward_passes(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "_PACKED_FROM", 1)
    test_decoding_equals_forward_passes(name, tmp_path)


@pytest.mark.parametrize("name", [*FAST, *CACHED, *RECOMPUTED])
def test_decoding_equals_forward_passes(name: str, tmp_path: Path) -> None:
    network = built({**FAST, **CACHED, **RECOMPUTED}[name], tmp_path)
    kinds = {**dict.fromkeys(FAST, FastDecoder), **dict.fromkeys(CACHED, CachedDecoder)}
    decoder = decoder_for(network, {})
    assert type(decoder) is kinds.get(name, RecomputingDecoder)
    sequences = [list(prompt) for prompt in PROMPTS]
    with torch.no_grad():
        hidden = decoder.prefill(sequences, [0, 1, 2])
        decoder.copy_slot(1, [3, 4], len(sequences[1]))
        sequences += [list(sequences[1]), list(sequences[1])]
        for row, prompt in enumerate(PROMPTS):
            logits = decoder.head(hidden[row, : len(prompt)])
            torch.testing.assert_close(
                logits.log_softmax(-1), naive_logprobs(network, prompt), rtol=0, atol=1e-4
            )
        for step in range(6):
            tokens = [20 + step + row for row in range(5)]
            logits = decoder.step(tokens, [len(sequence) for sequence in sequences])
            for sequence, token, row in zip(sequences, tokens, logits, strict=True):
                sequence.append(token)
                torch.testing.assert_close(
                    row.log_softmax(-1), naive_logprobs(network, sequence)[-1], rtol=0, atol=1e-4
                )


class Row:
    def __init__(
        self, number: float, temperature: float = 1.0, top_p: float = 1.0, top_k: int = -1
    ) -> None:
        self.number = number
        self.temperature = temperature
        self.top_p = top_p
        self.top_k = top_k

    def uniform(self) -> float:
        return self.number


def frequencies(row_settings: dict[str, float], logits: list[float]) -> list[float]:
    count = 2000
    rows = [Row((i + 0.5) / count, **row_settings) for i in range(count)]  # type: ignore[arg-type]
    tokens, _ = choose(torch.tensor([logits]).repeat(count, 1), rows)
    return [tokens.count(token) / count for token in range(len(logits))]


@pytest.mark.parametrize(
    ("row_settings", "expected"),
    [
        ({}, [0.5, 0.3, 0.2]),
        ({"temperature": 0.5}, [0.25 / 0.38, 0.09 / 0.38, 0.04 / 0.38]),
        ({"temperature": 0.0}, [1.0, 0.0, 0.0]),
        ({"top_k": 2}, [0.625, 0.375, 0.0]),
        ({"top_p": 0.6}, [0.625, 0.375, 0.0]),
        ({"top_p": 0.5}, [1.0, 0.0, 0.0]),
        ({"top_k": 2, "top_p": 0.6}, [1.0, 0.0, 0.0]),
    ],
)
def test_tokens_are_chosen_in_proportion(
    row_settings: dict[str, float], expected: list[float]
) -> None:
    logits = [math.log(0.5), math.log(0.3), math.log(0.2)]
    assert frequencies(row_settings, logits) == pytest.approx(expected, abs=0.001)


@settings(max_examples=50, deadline=None)
@given(
    number=st.floats(0, 1, exclude_max=True),
    seed=st.integers(0, 2**32),
    temperature=st.sampled_from([0.0, 0.3, 1.0, 2.0]),
    top_k=st.sampled_from([-1, 1, 3]),
    top_p=st.floats(0.01, 1.0),
)
def test_a_choice_has_probability_and_its_logprob_is_at_the_temperature(
    number: float, seed: int, temperature: float, top_k: int, top_p: float
) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(1, 20, generator=generator) * 3
    logits[0, 13] = -float("inf")
    [token], [logprob] = choose(logits, [Row(number, temperature, top_p, top_k)])
    assert token != 13
    assert token in logits[0].topk(top_k if top_k > 0 else 20).indices.tolist()
    expected = (logits / (temperature or 1.0)).log_softmax(-1)[0, token].item()
    assert logprob == pytest.approx(expected, rel=1e-5)


def test_a_row_chooses_the_same_in_any_batch() -> None:
    logits = torch.randn(3, 20, generator=torch.Generator().manual_seed(1))
    rows = [Row(0.2), Row(0.7, 0.5, 0.9), Row(0.9, 0.0)]
    together = choose(logits.clone(), rows)[0]
    assert together == [choose(logits[i : i + 1].clone(), [rows[i]])[0][0] for i in range(3)]


def test_returned_logprobs_are_those_of_a_forward_pass(network: Network) -> None:
    requests = [SampleRequest(prompt, 2, 12, stop=[]) for prompt in PROMPTS]
    for request, result in zip(requests, run(sampler(network), *requests), strict=True):
        assert len(result.sequences) == 2
        for sequence in result.sequences:
            assert (len(sequence.tokens), sequence.stop_reason) == (12, "length")
            rows = naive_logprobs(network, request.prompt + sequence.tokens)
            expected = [
                rows[len(request.prompt) - 1 + i, token].item()
                for i, token in enumerate(sequence.tokens)
            ]
            assert sequence.logprobs == pytest.approx(expected, abs=1e-4)


def test_greedy_equals_transformers_generate(network: Network) -> None:
    [result] = run(sampler(network), SampleRequest(PROMPTS[1], 1, 10, temperature=0, stop=[]))
    generated = network.model.generate(
        torch.tensor([PROMPTS[1]]), max_new_tokens=10, do_sample=False, eos_token_id=None,
        pad_token_id=0,
    )  # fmt: skip
    assert result.sequences[0].tokens == generated[0, len(PROMPTS[1]) :].tolist()


def test_order_of_arrival_and_slots_change_no_sample(network: Network) -> None:
    requests = [SampleRequest([5 + i, 6, 7 + i], 1, 4 + 3 * i, stop=[]) for i in range(6)]
    together = run(sampler(network), *requests)
    backwards = run(sampler(network), *reversed(requests))[::-1]
    alone = sampler(network)
    one_by_one = [run(alone, request)[0] for request in requests]
    few_slots = run(sampler(network), *requests, max_rows=2)

    def tokens(results: list[SampleResult]) -> list[list[int]]:
        return [result.sequences[0].tokens for result in results]

    assert tokens(together) == tokens(backwards) == tokens(one_by_one) == tokens(few_slots)
    assert [len(row) for row in tokens(together)] == [4, 7, 10, 13, 16, 19]


def test_a_repeated_prompt_gets_new_samples_and_a_seed_repeats_them(network: Network) -> None:
    prompt = SampleRequest(PROMPTS[0], 1, 16, stop=[])
    first, second = run(sampler(network), prompt, prompt)
    assert first.sequences != second.sequences
    assert run(sampler(network, seed=1), prompt)[0].sequences != first.sequences
    both = run(sampler(network), SampleRequest(PROMPTS[0], 2, 16, stop=[]))[0].sequences
    assert [s.tokens for s in both] == [s.sequences[0].tokens for s in (first, second)]
    seeded = SampleRequest(PROMPTS[0], 2, 16, stop=[], seed=5)
    one, two = run(sampler(network), seeded)[0], run(sampler(network, seed=9), seeded)[0]
    assert [s.tokens for s in one.sequences] == [s.tokens for s in two.sequences]
    assert one.sequences[0].tokens != one.sequences[1].tokens


def test_identical_prompts_are_computed_once(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[int] = []
    prefill = FastDecoder.prefill

    def counting(self: FastDecoder, prompts: list[list[int]], slots: list[int]) -> torch.Tensor:
        computed.append(len(prompts))
        return prefill(self, prompts, slots)

    monkeypatch.setattr(FastDecoder, "prefill", counting)
    running = sampler(network)
    futures: list[Future[SampleResult]] = [Future() for _ in range(9)]
    for future in futures[:8]:
        running.submit(SampleRequest(PROMPTS[1], 1, 8, stop=[]), future)
    running.advance(100)
    running.advance(100)
    running.submit(SampleRequest(PROMPTS[1], 1, 8, stop=[]), futures[8])  # joins between steps
    while running.busy:
        running.advance(100)
    assert computed == [1]
    assert len({tuple(future.result().sequences[0].tokens) for future in futures}) == 9
    for future in futures:
        sequence = future.result().sequences[0]
        rows = naive_logprobs(network, PROMPTS[1] + sequence.tokens)[len(PROMPTS[1]) - 1 : -1]
        expected = rows[torch.arange(8), sequence.tokens].tolist()
        assert sequence.logprobs == pytest.approx(expected, abs=1e-4)


def test_prompt_logprobs_and_topk(network: Network) -> None:
    request = SampleRequest(PROMPTS[1], 2, 1, prompt_logprobs=True, topk_prompt_logprobs=3)
    plain = SampleRequest(PROMPTS[1], 1, 1)
    for result in run(sampler(network), plain, request, request)[1:]:
        rows = naive_logprobs(network, PROMPTS[1])
        assert result.prompt_logprobs is not None
        assert result.topk_prompt_logprobs is not None
        assert result.prompt_logprobs[0] is result.topk_prompt_logprobs[0] is None
        for position in range(1, len(PROMPTS[1])):
            row = rows[position - 1]
            expected = row[PROMPTS[1][position]].item()
            assert result.prompt_logprobs[position] == pytest.approx(expected, abs=1e-4)
            pairs = result.topk_prompt_logprobs[position]
            assert pairs is not None
            assert [token for token, _ in pairs] == row.topk(3).indices.tolist()
            values = row.topk(3).values.tolist()
            assert [value for _, value in pairs] == pytest.approx(values, abs=1e-4)


def test_stop_tokens_end_a_sequence_and_are_returned(network: Network) -> None:
    free = run(sampler(network), SampleRequest(PROMPTS[0], 1, 32, stop=[]))[0].sequences[0]
    stop = free.tokens[5]
    [result] = run(sampler(network), SampleRequest(PROMPTS[0], 1, 32, stop=[stop]))
    assert result.sequences[0].tokens == free.tokens[: free.tokens.index(stop) + 1]
    assert result.sequences[0].stop_reason == "stop"


def test_stop_strings_end_a_sequence_at_the_token_that_completes_them(network: Network) -> None:
    free = run(sampler(network), SampleRequest(PROMPTS[0], 1, 40, stop=[]))[0].sequences[0]
    decode = network.tokenizer.decode
    first = next(
        i for i in range(10, 40) if all(32 <= token < 256 for token in free.tokens[i : i + 3])
    )
    stop = decode(free.tokens[first : first + 3])
    [result] = run(sampler(network), SampleRequest(PROMPTS[0], 1, 40, stop=[stop]))
    tokens = result.sequences[0].tokens
    assert tokens == free.tokens[: len(tokens)]
    assert stop in decode(tokens)
    assert stop not in decode(tokens[:-1])


def test_without_stops_the_end_of_sequence_token_stops(network: Network) -> None:
    end = network.model.config.eos_token_id
    results = run(sampler(network), SampleRequest(PROMPTS[0], 48, 64))[0].sequences
    ended = [s for s in results if s.stop_reason == "stop"]
    assert ended
    assert all(s.tokens[-1] == end and end not in s.tokens[:-1] for s in ended)
    free = run(sampler(network), SampleRequest(PROMPTS[0], 48, 64, stop=[]))[0].sequences
    assert all(s.stop_reason == "length" for s in free)


def test_a_sequence_ends_where_the_context_does(tmp_path: Path) -> None:
    network = built(FAST["qwen3"], tmp_path)
    [result] = run(sampler(network), SampleRequest(list(range(2, 52)), 1, 100, stop=[]))
    assert len(result.sequences[0].tokens) == 64 - 50
    assert result.sequences[0].stop_reason == "length"


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (SampleRequest([], 1, 4), "no tokens"),
        (SampleRequest([999], 1, 4), "token 999 is outside the vocabulary of 259"),
        (SampleRequest([-1], 1, 4), "outside the vocabulary"),
        (SampleRequest([1] * 2049, 1, 4), "does not fit the context of 2048"),
        (SampleRequest([1], 0, 4), "num_samples"),
        (SampleRequest([1], 1, 0), "max_tokens"),
        (SampleRequest([1], 1, 4, temperature=-1), "temperature"),
        (SampleRequest([1], 1, 4, temperature=float("nan")), "temperature"),
        (SampleRequest([1], 1, 4, top_p=0), "top_p"),
        (SampleRequest([1], 1, 4, top_k=-2), "top_k"),
        (SampleRequest([1], 1, 4, stop=[""]), "stop"),
    ],
)
def test_requests_that_do_not_fit_say_why(
    network: Network, request_: SampleRequest, message: str
) -> None:
    with pytest.raises(EngineError, match=message):
        sampler(network).submit(request_, Future())
