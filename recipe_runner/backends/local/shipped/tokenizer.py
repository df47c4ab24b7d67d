"""The shipped model's tokenizer: byte-level BPE, built from the prompts the model is trained on."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

END_OF_TEXT = "<|endoftext|>"
END_OF_TURN = "<|im_end|>"

# One token each, so that every text renderer of the Cookbook finds its markers. Families in the
# order of the Cookbook's renderer modules.
MARKERS: dict[str, tuple[str, ...]] = {
    "qwen3": (
        END_OF_TEXT,
        "<|im_start|>",
        END_OF_TURN,
        "<think>",
        "</think>",
        "<tool_call>",
        "</tool_call>",
        "<tool_response>",
        "</tool_response>",
        "<|vision_start|>",
        "<|vision_end|>",
        "<|image_pad|>",
    ),
    "llama3": (
        "<|begin_of_text|>",
        "<|end_of_text|>",
        "<|start_header_id|>",
        "<|end_header_id|>",
        "<|eot_id|>",
        "<|eom_id|>",
        "<|python_tag|>",
    ),
    "deepseek": (
        "<｜begin▁of▁sentence｜>",
        "<｜end▁of▁sentence｜>",
        "<｜System｜>",
        "<｜User｜>",
        "<｜Assistant｜>",
        "<｜tool▁calls▁begin｜>",
        "<｜tool▁calls▁end｜>",
        "<｜tool▁call▁begin｜>",
        "<｜tool▁call▁end｜>",
        "<｜tool▁outputs▁begin｜>",
        "<｜tool▁outputs▁end｜>",
        "<｜tool▁output▁begin｜>",
        "<｜tool▁output▁end｜>",
        "<｜tool▁sep｜>",
        "｜DSML｜",
    ),
    "gpt_oss": (
        "<|start|>",
        "<|message|>",
        "<|channel|>",
        "<|constrain|>",
        "<|end|>",
        "<|return|>",
        "<|call|>",
    ),
    "kimi": (
        "<|im_system|>",
        "<|im_user|>",
        "<|im_assistant|>",
        "<|im_middle|>",
        "<|tool_calls_section_begin|>",
        "<|tool_calls_section_end|>",
        "<|tool_call_begin|>",
        "<|tool_call_argument_begin|>",
        "<|tool_call_end|>",
        "<|media_begin|>",
        "<|media_content|>",
        "<|media_end|>",
        "<|media_pad|>",
    ),
    "glm5": (
        "[gMASK]",
        "<sop>",
        "<|system|>",
        "<|user|>",
        "<|assistant|>",
        "<|observation|>",
        "<arg_key>",
        "</arg_key>",
        "<arg_value>",
        "</arg_value>",
    ),
    "nemotron3": ("<image>", "<img>", "</img>"),
}

# Qwen's chat format for text; the same tokens as the Cookbook's qwen3_instruct renderer.
CHAT_TEMPLATE = (
    "{%- for message in messages %}"
    "{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' }}"
    "{%- if not loop.last or add_generation_prompt %}{{- '\\n' }}{%- endif %}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)

# A digit alone; line ends; and the rest of a line in one piece, so that merges may cross words and
# a template's sentence costs one token or two. Line ends are taken whole: a prompt that ends in
# them stays a prefix of what follows.
_PIECES = r"\p{N}|\s*[\r\n]+|[^\p{N}\r\n]+"

_NUM_BYTES = 256
_MAX_MERGES = 512
# Templates occur more often than this, single words to spell or variable names less.
_MIN_FREQUENCY = 20


def markers() -> list[str]:
    """Every special token, in the order of its id."""
    return list(itertools.chain.from_iterable(MARKERS.values()))


def _is_tag(marker: str) -> bool:
    """Tags such as `<think>` are not special, as in Qwen3's tokenizer.

    Its renderers encode replies with `split_special_tokens`, which would take them apart.
    """
    return marker.strip("</>").replace("_", "").isalpha() and marker not in {"<sop>"}


def build_tokenizer(texts: Iterator[str]) -> Any:
    """Train the tokenizer on `texts`; returns a `PreTrainedTokenizerFast`.

    Any text round-trips: all 256 bytes are in the vocabulary and nothing is normalised. The same
    texts give the same tokenizer.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=_NUM_BYTES + _MAX_MERGES,
        min_frequency=_MIN_FREQUENCY,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    for marker in markers():
        add = bpe.add_tokens if _is_tag(marker) else bpe.add_special_tokens
        add([AddedToken(marker, normalized=False)])
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token=END_OF_TURN,
        pad_token=END_OF_TEXT,
        bos_token=None,
        unk_token=None,
        add_bos_token=False,
        clean_up_tokenization_spaces=False,
        model_max_length=4096,
        chat_template=CHAT_TEMPLATE,
    )
