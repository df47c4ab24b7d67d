"""`method: sft`: supervised fine-tuning, on conversations or (a reward model) on comparisons."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.base import Count
from schemas.common import TrainingKeys
from schemas.data import Data
from schemas.optimizer import ScheduledOptimizer

TrainOn = Literal[
    "last_assistant_message",
    "last_assistant_turn",
    "all_assistant_messages",
    "all_messages",
    "all_tokens",
    "all_user_and_system_messages",
]


class SftRecipe(TrainingKeys):
    method: Literal["sft"]
    data: Data
    batch_size: Count = Field(default=128, description="Conversations in one step.")
    max_length: Count = Field(default=32768, description="Tokens after which one is cut off.")
    train_on: TrainOn = Field(
        default="all_assistant_messages", description="Which tokens the loss counts."
    )
    epochs: Count = Field(default=1, description="Passes over the data.")
    optimizer: ScheduledOptimizer = Field(default_factory=ScheduledOptimizer)
