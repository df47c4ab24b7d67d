"""The Cookbook's preference and distillation loops, unmodified, against a real server process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import chz
import pytest
from tinker_cookbook import renderers
from tinker_cookbook.distillation import sdft, train_off_policy, train_on_policy
from tinker_cookbook.distillation.datasets import (
    DistillationDatasetConfig,
    PromptOnlyDataset,
    TeacherConfig,
)
from tinker_cookbook.preference import train_dpo
from tinker_cookbook.preference.dpo_datasets import DPODatasetBuilderFromComparisons
from tinker_cookbook.preference.preference_datasets import ComparisonBuilderFromJsonl
from tinker_cookbook.recipes.sdft.datasets import SDFTDataset
from tinker_cookbook.rl.types import RLDataset, RLDatasetBuilder
from tinker_cookbook.supervised.data import FromConversationFileBuilder
from tinker_cookbook.supervised.types import ChatDatasetBuilderCommonConfig
from tinker_cookbook.tokenizer_utils import get_tokenizer, register_tokenizer

from recipe_runner.backends.local.launch import RunningServer

STUDENT, TEACHER, OTHER_TEACHER = "test/student", "test/teacher", "test/other-teacher"
RENDERER = "role_colon"
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")


@pytest.fixture(autouse=True)
def credentials(
    server: RunningServer, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import AutoTokenizer

    monkeypatch.setenv("TINKER_BASE_URL", server.url)
    monkeypatch.setenv("TINKER_API_KEY", server.api_key)
    for name in (STUDENT, TEACHER, OTHER_TEACHER):
        register_tokenizer(name, lambda: AutoTokenizer.from_pretrained(tiny_model_dir))


def common(log_path: Path, **settings: Any) -> dict[str, Any]:
    return {
        "log_path": str(log_path),
        "model_name": STUDENT,
        "recipe_name": "test",
        "renderer_name": RENDERER,
        "learning_rate": 1e-2,
        "lora_rank": 8,
        "save_every": 2,
        "eval_every": 0,
        "max_steps": 3,
        **settings,
    }


def steps(log_path: Path, key: str) -> list[float]:
    """The values of a metric; the run has saved its last checkpoint."""
    lines = (log_path / "checkpoints.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["name"] == "final"
    rows = [json.loads(line) for line in (log_path / "metrics.jsonl").read_text().splitlines()]
    return [row[key] for row in rows if key in row]


def write_rows(file: Path, rows: Sequence[dict[str, Any]]) -> str:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(file)


def conversations(file: Path) -> FromConversationFileBuilder:
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"{k} + {k}"},
                {"role": "assistant", "content": str(2 * k)},
            ]
        }
        for k in range(16)
    ]
    return FromConversationFileBuilder(
        common_config=data_config(4), file_path=write_rows(file, rows)
    )


def data_config(batch_size: int) -> ChatDatasetBuilderCommonConfig:
    return ChatDatasetBuilderCommonConfig(
        model_name_for_tokenizer=STUDENT,
        renderer_name=RENDERER,
        max_length=128,
        batch_size=batch_size,
    )


@pytest.mark.parametrize("reference", [None, TEACHER], ids=["initial-weights", "named"])
def test_dpo_prefers_what_was_chosen(tmp_path: Path, reference: str | None) -> None:
    rows = [
        {
            "comparison": {
                "prompt_conversation": [{"role": "user", "content": f"say {k}"}],
                "completion_A": [{"role": "assistant", "content": "yes"}],
                "completion_B": [{"role": "assistant", "content": "no"}],
            },
            "label": "A",
        }
        for k in range(16)
    ]
    builder = DPODatasetBuilderFromComparisons(
        common_config=data_config(4),
        comparison_builder=ComparisonBuilderFromJsonl(
            train_path=write_rows(tmp_path / "pairs.jsonl", rows)
        ),
    )
    log_path = tmp_path / "log"
    settings = common(log_path, dataset_builder=builder, reference_model_name=reference)
    # A loop of blocking calls, which the Cookbook starts outside of any event loop.
    train_dpo.main(train_dpo.Config(**settings))
    losses = steps(log_path, "dpo_loss")
    assert len(losses) == 3
    assert losses[-1] < losses[0]


class Prompts(RLDataset):
    """Batches of two prompts that ask for sums."""

    def __init__(self, group_size: int = 2) -> None:
        self._prompts = PromptOnlyDataset(
            prompts=[f"{k} + {k} =" for k in range(12)],
            batch_size=2,
            group_size=group_size,
            renderer=renderers.get_renderer(RENDERER, get_tokenizer(STUDENT)),
            tokenizer=get_tokenizer(STUDENT),
            max_prompt_tokens=64,
            dataset_name="sums",
        )

    def get_batch(self, index: int) -> Sequence[Any]:
        return self._prompts.get_batch(index)

    def __len__(self) -> int:
        return len(self._prompts)


@chz.chz
class PromptsBuilder(RLDatasetBuilder):
    async def __call__(self) -> tuple[RLDataset, RLDataset | None]:
        return Prompts(), None


@pytest.mark.parametrize("teachers", [[TEACHER], [TEACHER, OTHER_TEACHER]], ids=["one", "two"])
def test_on_policy_distillation(tmp_path: Path, teachers: list[str]) -> None:
    datasets = [
        DistillationDatasetConfig(
            dataset_builder=PromptsBuilder(),
            teacher_config=TeacherConfig(base_model=teacher),
            groups_per_batch=2,
        )
        for teacher in teachers
    ]
    settings = common(tmp_path, dataset_configs=datasets, max_tokens=6)
    asyncio.run(train_on_policy.main(train_on_policy.Config(**settings)))
    assert len(steps(tmp_path, "teacher_kl")) == 3


@pytest.mark.parametrize("teachers", [[TEACHER], [TEACHER, OTHER_TEACHER]], ids=["one", "two"])
def test_off_policy_distillation(tmp_path: Path, teachers: list[str]) -> None:
    datasets = [
        train_off_policy.DatasetWithTeacher(
            dataset_builder=conversations(tmp_path / f"data{index}.jsonl"),
            teacher_config=TeacherConfig(base_model=teacher),
        )
        for index, teacher in enumerate(teachers)
    ]
    settings = common(tmp_path / "log", dataset_configs=datasets, batch_size=4, n_teacher_targets=5)
    asyncio.run(train_off_policy.main(train_off_policy.Config(**settings)))
    assert len(steps(tmp_path / "log", "train/loss:sum")) == 3


SDFT_MODES: dict[str, dict[str, Any]] = {
    "top-k": {"topk": 5},
    "reverse": {"topk": 5, "reverse": True},
    "importance-sampling": {"topk": 0, "loss_fn": "importance_sampling"},
    "synced-teacher": {"topk": 5, "teacher_sync_every": 1},
}


@pytest.mark.parametrize("mode", SDFT_MODES)
def test_sdft(tmp_path: Path, mode: str) -> None:
    settings = common(tmp_path, max_tokens=6, **SDFT_MODES[mode])
    dataset = SDFTDataset(
        questions=[f"{k} + {k} =" for k in range(12)],
        golden_answers=[str(2 * k) for k in range(12)],
        batch_size=2,
        group_size=2,
        renderer=renderers.get_renderer(RENDERER, get_tokenizer(STUDENT)),
    )
    asyncio.run(sdft.main(sdft.Config(**settings), dataset))
    assert len(steps(tmp_path, "progress/batch")) == 3
