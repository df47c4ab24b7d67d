// Numbers, durations and names as people read them.

const ABSENT = "–";

/** A few significant digits; whole numbers whole, with separators. */
function number(value, digits = 4) {
  if (value === null || value === undefined) return ABSENT;
  if (!Number.isFinite(value)) return String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return value.toLocaleString("en-US");
  const size = Math.abs(value);
  if (size < 1e-3 || size >= 1e7) return value.toExponential(2).replace("e+", "e");
  return String(Number(value.toPrecision(digits)));
}

function signed(value) {
  return value > 0 ? `+${number(value)}` : number(value);
}

function dollars(value) {
  if (value === null || value === undefined) return "unknown";
  return value !== 0 && Math.abs(value) < 0.01 ? `$${value.toPrecision(2)}` : `$${value.toFixed(2)}`;
}

/** What a run cost: where nothing is charged, that. */
function spent(run) {
  if (!run.charged) return "not charged";
  return run.cost.usage ? dollars(run.cost.usage.usd) : ABSENT;
}

/** The name of what is reported: of the one sweep that all runs are of, or of the recipes. */
function subject(data) {
  const tops = data.runs.filter((run) => run.parent === null);
  const names = [...new Set(tops.map((run) => run.name))];
  const own = data.sweeps.length === 1 && data.sweeps[0].variants.filter((each) => each.index !== null).length === tops.length;
  const name = own ? data.sweeps[0].name : `${names.slice(0, 3).join(", ")}${names.length > 3 ? ", …" : ""}`;
  return tops.length === 1 ? names[0] : `${name}: ${tops.length} runs`;
}

function duration(seconds) {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

function moment(text) {
  return text ? text.replace("T", " ").replace("+00:00", " UTC") : ABSENT;
}

function count(many, one, several = `${one}s`) {
  return `${number(many)} ${many === 1 ? one : several}`;
}

/** What tells a run from the others: its stage, its variant, or what its plan has of its own. */
function runLabel(data, index) {
  const run = data.runs[index];
  if (run.stage !== null) return `${data.runs[run.parent].name} / ${run.stage}`;
  const others = data.runs.filter((each) => each.name === run.name && each.parent === null);
  if (others.length === 1) return run.name;
  const own = data.differences.filter((row) => row.changes_result && row.values[index] !== null).slice(0, 3);
  const values = own.map((row) => `${row.key.split(".").pop()}=${row.values[index]}`);
  const distinct = own.length && new Set(data.runs.map((_, i) => own.map((row) => row.values[i]).join("\n"))).size === data.runs.length;
  return [run.variant || run.name, ...(run.variant ? [] : values), ...(distinct || run.variant ? [] : [run.id])].join(" ");
}
