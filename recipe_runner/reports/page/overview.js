// The top of the page: what ran, what became of it, and what a reader must not miss.

const STATE_WORDS = {
  done: "✓ done", failed: "✗ failed", running: "▶ running", interrupted: "■ interrupted",
  budget: "■ budget spent", planned: "○ planned", waiting: "○ waiting", stopped: "■ stopped early",
};

function stateChip(run) {
  const known = run.state in STATE_WORDS ? run.state : "unknown";
  return el("span", { class: `state ${known}` }, STATE_WORDS[run.state] || run.state);
}

function header(app) {
  const { data } = app;
  const tops = data.runs.filter((run) => run.parent === null);
  const lone = tops.length === 1 ? tops[0] : null;
  return [
    el("div", { class: "title" }, el("h1", {}, subject(data)), lone ? stateChip(lone) : null, app.live ? app.live.chip : null),
    lone && lone.description ? el("p", { class: "description" }, lone.description) : null,
    banners(app),
    lone && data.runs.length === 1 ? tiles(app, lone) : null,
  ];
}

/** What would mislead if it were missed. */
function banners(app) {
  const { data } = app;
  const found = [];
  data.runs.forEach((run, i) => {
    const who = data.runs.length > 1 ? `${data.labels[i]}: ` : "";
    if (run.stand_in && run.method !== "pipeline") {
      found.push(["warning", "Stand-in weights", `${who}${run.served}. These figures show that the recipe runs, and say nothing about the model that it names.`]);
    }
    if (run.errors.length) {
      const last = run.errors.at(-1);
      const past = run.state === "failed" ? "Failed" : "An earlier attempt failed";
      found.push([run.state === "failed" ? "error" : "note", past, `${who}${last}`]);
    } else if (run.state === "failed") {
      found.push(["error", "Failed", `${who}see output.log in ${run.facts.find(([name]) => name === "directory")?.[1]}`]);
    }
    if (run.rollouts?.errors) {
      found.push(["note", "Errors in rollouts", `${who}${count(run.rollouts.errors, "episode")} of ${number(run.rollouts.kept)} ended in an error of its environment or example.`]);
    }
  });
  const merged = new Map();
  for (const [kind, name, text] of found) {
    const key = `${kind}\n${name}`;
    merged.set(key, [kind, name, [...(merged.get(key)?.[2] || []), text]]);
  }
  return [...merged.values()].map(([kind, name, texts]) =>
    el("div", { class: `banner ${kind}`, role: kind === "error" ? "alert" : "note" }, el("strong", {}, name),
      texts.slice(0, 6).map((text) => el("p", {}, text)), texts.length > 6 ? el("p", {}, `and ${texts.length - 6} more`) : null));
}

function tiles(app, run) {
  const { usage, estimate } = run.cost;
  const tile = (name, value, note) => el("div", { class: "tile" }, el("span", { class: "name" }, name), el("span", { class: "value" }, value), el("span", { class: "note" }, note || ""));
  const used = usage ? totalTokens(usage.tokens) : null;
  return el("div", { class: "tiles" },
    run.headline ? tile(run.headline.label, `${number(run.headline.first, 3)} → ${number(run.headline.last, 3)}`, "mean of the first and last three steps") : null,
    tile("steps", run.headline ? number(run.headline.steps) : "0", run.steps_wanted ? `of ${number(run.steps_wanted)}` : ""),
    used === null ? null : tile("tokens", number(used), estimate ? `expected ${number(expectedTokens(estimate))}` : ""),
    usage ? tile("cost", spent(run), costNote(run)) : null,
    usage ? tile("at work", duration(usage.seconds), count(run.attempts.length, "attempt")) : tile("attempts", number(run.attempts.length), ""),
    run.rollouts ? tile("rollouts", number(run.rollouts.total), run.rollouts.kept < run.rollouts.total ? `${number(run.rollouts.kept)} in this report` : "") : null);
}

function costNote(run) {
  const { usage, estimate } = run.cost;
  if (estimate?.usd) return `expected ${dollars(estimate.usd.expected)}`;
  if (usage.usd !== null) return run.charged ? "" : `${dollars(usage.usd)} at hosted prices`;
  return run.charged ? "no price is known for the model" : "";
}

// As many as can be told apart on one chart.
const LEADERS = 6;

