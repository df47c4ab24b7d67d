"""The Python tool: GEM's words and rewards, and programs that cannot reach this machine."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gem.tools.python_code_tool import PythonCodeTool
from tinker_cookbook import renderers
from transformers import AutoTokenizer

from recipe_runner.backends.local import shipped
from recipe_runner.envs import EnvironmentUnavailable
from recipe_runner.envs.gem import builder as gem_builder
from recipe_runner.envs.gem.continuing import as_continued
from recipe_runner.envs.gem.protocol import EnvSpec, Opening, Turn
from recipe_runner.envs.gem.workers import shared_pool
from recipe_runner.isolation import IsolationUnavailable, available

SAMPLE = os.path.join(os.path.dirname(__file__), "../../recipes/data/math_sample.jsonl")
LAST_LINE = "python_tool_no_int_reward_last_line_error"
Make = Callable[..., Any]
isolated = pytest.mark.skipif(available() is None, reason="nothing isolates programs here")


@pytest.fixture
def play(run: Make) -> Callable[..., tuple[Opening, list[Turn]]]:
    """Play replies on a problem whose answer is 42, with a tool."""

    def all_turns(*replies: str, tool: str = LAST_LINE) -> tuple[Opening, list[Turn]]:
        async def episode() -> tuple[Opening, list[Turn]]:
            spec = EnvSpec("math", "math:Math12K", {}, (tool, "concat_chat"))
            opening = await shared_pool().start_problem(spec, "Six by seven?", "42")
            turns: list[Turn] = []
            for reply in replies:
                state = turns[-1].state if turns else opening.state
                turns.append(await shared_pool().step(state, reply))
            return opening, turns

        return run(episode())

    return all_turns


@isolated
def test_a_program_is_run_and_the_answer_graded(play: Make) -> None:
    opening, (used, answered) = play("Hm. <python>print(6 * 7)</python> So?", "\\boxed{42}")
    assert opening.observation == f"Six by seven?\n{PythonCodeTool().instruction_string()}"
    assert (used.observation, used.reward, used.done) == ("Code execution result: 42\n\n", 0, False)
    assert (used.played, used.tool) == ("Hm. <python>print(6 * 7)</python>", True)
    assert (answered.reward, answered.done, answered.tool) == (1.0, True, False)


@isolated
def test_an_error_is_its_last_line_and_rewards_are_the_wrappers(play: Make) -> None:
    _, (failed,) = play("<python>1 / 0</python>")
    assert failed.observation == "Code execution result: ZeroDivisionError: division by zero\n"
    _, (failed, worked) = play(
        "<python>1 / 0</python>", "```python\nprint(sqrt(4))\n```", tool="python_tool"
    )
    assert "Traceback" in failed.observation
    assert (failed.reward, worked.reward) == (0.05, pytest.approx(0.3))


@isolated
def test_after_five_programs_the_next_reply_is_the_answer(play: Make) -> None:
    _, turns = play(*["<python>print(1)</python>"] * 6)
    assert "Reached the maximum number of tool use" in turns[4].observation
    assert [turn.done for turn in turns] == [False] * 5 + [True]


@isolated
def test_a_program_sees_neither_files_nor_environment_nor_network(
    play: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the key")
    _, turns = play(
        f"<python>print(open({str(secret)!r}).read())</python>",
        f"<python>open({str(tmp_path / 'left')!r}, 'w').write('x')</python>",
        "<python>import os; print(dict(os.environ))</python>",
        "<python>import socket; socket.create_connection(('1.1.1.1', 53), 2)</python>",
    )
    read, _wrote, environment, network = (turn.observation for turn in turns)
    assert "the key" not in read
    assert not (tmp_path / "left").exists()
    assert "PYTHONPATH" not in environment
    assert "Error" in network


def test_without_isolation_the_run_refuses(
    builder: Make, run: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*_: Any, allow_unsafe: bool, **__: Any) -> None:
        if not allow_unsafe:
            raise IsolationUnavailable("install bubblewrap, or `allow_unsafe_execution: true`")

    monkeypatch.setattr(gem_builder, "run_python_async", nothing)
    settings = {"dataset": SAMPLE, "wrappers": (LAST_LINE,)}
    with pytest.raises(EnvironmentUnavailable, match="allow_unsafe_execution"):
        run(builder("math:Math12K", **settings)())


@isolated
def test_the_conversation_of_a_tool_episode_grows(builder: Make, run: Make, reply: Make) -> None:
    async def prompts() -> list[list[int]]:
        changes = {"dataset": SAMPLE, "wrappers": (LAST_LINE, "concat_chat"), "prompt": "none"}
        dataset, _ = await builder("math:Math12K", **changes)()
        env = (await dataset.get_batch(0)[0].make_envs())[0]
        first, _ = await env.initial_observation()
        action = reply("Let me see. <python>print(2)</python>")
        result = await env.step(action)
        assert result.metrics["tool_use"] == 1.0
        return [[*first.to_ints(), *action], result.next_observation.to_ints()]

    seen, following = run(prompts())
    assert following[: len(seen)] == seen


def test_a_prompt_goes_on_with_the_tokens_that_were_sampled() -> None:
    tokenizer = AutoTokenizer.from_pretrained(Path(str(shipped.__file__)).parent)
    renderer = renderers.get_renderer("qwen3_instruct", tokenizer)
    (stop,) = renderer.get_stop_sequences()
    talk = [{"role": "user", "content": "Go"}]
    prompt = renderer.build_generation_prompt(talk).to_ints()
    talk += [{"role": "assistant", "content": "answer"}, {"role": "user", "content": "on"}]
    rendered = renderer.build_generation_prompt(talk).to_ints()
    letters = [tokenizer.encode(letter)[0] for letter in "answer"]
    sampled = [*prompt, *letters, stop]
    assert rendered[: len(sampled)] != sampled, "the tokenizer has a token for more than a letter"
    following = as_continued(sampled, rendered, renderer)
    assert following[: len(sampled)] == sampled
    assert tokenizer.decode(following) == tokenizer.decode(rendered)
    # What the history has otherwise, or what never ended, is the renderer's.
    assert as_continued([*prompt, *letters[:3], stop], rendered, renderer) == rendered
    assert as_continued([*prompt, *letters], rendered, renderer) == rendered
    assert as_continued([], rendered, renderer) == rendered
