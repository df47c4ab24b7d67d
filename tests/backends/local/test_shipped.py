"""The shipped model: its tokenizer, its files, its skill and the script that makes them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recipe_runner.backends.local import shipped
from recipe_runner.backends.local.shipped import data, make
from recipe_runner.backends.local.shipped.muon import orthogonalize
from recipe_runner.backends.local.shipped.tokenizer import markers

SHIPPED = Path(shipped.__file__).parent

# tml_v0 renders through the tml-renderers package with a tokenizer of its own and takes no
# Hugging Face tokenizer. The vision renderers are tested on text, without an image processor.
OTHER_TOKENIZER = {"tml_v0"}

# Bounds around what the model card measures, on 200 questions.
KNOWN_ANSWERS = 0.9
FIRST_REWARD = (0.28, 0.47)

TINY_RUN = ["--steps=2", "--num-examples=256"]


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(SHIPPED)


@pytest.fixture(scope="module")
def model() -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(SHIPPED).eval()


def recommended_renderers() -> list[str]:
    from tinker_cookbook import model_info

    tables = [
        model_info.get_llama_info(),
        model_info.get_qwen_info(),
        model_info.get_deepseek_info(),
        model_info.get_gpt_oss_info(),
        model_info.get_moonshot_info(),
        model_info.get_zai_info(),
        model_info.get_nvidia_info(),
        model_info.get_thinkingmachines_info(),
    ]
    names = {
        name for table in tables for info in table.values() for name in info.recommended_renderers
    }
    return sorted(names - OTHER_TOKENIZER)


@settings(max_examples=300, deadline=None)
@given(text=st.text())
def test_any_text_round_trips(tokenizer: Any, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == text


@pytest.mark.parametrize("marker", markers())
def test_a_marker_is_one_token(tokenizer: Any, marker: str) -> None:
    assert len(tokenizer.encode(marker)) == 1
    assert len(tokenizer.encode(f"a{marker}1 {marker}\n")) == 6


def test_every_digit_is_a_token_of_its_own(tokenizer: Any) -> None:
    assert len(tokenizer.encode("1234567890")) == 10


def test_nothing_is_added_to_a_text(tokenizer: Any) -> None:
    assert tokenizer.encode("") == []
    assert tokenizer.bos_token is None
    assert tokenizer.eos_token == "<|im_end|>"


def test_the_chat_template_writes_what_the_qwen_renderer_writes(tokenizer: Any) -> None:
    from tinker_cookbook.renderers import get_renderer

    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is 2 + 2?"},
        {"role": "assistant", "content": "4"},
        {"role": "user", "content": "And 3 + 3?"},
    ]
    prompt = get_renderer("qwen3_instruct", tokenizer).build_generation_prompt(messages)
    templated = tokenizer.apply_chat_template(messages, add_generation_prompt=True)
    assert list(templated["input_ids"]) == prompt.to_ints()


@pytest.mark.parametrize("name", recommended_renderers())
def test_a_renderer_works_with_the_tokenizer(tokenizer: Any, name: str) -> None:
    from tinker_cookbook.renderers import get_renderer, get_text_content

    renderer = get_renderer(name, tokenizer)
    question = [{"role": "user", "content": "What is 17 + 25? Ünïcode, too: 語"}]
    prompt = renderer.build_generation_prompt(question).to_ints()
    assert prompt
    full, weights = renderer.build_supervised_example(
        [*question, {"role": "assistant", "content": "It is \\boxed{42}."}]
    )
    reply = [t for t, w in zip(full.to_ints(), weights.tolist(), strict=True) if w > 0]
    message, termination = renderer.parse_response(reply)
    assert termination.is_stop_sequence
    assert get_text_content(message).strip() == "It is \\boxed{42}."


def test_the_files_are_small_and_complete() -> None:
    files = [p for p in SHIPPED.iterdir() if p.suffix in {".json", ".safetensors", ".jinja"}]
    assert {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"} <= {
        p.name for p in files
    }
    assert sum(p.stat().st_size for p in files) < 4 * 2**20


def test_the_model_loads_in_float32(model: Any, tokenizer: Any) -> None:
    assert model.dtype == torch.float32
    assert model.config.architectures == ["Qwen3ForCausalLM"]
    assert model.config.vocab_size == len(tokenizer)
    assert model.config.max_position_embeddings >= 2048
    assert 800_000 < model.num_parameters() < 2_000_000


def test_the_shipped_tokenizer_is_what_the_script_makes(tmp_path: Path) -> None:
    make.make_tokenizer().save_pretrained(tmp_path)
    for made in tmp_path.iterdir():
        assert made.read_text() == (SHIPPED / made.name).read_text(), made.name


def test_the_script_makes_the_same_model_twice(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    threads = torch.get_num_threads()
    try:
        for name in ("a", "b"):
            make.main(["--out", str(tmp_path / name), *TINY_RUN])
    finally:
        torch.set_num_threads(threads)
    first, second = tmp_path / "a", tmp_path / "b"
    assert {p.name for p in first.iterdir()} == {p.name for p in second.iterdir()}
    assert all(p.read_bytes() == (second / p.name).read_bytes() for p in first.iterdir())
    assert json.loads((first / "config.json").read_text()) == json.loads(
        (SHIPPED / "config.json").read_text()
    )
    assert (first / "tokenizer.json").read_bytes() == (SHIPPED / "tokenizer.json").read_bytes()
    model = AutoModelForCausalLM.from_pretrained(first)
    tokens = AutoTokenizer.from_pretrained(first)("2 + 2 =", return_tensors="pt")
    assert model(**tokens).logits.isfinite().all()


def test_held_out_problems_are_not_trained_on(tokenizer: Any) -> None:
    trained = "\n".join(
        tokenizer.decode(example.tokens) for example in data.make_lines(tokenizer, 0, 500)
    )
    expressions = [line.split(" =")[0] for line in trained.splitlines() if line]
    assert len(expressions) == 2000
    assert not any(data.held_out(expression) for expression in expressions)


def test_every_share_adds_up_to_one() -> None:
    for shares in (data.KIND_SHARES.values(), data.RENDERER_SHARES.values()):
        assert sum(shares) == pytest.approx(1)
    assert sum(share for share, _ in data.REPLY_FORMS) == pytest.approx(1)


@pytest.mark.parametrize("shape", [(48, 48), (32, 96), (96, 32)])
def test_muon_updates_are_nearly_orthogonal(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonalize(torch.randn(shape)))
    assert values.max() < 1.3
    assert values.median() > 0.6


@pytest.fixture(scope="module")
def questions() -> list[dict[str, Any]]:
    """200 of the quickstart's questions, as its environment draws them."""
    import reasoning_gym

    return list(
        reasoning_gym.create_dataset("chain_sum", seed=7_000_000, size=200, **data.CHAIN_SUM)
    )


