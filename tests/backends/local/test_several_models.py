"""Student and teacher, policy and grader: several base models on one server; text alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
import tinker
from tinker import AdamParams, Datum, ModelInput, SamplingParams, ServiceClient
from tinker.types import EncodedTextChunk, ImageChunk

from recipe_runner.backends.local.api import LoraSpec
from recipe_runner.backends.local.engine import Engine
from recipe_runner.backends.local.launch import RunningServer, launch

PROMPT = ModelInput.from_ints([10, 20, 30])
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def models(tiny_model: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models of their own weights, as `--model-path` takes them."""
    directory = tmp_path_factory.mktemp("models")
    tiny_model.write_model(directory / "lab" / "student", seed=1)
    tiny_model.write_model(directory / "lab--teacher", seed=2)
    return directory


@pytest.fixture(scope="module")
def service(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceClient]:
    with launch(store=tmp_path_factory.mktemp("store"), model_path=models) as running:
        client = ServiceClient(base_url=running.url, api_key=running.api_key)
        yield client
        client.close("success").result()


def scores(sampler: tinker.SamplingClient) -> list[float | None]:
    return list(sampler.compute_logprobs(PROMPT).result())[1:]


def test_each_model_answers_for_itself_while_another_is_trained(service: ServiceClient) -> None:
    teacher = service.create_sampling_client(base_model="lab/teacher").result()
    before = scores(teacher)
    student = service.create_lora_training_client("lab/student", rank=4).result()
    untrained = scores(student.save_weights_and_get_sampling_client().result())
    assert untrained != pytest.approx(before, abs=1e-3)
    datum = Datum(model_input=PROMPT, loss_fn_inputs={"target_tokens": [20, 30, 40]})
    for _ in range(3):
        student.forward_backward([datum], "cross_entropy").result()
        student.optim_step(AdamParams(learning_rate=1e-2)).result()
    assert scores(teacher) == before
    trained = scores(student.save_weights_and_get_sampling_client().result())
    assert trained != pytest.approx(untrained, abs=1e-3)


def test_a_base_model_is_in_memory_once(models: Path) -> None:
    engine = Engine(model_path=models)
    try:
        spec = LoraSpec(rank=4)
        engine.create_model("a", "lab/student", spec).result()
        one = engine.stats()["resident_bytes"]
        engine.create_model("b", "lab/student", spec).result()
        engine.create_sampler("s", base_model="lab/student").result()
        two = engine.stats()["resident_bytes"]
        engine.create_sampler("t", base_model="lab/teacher").result()
        three = engine.stats()["resident_bytes"]
    finally:
        engine.close()
    weights = three - two
    adapter = two - one
    assert one == pytest.approx(weights + adapter)
    assert adapter < weights


def test_images_are_refused_at_once_and_say_where_they_work(server: RunningServer) -> None:
    service = ServiceClient(base_url=server.url, api_key=server.api_key)
    picture = ModelInput(
        chunks=[
            EncodedTextChunk(tokens=[1, 2]),
            ImageChunk(data=b"\x89PNG", format="png", expected_tokens=2),
        ]
    )
    sampler = service.create_sampling_client(base_model="any/model").result()
    training = service.create_lora_training_client("any/model", rank=4).result()
    datum = Datum(model_input=picture, loss_fn_inputs={"target_tokens": [1, 2, 3, 4]})
    attempts: list[Callable[[], object]] = [
        lambda: sampler.sample(picture, 1, SamplingParams(max_tokens=1)).result(),
        lambda: training.forward_backward([datum], "cross_entropy").result(),
    ]
    for attempt in attempts:
        with pytest.raises(
            (tinker.BadRequestError, tinker.RequestFailedError),
            match=r"text alone.*backend: tinker",
        ):
            attempt()
    service.close("success").result()
