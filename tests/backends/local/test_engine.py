from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, Gemma2Config

from recipe_runner.backends.local import batches, training
from recipe_runner.backends.local import engine as engine_module
from recipe_runner.backends.local.engine import (
    Adam,
    Datum,
    Engine,
    EngineError,
    LoraSpec,
    ModelSource,
    SampleRequest,
)
from recipe_runner.backends.local.network import Network

LORA = LoraSpec(rank=4, seed=0)
NAME = "Qwen/Qwen3-8B-Base"


@pytest.fixture
def engine(tiny_model_dir: Path) -> Iterator[Engine]:
    engine = Engine(model_path=tiny_model_dir)
    yield engine
    engine.close()


def datum(length: int, seed: int = 0, num_targets: int = 0) -> Datum:
    generator = torch.Generator().manual_seed(1000 * seed + length)
    shape = (length, num_targets) if num_targets else (length,)
    tokens = torch.randint(3, 250, (length,), generator=generator).tolist()
    return Datum(
        tokens,
        {
            "target_tokens": torch.randint(3, 250, shape, generator=generator),
            "weights": torch.randn(shape, generator=generator),
            "logprobs": -torch.rand(shape, generator=generator) * 6,
            "advantages": torch.randn(shape, generator=generator),
            "sequence_ratio_mask": torch.ones(shape),
        },
    )


def network_of(engine: Engine) -> Network:
    [network] = engine._networks.values()
    return network


def gradients(engine: Engine, model_id: str = "m") -> torch.Tensor:
    return engine._models[model_id].trained.parameters.grad.clone()


def set_weights(engine: Engine, model_id: str = "m", seed: int = 5) -> None:
    """Random LoRA weights, so that gradients reach every part of it."""
    state = engine.export_state(model_id, optimizer=False).result()
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in state.items():
        if name.endswith("weight"):
            tensor.copy_(torch.randn(tensor.shape, generator=generator) * 0.1)
    engine.import_state(model_id, state, optimizer=False).result()


def samples(engine: Engine, sampler_id: str, count: int = 4) -> list[list[int]]:
    futures = [
        engine.sample(sampler_id, SampleRequest([5, 6, 7 + i], 1, 12, stop=[]))
        for i in range(count)
    ]
    return [future.result().sequences[0].tokens for future in futures]


