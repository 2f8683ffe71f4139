// @ts-check
// Beside the layers: the arithmetic of one number, its unit's weights and top activations, or the
// attribution maps.

import { BYTE_GREY, drawMap, range, scale } from "./colours.js";
import { contextOf, create, number } from "./dom.js";
import { exportButtons } from "./export.js";
import { arithmetic, at, fields } from "./net.js";
import { t } from "./texts.js";

/** @typedef {import("./api.js").Explanation} Explanation */
/** @typedef {import("./api.js").UnitDetails} UnitDetails */
/** @typedef {import("./api.js").Activation} Activation */
/** @typedef {import("./net.js").Layer} Layer */
/** @typedef {import("./net.js").Net} Net */
/** @typedef {import("./state.js").Place} Place */
/** @typedef {Iterable<Node | string>} Shown */

const DECIMALS = 4;
const TERMS = 12; // of a long sum that are shown, the largest first
const PATCH = 64; // numbers that are shown as a table, at most
const FILTERS = 64; // pictures of filters, at most
const FIELD = "#ff8b4d";

/** @param {import("./state.js").Store} store @returns {HTMLElement} */
export function detailView(store) {
  const panel = create("div", {
    class: "detail", id: "detail", tabindex: "0", role: "region", "aria-label": t("inside.detail"),
  });
  store.render(["detail"], ({ detail }) => {
    if (detail.kind === "none") panel.replaceChildren();
    else if (detail.kind === "unit") panel.replaceChildren(...unitPanel(detail));
    else panel.replaceChildren(...attributionPanel(detail.explanation));
  });
  return panel;
}

// --- one number ----------------------------------------------------------------------------------

/**
 * @param {{explanation: Explanation, place: Place, details: UnitDetails | null}} detail
 * @returns {Shown}
 */
function unitPanel({ explanation, place, details }) {
  const layer = explanation.layers.find(({ name }) => name === place.layer);
  if (!layer) return [];
  const { unit, y, x } = place;
  const weights = details?.weight ? { weight: details.weight, bias: details.bias } : null;
  const sum = arithmetic(explanation, layer, place, weights);
  const value = number(at(layer, unit, y, x), DECIMALS);
  const result = sum ? `${t("sum.is")} ${number(sum.value, DECIMALS)}` : "";
  return [
    create("h3", {}, t("sum.title", { layer: layer.name, unit, where: whereText(layer, place) })),
    create("p", { class: "sum", id: "sum" }, result),
    create("p", { class: "muted" }, t("sum.network", { value })),
    ...(sum ? sumParts(sum) : [create("p", {}, t("sum.none"))]),
    ...filters(details),
    ...topActivations(explanation, layer, details),
  ];
}

/** @param {Layer} layer @param {Place} place @returns {string} row and column */
export const whereText = (layer, { y, x }) =>
  (layer.shape.length === 1 ? "" : t("inside.place", { row: y, column: x }));

/** @param {import("./net.js").Sum} sum @returns {Shown} */
function sumParts(sum) {
  if (sum.kind === "convolution") return convolutionParts(sum);
  if (sum.kind === "linear") return linearParts(sum);
  if (sum.kind === "ReLU") {
    const text = `max(0, ${number(sum.of, DECIMALS)}) = ${number(sum.value, DECIMALS)}`;
    return [create("p", { class: "sum" }, text)];
  }
  if (sum.kind === "sum") {
    const parts = sum.parts.map((part) => number(part, DECIMALS));
    return [create("p", { class: "sum" }, parts.join(" + "))];
  }
  const { kind, patch, columns, value } = sum;
  const best = kind === "maximum" ? value : undefined;
  const shown = kind === "maximum" || patch.length <= PATCH;
  const table = shown ? grid(patch, columns, t("sum.patch"), best) : "";
  return [create("p", {}, t(`sum.${kind}`)), table];
}

/** @param {import("./net.js").ConvolutionSum} sum @returns {Shown} */
function convolutionParts({ rows, columns, channels, bias }) {
  const order = [...channels].sort((a, b) => Math.abs(b.sum) - Math.abs(a.sum));
  const [{ channel, patch, kernel, sum }] = order;
  const products = patch.map((input, place) => `${number(input)} × ${bracketed(kernel[place])}`);
  /** @type {[string, number][]} */
  const list = order.map((part) => [t("sum.channel", { channel: part.channel }), part.sum]);
  return [
    create("p", {}, t("sum.convolution", { rows, columns, channel, channels: channels.length })),
    create("div", { class: "row" },
      grid(patch, columns, t("sum.patch")), "×", grid(kernel, columns, t("sum.kernel"))),
    create("p", { class: "muted" }, `${products.join(" + ")} = ${number(sum, DECIMALS)}`),
    terms(list, bias),
  ];
}

/** @param {import("./net.js").LinearSum} sum @returns {Shown} */
function linearParts({ terms: all, bias, position }) {
  const order = [...all].sort((a, b) => Math.abs(b.product) - Math.abs(a.product));
  /** @type {[string, number][]} */
  const rows = order.slice(0, TERMS).map(({ index, input, weight, product }) => {
    const { unit, y, x } = position(index);
    const key = y === undefined ? "sum.unit" : "sum.unit-at";
    const from = t(key, { unit, row: y, column: x });
    return [`${from}: ${number(input)} × ${number(weight)}`, product];
  });
  const rest = order.slice(TERMS).reduce((sum, { product }) => sum + product, 0);
  rows.push([t("sum.others", { count: Math.max(order.length - TERMS, 0) }), rest]);
  return [create("p", {}, t("sum.linear", { terms: all.length })), terms(rows, bias)];
}

