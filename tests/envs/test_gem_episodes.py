from __future__ import annotations

import asyncio
import os
import random
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from tinker_cookbook.rl.types import Env, InitialObservationOverflow

from recipe_runner.envs.gem.items import Procedural

SAMPLE = os.path.join(os.path.dirname(__file__), "../../recipes/data/math_sample.jsonl")
Make = Callable[..., Any]


async def _envs(builder: Any, batch: int = 0, group: int = 0) -> Sequence[Env]:
    dataset, _ = await builder()
    envs: Sequence[Env] = await dataset.get_batch(batch)[group].make_envs()
    return envs


def _text(tokenizer: Any, observation: Any) -> str:
    text: str = tokenizer.decode(observation.to_ints())
    return text


async def _prompt(env: Env, tokenizer: Any) -> str:
    result = await env.initial_observation()
    assert not isinstance(result, InitialObservationOverflow)
    return _text(tokenizer, result[0])


def _reasoning_answer(dataset: Any, name: str, **settings: Any) -> str:
    import reasoning_gym

    item = dataset.get_batch(0)[0].item
    assert isinstance(item, Procedural)
    entry = reasoning_gym.create_dataset(name, size=1, seed=item.seed, **settings)[0]
    return str(entry["answer"])


@pytest.mark.parametrize("form", ["\\boxed{%s}", "so it is \\boxed{ %s } indeed"])
def test_a_right_answer_gets_full_reward(builder: Make, run: Make, reply: Make, form: str) -> None:
    async def play() -> Any:
        dataset, _ = await builder("rg:chain_sum")()
        env = (await dataset.get_batch(0)[0].make_envs())[0]
        await env.initial_observation()
        return await env.step(reply(form % _reasoning_answer(dataset, "chain_sum")))

    result = run(play())
    assert (result.reward, result.episode_done) == (1.0, True)
    assert result.metrics["correct"] == result.metrics["stop/completed"] == 1.0


@pytest.mark.parametrize("text", ["\\boxed{-123456}", "no box", "", "\\boxed{"])
def test_other_replies_get_less(builder: Make, run: Make, reply: Make, text: str) -> None:
    async def play() -> Any:
        env = (await _envs(builder("rg:chain_sum")))[0]
        await env.initial_observation()
        return await env.step(reply(text))

    result = run(play())
    assert result.reward < 0.1
    assert result.episode_done
    assert result.metrics["correct"] == 0.0
    assert result.metrics["env_error"] == 0.0


def test_the_boxed_prompt_and_templates(builder: Make, run: Make, tokenizer: Any) -> None:
    def prompt(template: str) -> str:
        async def ask() -> str:
            return await _prompt(
                (await _envs(builder("rg:chain_sum", prompt=template)))[0], tokenizer
            )

        return run(ask())

    plain = prompt("none")
    question = re.search(r"<\|im_start\|>user\n(.*?)<\|im_end\|>", plain, re.DOTALL)
    assert question is not None
    boxed = (
        f"Question: {question[1]}\n"
        "Please reason step by step, and put your final answer within \\boxed{}."
    )
    assert prompt("boxed") == plain.replace(question[1], boxed)
    assert prompt("<< {{ observation }} >>") == plain.replace(question[1], f"<< {question[1]} >>")


def test_settings_of_reasoning_gym_are_honoured(builder: Make, run: Make, tokenizer: Any) -> None:
    settings = {"min_terms": 2, "max_terms": 2, "min_digits": 1, "max_digits": 1}

    async def questions() -> list[str]:
        dataset, _ = await builder("rg:chain_sum", kwargs=settings, groups_per_batch=20)()
        groups = dataset.get_batch(0)
        return [await _prompt((await group.make_envs())[0], tokenizer) for group in groups]

    for question in run(questions()):
        assert re.search(r": \d [+-] \d =", question), question


def test_a_group_is_one_problem_and_a_stop_condition_comes_from_the_renderer(
    builder: Make, run: Make, renderer: Any
) -> None:
    async def openings() -> list[Any]:
        envs = await _envs(builder("game:Minesweeper-v0-easy", group_size=4))
        return [await env.initial_observation() for env in envs]

    observations = run(openings())
    assert len({str(observation) for observation, _stop in observations}) == 1
    assert all(stop == renderer.get_stop_sequences() for _observation, stop in observations)