@pytest.mark.parametrize("loss_fn", ["cross_entropy", "importance_sampling", "ppo", "gspo"])
@pytest.mark.parametrize("chunked_head", [False, True])
def test_a_batch_equals_one_datum_at_a_time(
    engine: Engine, loss_fn: str, chunked_head: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.create_model("m", NAME, LORA).result()
    set_weights(engine)
    data = [datum(length, seed) for seed, length in enumerate([3, 17, 40, 1, 16, 39, 5])]
    total, single, expected = 0.0, [], torch.zeros_like(gradients(engine))
    for one in data:
        result = engine.forward_backward("m", [one], loss_fn, {}).result()
        single.append(result.outputs[0]["logprobs"])
        total += result.metrics["loss:sum"]
        expected += gradients(engine)
        engine.optim_step("m", Adam(0.0)).result()
    if chunked_head:
        monkeypatch.setattr(training, "_LOGITS_AT_ONCE", 259 * 10)
    monkeypatch.setattr(batches, "_TOKENS_AT_ONCE", 100)
    result = engine.forward_backward("m", data, loss_fn, {}).result()
    for output, alone in zip(result.outputs, single, strict=True):
        torch.testing.assert_close(output["logprobs"], alone, rtol=0, atol=1e-5)
    assert result.metrics == {"loss:sum": pytest.approx(total, rel=1e-5, abs=1e-4)}
    torch.testing.assert_close(gradients(engine), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("num_targets", [0, 3])
@pytest.mark.parametrize("rank", [4, 0])
def test_gradients_are_those_of_the_model_itself(
    engine: Engine, num_targets: int, rank: int
) -> None:
    """Against transformers' own forward, autograd, and finite differences of the result."""
    engine.create_model("m", NAME, LoraSpec(rank)).result()
    if rank:
        set_weights(engine)
    data = [datum(length, num_targets=num_targets) for length in (6, 9)]
    result = engine.forward_backward("m", data, "cross_entropy", {}).result()
    gradient = gradients(engine)
    engine.optim_step("m", Adam(0.0)).result()

    state = engine.export_state("m", optimizer=False).result()
    generator = torch.Generator().manual_seed(0)
    direction = {
        name: torch.randn(tensor.shape, generator=generator)
        for name, tensor in state.items()
        if name != "step"
    }
    flat_direction = torch.cat([tensor.reshape(-1) for tensor in direction.values()])
    step = 2e-3 / flat_direction.norm()
    moved = []
    for sign in (1, -1):
        there = {
            name: tensor + sign * step * direction[name] if name in direction else tensor
            for name, tensor in state.items()
        }
        engine.import_state("m", there, optimizer=False).result()
        outcome = engine.forward_backward("m", data, "cross_entropy", {}, backward=False).result()
        # Summed in float64: the difference is small against the sum.
        moved.append(
            sum(
                -(out["logprobs"].double() * one.inputs["weights"].double()).sum().item()
                for out, one in zip(outcome.outputs, data, strict=True)
            )
        )
    slope = (moved[0] - moved[1]) / (2 * step.item())
    assert torch.dot(gradient, flat_direction).item() == pytest.approx(slope, rel=0.02, abs=0.5)

    if not rank:
        model = network_of(engine).model
        for one, output in zip(data, result.outputs, strict=True):
            logprobs = model(torch.tensor([one.tokens])).logits[0].log_softmax(-1)
            targets = one.inputs["target_tokens"].reshape(len(one.tokens), -1)
            expected = logprobs.gather(-1, targets).reshape(output["logprobs"].shape)
            torch.testing.assert_close(output["logprobs"], expected, rtol=0, atol=1e-5)


def test_a_clients_custom_loss_gets_its_gradient(engine: Engine) -> None:
    """As the SDK does it: a forward pass, then weights -dL/dlogp of the client's loss."""
    engine.create_model("m", NAME, LORA).result()
    set_weights(engine)
    data = [datum(7, 1), datum(11, 2)]
    plain = engine.forward_backward("m", data, "cross_entropy", {}, backward=False).result()
    assert not gradients(engine).any()
    logprobs = [out["logprobs"].requires_grad_() for out in plain.outputs]
    loss = (logprobs[0] ** 2).sum() - torch.nn.functional.logsigmoid(
        logprobs[0].sum() - logprobs[1].sum()
    )
    loss.backward()
    weighted = [
        dataclasses.replace(one, inputs={**one.inputs, "weights": -_grad(lp)})
        for one, lp in zip(data, logprobs, strict=True)
    ]
    engine.forward_backward("m", weighted, "cross_entropy", {}).result()

    trained = engine._models["m"].trained
    computed = gradients(engine)
    trained.parameters.grad.zero_()
    network = network_of(engine)
    with network.lora.using(trained._adapter()):
        direct = [
            network.model(torch.tensor([one.tokens]))
            .logits[0]
            .log_softmax(-1)
            .gather(-1, one.inputs["target_tokens"].unsqueeze(1))
            .squeeze(1)
            for one in data
        ]
        again = (direct[0] ** 2).sum() - torch.nn.functional.logsigmoid(
            direct[0].sum() - direct[1].sum()
        )
        again.backward()
    torch.testing.assert_close(computed, gradients(engine), rtol=1e-4, atol=1e-3)


def _grad(tensor: torch.Tensor) -> torch.Tensor:
    assert tensor.grad is not None
    return tensor.grad


def test_gradients_accumulate_until_a_step(engine: Engine) -> None:
    engine.create_model("m", NAME, LORA).result()
    engine.forward_backward("m", [datum(5)], "cross_entropy", {}).result()
    once = gradients(engine)
    engine.forward_backward("m", [datum(5)], "cross_entropy", {}).result()
    torch.testing.assert_close(gradients(engine), 2 * once)
    metrics = engine.optim_step("m", Adam(1e-3)).result()
    assert metrics["grad_norm:mean"] == pytest.approx(2 * once.norm().item(), rel=1e-4)
    assert not gradients(engine).any()


@pytest.mark.parametrize("rank", [8, 0])
def test_training_lowers_the_loss_and_samplers_keep_their_snapshot(
    engine: Engine, rank: int
) -> None:
    engine.create_model("m", NAME, LoraSpec(rank)).result()
    engine.create_sampler("before", model_id="m").result()
    data = [dataclasses.replace(one, inputs={"target_tokens": one.inputs["target_tokens"]})
            for one in (datum(12), datum(9))]  # fmt: skip
    losses = []
    for _ in range(15):
        losses.append(engine.forward_backward("m", data, "cross_entropy", {}).result().metrics)
        engine.optim_step("m", Adam(1e-2)).result()
    assert losses[-1]["loss:sum"] < 0.5 * losses[0]["loss:sum"]
    engine.create_sampler("base", base_model=NAME).result()
    engine.create_sampler("after", model_id="m").result()

    def prompt_logprobs(sampler_id: str) -> list[float | None] | None:
        request = SampleRequest(data[0].tokens, 1, 1, prompt_logprobs=True)
        return engine.sample(sampler_id, request).result().prompt_logprobs

    before, base, after = (prompt_logprobs(name) for name in ("before", "base", "after"))
    assert before is not None
    assert base is not None
    assert before[1:] == pytest.approx(base[1:], abs=1e-4)
    assert after != before
    target = {"target_tokens": torch.tensor([*data[0].tokens[1:], 0])}
    trained = engine.forward_backward(
        "m", [Datum(data[0].tokens, target)], "cross_entropy", {}, backward=False
    ).result()
    assert after is not None
    expected = trained.outputs[0]["logprobs"][:-1].tolist()
    assert after[1:] == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("rank", [4, 0])
def test_a_restored_model_goes_on_as_the_original(engine: Engine, rank: int) -> None:
    def steps(model_id: str, seeds: range) -> None:
        for seed in seeds:
            engine.forward_backward(model_id, [datum(9, seed)], "cross_entropy", {})
            engine.optim_step(model_id, Adam(1e-2, weight_decay=0.1))

    spec = LoraSpec(rank, seed=1)
    engine.create_model("m", NAME, spec).result()
    steps("m", range(3))
    state = engine.export_state("m", optimizer=True).result()
    kept = {name: tensor.clone() for name, tensor in state.items()}
    steps("m", range(3, 6))
    engine.create_model("copy", NAME, spec).result()
    engine.import_state("copy", state, optimizer=True).result()
    assert all(torch.equal(state[name], kept[name]) for name in state)
    steps("copy", range(3, 6))
    original, copy = (engine.export_state(m, optimizer=True).result() for m in ("m", "copy"))
    assert all(torch.equal(original[name], copy[name]) for name in original)
    engine.create_sampler("live", model_id="m").result()
    engine.create_sampler("saved", base_model=NAME, tensors=copy, lora=spec)
    with_moments = engine.create_sampler("x", base_model=NAME, tensors=copy, lora=spec)
    if rank == 0:
        with pytest.raises(EngineError, match="not those of this model"):
            with_moments.result()
    weights = engine.export_state("copy", optimizer=False).result()
    engine.create_sampler("weights", base_model=NAME, tensors=weights, lora=spec).result()
    assert samples(engine, "live") == samples(engine, "weights")


def test_weights_without_the_optimizer_start_it_afresh(engine: Engine) -> None:
    engine.create_model("m", NAME, LORA).result()
    engine.forward_backward("m", [datum(9)], "cross_entropy", {})
    engine.optim_step("m", Adam(1e-2)).result()
    state = engine.export_state("m", optimizer=True).result()
    engine.import_state("m", state, optimizer=False).result()
    fresh = engine.export_state("m", optimizer=True).result()
    assert int(fresh["step"]) == 0
    assert not any(fresh[name].any() for name in fresh if name.startswith("optimizer."))


def test_the_same_calls_give_the_same_weights_and_samples(tiny_model_dir: Path) -> None:
    def outcome(seed: int, order: int) -> tuple[torch.Tensor, list[list[int]]]:
        engine = Engine(seed=seed, model_path=tiny_model_dir)
        for model_id in ("a", "b")[::order]:
            engine.create_model(model_id, NAME, LORA).result()
            engine.forward_backward(model_id, [datum(9), datum(12)], "cross_entropy", {})
            engine.optim_step(model_id, Adam(1e-2)).result()
            engine.create_sampler(f"of {model_id}", model_id=model_id).result()
        drawn = [samples(engine, f"of {model_id}") for model_id in ("a", "b")[::order]]
        flat = engine._models["a"].trained.parameters.flat.clone()
        engine.close()
        return flat, drawn[::order][0]

    weights, drawn = outcome(0, 1)
    again, drawn_again = outcome(0, -1)
    assert torch.equal(weights, again)
    assert drawn == drawn_again
    assert outcome(1, 1)[1] != drawn


def test_samplers_of_one_model_draw_differently(engine: Engine) -> None:
    engine.create_model("m", NAME, LORA).result()
    for name in ("one", "two"):
        engine.create_sampler(name, model_id="m").result()
    assert samples(engine, "one") != samples(engine, "two")


def test_memory_stays_flat_over_many_samplers(engine: Engine) -> None:
    engine.create_model("m", NAME, LORA).result()

    def cycle(number: int) -> dict[str, int | float]:
        name = f"s{number}"
        engine.create_sampler(name, model_id="m").result()
        engine.sample(name, SampleRequest([5, 6], 2, 2, stop=[])).result()
        engine.drop_sampler(name).result()
        return engine.stats()

    first = cycle(0)
    tensors = _live_tensor_bytes()
    for number in range(1, 300):
        last = cycle(number)
    assert last == first
    assert first["samplers"] == first["slots"] == 0
    assert _live_tensor_bytes() <= tensors * 1.02


def _live_tensor_bytes() -> int:
    import gc

    gc.collect()
    storages = {}
    for thing in gc.get_objects():
        if type(thing) in (torch.Tensor, torch.nn.Parameter):
            storage = thing.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
    return sum(storages.values())


def test_idle_samplers_keep_few_merged_copies(engine: Engine) -> None:
    engine.create_model("m", NAME, LORA).result()
    sizes = []
    for number in range(12):
        engine.create_sampler(f"s{number}", model_id="m").result()
        samples(engine, f"s{number}", 1)
        sizes.append(engine.stats()["resident_bytes"])
    # A sampler's merged weights may be counted or not: its future is done before it is idle.
    assert sizes[-1] - sizes[5] < 3 * (sizes[1] - sizes[0])
    assert samples(engine, "s0", 1)


def test_training_and_sampling_share_the_thread(engine: Engine) -> None:
    for model_id in ("m", "other"):
        engine.create_model(model_id, NAME, LORA).result()
    engine.create_sampler("s", model_id="m").result()
    long_sample = engine.sample("s", SampleRequest([5, 6], 8, 1500, stop=[]))
    engine.forward_backward("m", [datum(20)], "cross_entropy", {}).result(timeout=30)
    assert not long_sample.done()
    long_training = engine.forward_backward(
        "m", [datum(500, seed) for seed in range(80)], "cross_entropy", {}
    )
    engine.sample("s", SampleRequest([5, 6], 1, 8, stop=[])).result(timeout=30)
    engine.forward_backward("other", [datum(20)], "cross_entropy", {}).result(timeout=30)
    assert not long_training.done()


def test_calls_for_one_model_run_in_order(engine: Engine) -> None:
    engine.create_model("m", NAME, LORA)
    done: list[int] = []
    futures = []
    for number in range(10):
        data = [datum(40, seed) for seed in range(60 if number % 2 == 0 else 1)]
        future = engine.forward_backward("m", data, "cross_entropy", {})
        future.add_done_callback(lambda _, number=number: done.append(number))
        futures.append(future)
    for future in futures:
        future.result(timeout=60)
    assert done == list(range(10))


def test_more_rows_than_slots_wait_for_their_turn(tiny_model_dir: Path) -> None:
    engine = Engine(model_path=tiny_model_dir, max_slots=3)
    for name in ("one", "two"):
        engine.create_sampler(name, base_model=NAME).result()
    futures = [
        engine.sample(name, SampleRequest([5, 6, 7 + i], 2, 5, stop=[]))
        for i in range(6)
        for name in ("one", "two")
    ]
    assert all(len(f.result(timeout=60).sequences) == 2 for f in futures)
    engine.close()


def test_an_idle_engine_uses_no_processor(engine: Engine) -> None:
    engine.create_model("m", NAME, LORA).result()
    before = time.process_time()
    time.sleep(0.3)
    assert time.process_time() - before < 0.05


def test_a_dropped_sampler_finishes_what_it_samples(engine: Engine) -> None:
    engine.create_sampler("s", base_model=NAME).result()
    running = engine.sample("s", SampleRequest([5], 2, 400, stop=[]))
    engine.drop_sampler("s").result()
    assert len(running.result(timeout=60).sequences[0].tokens) == 400
    with pytest.raises(EngineError, match="no sampler 's'"):
        engine.sample("s", SampleRequest([5], 1, 4)).result()


def test_closing_fails_what_is_under_way(tiny_model_dir: Path) -> None:
    engine = Engine(model_path=tiny_model_dir)
    engine.create_sampler("s", base_model=NAME).result()
    running = engine.sample("s", SampleRequest([5], 4, 2000, stop=[]))
    engine.close()
    with pytest.raises(RuntimeError, match="closed"):
        running.result(timeout=5)
    with pytest.raises(RuntimeError, match="closed"):
        engine.sample("s", SampleRequest([5], 1, 1))
    assert not engine._thread.is_alive()


def test_a_cached_tokenizer_alone_serves_a_random_model_over_its_vocabulary(
    tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = ModelSource(NAME, "stand-in", None, tiny_model_dir, "stand-in")
    monkeypatch.setattr(engine_module, "resolve", lambda name, model_path: source)
    outcomes = []
    for _ in range(2):
        engine = Engine()
        assert engine.create_model("m", NAME, LORA).result() == source
        assert network_of(engine).vocab_size == 259
        result = engine.forward_backward("m", [datum(9)], "cross_entropy", {}).result()
        outcomes.append(result.metrics["loss:sum"])
        engine.close()
    assert outcomes[0] == outcomes[1]


def test_gradients_are_right_where_logits_are_more_than_the_output_layer(tmp_path: Path) -> None:
    """Gemma 2 caps its logits, so its states and its output layer cannot be used apart."""
    config = Gemma2Config(
        vocab_size=260, hidden_size=16, intermediate_size=24, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=1, head_dim=8, final_logit_softcapping=2.0,
    )  # fmt: skip
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config)
    model.save_pretrained(tmp_path)
    engine = Engine(model_path=tmp_path)
    engine.create_model("m", NAME, LoraSpec(0)).result()
    one = Datum(datum(9).tokens, {"target_tokens": datum(9).inputs["target_tokens"]})
    engine.forward_backward("m", [one], "cross_entropy", {}).result()
    logits = model(torch.tensor([one.tokens])).logits[0]
    torch.nn.functional.cross_entropy(
        logits, one.inputs["target_tokens"], reduction="sum"
    ).backward()
    expected = torch.cat([_grad(p).reshape(-1) for p in model.parameters()])
    torch.testing.assert_close(gradients(engine), expected, rtol=1e-4, atol=1e-4)
    engine.close()
