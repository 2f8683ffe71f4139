// Every layer at once: each unit's map as a picture; what one place looks at lights up below it and on the paper.

import { colour, paint, range, scale } from "./colours.js";
import { exportButtons } from "./export.js";
import { at, fields } from "./net.js";
import { $, breathe, element, number, t } from "./page.js";

const CELL = 56, GAP = 4, SQUARE = 14; // pixels: of a map at least, between them, of a unit without places

/** Shows the layers of an explanation. `chosen` is told of a click, `lit` of what lights up on the paper, `mattered` that somebody asks. */
export class Layers {
  constructor({ chosen, lit, mattered }) {
    this.chosen = chosen;
    this.lit = lit;
    this.figures = new Map();
    this.focus = null; // {layer, unit, y, x} that was clicked
    this.list = element("div");
    this.detail = element("div", { class: "detail", id: "detail", tabindex: "0", role: "region", "aria-label": t("inside.detail") });
    this.scaling = element("select", { id: "scaling", onchange: () => this.draw() }, ...["layer", "unit", "network"].map((one) => element("option", { value: one }, t(`scaling.${one}`))));
    this.hover = element("p", { class: "muted", id: "hover", role: "status" });
    const maps = element("button", { type: "button", id: "maps", onclick: mattered }, t("inside.maps"));
    $("view-inside").append(
      element("h2", {}, t("inside.title")),
      element("div", { class: "row" }, element("label", { class: "controls" }, `${t("scale")} `, this.scaling), maps, exportButtons("numeye-layers", () => this.exported())),
      element("p", { class: "muted" }, t("inside.hint")), this.hover,
      element("div", { class: "inside" }, this.list, this.detail),
    );
  }

  exported() {
    const layers = this.net?.layers.map(({ name, operation, shape, sources, values }) => ({ name, operation, shape, sources, values }));
    return { canvases: [...this.list.querySelectorAll("canvas.maps")], data: { model: this.net?.model, layers } };
  }

  clear() {
    this.net = null;
    this.list.replaceChildren(); // the figures are kept for the next picture
    this.detail.replaceChildren();
    this.lit(null);
  }

  async show(net) {
    this.net = net;
    const room = Math.max(this.list.clientWidth, 240);
    const names = [room, ...net.layers.map((layer) => `${layer.name} ${layer.shape}`)].join();
    if (names !== this.names) {
      this.names = names;
      this.room = room;
      this.figures = new Map(net.layers.map((layer) => [layer.name, this.figure(layer)]));
      this.list.replaceChildren();
    }
    if (!this.list.hasChildNodes()) this.list.append(...[...this.figures.values()].map((figure) => figure.element));
    await this.draw();
    if (net === this.net) this.light(this.focus);
  }

  /** Lay the maps out anew where there is more room for them, or less. */
  resized() {
    if (this.net && this.list.clientWidth && Math.max(this.list.clientWidth, 240) !== this.room) this.show(this.net);
  }

  layer(name) {
    return this.net?.layers.find((layer) => layer.name === name);
  }

  figure(layer) {
    const caption = element("figcaption");
    const canvas = element("canvas", { class: "maps", tabindex: "0", role: "application", "data-layer": layer.name });
    const over = element("canvas", { class: "over", "aria-hidden": "true" });
    canvas.addEventListener("pointermove", (event) => this.point(layer.name, event));
    canvas.addEventListener("pointerleave", () => this.light(this.focus));
    canvas.addEventListener("click", (event) => this.choose(this.place(layer.name, event)));
    canvas.addEventListener("keydown", (event) => this.key(layer.name, event));
    const figure = element("figure", { class: "layer" }, caption, element("div", { class: "stack" }, canvas, over));
    return { element: figure, caption, canvas, over, layout: layout(layer, this.room) };
  }

  async draw() {
    const { net } = this;
    if (!net) return;
    const mode = this.scaling.value;
    const network = mode === "network" ? scale(joined(net.layers.map((layer) => range(layer.values)))) : null;
    for (const layer of net.layers) {
      await breathe();
      if (net !== this.net) return; // a newer one is being drawn
      const { canvas, over, caption, layout } = this.figures.get(layer.name);
      const told = t(`kinds.${layer.kind}`);
      caption.replaceChildren(
        element("h3", {}, layer.name),
        element("span", { class: "muted" }, `${layer.shape.join(" × ")}, ${number(layer.active, 0)} % > 0. ${told}`),
      );
      canvas.setAttribute("aria-label", t("inside.layer", { name: layer.name, units: layer.shape[0] }));
      if (canvas.width !== layout.width || canvas.height !== layout.height) {
        canvas.width = over.width = layout.width;
        canvas.height = over.height = layout.height;
      }
      drawLayer(canvas, layer, layout, mode === "unit" ? null : network ?? scale(range(layer.values)));
    }
  }

  /** The unit and the place under a pointer. */
  place(name, event) {
    const { layout, canvas } = this.figures.get(name);
    const box = canvas.getBoundingClientRect();
    return { layer: name, ...layout.at(event.clientX - box.left, event.clientY - box.top) };
  }

  point(name, event) {
    const place = this.place(name, event);
    if (place.unit !== undefined) this.light(place);
  }

