// The browser of rollouts: a list that is drawn as far as it is seen, filters, and one episode in full.

const ROW_HEIGHT = 58;
const SEARCH_QUIET = 250;

function rolloutsSection(app) {
  const sources = app.data.runs.map((run, i) => [run.rollouts, i]).filter(([rollouts]) => rollouts);
  if (!sources.length) return null;
  app.rollouts ||= { run: sources[0][1], filters: { order: "step" }, chosen: null };
  if (!app.data.runs[app.rollouts.run]?.rollouts) app.rollouts.run = sources[0][1];
  const browser = new Browser(app, sources.map(([, i]) => i));
  app.browser = browser;
  return section("rollouts", "Rollouts", browser.view);
}

class Browser {
  constructor(app, runs) {
    this.app = app;
    this.runs = runs;
    this.state = app.rollouts;
    this.rows = [];
    this.said = el("p", { class: "note", role: "status" });
    this.spacer = el("div", { class: "spacer", role: "presentation" });
    this.list = el("div", { class: "list", role: "listbox", tabindex: "0", "aria-label": "Rollouts; arrow keys choose one",
      onscroll: () => this.drawRows(), onkeydown: (event) => this.key(event) }, this.spacer);
    this.detail = el("div", { class: "episode", tabindex: "0", role: "region", "aria-label": "The chosen rollout" });
    this.controls = el("div", { class: "controls" });
    this.view = [this.controls, this.said, el("div", { class: "browser" }, this.list, this.detail), legend()];
    this.ready = this.open();
  }

  get run() {
    return this.app.data.runs[this.state.run];
  }

  async open() {
    const { data } = this.app;
    this.table = await data.json(this.run.rollouts.table);
    this.drawControls();
    this.drawn = undefined;
    await this.filter();
  }

  /** Newer data of the same run: the filters and the place stay. */
  async refresh() {
    const { data } = this.app;
    const [chosen, top] = [this.placeOf(this.state.chosen), this.list.scrollTop];
    this.table = await data.json(this.run.rollouts.table);
    if (chosen) {
      const t = this.table;
      const found = t.step.findIndex((_, i) => this.placeOf(i) === chosen);
      this.state.chosen = found < 0 ? null : found;
    }
    await this.filter();
    this.list.scrollTop = top;
  }

  placeOf(i) {
    const t = this.table;
    return i === null || !t ? null : [t.step[i], t.split[i], t.group[i], t.member[i]].join();
  }

  drawControls() {
    const { filters } = this.state;
    const splits = [...new Set(this.table.split)];
    const set = (name, read = (value) => value) => (event) => {
      filters[name] = read(event.target.value);
      this.filterSoon();
    };
    const limit = (value) => (value === "" ? null : Number(value));
    const low = (name, label) => field(label, el("input", { type: "number", step: "any", value: filters[name] ?? "", oninput: set(name, limit) }), "short");
    this.filterSoon = quietly(SEARCH_QUIET, () => this.filter());
    show(this.controls,
      this.runs.length > 1 ? field("Run", choice(this.runs.map((i) => [String(i), this.app.data.labels[i]]), String(this.state.run), (value) => {
        this.state.run = Number(value);
        this.state.chosen = null;
        this.ready = this.open();
      })) : null,
      field("Text", el("input", { type: "search", placeholder: "in prompts and replies…", value: filters.text || "", oninput: set("text") }), "wide"),
      low("lowReward", "Reward from"), low("highReward", "to"), low("firstStep", "Step from"), low("lastStep", "to"),
      splits.length > 1 ? field("Of", choice([["", "all"], ...splits.map((each) => [each, each])], filters.split || "", (value) => {
        filters.split = value;
        this.filter();
      })) : null,
      field("Order", choice([["step", "step"], ["latest", "latest first"], ["best", "highest reward"], ["worst", "lowest reward"], ["longest", "longest reply"]], filters.order, (value) => {
        filters.order = value;
        this.filter();
      })),
      this.run.rollouts.errors ? field("Errors only", el("input", { type: "checkbox", checked: filters.errors, onchange: (event) => {
        filters.errors = event.target.checked;
        this.filter();
      } }), "check") : null);
  }

  /** Choose the rows that pass the filters; texts are searched pack by pack, the latest search counts. */
  async filter() {
    const { filters } = this.state;
    const turn = (this.turn = (this.turn || 0) + 1);
    const t = this.table;
    const within = (value, low, high) => (low == null || (value !== null && value >= low)) && (high == null || (value !== null && value <= high));
    let rows = Array.from(t.step.keys()).filter((i) => within(t.step[i], filters.firstStep, filters.lastStep)
      && within(t.reward[i], filters.lowReward, filters.highReward)
      && (!filters.split || t.split[i] === filters.split) && (!filters.errors || t.error[i]));
    if (filters.text) rows = await this.withText(rows, filters.text.toLowerCase(), turn);
    if (turn !== this.turn || rows === null) return;
    this.rows = ordered(rows, t, filters.order);
    if (!this.rows.includes(this.state.chosen)) this.state.chosen = this.rows[0] ?? null;
    this.spacer.style.height = `${this.rows.length * ROW_HEIGHT}px`;
    this.say();
    this.drawRows();
    if (this.placeOf(this.state.chosen) !== this.drawn) await this.drawEpisode();
  }