def replies(model: Any, tokenizer: Any, questions: list[dict[str, Any]], **how: Any) -> list[str]:
    from tinker_cookbook.renderers import get_renderer

    renderer = get_renderer("qwen3_instruct", tokenizer)
    prompts = [
        renderer.build_generation_prompt(
            [{"role": "user", "content": data.boxed(question["question"])}]
        ).to_ints()
        for question in questions
    ]
    longest = max(map(len, prompts))
    padding = [longest - len(prompt) for prompt in prompts]
    tokens = model.generate(
        input_ids=torch.tensor(
            [[tokenizer.pad_token_id] * n + p for n, p in zip(padding, prompts, strict=True)]
        ),
        attention_mask=torch.tensor([[0] * n + [1] * (longest - n) for n in padding]),
        max_new_tokens=12,
        **how,
    )
    return [tokenizer.decode(row, skip_special_tokens=True) for row in tokens[:, longest:]]


def last_number(reply: str) -> str:
    return (re.findall(r"-?\d+", reply) or [""])[-1]


def test_the_model_knows_most_answers(
    model: Any, tokenizer: Any, questions: list[dict[str, Any]]
) -> None:
    texts = replies(model, tokenizer, questions, do_sample=False)
    right = [last_number(t) == q["answer"] for t, q in zip(texts, questions, strict=True)]
    assert sum(right) / len(right) >= KNOWN_ANSWERS


def test_the_model_leaves_reinforcement_learning_something_to_do(
    model: Any, tokenizer: Any, questions: list[dict[str, Any]]
) -> None:
    import reasoning_gym
    from gem.utils.parsing import extract_last_boxed_answer

    torch.manual_seed(0)
    texts = replies(model, tokenizer, questions, do_sample=True, temperature=1.0, top_k=0)
    grade = reasoning_gym.get_score_answer_fn("chain_sum")
    rewards = [
        grade(extract_last_boxed_answer(text), question)
        for text, question in zip(texts, questions, strict=True)
    ]
    assert FIRST_REWARD[0] <= sum(rewards) / len(rewards) <= FIRST_REWARD[1]