def test_a_cut_off_reply_is_not_graded(builder: Make, run: Make, reply: Make) -> None:
    async def play(extra: Any) -> Any:
        dataset, _ = await builder("rg:chain_sum")()
        env = (await dataset.get_batch(0)[0].make_envs())[0]
        await env.initial_observation()
        answer = _reasoning_answer(dataset, "chain_sum")
        return await env.step(reply(f"\\boxed{{{answer}}}", clean=False), extra=extra)

    cut_off = run(play({"stop_reason": "length"}))
    assert (cut_off.reward, cut_off.episode_done) == (0.0, True)
    assert cut_off.metrics["parse_clean"] == 0.0
    assert cut_off.metrics["stop/max_tokens"] == 1.0
    assert run(play(None)).metrics["stop/parse_error"] == 1.0


def test_an_error_of_the_environment_is_counted_and_ends_the_episode(
    builder: Make, run: Make, reply: Make
) -> None:
    async def play() -> Any:
        env = (await _envs(builder("rg:prime_factorization")))[0]
        await env.initial_observation()
        return await env.step(reply("\\boxed{two times three}"))

    result = run(play())
    assert (result.reward, result.episode_done) == (0.0, True)
    assert result.metrics["env_error"] == 1.0
    assert "ValueError" in result.logs["env_error"]


def test_an_error_of_a_reset_is_counted_and_never_fatal(builder: Make, run: Make) -> None:
    from dataclasses import replace

    async def open_broken() -> list[Any]:
        dataset, _ = await builder("rg:chain_sum")()
        group = dataset.get_batch(0)[0]
        spec = replace(group.settings.spec, kwargs={"max_terms": -1})
        broken = replace(group, settings=replace(group.settings, spec=spec))
        return [await env.initial_observation() for env in await broken.make_envs()]

    for opening in run(open_broken()):
        assert isinstance(opening, InitialObservationOverflow)
        assert opening.reward == 0.0
        assert opening.metrics["env_error"] == 1.0


def test_a_game_is_a_conversation_that_shows_the_board_each_turn(
    builder: Make, run: Make, reply: Make, tokenizer: Any
) -> None:
    async def play() -> list[str]:
        env = (await _envs(builder("game:Minesweeper-v0-easy", prompt="none")))[0]
        texts = [await _prompt(env, tokenizer)]
        for move in ("\\boxed{flag 0 0}", "\\boxed{flag 4 4}"):
            result = await env.step(reply(move))
            assert not result.episode_done
            texts.append(_text(tokenizer, result.next_observation))
        return texts

    texts = run(play())
    for turns, text in enumerate(texts):
        assert text.count("Here is the current board layout") == 1 + turns
        assert text.count("<|im_start|>assistant") == 1 + turns
    assert " 0  F  .  .  .  ." in texts[1]
    assert "\\boxed{flag 4 4}<|im_end|>" in texts[2]
    assert texts[2].startswith(texts[0])


def test_max_turns_ends_a_game_and_says_so(builder: Make, run: Make, reply: Make) -> None:
    async def play(**changes: Any) -> Any:
        env = (await _envs(builder("game:Minesweeper-v0-easy", **changes)))[0]
        await env.initial_observation()
        assert not (await env.step(reply("\\boxed{flag 0 0}"))).episode_done
        return await env.step(reply("\\boxed{flag 1 1}"))

    for result in (run(play(max_turns=2)), run(play(kwargs={"max_turns": 2}))):
        assert result.episode_done
        assert result.metrics["stop/max_turns"] == 1.0


def test_a_conversation_ends_where_the_context_has_no_room_for_another_reply(
    builder: Make, run: Make, reply: Make
) -> None:
    async def play(limit: int) -> tuple[int, Any]:
        env = (await _envs(builder("game:Minesweeper-v0-easy", max_prompt_tokens=limit)))[0]
        opening = await env.initial_observation()
        if isinstance(opening, InitialObservationOverflow):
            return 0, opening
        tokens = opening[0].length
        return tokens, await env.step(reply("\\boxed{flag 0 0}"))

    first, result = run(play(100_000))
    assert not result.episode_done
    second = result.next_observation.length
    _, result = run(play(second))
    assert not result.episode_done
    _, result = run(play(second - 1))
    assert result.episode_done
    assert result.metrics["stop/max_tokens"] == 1.0
    _, opening = run(play(first - 1))
    assert opening.metrics["stop/max_tokens"] == 1.0