  key(name, event) {
    const layer = this.layer(name);
    const [units, height = 1, width = 1] = layer.shape;
    const now = this.cursor?.layer === name ? this.cursor : { layer: name, unit: 0, y: 0, x: 0 };
    const moves = { ArrowLeft: [0, 0, -1], ArrowRight: [0, 0, 1], ArrowUp: [0, -1, 0], ArrowDown: [0, 1, 0], PageUp: [-1, 0, 0], PageDown: [1, 0, 0] };
    if (layer.shape.length === 1) Object.assign(moves, { ArrowLeft: [-1, 0, 0], ArrowRight: [1, 0, 0] });
    if (event.key === "Enter" || event.key === " ") this.choose(now);
    else if (moves[event.key]) {
      const [unit, y, x] = moves[event.key];
      const keep = (value, most) => Math.min(Math.max(value, 0), most - 1);
      this.cursor = { layer: name, unit: keep(now.unit + unit, units), y: keep(now.y + y, height), x: keep(now.x + x, width) };
      this.light(this.cursor);
    } else return;
    event.preventDefault();
  }

  choose(place) {
    if (place.unit === undefined) return;
    this.focus = place;
    this.light(place);
    this.chosen(place);
  }

  /** Light up a place and all that it looks at. */
  light(place) {
    for (const { over } of this.figures.values()) over.getContext("2d").clearRect(0, 0, over.width, over.height);
    const layer = place && this.layer(place.layer);
    if (!layer || !has(layer, place)) {
      this.hover.textContent = "";
      return this.lit(null);
    }
    const { unit, y = 0, x = 0 } = place;
    const seen = fields(this.net, layer, y, x);
    this.outline(layer.name, { top: y, left: x, bottom: y, right: x }, [unit]);
    for (const [tensor, rectangle] of seen) {
      const below = this.net.byTensor.get(tensor);
      if (below !== this.net.input) this.outline(below.name, rectangle, sameUnit(layer, below, this.net) ? [unit] : null);
    }
    const where = layer.shape.length === 1 ? "" : t("inside.place", { row: y, column: x });
    this.hover.textContent = t("inside.said", { layer: layer.name, unit, where, value: number(at(layer, unit, y, x), 4) });
    return this.lit(seen.get(this.net.input.tensor) ?? null);
  }

  /** A rectangle on the maps of some units of a layer, or of all. */
  outline(name, { top, left, bottom, right }, units) {
    const { over, layout } = this.figures.get(name);
    const context = over.getContext("2d");
    context.strokeStyle = "#d9480f";
    context.lineWidth = units ? 2 : 1;
    for (let unit = 0; unit < layout.units; unit++) {
      if (units && !units.includes(unit)) continue;
      const [x, y, zoom, width, height] = layout.box(unit);
      const clip = (value, most) => Math.min(Math.max(value, 0), most);
      const [x0, y0] = [clip(left, width) * zoom, clip(top, height) * zoom];
      const [x1, y1] = [clip(right + 1, width) * zoom, clip(bottom + 1, height) * zoom];
      context.strokeRect(x + x0 - 0.5, y + y0 - 0.5, Math.max(x1 - x0, 2) + 1, Math.max(y1 - y0, 2) + 1);
    }
  }
}

/** True where a layer has such a place; another network's may have fewer units, or smaller maps. */
export function has({ shape: [units, height = 1, width = 1] }, { unit, y = 0, x = 0 }) {
  return [[unit, units], [y, height], [x, width]].every(([one, most]) => Number.isInteger(one) && one >= 0 && one < most);
}

/** True where a unit looks at the unit of its own number only: ReLU, pooling, sums. */
const sameUnit = (layer, below, net) => layer.sources.includes(below.tensor) && !["convolution", "linear"].includes(layer.kind) && net.byTensor.get(below.tensor).shape[0] === layer.shape[0];

function joined(ranges) {
  return [Math.min(...ranges.map(([low]) => low)), Math.max(...ranges.map(([, high]) => high))];
}

/** Where each unit's map lies on its layer's canvas. */
function layout({ shape }, room) {
  const units = shape[0], flat = shape.length === 1;
  const [height, width] = flat ? [1, 1] : shape.slice(1);
  const zoom = flat ? SQUARE : Math.max(1, Math.round(CELL / Math.max(height, width)));
  const gap = flat ? 1 : GAP;
  const columns = Math.min(units, Math.max(1, Math.floor((room - 2) / (width * zoom + gap))));
  const [cellX, cellY] = [width * zoom + gap, height * zoom + gap];
  return {
    units, flat, zoom,
    width: columns * cellX + 2,
    height: Math.ceil(units / columns) * cellY + 2,
    box: (unit) => [1 + (unit % columns) * cellX, 1 + Math.floor(unit / columns) * cellY, zoom, width, height],
    at(px, py) {
      const [column, row] = [Math.floor((px - 1) / cellX), Math.floor((py - 1) / cellY)];
      const unit = row * columns + column;
      const [x, y] = [Math.floor((px - 1 - column * cellX) / zoom), Math.floor((py - 1 - row * cellY) / zoom)];
      const inside = column >= 0 && column < columns && row >= 0 && unit < units && x < width && y < height;
      return inside ? { unit, y: Math.max(y, 0), x: Math.max(x, 0) } : {};
    },
  };
}

function drawLayer(canvas, { shape, values }, layout, colours) {
  const context = canvas.getContext("2d");
  const picture = context.createImageData(layout.width, layout.height);
  const pixels = new Uint32Array(picture.data.buffer);
  const size = layout.flat ? 1 : shape[1] * shape[2];
  for (let unit = 0; unit < layout.units; unit++) {
    const [x, y, zoom, width, height] = layout.box(unit);
    const own = colours ?? scale(range(values.subarray(unit * size, (unit + 1) * size)));
    if (layout.flat) {
      const painted = colour(own, values[unit]);
      for (let row = 0; row < zoom; row++) pixels.fill(painted, (y + row) * layout.width + x, (y + row) * layout.width + x + zoom);
    } else paint(pixels, layout.width, x, y, values, unit * size, height, width, zoom, own);
  }
  context.putImageData(picture, 0, 0);
}
