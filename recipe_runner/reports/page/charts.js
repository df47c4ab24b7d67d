// One metric of all runs on one chart. Every value that was measured is drawn.

const HEIGHT = 190;
const TALL = 260;
// A handful of evaluations says nothing smoothed.
const FEWEST_SMOOTHED = 10;
// More numbers than these would not fit beside the ends of their lines.
const MOST_NUMBERED = 12;

/** A card that draws itself when it comes into view. */
function chartCard(app, key, { tall = false } = {}) {
  const plot = el("div", { class: "plot" });
  const readout = el("div", { class: "readout" });
  const card = el("figure", { class: tall ? "chart tall" : "chart", tabindex: "0", role: "group", "aria-label": describe(app, key) },
    el("figcaption", {}, el("span", { class: "metric" }, key), notFinite(app, key)), readout, plot);
  plot.style.height = `${tall ? TALL : HEIGHT}px`;
  const chart = new Chart(app, key, card, plot, readout, tall ? TALL : HEIGHT);
  card.addEventListener("keydown", (event) => chart.move(event));
  app.charts.add(chart);
  app.inView.observe(card);
  card.chart = chart;
  return card;
}

function metricOf(run, key) {
  return run.metrics.metrics.find((each) => each.key === key);
}

function notFinite(app, key) {
  const bad = app.data.runs.reduce((sum, run) => sum + (metricOf(run, key)?.not_finite || 0), 0);
  return bad ? el("span", { class: "flag error" }, `${count(bad, "value")} not finite`) : null;
}

function describe(app, key) {
  const parts = app.data.runs.map((run, i) => [metricOf(run, key), i]).filter(([metric]) => metric).map(([metric, i]) =>
    `run ${i + 1}: ${count(metric.points, "point")}, first ${number(metric.first)}, last ${number(metric.last)}, low ${number(metric.low)}, high ${number(metric.high)}`);
  return `${key}. ${parts.join(". ")}. Arrow keys move along the curve, Escape shows all of it.`;
}

/** Debiased exponential moving average, as the field's dashboards smooth; gaps stay gaps. */
function smoothed(values, weight) {
  if (!weight || values.length < FEWEST_SMOOTHED) return values;
  const out = new Array(values.length);
  let mean = 0;
  let seen = 0;
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) {
      out[i] = null;
      continue;
    }
    mean = weight * mean + (1 - weight) * values[i];
    seen += 1;
    out[i] = mean / (1 - weight ** seen);
  }
  return out;
}

class Chart {
  constructor(app, key, card, plot, readout, height) {
    Object.assign(this, { app, key, card, plot, readout, height, drawn: false, shown: [] });
  }

  /** Draw, or draw anew; `keep` leaves the zoom as it is. */
  async draw(keep = false) {
    this.drawn = true;
    const turn = (this.turn = (this.turn || 0) + 1);
    const { app } = this;
    const found = await Promise.all(app.data.runs.map((run, i) => (app.hidden.has(i) ? null : this.series(run, i))));
    if (turn !== this.turn) return;
    this.shown = found.filter((each) => each);
    const zoom = keep && this.uplot && this.zoomed ? this.uplot.scales.x : null;
    const range = zoom ? { min: zoom.min, max: zoom.max } : null;
    this.uplot?.destroy();
    this.uplot = null;
    if (!this.shown.length) {
      show(this.plot, el("p", { class: "empty" }, app.axis === "seconds" ? "no row says how long it took" : "no values"));
      show(this.readout);
      return;
    }
    show(this.plot);
    const tables = this.shown.flatMap((each) => (app.smoothing ? [[each.x, each.raw], [each.x, each.values]] : [[each.x, each.raw]]));
    const joined = tables.length > 1 ? uPlot.join(tables) : tables[0];
    this.uplot = new uPlot(this.options(), joined, this.plot);
    if (range) this.uplot.setScale("x", range);
    this.read();
  }

  async series(run, index) {
    const { app } = this;
    const metric = metricOf(run, this.key);
    if (!metric) return null;
    const axis = run.metrics.axes[metric.axis];
    if (app.axis === "seconds" && axis.seconds === undefined) return null;
    const [x, numbers] = await Promise.all([
      app.axis === "seconds" ? app.data.numbers(axis.seconds, axis.seconds_form) : app.data.numbers(axis.steps, axis.form),
      app.data.numbers(metric.values, metric.form),
    ]);
    const raw = Array.from(numbers, (value) => (Number.isFinite(value) && (!app.log || value > 0) ? value : null));
    return { index, x: Array.from(x), raw, values: smoothed(raw, app.smoothing) };
  }

