"""recipes/eval_benchmarks.yaml against the Cookbook's `run_benchmarks(…, BenchmarkConfig…)`."""

from __future__ import annotations

from dataclasses import asdict

from tinker_cookbook.eval.benchmarks import BenchmarkConfig

from tests.compile.originals.originals import compiled


def test_each_benchmark_has_the_configuration_that_the_cookbook_makes_for_the_model() -> None:
    builders = compiled("eval_benchmarks.yaml").config.evaluator_builders
    assert [builder.benchmark for builder in builders] == ["gsm8k", "math500"]
    for builder in builders:
        ours = builder.benchmark_config()
        original = BenchmarkConfig.for_model("Qwen/Qwen3-8B", save_dir=ours.save_dir)
        assert asdict(ours) == asdict(original)
