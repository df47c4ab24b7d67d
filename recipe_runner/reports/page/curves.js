// The curves: the metrics that a run is watched by first, then the rest by the first part of their names.

function curvesSection(app) {
  const body = el("div", { class: "groups" });
  const draw = () => drawGroups(app, body);
  const searched = quietly(150, (text) => {
    app.metricQuery = text.trim().toLowerCase();
    draw();
  });
  const redraw = () => redrawCharts(app);
  const smoothingOut = el("output", {}, String(app.smoothing));
  const colourKeys = app.data.differences.filter((row) => new Set(row.values).size > 1).map((row) => [row.key, row.key]);
  const controls = el("div", { class: "controls" },
    field("Metrics", el("input", { type: "search", placeholder: "name contains…", value: app.metricQuery, oninput: (event) => searched(event.target.value) }), "wide"),
    field("Smoothing", el("span", { class: "slider" },
      el("input", { type: "range", min: "0", max: "0.99", step: "0.01", value: app.smoothing, oninput: (event) => {
        app.smoothing = Number(event.target.value);
        smoothingOut.textContent = String(app.smoothing);
        app.redrawSoon();
      } }), smoothingOut)),
    field("Axis", choice([["steps", "steps"], ["seconds", "time at work"]], app.axis, (value) => {
      app.axis = value;
      redraw();
    })),
    field("Scale", choice([["linear", "linear"], ["log", "logarithmic"]], app.log ? "log" : "linear", (value) => {
      app.log = value === "log";
      redraw();
    })),
    colourKeys.length ? field("Colour by", choice([["", "run"], ...colourKeys], app.colourKey, (value) => {
      app.colourKey = value;
      app.recolour();
    })) : null);
  draw();
  return section("curves", "Curves", controls, app.colourLegend, body);
}

function redrawCharts(app) {
  for (const chart of app.charts) if (chart.drawn) chart.draw(true);
}

function drawGroups(app, body) {
  for (const chart of app.charts) chart.uplot?.destroy();
  app.charts.clear();
  const groups = metricGroups(app);
  if (!groups.length) {
    show(body, el("p", { class: "empty" }, app.metricQuery ? "No metric has this in its name." : "No metrics yet."));
    return;
  }
  show(body, groups.map(([name, keys, open]) => {
    if (name === "") return el("div", { class: "charts first" }, keys.map((key) => chartCard(app, key, { tall: true })));
    const charts = el("div", { class: "charts" });
    const fillIn = () => {
      if (!charts.childElementCount) show(charts, keys.map((key) => chartCard(app, key)));
    };
    const wanted = app.openGroups.has(name) ? app.openGroups.get(name) : open;
    const group = el("details", { class: "group", open: wanted, ontoggle: () => {
      app.openGroups.set(name, group.open);
      if (group.open) fillIn();
    } }, el("summary", {}, name, el("span", { class: "many" }, ` ${keys.length}`)), charts);
    if (wanted) fillIn();
    return group;
  }), textMetrics(app));
}

/** [name, keys, open]: the first, without a name, is what people watch. */
function metricGroups(app) {
  const keys = [...new Set(app.data.runs.flatMap((run) => run.metrics.metrics.map((each) => each.key)))];
  if (app.metricQuery) {
    const found = keys.filter((key) => key.toLowerCase().includes(app.metricQuery));
    return found.length ? [["found", found, true]] : [];
  }
  const first = new Set(app.data.runs.map((run) => run.headline?.key).filter((key) => key));
  for (const key of keys) if (WATCHED.has(key)) first.add(key);
  const groups = new Map();
  for (const key of keys.filter((each) => !first.has(each))) {
    const name = key.includes("/") ? key.slice(0, key.indexOf("/")) : "other";
    groups.set(name, [...(groups.get(name) || []), key]);
  }
  const late = (name) => LATE.indexOf(name);
  const named = [...groups].sort(([a], [b]) => late(a) - late(b)).map(([name, of]) => [name, of, !first.size && groups.size === 1]);
  return first.size ? [["", [...first], true], ...named] : named;
}

const WATCHED = new Set(["test/env/all/reward/total", "test/nll", "test/accuracy", "test/win_rate", "test/teacher_kl"]);

// What is looked at least comes last.
const LATE = ["optim", "other", "time", "progress"];

function textMetrics(app) {
  const rows = app.data.runs.flatMap((run, i) => run.metrics.texts.map(([key, text]) => [key, app.data.labels[i], text]));
  const lost = app.data.runs.reduce((sum, run) => sum + run.metrics.without_step, 0);
  return [
    rows.length ? el("details", { class: "group" }, el("summary", {}, "metrics that are no numbers", el("span", { class: "many" }, ` ${rows.length}`)),
      table(["metric", "run", "last value"], rows, { label: "Metrics that are no numbers" })) : null,
    lost ? el("p", { class: "note" }, `${count(lost, "row")} without a step left out.`) : null,
  ];
}