def test_a_wrapper_puts_the_whole_episode_into_one_message(
    builder: Make, run: Make, reply: Make, tokenizer: Any
) -> None:
    async def play() -> str:
        changes = {"wrappers": ("concat_with_action",), "prompt": "none"}
        env = (await _envs(builder("game:Minesweeper-v0-easy", **changes)))[0]
        await env.initial_observation()
        result = await env.step(reply("\\boxed{flag 0 0}"))
        return _text(tokenizer, result.next_observation)

    text = run(play())
    assert text.count("<|im_start|>") == 2
    assert "\\boxed{flag 0 0}\nAt turn 1" in text
    assert text.count("current board layout:") == 1


MOVES = {
    "game:Game2048-v0-easy": ["\\boxed{left}", "\\boxed{up}", "\\boxed{right}", "\\boxed{down}"],
    "game:Minesweeper-v0-easy": ["\\boxed{reveal 2 2}", "\\boxed{flag 0 0}", "\\boxed{flag 4 4}"],
}


@pytest.mark.parametrize("env_id", sorted(MOVES))
def test_interleaved_episodes_do_not_disturb_each_other(
    builder: Make, run: Make, reply: Make, tokenizer: Any, env_id: str
) -> None:
    async def play(env: Env) -> list[str]:
        seen = [await _prompt(env, tokenizer)]
        for move in MOVES[env_id]:
            result = await env.step(reply(move))
            seen.append(_text(tokenizer, result.next_observation))
            await asyncio.sleep(0)
        return seen

    async def alone(group: int) -> list[str]:
        return await play((await _envs(builder(env_id), group=group))[0])

    async def together() -> list[list[str]]:
        envs = [(await _envs(builder(env_id), group=group))[0] for group in range(3)]
        return list(await asyncio.gather(*map(play, envs)))

    assert run(together()) == [run(alone(group)) for group in range(3)]


def test_episodes_leave_the_global_random_state_alone(
    builder: Make, run: Make, reply: Make
) -> None:
    async def play() -> None:
        env = (await _envs(builder("game:Game2048-v0-easy")))[0]
        await env.initial_observation()
        await env.step(reply("\\boxed{left}"))

    random.seed(1)
    np.random.seed(1)
    before = (random.getstate(), np.random.get_state()[1].tolist())
    run(play())
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before


@pytest.mark.parametrize("kwargs", [{}, {"use_mp": False}, {"use_mp": True}])
def test_a_local_data_set_is_asked_and_graded(
    builder: Make, run: Make, reply: Make, kwargs: dict[str, Any]
) -> None:
    async def play() -> list[float]:
        settings = {"dataset": SAMPLE, "kwargs": kwargs, "groups_per_batch": 42, "num_batches": 1}
        dataset, _ = await builder("math:Math12K", **settings)()
        rewards = []
        for group in dataset.get_batch(0):
            right, wrong = await group.make_envs()
            await right.initial_observation()
            await wrong.initial_observation()
            rewards.append((await right.step(reply(f"\\boxed{{{group.item.answer}}}"))).reward)
            assert (await wrong.step(reply("\\boxed{1234567}"))).reward == 0.0
        return rewards

    assert run(play()) == [1.0] * 42


def test_equal_forms_of_an_answer_are_right(
    builder: Make, run: Make, reply: Make, tmp_path: Any
) -> None:
    data = tmp_path / "one.jsonl"
    data.write_text('{"question": "Half?", "answer": "\\\\frac{1}{2}"}\n')

    async def play(text: str) -> float:
        env = (await _envs(builder("math:GSM8K", dataset=str(data), num_batches=1)))[0]
        await env.initial_observation()
        reward: float = (await env.step(reply(text))).reward
        return reward

    assert [run(play(f"\\boxed{{{form}}}")) for form in ("0.5", "\\dfrac12", "1/2", "2")] == [
        1.0,
        1.0,
        1.0,
        0.0,
    ]
