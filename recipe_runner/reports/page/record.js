// The record: attempts, events, checkpoints, versions.

function recordSection(app) {
  const { data } = app;
  const several = data.runs.length > 1;
  return section("record", "Record", data.runs.map((run, i) => {
    const body = recordOf(run);
    return several ? el("details", { open: run.state === "failed" }, el("summary", {}, badge(app, i), data.labels[i], " ", stateChip(run)), body) : body;
  }));
}

function recordOf(run) {
  const attempts = run.attempts.map((each, i) => [
    String(i + 1), moment(each.started), moment(each.ended), number(each.from_step), each.state || "", each.error || "",
  ]);
  const events = run.events.map((each) => {
    const { time, event, ...rest } = each;
    return [moment(String(time || "")), String(event || ""), Object.entries(rest).map(([key, value]) => `${key}: ${typeof value === "string" ? value : JSON.stringify(value)}`).join("  ")];
  });
  return [
    facts(run.facts),
    attempts.length ? [el("h3", {}, "Attempts"), table(["", "started", "ended", "from step", "state", "error"], attempts, {
      numeric: [3], label: "Attempts", rowClass: (n) => (run.attempts[n].error ? "error" : null) })] : null,
    run.checkpoints.length ? [el("h3", {}, "Checkpoints"), table(["name", "path"], run.checkpoints.map(([name, path]) => [name, el("code", {}, path)]), { label: "Checkpoints" })] : null,
    events.length ? el("details", {}, el("summary", {}, "Events", el("span", { class: "many" }, ` ${events.length}`)),
      run.events_left_out ? el("p", { class: "note" }, `The first ${number(run.events_left_out)} are left out.`) : null,
      table(["time", "event", ""], events, { label: "Events" })) : null,
    el("details", {}, el("summary", {}, "Versions"), facts(Object.entries(run.versions).map(([name, version]) => [name, String(version)]))),
  ];
}
