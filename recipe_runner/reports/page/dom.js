// Elements. Text becomes text nodes and nothing else: what a model or a user wrote is never markup.

const SVG = "http://www.w3.org/2000/svg";

/** Make an element; `on…` properties are listeners, the rest attributes, false and null left out. */
function el(tag, properties, ...children) {
  return fill(document.createElement(tag), properties, children);
}

function svg(tag, properties, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children);
}

function fill(node, properties, children) {
  for (const [name, value] of Object.entries(properties || {})) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat(Infinity).filter((each) => each !== null && each !== undefined && each !== false));
  return node;
}

/** Replace what a node holds. */
function show(node, ...children) {
  node.replaceChildren(...children.flat(Infinity).filter((each) => each !== null && each !== undefined && each !== false));
}

/** A table with a header; cells are text or nodes, columns named in `numeric` are set right. */
function table(head, rows, { numeric = [], label = null, rowClass = () => null } = {}) {
  const side = (index) => (numeric.includes(index) ? "number" : null);
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label },
    el("table", {},
      el("thead", {}, el("tr", {}, head.map((each, i) => el("th", { scope: "col", class: side(i) }, each)))),
      el("tbody", {}, rows.map((row, n) => el("tr", { class: rowClass(n) },
        row.map((cell, i) => el(i === 0 ? "th" : "td", { scope: i === 0 ? "row" : null, class: side(i) }, cell)))))));
}

/** Names and values, one below the other. */
function facts(pairs) {
  return el("dl", { class: "facts" }, pairs.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
}

function section(id, title, ...children) {
  return el("section", { id, "aria-labelledby": `${id}-title` }, el("h2", { id: `${id}-title` }, title), children);
}

/** A control with its label before it. */
function field(label, control, extra) {
  return el("label", { class: extra ? `field ${extra}` : "field" }, el("span", {}, label), control);
}

function choice(options, chosen, onchange) {
  return el("select", { onchange: (event) => onchange(event.target.value) },
    options.map(([value, label]) => el("option", { value, selected: value === chosen }, label)));
}

/** Call a function once things have been quiet for some milliseconds. */
function quietly(milliseconds, action) {
  let timer = 0;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => action(...given), milliseconds);
  };
}
