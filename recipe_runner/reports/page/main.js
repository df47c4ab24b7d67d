// The page: its sections, and what they share.

const app = {
  data: null, colours: [], charts: new Set(), hidden: new Set(), openGroups: new Map(),
  smoothing: 0, axis: "steps", log: false, colourKey: "", metricQuery: "", sortRuns: [0, false],
  rollouts: null, browser: null, live: null,
  colourLegend: el("p", { class: "legend" }),
};

const SECTIONS = [
  ["runs", runsSection], ["sweep", sweepSection], ["curves", curvesSection], ["scores", scoresSection], ["rollouts", rolloutsSection],
  ["plan", planSection], ["cost", costSection], ["record", recordSection],
];

app.inView = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting && !entry.target.chart.drawn) entry.target.chart.draw();
}, { rootMargin: "300px" });

app.redrawSoon = quietly(60, () => redrawCharts(app));

app.redrawSection = (id) => {
  const draw = SECTIONS.find(([name]) => name === id)[1];
  const old = document.getElementById(id);
  const fresh = draw(app);
  if (!old || !fresh) return;
  const open = [...old.querySelectorAll("details")].map((each) => each.open);
  fresh.querySelectorAll("details").forEach((each, i) => {
    if (i < open.length) each.open = open[i];
  });
  const focused = tabStops(old).indexOf(document.activeElement);
  old.replaceWith(fresh);
  if (focused >= 0) tabStops(fresh)[focused]?.focus({ preventScroll: true });
};

app.recolour = () => {
  app.colours = runColours(app.data, app.colourKey);
  show(app.colourLegend, colourLegend(app));
  for (const [id] of SECTIONS) if (["runs", "sweep", "plan", "cost", "record"].includes(id)) app.redrawSection(id);
  redrawCharts(app);
};

function tabStops(node) {
  return [...node.querySelectorAll("button, input, select, summary, [tabindex]")];
}

function drawAll() {
  app.colours = runColours(app.data, app.colourKey);
  show(document.getElementById("top"), header(app));
  const drawn = SECTIONS.map(([, draw]) => draw(app)).filter((each) => each);
  show(document.getElementById("main"), drawn, el("footer", {}, `Written ${moment(app.data.written)} by recipe-run report.`));
  show(document.getElementById("sections"), drawn.map((each) => el("a", { href: `#${each.id}` }, each.querySelector("h2").textContent)));
}

/** Newer data: everything is drawn anew but the rollouts, whose reader keeps the place. */
function update(index) {
  const shape = (data) => data.runs.map((run) => [run.id, run.stage, !!run.rollouts, run.headline?.key].join()).join();
  const metrics = (data) => [...new Set(data.runs.flatMap((run) => run.metrics.metrics.map((each) => each.key)))].join();
  const before = app.data;
  const focused = document.activeElement?.closest?.("section, header")?.id;
  app.data = new Data(index);
  if (!before || shape(before) !== shape(app.data) || metrics(before) !== metrics(app.data)) {
    drawAll();
    return;
  }
  app.colours = runColours(app.data, app.colourKey);
  show(document.getElementById("top"), header(app));
  for (const id of ["runs", "sweep", "scores", "cost", "record"]) if (id !== focused) app.redrawSection(id);
  redrawCharts(app);
  app.browser?.refresh();
}

function start() {
  const index = JSON.parse(document.getElementById("data").textContent);
  app.live = index.live ? new Live(update) : null;
  update(index);
  app.live?.follow();
  new ResizeObserver(quietly(80, () => app.charts.forEach((chart) => chart.resize()))).observe(document.body);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => app.recolour());
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
}

start();
