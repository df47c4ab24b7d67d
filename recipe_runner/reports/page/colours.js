// Colours of runs: by number, or by the value of a key that differs. Each run also has its number.

const PALETTES = {
  light: ["#0068a8", "#c2410c", "#007a5e", "#9b3d86", "#7a5c00", "#4b4bc8", "#b3261e", "#505050"],
  dark: ["#58b4f0", "#ff9457", "#3cc9a0", "#e48cc9", "#e8c547", "#a9a9ff", "#ff8a80", "#c9c9c9"],
};
// From low to high, for keys whose values are numbers.
const SCALES = {
  light: ["#8a6d00", "#3f7f3a", "#00777e", "#2a5ba8", "#5b3a9e", "#6a1d62"],
  dark: ["#fde047", "#86d96f", "#3fc6b4", "#5fa3f0", "#a78bfa", "#f08ad8"],
};

function theme() {
  return matchMedia("(prefers-color-scheme: dark)").matches && !matchMedia("print").matches ? "dark" : "light";
}

/** Colour of each run. */
function runColours(data, key) {
  const palette = PALETTES[theme()];
  const row = data.differences.find((each) => each.key === key);
  if (!row) return data.runs.map((_, i) => palette[i % palette.length]);
  const values = [...new Set(row.values)];
  const numeric = values.every((each) => each !== null && each !== "" && Number.isFinite(Number(each)));
  if (!numeric) return row.values.map((each) => palette[values.indexOf(each) % palette.length]);
  values.sort((a, b) => Number(a) - Number(b));
  const scale = SCALES[theme()];
  const place = (each) => Math.round((values.indexOf(each) * (scale.length - 1)) / Math.max(1, values.length - 1));
  return row.values.map((each) => scale[place(each)]);
}

/** What the colours stand for, where they stand for values of a key. */
function colourLegend(app) {
  const row = app.data.differences.find((each) => each.key === app.colourKey);
  if (!row) return null;
  const of = new Map(row.values.map((value, i) => [value ?? "not readable", app.colours[i]]));
  const sorted = [...of].sort(([a], [b]) => Number(a) - Number(b) || 0);
  return [el("code", {}, row.key), sorted.map(([value, colour]) => {
    const dot = el("span", { class: "dot", "aria-hidden": "true" });
    dot.style.setProperty("--run", colour);
    return el("span", {}, dot, value);
  })];
}

/** A run's number on its colour. */
function badge(app, index) {
  const mark = el("span", { class: "badge", "aria-hidden": "true" }, String(index + 1));
  mark.style.setProperty("--run", app.colours[index]);
  return mark;
}