/** @param {number} value */
const bracketed = (value) => (value < 0 ? `(${number(value)})` : number(value));

/**
 * @param {number[]} values
 * @param {number} columns
 * @param {string} caption
 * @param {number} [best] is marked
 */
function grid(values, columns, caption, best) {
  const rows = [];
  for (let start = 0; start < values.length; start += columns) {
    const cells = values.slice(start, start + columns).map((value) =>
      create("td", { class: value === best ? "best" : "" }, number(value)));
    rows.push(create("tr", {}, ...cells));
  }
  const head = create("caption", { class: "muted" }, caption);
  return create("table", { class: "numbers" }, head, create("tbody", {}, ...rows));
}

/** @param {[string, number][]} rows @param {number} bias */
function terms(rows, bias) {
  /** @type {[string, number][]} */
  const all = [...rows, [t("sum.bias"), bias]];
  const lines = all.map(([label, value]) => create("tr", {},
    create("th", { scope: "row" }, label), create("td", {}, number(value, DECIMALS))));
  return create("table", { class: "numbers" }, create("tbody", {}, ...lines));
}

/** @param {UnitDetails | null} details The unit's weights as pictures, and their statistics. */
function filters(details) {
  if (!details?.weight) return [];
  const { shape, values } = details.weight;
  const pictures = create("div", { class: "row" });
  if (shape.length === 3) {
    const colours = scale(range(values)), [inputs, height, width] = shape;
    for (let channel = 0; channel < Math.min(inputs, FILTERS); channel++) {
      const label = t("sum.channel", { channel });
      const canvas = create("canvas", { role: "img", "aria-label": label, class: "filter" });
      drawMap(canvas, { values, height, width, offset: channel * height * width }, colours);
      canvas.style.width = inputs === 1 ? "6rem" : "2rem";
      pictures.append(canvas);
    }
  }
  const statistics = Object.entries(details.statistics ?? {});
  const text = statistics.map(([name, value]) => `${t(`statistics.${name}`)} ${number(value, 3)}`);
  return [
    create("h3", {}, t("filter")), pictures, create("p", { class: "muted" }, text.join(", ")),
  ];
}

/**
 * Training digits with the unit's highest activations, and its receptive field in each.
 *
 * @param {Net} net
 * @param {Layer} layer
 * @param {UnitDetails | null} details
 */
function topActivations(net, layer, details) {
  const title = create("h3", {}, t("top-activations"));
  if (details?.note) return [title, create("p", { class: "muted" }, details.note)];
  if (!details?.topActivations) return [];
  const figures = details.topActivations.map((top) => activationFigure(net, layer, top));
  return [title, create("div", { class: "top-activations" }, ...figures)];
}

/** @param {Net} net @param {Layer} layer @param {Activation} activation */
function activationFigure(net, layer, { label, value, position: [y, x], digit }) {
  const { shape: [height, width], values } = digit;
  const canvas = create("canvas", { role: "img", "aria-label": String(label) });
  drawMap(canvas, { values, height, width }, BYTE_GREY);
  const field = y === undefined ? null : fields(net, layer, y, x).get(net.input.tensor);
  if (field) {
    const { top, left, bottom, right } = field, ratio = width / net.input.shape[2];
    const context = contextOf(canvas);
    context.strokeStyle = FIELD;
    context.strokeRect(left * ratio + 0.5, top * ratio + 0.5,
      (right - left + 1) * ratio - 1, (bottom - top + 1) * ratio - 1);
  }
  return create("figure", {}, canvas, create("figcaption", {}, `${label}: ${number(value)}`));
}

// --- attribution ---------------------------------------------------------------------------------

/** @param {Explanation} explanation @returns {Shown} */
function attributionPanel({ model, answer, occlusionMap, ablationCam }) {
  const parts = [
    ...attributionMap("occlusion-map", occlusionMap),
    ...attributionMap("ablation-cam", ablationCam),
  ];
  const canvases = parts.filter((part) => part instanceof HTMLCanvasElement);
  const data = { model, answer, occlusion_map: occlusionMap, ablation_cam: ablationCam };
  return [...parts, exportButtons("numeye-attribution", () => ({ canvases, data }))];
}

/**
 * One map with its title; a line where there is none.
 *
 * @param {string} name
 * @param {import("./api.js").Numbers | null} map
 */
function attributionMap(name, map) {
  if (!map) return [create("p", { class: "muted" }, t(`${name}.none`))];
  const { shape: [height, width], values } = map;
  const title = t(`${name}.title`);
  const canvas = create("canvas", { class: "pixel", role: "img", "aria-label": title });
  drawMap(canvas, { values, height, width }, scale([0, Math.max(...values)]));
  const about = create("p", { class: "muted" }, t(`${name}.about`));
  return [create("h3", {}, title), canvas, about];
}
