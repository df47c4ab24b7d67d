// The plans: what differs first, then each in full.

function planSection(app) {
  const { data } = app;
  const body = [];
  if (data.runs.filter((run) => run.parent === null).length > 1) body.push(differencesTable(app));
  data.runs.forEach((run, i) => {
    if (!run.plan.length) return;
    const rows = run.plan.map(([key, value]) => [el("code", {}, key), el("code", { class: "value" }, value)]);
    const notes = run.notes.map((note) => el("p", { class: "note" }, note));
    const plan = [table(["key", "value"], rows, { label: `Plan of ${data.labels[i]}` }), notes];
    body.push(el("details", {}, el("summary", {}, data.runs.length > 1 ? [badge(app, i), data.labels[i]] : "All settings, resolved", el("span", { class: "many" }, ` ${rows.length}`)), plan));
  });
  return section("plan", "Plan", body);
}

function differencesTable(app) {
  const { data } = app;
  if (!data.differences.length) {
    return el("p", { class: "note" }, "The plans are the same, as far as they can be read, or they are stages of pipelines.");
  }
  const shown = data.runs.map((_, i) => i);
  if (data.runs.length > data.differences.length) return runsByRow(app);
  const head = ["key", ...shown.map((i) => [badge(app, i), data.labels[i]])];
  const rows = data.differences.map((row) => {
    const common = mostCommon(row.values);
    return [
      [el("code", {}, row.key), row.changes_result ? null : el("span", { class: "flag" }, "same result")],
      ...row.values.map((value) => (value === null ? "not readable" : el("code", { class: value === common ? "value" : "value differs" }, value))),
    ];
  });
  return table(head, rows, { label: "What differs between the plans" });
}

/** The same with a row a run: many runs mostly differ in a few keys. */
function runsByRow(app) {
  const { data } = app;
  const common = data.differences.map((row) => mostCommon(row.values));
  const rows = data.runs.map((_, i) => [
    [badge(app, i), data.labels[i]],
    ...data.differences.map((row, k) => (row.values[i] === null ? "not readable" : el("code", { class: row.values[i] === common[k] ? "value" : "value differs" }, row.values[i]))),
  ]);
  const head = ["run", ...data.differences.map((row) => [el("code", {}, row.key), row.changes_result ? null : el("span", { class: "flag" }, "same result")])];
  return table(head, rows, { label: "What differs between the plans" });
}

function mostCommon(values) {
  const counts = new Map();
  for (const value of values) counts.set(value, (counts.get(value) || 0) + 1);
  const [value, most] = [...counts].sort((a, b) => b[1] - a[1])[0];
  return most > 1 ? value : undefined;
}
