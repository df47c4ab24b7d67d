"""Arguments to import each command with, and how its configuration may differ afterwards.

`differences` are fields that mean the same otherwise said; what a recipe cannot say stands in its
comments, and is looked for there.
"""

from __future__ import annotations

from dataclasses import dataclass, field

RECIPES = "tinker_cookbook.recipes"
TRAIN = "tinker_cookbook.rl.train:main"
SUPERVISED = "tinker_cookbook.supervised.train:main"
ON_POLICY = "tinker_cookbook.distillation.train_on_policy:main"

BUILDER = "dataset_builder"
SUBCLASS = {f"{BUILDER}.class", f"{BUILDER}.seed", f"{BUILDER}.num_batches"}
RL = ["learning_rate=3e-5 max_tokens=77", "wandb_project=p wandb_name=n", "max_steps=7"]
COMMON = [*RL, "save_every=3 eval_every=4", "log_path=/nowhere/x behavior_if_log_dir_exists=delete"]
POLICY = [
    *COMMON,
    "model_name=Qwen/Qwen3-8B lora_rank=8 groups_per_batch=12 group_size=6",
    "kl_penalty_coef=0.1 compute_post_kl=True num_substeps=2",
    "base_url=https://tinker.example.org",
    "load_checkpoint_path=tinker://a:train:0/weights/b",
    "load_checkpoint_path=tinker://a:train:0/weights/b renderer_name=qwen3_5_disable_thinking",
]


@dataclass(frozen=True)
class Importable:
    """A command: its loop, the argument sets that are tried, and the fields that may differ."""

    loop: str
    sets: list[str]
    differences: set[str] = field(default_factory=set)


