// One rollout in full: what the model was shown, what it wrote, and what of it was trained how.

const LEVELS = 4;
// A prompt of more characters is shown in part at first.
const LONG = 2000;

function episode(record, siblings) {
  const numbers = [
    ["step", number(record.step)], ["of", String(record.split ?? ABSENT)], ["group", `${record.group}, member ${record.member}`],
    ["reward", number(record.reward)], ["advantage", record.advantage == null ? "not trained" : signed(record.advantage)],
    ["prompt", `${number(record.prompt_tokens)} tokens`], ["reply", `${number(record.reply_tokens)} tokens`],
    record.tags?.length ? ["tags", record.tags.join(", ")] : null,
  ].filter((each) => each);
  const sequences = record.sequences || [];
  const strongest = Math.max(0, ...sequences.flat().map((piece) => Math.abs(piece[3] ?? 0)));
  return [
    facts(numbers), siblings,
    record.error ? el("p", { class: "banner error" }, el("strong", {}, "Error "), record.error) : null,
    sequences.map((sequence, n) => [
      sequences.length > 1 ? el("h4", {}, `Sequence ${n + 1} of ${sequences.length}`) : null,
      el("div", { class: "text" }, sequence.map((piece) => pieceNode(piece, strongest))),
    ]),
    turnsTable(record),
  ];
}

function pieceNode([text, kind, tokens, advantage], strongest) {
  const about = { shown: "shown", trained: "trained", untrained: "sampled, not trained" }[kind] || String(kind);
  const strength = advantage ? Math.max(1, Math.ceil((LEVELS * Math.abs(advantage)) / strongest)) : 0;
  const classes = ["piece", kind === "trained" ? `trained ${side(advantage)} s${strength}` : kind === "shown" ? "shown" : "untrained"];
  const title = `${about}, ${count(tokens, "token")}${advantage == null ? "" : `, advantage ${signed(advantage)}`}`;
  return el("span", { class: classes.join(" "), title }, kind === "shown" && text.length > LONG ? shortened(text) : text);
}

/** The middle of a long prompt opens on demand, so that the reply is in sight. */
function shortened(text) {
  const [start, end] = [text.slice(0, 300), text.slice(-700)];
  const button = el("button", { type: "button", class: "more", onclick: () => button.replaceWith(text.slice(300, -700)) }, `show ${number(text.length - 1000)} more characters`);
  return [start, button, end];
}

function turnsTable(record) {
  const turns = record.turns || [];
  const entries = (values) => Object.entries(values || {}).map(([key, value]) => `${key} ${typeof value === "number" ? number(value) : JSON.stringify(value)}`).join("  ");
  const rows = turns.map((turn, i) => [String(i + 1), number(turn.reward), entries(turn.metrics), entries(turn.logs)]);
  const own = entries(record.metrics);
  if (!rows.length && !own) return null;
  return el("details", {}, el("summary", {}, "What the environment says"), own ? el("p", { class: "note" }, own) : null,
    rows.length ? table(["turn", "reward", "metrics", "logs"], rows, { numeric: [1], label: "Turns" }) : null);
}

/** What the colours mean; each also has a line under it, or none. */
function legend() {
  const sample = (classes, words) => el("span", { class: `piece ${classes}` }, words);
  return el("p", { class: "legend" }, sample("shown", "shown to the model"), sample("trained up s3", "trained, advantage above 0"),
    sample("trained down s3", "trained, advantage below 0"), sample("trained s0", "trained, advantage 0"), sample("untrained", "sampled, not trained"),
    el("span", {}, "The stronger, the larger the advantage within the rollout."));
}