  async withText(rows, text, turn) {
    const { packs, in_a_pack: size } = this.run.rollouts;
    const found = [];
    const wanted = new Set(rows);
    for (let p = 0; p < packs.length; p++) {
      const members = await this.app.data.pack(packs[p]);
      if (turn !== this.turn) return null;
      members.forEach((record, i) => {
        if (wanted.has(p * size + i) && textOf(record).toLowerCase().includes(text)) found.push(p * size + i);
      });
      if (p % 10 === 9) show(this.said, `searching: ${Math.round((100 * p) / packs.length)} %`);
    }
    return found;
  }

  say() {
    const { total, kept, groups, kept_groups: keptGroups } = this.run.rollouts;
    const cut = kept < total ? ` This report has ${number(kept)} of the ${number(total)} that were written: ${number(keptGroups)} of ${number(groups)} groups, evenly over the run.` : "";
    show(this.said, this.rows.length === kept ? `${count(kept, "rollout")}.` : `${number(this.rows.length)} of ${count(kept, "rollout")}.`, cut);
  }

  drawRows() {
    const first = Math.max(0, Math.floor(this.list.scrollTop / ROW_HEIGHT) - 4);
    const last = Math.min(this.rows.length, first + Math.ceil(this.list.clientHeight / ROW_HEIGHT) + 8);
    const rows = [];
    for (let place = first; place < last; place++) rows.push(this.row(place));
    show(this.spacer, rows.length ? rows : null);
    if (!this.rows.length) this.list.removeAttribute("aria-activedescendant");
  }

  row(place) {
    const i = this.rows[place];
    const t = this.table;
    const chosen = i === this.state.chosen;
    const node = el("div", { class: "row", role: "option", id: `rollout-${i}`, "aria-selected": String(chosen), "aria-posinset": place + 1, "aria-setsize": this.rows.length,
      onclick: () => this.choose(place) },
    el("span", { class: "place" }, `step ${number(t.step[i])}`, t.split[i] === "train" ? "" : ` ${t.split[i]}`, ` · group ${t.group[i]}.${t.member[i]}`),
    el("span", { class: "figures" }, t.error[i] ? el("span", { class: "flag error" }, "error") : null,
      t.reward[i] === null ? null : el("span", {}, `reward ${number(t.reward[i])}`),
      t.advantage[i] === null ? null : el("span", { class: side(t.advantage[i]) }, `adv ${signed(t.advantage[i])}`)),
    el("span", { class: "preview" }, t.preview[i] || "(empty)"));
    node.style.top = `${place * ROW_HEIGHT}px`;
    if (chosen) this.list.setAttribute("aria-activedescendant", node.id);
    return node;
  }

  choose(place) {
    this.state.chosen = this.rows[place];
    const top = place * ROW_HEIGHT;
    if (top < this.list.scrollTop) this.list.scrollTop = top;
    if (top + ROW_HEIGHT > this.list.scrollTop + this.list.clientHeight) this.list.scrollTop = top + ROW_HEIGHT - this.list.clientHeight;
    this.drawRows();
    this.drawEpisode();
  }

  key(event) {
    const page = Math.max(1, Math.floor(this.list.clientHeight / ROW_HEIGHT) - 1);
    const now = this.rows.indexOf(this.state.chosen);
    const to = { ArrowUp: now - 1, ArrowDown: now + 1, PageUp: now - page, PageDown: now + page, Home: 0, End: this.rows.length - 1 }[event.key];
    if (event.key === "Enter") this.detail.focus();
    else if (to === undefined) return;
    else if (this.rows.length) this.choose(Math.min(this.rows.length - 1, Math.max(0, to)));
    event.preventDefault();
  }

  async drawEpisode() {
    const i = this.state.chosen;
    this.drawn = this.placeOf(i);
    if (i === null) {
      show(this.detail, el("p", { class: "empty" }, "No rollout passes these filters."));
      return;
    }
    const { packs, in_a_pack: size } = this.run.rollouts;
    const pack = await this.app.data.pack(packs[Math.floor(i / size)]);
    if (i !== this.state.chosen) return;
    this.detail.scrollTop = 0;
    show(this.detail, episode(pack[i % size], this.siblings(i)));
  }

  /** The other members of the group: they answer the same prompt. */
  siblings(i) {
    const t = this.table;
    const same = (j) => t.step[j] === t.step[i] && t.split[j] === t.split[i] && t.group[j] === t.group[i];
    const found = [];
    for (let j = i; j >= 0 && same(j); j--) found.unshift(j);
    for (let j = i + 1; j < t.step.length && same(j); j++) found.push(j);
    if (found.length < 2) return null;
    return el("div", { class: "siblings" }, el("span", {}, `group of ${found.length}:`), found.map((j) =>
      el("button", { type: "button", "aria-pressed": String(j === i), "aria-label": `member ${t.member[j]}, reward ${number(t.reward[j])}`, onclick: () => {
        this.state.chosen = j;
        const place = this.rows.indexOf(j);
        if (place >= 0) this.choose(place);
        else this.drawEpisode();
      } }, number(t.reward[j]))));
  }
}

function ordered(rows, t, order) {
  const by = {
    latest: (a, b) => t.step[b] - t.step[a] || a - b,
    best: (a, b) => (t.reward[b] ?? -Infinity) - (t.reward[a] ?? -Infinity) || a - b,
    worst: (a, b) => (t.reward[a] ?? Infinity) - (t.reward[b] ?? Infinity) || a - b,
    longest: (a, b) => t.reply_tokens[b] - t.reply_tokens[a] || a - b,
  }[order];
  return by ? rows.sort(by) : rows;
}

function textOf(record) {
  return (record.sequences || []).map((sequence) => sequence.map(([text]) => text).join("")).join("\n");
}

function side(advantage) {
  return advantage > 0 ? "up" : advantage < 0 ? "down" : "";
}