  options() {
    const { app } = this;
    const style = getComputedStyle(document.documentElement);
    const ink = style.getPropertyValue("--ink-soft").trim();
    const grid = { stroke: style.getPropertyValue("--grid").trim(), width: 1 };
    const axis = { stroke: ink, grid, ticks: grid, font: "11px system-ui, sans-serif", size: 30 };
    const lone = this.shown.some((each) => each.x.length < 2);
    const lines = this.shown.flatMap(({ index, x }) => {
      const line = { label: app.data.labels[index], stroke: app.colours[index], width: 1.75, points: { show: lone || x.length < 20, size: 5 } };
      return app.smoothing ? [{ ...line, alpha: 0.22, width: 1, points: { show: false } }, line] : [line];
    });
    return {
      width: Math.max(200, this.plot.clientWidth),
      height: this.height,
      padding: [10, this.shown.length > 1 ? 28 : 12, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { size: 7 }, sync: { key: `runs-${app.axis}` }, drag: { x: true, y: false } },
      scales: { x: { time: false }, y: { distr: app.log ? 3 : 1 } },
      axes: [
        { ...axis, values: (_, ticks) => ticks.map((each) => (app.axis === "seconds" ? shortTime(each) : number(each))) },
        { ...axis, size: 52, values: (_, ticks) => ticks.map((each) => (each === null ? "" : number(each))) },
      ],
      series: [{}, ...lines],
      hooks: {
        setCursor: [() => this.read()],
        draw: [(uplot) => this.drawNumbers(uplot)],
        setScale: [(uplot, name) => {
          if (name === "x") this.zoomed = uplot.scales.x.min > uplot.data[0][0] || uplot.scales.x.max < uplot.data[0].at(-1);
        }],
      },
    };
  }

  /** Each line ends in its run's number, so that colour is not the only sign. */
  drawNumbers(uplot) {
    if (this.shown.length < 2 || this.shown.length > MOST_NUMBERED) return;
    const ratio = devicePixelRatio || 1;
    const { ctx, bbox } = uplot;
    const ends = this.shown.map(({ index, values, x }) => {
      let last = values.length - 1;
      while (last > 0 && (values[last] === null || x[last] > uplot.scales.x.max)) last -= 1;
      const top = values[last] === null ? null : uplot.valToPos(values[last], "y", true);
      return { index, top, left: Math.min(uplot.valToPos(x[last], "x", true), bbox.left + bbox.width) };
    }).filter((each) => each.top !== null && Number.isFinite(each.top)).sort((a, b) => a.top - b.top);
    ctx.save();
    ctx.font = `600 ${11 * ratio}px system-ui, sans-serif`;
    ctx.textAlign = "left";
    ctx.textBaseline = "middle";
    let floor = -Infinity;
    for (const end of ends) {
      const top = Math.max(end.top, floor);
      floor = top + 12 * ratio;
      ctx.fillStyle = this.app.colours[end.index];
      ctx.fillText(String(end.index + 1), end.left + 9 * ratio, top);
    }
    ctx.restore();
  }

  /** Write out what was measured at the cursor, or last. */
  read() {
    if (!this.uplot) return;
    const at = this.uplot.cursor.idx;
    const chosen = at === null || at === undefined ? null : this.uplot.data[0][at];
    const where = chosen === null ? "last" : this.app.axis === "seconds" ? shortTime(chosen) : `step ${number(chosen)}`;
    const values = this.shown.map((each) => {
      const place = chosen === null ? each.x.length - 1 : nearest(each.x, chosen);
      return [each.index, place < 0 ? null : each.raw[place]];
    });
    const few = values.slice(0, 8);
    show(this.readout, el("span", { class: "where" }, where),
      few.map(([index, value]) => el("span", {}, values.length > 1 ? badge(this.app, index) : null, number(value))),
      values.length > few.length ? `and ${values.length - few.length} more` : null);
  }

  /** Keys move the cursor along the curve. */
  move(event) {
    const far = event.shiftKey ? 10 : 1;
    const uplot = this.uplot;
    if (!uplot) return;
    const last = uplot.data[0].length - 1;
    const now = uplot.cursor.idx ?? last;
    const to = { ArrowLeft: now - far, ArrowRight: now + far, Home: 0, End: last }[event.key];
    if (to !== undefined) {
      const place = Math.min(last, Math.max(0, to));
      uplot.setCursor({ left: uplot.valToPos(uplot.data[0][place], "x"), top: 20 });
      this.readout.setAttribute("aria-live", "polite");
    } else if (event.key === "Escape") {
      uplot.setScale("x", { min: uplot.data[0][0], max: uplot.data[0][last] });
    } else return;
    event.preventDefault();
  }

  resize() {
    const width = Math.max(200, this.plot.clientWidth);
    if (this.uplot && Math.abs(width - this.uplot.width) > 1) this.uplot.setSize({ width, height: this.height });
  }
}

/** The place of the last point that is not behind `x`, -1 without one. */
function nearest(points, x) {
  let low = 0;
  let high = points.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (points[middle] <= x) low = middle + 1;
    else high = middle - 1;
  }
  return high;
}

function shortTime(seconds) {
  if (seconds < 120) return `${number(seconds)} s`;
  return seconds < 7200 ? `${number(Math.round(seconds / 6) / 10)} min` : `${number(Math.round(seconds / 360) / 10)} h`;
}
