// Tokens and money: what was counted, against what the plan expected.

const KINDS = ["prefill", "cached", "sampled", "trained"];

function sum(tokens) {
  return KINDS.reduce((total, kind) => total + (tokens?.[kind] || 0), 0);
}

function totalTokens(byModel) {
  return Object.values(byModel).reduce((total, tokens) => total + sum(tokens), 0);
}

function expectedTokens(estimate) {
  return Object.values(estimate.tokens).reduce((total, each) => total + sum(each.expected), 0);
}

function costSection(app) {
  const known = app.data.runs.map((run, i) => [run, i]).filter(([run]) => run.cost.usage || run.cost.estimate);
  if (!known.length) return null;
  return section("cost", "Tokens and cost", known.map(([run, i]) => costOf(app, run, i, known.length > 1)));
}

function costOf(app, run, index, several) {
  const { usage, estimate } = run.cost;
  const models = [...new Set([...Object.keys(usage?.tokens || {}), ...Object.keys(estimate?.tokens || {})])];
  const rows = models.flatMap((model) => {
    const used = usage?.tokens[model];
    const expected = estimate?.tokens[model];
    return KINDS.filter((kind) => used?.[kind] || expected?.high[kind]).map((kind) => [
      models.length > 1 ? `${model}: ${kind}` : kind, usage ? used?.[kind] || 0 : null, expected ? spanOf(expected, (each) => each[kind]) : null, number,
    ]);
  });
  if (usage || estimate?.usd) rows.push(["cost", usage ? usage.usd : null, estimate?.usd || null, dollars]);
  const body = [
    table(["", "counted", "low", "expected", "high", "within"], rows.map(([name, used, span, words]) => [
      name, used === null ? ABSENT : words(used), ...(span ? [span.low, span.expected, span.high].map((each) => words(each)) : [ABSENT, ABSENT, ABSENT]),
      span ? gauge(used, span) : ABSENT,
    ]), { numeric: [1, 2, 3, 4], label: "Tokens and cost" }),
    facts([
      ["prices of", (usage?.prices_of.length ? usage.prices_of : estimate?.prices_of || []).join(", ") || "no price is known"],
      ["at work", usage ? duration(usage.seconds) : "not counted"],
      estimate?.unpriced.length ? ["without a price", estimate.unpriced.join(", ")] : null,
      estimate?.storage_gb ? ["checkpoints", `${number(estimate.storage_gb)} GB`] : null,
    ].filter((each) => each)),
    usage ? null : el("p", { class: "note" }, "No tokens were counted for this run."),
    estimate ? null : el("p", { class: "note" }, "This run has no estimate on record."),
    estimate?.assumptions.length ? el("details", {}, el("summary", {}, "What the estimate assumes"), el("ul", {}, estimate.assumptions.map((each) => el("li", {}, each)))) : null,
  ];
  return several ? el("details", { open: app.data.runs.length < 4 }, el("summary", {}, badge(app, index), app.data.labels[index]), body) : body;
}

function spanOf(expected, value) {
  return { low: value(expected.low) || 0, expected: value(expected.expected) || 0, high: value(expected.high) || 0 };
}

/** Where a count lies between low and high. */
function gauge(used, span) {
  if (used === null || used === undefined) return ABSENT;
  const inside = used >= span.low && used <= span.high;
  const top = Math.max(used, span.high) || 1;
  const at = (value) => 4 + (112 * value) / top;
  const words = inside ? "✓ within" : used < span.low ? "↓ below" : above(used, span);
  return el("span", { class: inside ? "gauge" : "gauge outside" },
    svg("svg", { viewBox: "0 0 120 14", width: 120, height: 14, "aria-hidden": "true" },
      svg("line", { x1: 4, x2: 116, y1: 7, y2: 7, class: "rail" }),
      svg("line", { x1: at(span.low), x2: at(span.high), y1: 7, y2: 7, class: "span" }),
      svg("line", { x1: at(span.expected), x2: at(span.expected), y1: 3, y2: 11, class: "expected" }),
      svg("circle", { cx: at(used), cy: 7, r: 4, class: "used" })), words);
}

function above(used, span) {
  return span.high ? `↑ ${number(used / span.high)} × the high` : "↑ above";
}