/** Several runs, side by side: which are drawn, and what became of each. */
function runsSection(app) {
  const { data } = app;
  if (data.runs.length < 2) return null;
  const columns = [
    ["run", (run, i) => i], ["state", (run) => run.state], ["steps", (run) => run.headline?.steps ?? null],
    ["first", (run) => run.headline?.first ?? null], ["last", (run) => run.headline?.last ?? null],
    ["tokens", (run) => (run.cost.usage ? totalTokens(run.cost.usage.tokens) : null)], ["cost", (run) => run.cost.usage?.usd ?? null],
  ];
  const order = data.runs.map((_, i) => i);
  const [column, down] = app.sortRuns;
  const value = columns[column][1];
  const rank = (i) => value(data.runs[i], i);
  order.sort((a, b) => {
    const [x, y] = [rank(a), rank(b)];
    if (x === null || y === null) return (x === null) - (y === null);
    return (x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1);
  });
  const head = columns.map(([name], i) => el("button", { class: "sort", type: "button", "aria-label": `sort by ${name}`, onclick: () => {
    app.sortRuns = [i, app.sortRuns[0] === i ? !app.sortRuns[1] : i > 1];
    app.redrawSection("runs");
  } }, name, i === column ? (down ? " ↓" : " ↑") : ""));
  const labels = [...new Set(data.runs.map((run) => run.headline?.label).filter((each) => each))];
  const rows = order.map((i) => {
    const run = data.runs[i];
    const box = el("input", { type: "checkbox", checked: !app.hidden.has(i), onchange: (event) => {
      if (event.target.checked) app.hidden.delete(i);
      else app.hidden.add(i);
      redrawCharts(app);
    } });
    return [
      el("label", { class: run.stage === null ? "run" : "run stage" }, box, badge(app, i), el("span", {}, data.labels[i])),
      stateChip(run), number(run.headline?.steps), number(run.headline?.first), number(run.headline?.last),
      number(run.cost.usage ? totalTokens(run.cost.usage.tokens) : null),
      spent(run),
    ];
  });
  const draw = (hidden) => {
    app.hidden = new Set(hidden);
    app.redrawSection("runs");
    redrawCharts(app);
  };
  const button = (words, hidden) => el("button", { type: "button", class: "plain", onclick: () => draw(hidden()) }, words);
  const leaders = () => order.slice(LEADERS);
  const tools = data.runs.length <= LEADERS ? null : el("p", { class: "note tools" }, "draw ",
    button("all", () => []), button("none", () => order), button(`the first ${LEADERS} of this order`, leaders));
  return section("runs", "Runs", tools, table(head, rows, { numeric: [2, 3, 4, 5, 6], label: "Runs" }),
    labels.length ? el("p", { class: "note" }, `first and last: ${labels.join(", ")}, mean of three steps`) : null);
}

/** Sweeps: every variant, the best first, those that never began included. */
function sweepSection(app) {
  const { sweeps, labels } = app.data;
  if (!sweeps.length) return null;
  return section("sweep", sweeps.length > 1 ? "Sweeps" : "Sweep", sweeps.map((sweep) => {
    const sign = sweep.lower_is_better ? 1 : -1;
    const worst = Infinity;
    const rank = (each) => (typeof each.value === "number" ? sign * each.value : worst);
    const variants = [...sweep.variants].sort((a, b) => rank(a) - rank(b) || 0);
    const rows = variants.map((each) => [
      [each.index === null ? null : badge(app, each.index), String(each.variant)],
      stateChip({ state: each.state }), number(each.value), number(each.steps), number(each.tokens), each.index === null ? dollars(each.usd) : spent(app.data.runs[each.index]), each.error || "",
    ]);
    return [
      el("p", { class: "note" }, `${sweep.name}: ${count(sweep.variants.length, "variant")}, begun ${moment(sweep.started)}, ${sweep.ended ? `ended ${moment(sweep.ended)}` : "not ended"}; ${sweep.lower_is_better ? "lowest" : "highest"} ${sweep.metric_label} first`),
      table(["variant", "state", sweep.metric_label, "steps", "tokens", "cost", "error"], rows, { numeric: [2, 3, 4, 5], label: "Variants of the sweep" }),
    ];
  }));
}

/** What evaluations found: evaluators by rows, runs by columns. */
function scoresSection(app) {
  const runs = app.data.runs.map((run, i) => [run, i]).filter(([run]) => run.evaluations.length);
  if (!runs.length) return null;
  const names = [...new Set(runs.flatMap(([run]) => run.evaluations.map((each) => String(each.evaluator))))];
  const of = (run, name) => run.evaluations.filter((each) => String(each.evaluator) === name).at(-1);
  const several = runs.length > 1;
  const rows = names.map((name) => [name, ...runs.map(([run]) => number(of(run, name)?.score))]);
  const details = runs.flatMap(([run, i]) => run.evaluations.map((each) =>
    el("details", {}, el("summary", {}, several ? `${app.data.labels[i]}: ${each.evaluator}` : String(each.evaluator)),
      facts([["weights", String(each.model_path || each.model_name || ABSENT)], ["took", duration(each.seconds || 0)],
        ...Object.entries(each.metrics || {}).map(([key, value]) => [key, typeof value === "number" ? number(value) : String(value)])]))));
  return section("scores", "Scores",
    table(["evaluator", ...runs.map(([, i]) => (several ? app.data.labels[i] : "score"))], rows, { numeric: runs.map((_, i) => i + 1), label: "Scores" }), details);
}
