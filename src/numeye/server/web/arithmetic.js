// What stands behind one number of a layer: the sum itself, the unit's filter, and what excites it most.

import { ask, floats, greys } from "./api.js";
import { BYTES, drawMap, range, scale } from "./colours.js";
import { arithmetic, at, fields } from "./net.js";
import { element, number, t } from "./page.js";

const DIGITS = 4; // after the point
const TERMS = 12; // of a long sum that are shown, the weightiest first

/** Weights of a unit, kept for as long as the same model is shown. */
export class Units {
  constructor() {
    this.known = new Map();
  }

  /** A run folder's weights are others when it was trained on. */
  forget() {
    this.known.clear();
  }

  has(...unit) {
    return this.known.has(unit.join("\n"));
  }

  async get(model, layer, unit, exciting) {
    const key = [model, layer, unit, exciting].join("\n");
    if (!this.known.has(key)) {
      if (this.known.size > 200) this.known.clear();
      this.known.set(key, this.ask({ model, layer, unit, exciting })); // at once, or it would be asked twice
      this.known.get(key).catch(() => this.known.delete(key));
    }
    return this.known.get(key);
  }

  async ask(unit) {
    const said = await ask(`v1/units?${new URLSearchParams(unit)}`);
    return { ...said, weight: said.weight && floats(said.weight) };
  }
}

/** The whole panel for a place of a layer. */
export function panel(net, layer, { unit, y = 0, x = 0 }, known) {
  const weights = known?.weight ? known : null;
  const sum = arithmetic(net, layer, unit, y, x, weights);
  const value = at(layer, unit, y, x);
  const where = layer.shape.length === 1 ? "" : t("inside.place", { row: y, column: x });
  return [
    element("h3", {}, t("sum.title", { layer: layer.name, unit, where })),
    element("p", { class: "sum", id: "sum" }, sum ? `${t("sum.is")} ${number(sum.value, DIGITS)}` : ""),
    element("p", { class: "muted" }, t("sum.network", { value: number(value, DIGITS) })),
    ...(sum ? SHOW[sum.kind](sum) : [element("p", {}, t("sum.none"))]),
    ...filter(known),
    ...exciting(net, layer, known),
  ];
}

const SHOW = {
  convolution: ({ rows, columns, channels, bias }) => {
    const order = [...channels].sort((a, b) => Math.abs(b.sum) - Math.abs(a.sum));
    const first = order[0];
    return [
      element("p", {}, t("sum.convolution", { rows, columns, channel: first.channel, channels: channels.length })),
      element("div", { class: "row" }, grid(first.patch, columns, t("sum.patch")), "×", grid(first.kernel, columns, t("sum.kernel"))),
      products(first),
      list(order.map(({ channel, sum }) => [t("sum.channel", { channel }), sum]), bias),
    ];
  },
  maximum: ({ columns, patch, value }) => [element("p", {}, t("sum.maximum")), grid(patch, columns, t("sum.patch"), value)],
  mean: ({ columns, patch }) => [element("p", {}, t("sum.mean")), patch.length <= 64 ? grid(patch, columns, t("sum.patch")) : ""],
  ReLU: ({ of, value }) => [element("p", { class: "sum" }, `max(0, ${number(of, DIGITS)}) = ${number(value, DIGITS)}`)],
  sum: ({ parts }) => [element("p", { class: "sum" }, parts.map((part) => number(part, DIGITS)).join(" + "))],
  linear: ({ terms, bias, place }) => {
    const order = [...terms].sort((a, b) => Math.abs(b.product) - Math.abs(a.product));
    const rows = order.slice(0, TERMS).map(({ number: n, seen, weighs, product }) => {
      const { unit, y, x } = place(n);
      const from = y === undefined ? t("sum.unit", { unit }) : t("sum.unit-at", { unit, row: y, column: x });
      return [`${from}: ${number(seen)} × ${number(weighs)}`, product];
    });
    const rest = order.slice(TERMS).reduce((sum, { product }) => sum + product, 0);
    return [element("p", {}, t("sum.linear", { terms: terms.length })), list([...rows, [t("sum.others", { count: Math.max(order.length - TERMS, 0) }), rest]], bias)];
  },
};

/** One channel's sum, written out. */
function products({ patch, kernel, sum }) {
  const told = patch.map((seen, place) => `${number(seen)} × ${bracketed(kernel[place])}`).join(" + ");
  return element("p", { class: "muted" }, `${told} = ${number(sum, DIGITS)}`);
}

const bracketed = (value) => (value < 0 ? `(${number(value)})` : number(value));

function grid(values, columns, caption, best) {
  const rows = [];
  for (let start = 0; start < values.length; start += columns) {
    rows.push(element("tr", {}, ...values.slice(start, start + columns).map((value) => element("td", { class: value === best ? "best" : "" }, number(value)))));
  }
  return element("table", { class: "numbers" }, element("caption", { class: "muted" }, caption), element("tbody", {}, ...rows));
}

function list(rows, bias) {
  const told = [...rows, [t("sum.bias"), bias]].map(([label, value]) => element("tr", {}, element("th", { scope: "row" }, label), element("td", {}, number(value, DIGITS))));
  return element("table", { class: "numbers" }, element("tbody", {}, ...told));
}

/** The unit's weights as pictures, and their statistics. */
function filter(known) {
  if (!known?.weight) return [];
  const { shape, values } = known.weight;
  const statistics = Object.entries(known.statistics).map(([name, value]) => `${t(`statistics.${name}`)} ${number(value, 3)}`).join(", ");
  const pictures = element("div", { class: "row" });
  if (shape.length === 3) {
    const colours = scale(range(values)), [inputs, rows, columns] = shape;
    for (let one = 0; one < Math.min(inputs, 64); one++) {
      const canvas = drawMap(element("canvas", { role: "img", "aria-label": t("sum.channel", { channel: one }) }), values, rows, columns, colours, one * rows * columns);
      canvas.style.width = inputs === 1 ? "6rem" : "2rem";
      canvas.style.imageRendering = "pixelated";
      pictures.append(canvas);
    }
  }
  return [element("h3", {}, t("filter")), pictures, element("p", { class: "muted" }, statistics)];
}

/** Training digits that excite the unit most, with what it looks at in each. */
function exciting(net, layer, known) {
  if (!known) return [];
  if (known.note) return [element("h3", {}, t("exciting")), element("p", { class: "muted" }, known.note)];
  if (!known.exciting) return [];
  const figures = known.exciting.map(({ label, value, at: place, digit }) => {
    const { shape: [height, width], values } = greys(digit);
    const canvas = drawMap(element("canvas", { role: "img", "aria-label": `${label}` }), values, height, width, BYTES);
    const seen = place.length ? fields(net, layer, place[0], place[1]).get(net.input.tensor) : null;
    if (seen) {
      const ratio = width / net.input.shape[2], context = canvas.getContext("2d");
      context.strokeStyle = "#ff8b4d";
      context.strokeRect(seen.left * ratio + 0.5, seen.top * ratio + 0.5, (seen.right - seen.left + 1) * ratio - 1, (seen.bottom - seen.top + 1) * ratio - 1);
    }
    return element("figure", {}, canvas, element("figcaption", {}, `${label}: ${number(value)}`));
  });
  return [element("h3", {}, t("exciting")), element("div", { class: "exciting" }, ...figures)];
}
