"""The page in a real browser: what it shows, what it does, and what it must not do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from recipe_runner.planning.estimate import Estimate, Span, TokenEstimate
from recipe_runner.planning.tokens import Tokens
from recipe_runner.reports.assemble import assemble
from recipe_runner.reports.page import render
from recipe_runner.reports.server import make_server
from recipe_runner.reports.sweep import Chosen
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.usage import Usage
from tests.browser import REBOUND_HOST, until
from tests.reports.conftest import MakeRun, metrics_row, rollout, write_lines

EVIL = "<img src=x onerror=alert(1)></script><script>alert(2)</script>"

# Ratios of text to what is behind it, by WCAG 2's formula, of every text in sight.
CONTRAST = """
const channel = (c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const parse = (text) => [...text.match(/[\\d.]+/g).map(Number), 1].slice(0, 4);
const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3]));
const behind = (node) => {
  const layers = [];
  for (let at = node; at; at = at.parentElement) {
    layers.unshift(parse(getComputedStyle(at).backgroundColor));
  }
  return layers.reduce((below, layer) => over(layer, below), [255, 255, 255]);
};
const ratio = (node) => {
  const back = behind(node);
  const ink = over(parse(getComputedStyle(node).color), back);
  const [dark, bright] = [light(ink), light(back)].sort((a, b) => a - b);
  return (bright + 0.05) / (dark + 0.05);
};
const hasText = (node) => [...node.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
return [...document.querySelectorAll("body *")]
  .filter((node) => hasText(node) && node.checkVisibility())
  .filter((node) => !node.closest("option, script, .skip"))
  .filter((node) => ratio(node) < 4.5)
  .map((node) => [node.className, node.textContent.slice(0, 30), ratio(node)]);
"""


@pytest.fixture
def open_page(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Open the report of runs; afterwards nothing has gone wrong on the page."""

    def open_(
        *runs: RunDirectory, width: int = 1280, scheme: str = "light", rollouts: int = 10_000
    ) -> Any:
        page = tmp_path / "page.html"
        page.write_text(render(assemble(Chosen(list(runs), []), rollouts=rollouts)), "utf-8")
        look(browser, width, scheme)
        browser.get(page.as_uri())
        until(browser, "return document.documentElement.dataset.ready")
        return browser

    browser.get_log("browser")
    yield open_
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert [entry["message"] for entry in browser.get_log("browser")] == []


def look(browser: Any, width: int, scheme: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def texts(browser: Any, selector: str) -> list[str]:
    script = "return [...document.querySelectorAll(arguments[0])].map((each) => each.textContent)"
    found: list[str] = browser.execute_script(script, selector)
    return found


def enter(browser: Any, label: str, value: str) -> None:
    """Fill the control behind a label, as typing would."""
    browser.execute_script(
        "const field = [...document.querySelectorAll('#rollouts .field')]"
        ".find((each) => each.textContent.startsWith(arguments[0]));"
        "const control = field.querySelector('input, select'); control.value = arguments[1];"
        "control.dispatchEvent(new Event(control.tagName === 'SELECT' ? 'change' : 'input'));",
        label,
        value,
    )


def press(browser: Any, selector: str, *keys: str) -> None:
    browser.execute_script("document.querySelector(arguments[0]).focus()", selector)
    for key in keys:
        browser.execute_script(
            "document.activeElement.dispatchEvent("
            "new KeyboardEvent('keydown', {key: arguments[0], bubbles: true, cancelable: true}))",
            key,
        )


def test_a_real_run_is_drawn_without_the_network(
    open_page: Callable[..., Any], real_run: RunDirectory
) -> None:
    browser = open_page(real_run)
    until(browser, "return document.querySelector('#curves canvas')")
    until(browser, "return document.querySelector('.piece.trained')")
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0
    assert texts(browser, "h1") == ["sums"]
    assert texts(browser, ".state")[0] == "✓ done"
    sections = texts(browser, "h2")
    assert sections[:2] == ["Curves", "Rollouts"]
    assert {"Plan", "Tokens and cost", "Record"} <= set(sections)
    (readout,) = texts(browser, ".chart.tall .readout")[:1]
    assert readout.startswith("last")
    shown, *_ = texts(browser, ".piece.shown")
    assert "boxed" in shown


def test_counted_tokens_stand_beside_the_estimate(
    open_page: Callable[..., Any], make_run: MakeRun
) -> None:
    run = make_run([metrics_row(0, 0.5)])
    used = {"prefill": 900, "cached": 0, "sampled": 450, "trained": 1350}
    half = {kind: count // 2 for kind, count in used.items()}
    most = {kind: max(0, count - 1) for kind, count in used.items()}
    usage = Usage(tokens={"m": Tokens(**used)}, seconds=75, usd=0.0123, prices_of=["2026-01-01"])
    run.usage_file.write_text(usage.model_dump_json())
    tokens = TokenEstimate(low=Tokens(**half), expected=Tokens(**most), high=Tokens(**most))
    estimate = Estimate(
        steps=1,
        rollouts=8,
        tokens={"m": tokens},
        usd=Span(low=0.01, expected=0.0125, high=0.5),
        unpriced=[],
        prices_of=["2026-01-01"],
        storage_gb=None,
        storage_usd_per_month=None,
        assumptions=["replies end early"],
    )
    run.estimate_file.write_text(estimate.model_dump_json())
    browser = open_page(run)
    rows = [text.strip() for text in texts(browser, "#cost tbody tr")]
    assert rows == [
        "prefill900450899899↑ 1.001 × the high",
        "sampled450225449449↑ 1.002 × the high",
        "trained1,3506751,3491,349↑ 1.001 × the high",
        "cost$0.01$0.01$0.01$0.50✓ within",
    ]
    assert "2,700" in texts(browser, ".tile")[2]


def test_what_a_model_writes_is_text_and_nothing_else(
    open_page: Callable[..., Any], make_run: MakeRun
) -> None:
    turn = {"reward": 1.0, "metrics": {EVIL: 1.0}, "logs": {EVIL: EVIL}}
    pieces = [[EVIL, "shown", 3, None], [EVIL + "\u2028", EVIL, 2, None]]
    evil = rollout(0, 0, 0, split=EVIL, tags=[EVIL], turns=[turn], sequences=[pieces], error=EVIL)
    row = metrics_row(0, 1.0, **{EVIL: 2.0, "__proto__": 1.0, "text": EVIL})
    runs = [make_run([row], [evil]) for _ in range(2)]
    for run in runs:
        record = json.loads(run.manifest_file.read_text())
        record |= {"name": EVIL, "description": EVIL, "tags": [EVIL], "versions": {EVIL: EVIL}}
        run.manifest_file.write_text(json.dumps(record))
        write_lines(run.events_file, [{"time": EVIL, "event": EVIL, EVIL: EVIL}])
        write_lines(run.checkpoints_file, [{"name": EVIL, "state_path": EVIL}])
        write_lines(
            run.path / "evaluations.jsonl", [{"evaluator": EVIL, "score": 1, "metrics": {}}]
        )
    browser = open_page(*runs)
    until(browser, "return document.querySelector('.episode .text')")
    browser.execute_script("document.querySelectorAll('details').forEach((e) => { e.open = true })")
    assert EVIL in texts(browser, ".episode .text")[0]
    assert EVIL in texts(browser, ".metric")
    assert browser.execute_script("return document.querySelectorAll('img, iframe').length") == 0
    assert browser.execute_script("return document.scripts.length") == 3


PAYLOADS = {
    "script": "<script>window.hit = 1</script>",
    "end of script": "</script><script>window.hit = 1</script>",
    "comment": "<!--<script>window.hit = 1</script>-->",
    "half a comment": "<!-- <script> ",
    "image": "<img src=x onerror='window.hit = 1'>",
    "svg": "<svg/onload=window.hit=1>",
    "attribute": '" autofocus onfocus=window.hit=1 x="',
    "address": "javascript:window.hit=1",
    "markdown": "[x](javascript:window.hit=1)",
    "json": '"}],"x":(window.hit=1)}//\\',
    "line ends": "a\u2028window.hit=1\u2029b\x00c",
    "style": "</style><style>*{display:none}</style>;}*{background:url(//evil.example)}",
    "template": "{{ 7 * 7 }}${window.hit=1}{% raw %}",
    "property": "constructor",
    "prototype": "__proto__",
}


@pytest.mark.parametrize("payload", PAYLOADS)
def test_nothing_that_a_run_holds_executes(
    open_page: Callable[..., Any], make_run: MakeRun, payload: str
) -> None:
    text = PAYLOADS[payload]
    pieces = [[text, "shown", 3, None], [text, "trained", 2, 0.5], [text, text, 2, None]]
    turn = {"reward": 1.0, "metrics": {text: 1.0}, "logs": {text: text}}
    episode = rollout(0, 0, 0, turns=[turn], sequences=[pieces], error=text, tags=[text])
    row = metrics_row(0, 1.0, **{f"{text}/a": 2.0, "note": text})
    runs = [make_run([row], [episode]) for _ in range(2)]
    for number, run in enumerate(runs):
        record = json.loads(run.manifest_file.read_text())
        record |= {"name": text, "description": text, "tags": [text], "variant": text}
        record |= {"state": "failed", "error": text, "host": text}
        run.manifest_file.write_text(json.dumps(record))
        plan = json.loads(run.plan_file.read_text())
        plan["recipe"]["description"] = text
        plan["recipe"]["tags"] = [text, str(number)]
        plan["recipe"]["logging"]["wandb"] = {"project": text, "name": text, "tags": [text]}
        plan["recipe"]["model"]["name"] = text
        run.plan_file.write_text(json.dumps(plan))
        (run.path / "recipe.yaml").write_text(text)
        (run.path / "output.log").write_text(text)
        write_lines(run.events_file, [{"time": "2026-01-01", "event": text, "error": text}])
    browser = open_page(*runs)
    until(browser, "return document.querySelector('.episode .text')")
    browser.execute_script(
        "document.querySelectorAll('details').forEach((e) => { e.open = true });"
        "document.querySelectorAll('button, summary, a').forEach((e) => e.click())"
    )
    assert browser.execute_script("return window.hit") is None
    assert browser.execute_script("return document.scripts.length") == 3
    assert browser.execute_script("return document.querySelectorAll('style').length") == 1
    assert browser.execute_script("return document.querySelectorAll('[onerror], img').length") == 0
    shown = text.replace("\x00", "\ufffd")
    found = browser.execute_script("return document.querySelector('.piece.trained').textContent")
    assert found in (text, shown)
    assert text in texts(browser, "h1")[0]


def test_scripts_that_are_not_the_pages_own_do_not_run(
    browser: Any, make_run: MakeRun, tmp_path: Path
) -> None:
    page = render(assemble(Chosen([make_run([metrics_row(0, 1.0)])], []), rollouts=0))
    injected = "<script>window.ran = true</script><img src=x onerror='window.ran = true'>"
    file = tmp_path / "injected.html"
    file.write_text(page.replace("</main>", f"{injected}</main>"))
    browser.get(file.as_uri())
    until(browser, "return document.documentElement.dataset.ready")
    assert browser.execute_script("return window.ran") is None
    refused = [entry["message"] for entry in browser.get_log("browser")]
    assert any("Content Security Policy" in message for message in refused)


def test_rollouts_are_found_by_keyboard_reward_step_and_text(
    open_page: Callable[..., Any], make_run: MakeRun
) -> None:
    rollouts = [rollout(s, g, m, float(m % 2)) for s in range(250) for g in (0, 1) for m in (0, 1)]
    run = make_run([metrics_row(0, 0.5)], rollouts)
    browser = open_page(run, rollouts=800)
    until(browser, "return document.querySelector('.row')")
    assert len(texts(browser, ".row")) < 60
    assert "800 of the 1,000 that were written" in texts(browser, "#rollouts [role=status]")[0]
    press(browser, ".list", "ArrowDown", "End")
    last = until(browser, "return document.querySelector('.row[aria-selected=true]')?.textContent")
    assert last.startswith("step 249 · group 1.1")
    active = "document.querySelector('.list').getAttribute('aria-activedescendant')"
    assert browser.execute_script(f"return document.getElementById({active}).ariaSelected")

    enter(browser, "Reward from", "1")
    until(
        browser, "return document.querySelector('#rollouts .note').textContent.startsWith('400 ')"
    )
    enter(browser, "Step from", "100")
    enter(browser, "Text", "IT IS 250.")
    until(browser, "return document.querySelectorAll('.row').length === 1")
    assert "reward 1" in texts(browser, ".row")[0]
    assert "What is 249 + 1" in texts(browser, ".episode .text")[0]
    kinds = browser.execute_script(
        "return [...document.querySelectorAll('.piece')].slice(0, 3).map((each) => each.title)"
    )
    assert kinds == [
        "shown, 5 tokens",
        "trained, 4 tokens, advantage +0.5",
        "sampled, not trained, 2 tokens",
    ]
    enter(browser, "Text", "not to be found")
    until(browser, "return document.querySelector('.episode .empty')")


def test_runs_lie_over_each_other(open_page: Callable[..., Any], make_run: MakeRun) -> None:
    rates = (1e-4, 2e-4, 1e-4)
    runs = [
        make_run(
            [metrics_row(step, step * rate * 1e3) for step in range(30)],
            optimizer__learning_rate=rate,
        )
        for rate in rates
    ]
    runs[1].manifest_file.write_text(
        runs[1].manifest_file.read_text().replace('"planned"', '"failed"')
    )
    browser = open_page(*runs)
    until(browser, "return document.querySelectorAll('.chart.tall .readout .badge').length === 3")
    assert "0.0002" in texts(browser, "#plan .value.differs")
    assert "✗ failed" in texts(browser, "#runs .state")
    press(browser, ".chart.tall", "Home", "ArrowRight")
    until(browser, "return document.querySelector('.readout').textContent.startsWith('step 1')")
    select = "[...document.querySelectorAll('#curves select')]"
    for at, value in ((2, "optimizer.learning_rate"), (0, "seconds"), (1, "log")):
        browser.execute_script(
            f"const s = {select}[{at}]; s.value = arguments[0];"
            "s.dispatchEvent(new Event('change'))",
            value,
        )
    colours = browser.execute_script(
        "return [...document.querySelectorAll('#runs .badge')]"
        ".map((each) => getComputedStyle(each).backgroundColor)"
    )
    assert colours[0] == colours[2] != colours[1]
    until(
        browser,
        "return / s$|min/.test(document.querySelector('.readout .where').textContent) "
        "|| document.querySelector('.readout').textContent.startsWith('last')",
    )
    assert "0.00010.0002" in texts(browser, "#curves .legend")[0]
    browser.execute_script("document.querySelector('#runs input').click()")
    until(browser, "return document.querySelectorAll('.chart.tall .readout .badge').length === 2")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_of_it_legibly(
    open_page: Callable[..., Any], make_run: MakeRun, scheme: str
) -> None:
    long = [["x" * 3_000, "shown", 900, None], ["y" * 500, "trained", 100, -0.5]]
    rollouts = [rollout(0, 0, 0), rollout(0, 0, 1, sequences=[long], error="no such move")]
    runs = [make_run([metrics_row(s, 0.5) for s in range(5)], rollouts, seed=n) for n in (1, 2)]
    (runs[0].path / "events.jsonl").write_text('{"time": "2026-01-01", "event": "running"}\n')
    browser = open_page(*runs, width=390, scheme=scheme)
    until(browser, "return document.querySelector('.episode .text')")
    press(browser, ".list", "ArrowDown")
    until(browser, "return document.querySelector('.episode .more')")
    browser.execute_script("document.querySelectorAll('details').forEach((e) => { e.open = true })")
    assert browser.execute_script("return document.documentElement.scrollWidth") == 390
    assert browser.execute_script(CONTRAST) == []
    unnamed = browser.execute_script(
        "return [...document.querySelectorAll('input, select, button, [tabindex=\"0\"]')].filter("
        "(each) => !(each.ariaLabel || each.textContent.trim() || each.labels?.length)).length"
    )
    assert unnamed == 0


def test_a_served_page_follows_the_run_without_reloading(browser: Any, make_run: MakeRun) -> None:
    run = make_run([metrics_row(0, 0.5)], [rollout(0, 0, 0)])
    look(browser, 1280, "light")
    with make_server(lambda: Chosen([run], []), rollouts=100) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        browser.get(f"http://127.0.0.1:{server.port}/")
        until(browser, "return document.querySelector('.piece.trained')")
        browser.execute_script("window.same = true")
        with run.metrics_file.open("a") as file:
            file.write(json.dumps(metrics_row(1, 0.75)) + "\n")
        write_lines(run.path / "rollouts.jsonl", [rollout(0, 0, 0), rollout(1, 0, 0)])
        until(browser, "return document.querySelectorAll('.row').length === 2")
        until(browser, "return document.querySelector('.readout').textContent.includes('0.75')")
        assert browser.execute_script("return window.same")
        server.shutdown()
        thread.join()
    until(browser, "return document.querySelector('.title .state.failed')")
    browser.get("about:blank")
    browser.get_log("browser")


def test_a_served_page_is_read_by_no_other_page(browser: Any, make_run: MakeRun) -> None:
    read = """
    const done = arguments[arguments.length - 1];
    fetch(arguments[0]).then((answer) => answer.text()).then(done, (error) => done(error.name));
    """
    with make_server(lambda: Chosen([make_run([metrics_row(0, 0.5)])], []), rollouts=1) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        own = f"http://127.0.0.1:{server.port}/"
        browser.get("data:text/html,another origin")
        assert browser.execute_async_script(read, f"{own}data.json") == "TypeError"
        # A page whose name has come to resolve to this machine.
        browser.get(f"http://{REBOUND_HOST}:{server.port}/")
        assert texts(browser, "body") == ["not the address of this page\n"]
        said = browser.execute_async_script(read, "/data.json")
        assert said == "not the address of this page\n"
        browser.get(own)
        until(browser, "return document.documentElement.dataset.ready")
        browser.get("about:blank")
        server.shutdown()
        thread.join()
    browser.get_log("browser")