LOOPS: dict[str, Importable] = {
    f"{RECIPES}.chat_sl.train": Importable(
        SUPERVISED,
        [
            "",
            "dataset=tulu3 batch_size=7 max_length=100 learning_rate=1e-3 lr_schedule=cosine",
            "dataset=tulu3 train_on_what=all_tokens num_epochs=3 lora_rank=4",
            "dataset=talks.jsonl train_on_what=last_assistant_message",
            "dataset=/data/talks.jsonl max_length=None eval_every=0 save_every=0",
            "rolling_save_every=5 rolling_ttl_seconds=100 inline_evals=inspect",
            "wandb_project=p wandb_name=n max_steps=7 base_url=http://127.0.0.1:8000",
            "load_checkpoint_path=tinker://a:train:0/weights/b infrequent_eval_every=10",
            "model_name=Qwen/Qwen3-8B renderer_name=qwen3_disable_thinking",
        ],
        {f"{BUILDER}.common_config.train_on_what"},
    ),
    f"{RECIPES}.prompt_distillation.train": Importable(
        SUPERVISED,
        [
            "file_path=talks.jsonl",
            "file_path=talks.jsonl num_epochs=2 batch_size=8 train_on_what=all_messages",
            "file_path=talks.jsonl max_steps=3 save_every=1 lora_rank=64 learning_rate=2e-5",
        ],
    ),
    f"{RECIPES}.distillation.off_policy_reasoning": Importable(
        SUPERVISED,
        [
            "",
            "model_name=Qwen/Qwen3-8B renderer_name=qwen3 batch_size=16 max_length=512",
            "max_steps=9 learning_rate=1e-4 lr_schedule=constant num_epochs=2 save_every=10",
            "buffer_size=100 max_prompts=1000",
        ],
        {f"{BUILDER}.common_config.train_on_what"},
    ),
    f"{RECIPES}.math_rl.train": Importable(
        f"{RECIPES}.math_rl.train:main",
        [
            "",
            *POLICY,
            "env=gsm8k group_size=8",
            "env=math group_size=16 groups_per_batch=64 learning_rate=2e-5 max_tokens=512 seed=4",
            "env=polaris max_tokens=2048 temperature=0.7",
            "env=deepmath max_steps_off_policy=3",
            "env=gsm8k stream_minibatch_config=StreamMinibatchConfig "
            "stream_minibatch_config.groups_per_batch=1 stream_minibatch_config.num_minibatches=4",
            "env=gsm8k loss_fn=ppo loss_fn_config='{\"clip_low_threshold\":0.9}'",
            "env=gsm8k loss_fn=cispo max_steps=1000",
            "max_steps=1000",
        ],
        {*SUBCLASS, "max_steps", f"{BUILDER}.n_batches"},
    ),
    f"{RECIPES}.code_rl.train": Importable(
        f"{RECIPES}.code_rl.train:main",
        [
            "",
            *POLICY,
            "sandbox_backend=modal seed=3 max_steps_off_policy=2",
            "rollout_max_retries=2",
            "log_dir=x",
        ],
        {
            f"{BUILDER}.class",
            f"{BUILDER}.sandbox",
            f"{BUILDER}.memory_mb",
            f"{BUILDER}.allow_unsafe",
            "rollout_error_tolerance",
        },
    ),
    f"{RECIPES}.search_tool.train": Importable(
        TRAIN,
        [
            "",
            *RL,
            "stream_minibatch=True num_minibatches=8 batch_size=64 group_size=4",
            "chroma_host=10.0.0.1 chroma_port=9 chroma_collection_name=c n_results=7 seed=5",
            "embedding_model_name=e embedding_dim=12 max_turns=2 format_coef=0.3",
            "max_trajectory_tokens=999 renderer_name=None model_name=Qwen/Qwen3-8B eval_every=9",
        ],
        SUBCLASS,
    ),
    f"{RECIPES}.rubric.train": Importable(
        f"{RECIPES}.rubric.train:main",
        [
            "",
            *[each.replace("group_size", "train_group_size") for each in COMMON],
            "model_name=Qwen/Qwen3-8B lora_rank=8 groups_per_batch=12 renderer_name=None",
            "kl_penalty_coef=0.1 compute_post_kl=True num_substeps=2",
            "base_url=https://tinker.example.org",
            "train_jsonl_path=talks.jsonl test_jsonl_path=talks.jsonl test_group_size=3",
            "grader_llm_name=Qwen/Qwen3-32B grader_renderer_name=qwen3 temperature=0.5 seed=2",
            "loss_fn=cispo max_steps_off_policy=1",
        ],
        {
            *SUBCLASS,
            f"{BUILDER}.train_datapoint_list_builder.class",
            f"{BUILDER}.test_datapoint_list_builder.class",
            f"{BUILDER}.grader_max_tokens",
            f"{BUILDER}.grader_renderer_name",
            f"{BUILDER}.base_url",
        },
    ),
    f"{RECIPES}.preference.shorter.train": Importable(
        TRAIN,
        ["", *RL, "batch_size=4 group_size=2 eval_every=0", "renderer_name=None"],
        {f"{BUILDER}.class"},
    ),
    f"{RECIPES}.preference.dpo.train": Importable(
        "tinker_cookbook.preference.train_dpo:main",
        [
            "",
            "dataset=helpsteer3 dpo_beta=0.3 batch_size=8 max_length=77",
            "dataset=ultrafeedback lr_schedule=constant learning_rate=3e-6 max_steps=2",
            "max_length=None model_name=Qwen/Qwen3-8B base_url=https://tinker.example.org",
            "reference_model_name=Qwen/Qwen3-8B",
            "load_checkpoint_path=tinker://a:train:0/weights/b",
        ],
        {"reference_checkpoint_path"},
    ),
    f"{RECIPES}.distillation.on_policy_distillation": Importable(
        ON_POLICY,
        [
            "",
            *POLICY,
            "dataset=tulu3 teacher_model=Qwen/Qwen3-32B kl_discount_factor=0.5",
            "teacher_checkpoint=tinker://t:train:0/sampler_weights/final temperature=0.5",
            "loss_fn=ppo",
        ],
    ),
    f"{RECIPES}.distillation.on_policy_multi_teacher": Importable(
        ON_POLICY,
        [
            "",
            "deepmath_groups_per_batch=256 tulu3_groups_per_batch=128 group_size=2",
            "deepmath_teacher_model=Qwen/Qwen3-8B tulu3_teacher_model=Qwen/Qwen3-32B",
            "tulu3_teacher_checkpoint=tinker://t:train:0/sampler_weights/final max_steps=3",
            "kl_penalty_coef=0.5 compute_post_kl=True learning_rate=2e-5",
        ],
    ),
    f"{RECIPES}.sdft.train": Importable(
        "tinker_cookbook.distillation.sdft:main",
        [
            "",
            "dataset=toolalpaca topk=0",
            "dataset=toolalpaca toolalpaca_data_path=somewhere",
            "sciknoweval_domain=Biology reverse=True teacher_sync_every=5 group_size=3",
            "groups_per_batch=4 max_tokens=256 max_steps=5 max_context_length=999 num_substeps=2",
            "model_name=Qwen/Qwen3.5-9B renderer_name=qwen3_5 learning_rate=1e-4 temperature=0.6",
            "log_path=/nowhere/x save_every=7 eval_every=0 base_url=http://127.0.0.1:1",
        ],
    ),
}
GAMES: dict[str, Importable] = {
    "guess_number": Importable(
        "",
        ["", *RL, "batch_size=16 group_size=4 eval_every=0 save_every=1", "renderer_name=None"],
        SUBCLASS,
    ),
    "twenty_questions": Importable(
        "",
        ["", *RL, "num_epochs=3 batch_size=10 group_size=2", "num_epochs=2 max_steps=1000"],
        {*SUBCLASS, f"{BUILDER}.num_epochs", "max_steps"},
    ),
    "text_arena": Importable(
        "",
        [
            "",
            *RL,
            "game_name=Nim-v0 batch_size=64 num_train_datapoints=128 num_test_datapoints=16",
            "test_opponent=optimal eval_every=0",
            "batch_size=6 num_train_datapoints=12 max_steps=50",
        ],
        SUBCLASS,
    ),
}
VERIFIERS = [
    "",
    "group_size=4 groups_per_batch=16 max_concurrent_generation=5 max_concurrent_scoring=2",
    "vf_env_id=wordle vf_env_args='{\"turns\":3}' dataset_n=50 dataset_seed=3",
    "kl_penalty_coef=0.1 num_substeps=2 temperature=0.7 max_steps=9 save_every=4",
    "wandb_project=p wandb_name=n model_name=Qwen/Qwen3-8B renderer_name=qwen3 lora_rank=16",
]
