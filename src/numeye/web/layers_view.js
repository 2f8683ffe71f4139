// @ts-check
// Every layer at once: each unit's activations as a map. The receptive field of one number is
// marked in the layers below it.

import { scale, range } from "./colours.js";
import { detailView, whereText } from "./detail_view.js";
import { $, contextOf, create, number } from "./dom.js";
import { exportButtons } from "./export.js";
import { drawLayer, layout } from "./layer_map.js";
import { at, fields, hasPosition } from "./net.js";
import { t } from "./texts.js";
import { pause } from "./timing.js";

/** @typedef {import("./api.js").Explanation} Explanation */
/** @typedef {import("./net.js").Layer} Layer */
/** @typedef {import("./net.js").Rectangle} Rectangle */
/** @typedef {import("./state.js").Store} Store */
/** @typedef {import("./state.js").State} State */
/** @typedef {import("./state.js").Place} Place */
/** @typedef {import("./explaining.js").Explaining} Explaining */
/** @typedef {"layer" | "unit" | "network"} Scaling */
/**
 * @typedef {object} Figure
 * @property {HTMLElement} element
 * @property {HTMLElement} caption
 * @property {HTMLCanvasElement} canvas
 * @property {HTMLCanvasElement} overlay
 * @property {import("./layer_map.js").Layout} layout
 */

const LEAST_PX = 240; // width of the list of layers
const MARK = "#d9480f";

/** @param {Store} store @param {Explaining} explaining */
export function layersView(store, explaining) {
  new LayersView(store, explaining);
}

class LayersView {
  #store;
  #explaining;
  #list = create("div");
  #hover = create("p", { class: "muted", id: "hover", role: "status" });
  #scaling;
  /** @type {Map<string, Figure>} by the layers' names; kept for the next picture */
  #figures = new Map();
  #shape = ""; // of what the figures are for
  #width = 0;

  /** @param {Store} store @param {Explaining} explaining */
  constructor(store, explaining) {
    this.#store = store;
    this.#explaining = explaining;
    const options = ["layer", "unit", "network"].map((value) =>
      create("option", { value }, t(`scaling.${value}`)));
    const onchange = () => this.#draw(this.#store.state.layers);
    this.#scaling = create("select", { id: "scaling", onchange }, ...options);
    const onclick = () => explaining.showAttribution();
    $("view-inside").append(
      create("h2", {}, t("inside.title")),
      create("div", { class: "row" },
        create("label", { class: "controls" }, `${t("scale")} `, this.#scaling),
        create("button", { type: "button", id: "attribution", onclick }, t("inside.attribution")),
        exportButtons("numeye-layers", () => this.#toSave())),
      create("p", { class: "muted" }, t("inside.hint")),
      this.#hover,
      create("div", { class: "inside" }, this.#list, detailView(store)),
    );
    store.render(["layers"], ({ layers }) => this.#show(layers));
    store.on(["layers", "place", "pointed"], (state) => this.#light(state));
    store.on(["detail", "view"], () => this.#resize()); // it takes room from the layers
    addEventListener("resize", () => this.#resize());
  }

  #toSave() {
    const { layers: explanation } = this.#store.state;
    const layers = explanation?.layers.map(({ name, operation, shape, sources, values }) =>
      ({ name, operation, shape, sources, values }));
    const canvases = [...this.#figures.values()].map(({ canvas }) => canvas);
    return { canvases: explanation ? canvases : [], data: { model: explanation?.model, layers } };
  }

  #room() {
    return Math.max(this.#list.clientWidth, LEAST_PX);
  }

  /** Lay the maps out anew where there is more room for them, or less. */
  #resize() {
    const { layers } = this.#store.state;
    if (layers && this.#list.clientWidth && this.#room() !== this.#width) this.#show(layers);
  }

  /** @param {Explanation | null} explanation */
  #show(explanation) {
    if (!explanation) {
      this.#list.replaceChildren();
      return;
    }
    const width = this.#room();
    const shapes = explanation.layers.map(({ name, shape }) => `${name} ${shape}`);
    const shape = [width, ...shapes].join();
    if (shape !== this.#shape) {
      this.#shape = shape;
      this.#width = width;
      this.#figures = new Map(explanation.layers.map((layer) => [layer.name, this.#figure(layer)]));
      this.#list.replaceChildren();
    }
    if (!this.#list.hasChildNodes()) {
      this.#list.append(...[...this.#figures.values()].map(({ element }) => element));
    }
    this.#draw(explanation);
  }

  /** @param {Layer} layer @returns {Figure} */
  #figure(layer) {
    const { name } = layer;
    const caption = create("figcaption");
    const canvas = create("canvas", {
      class: "maps", tabindex: "0", role: "application", "data-layer": name,
    });
    const overlay = create("canvas", { class: "overlay", "aria-hidden": "true" });
    canvas.addEventListener("pointermove", (event) => {
      const place = this.#placeAt(name, event);
      if (place) this.#store.set({ pointed: place });
    });
    canvas.addEventListener("pointerleave", () => this.#store.set({ pointed: null }));
    canvas.addEventListener("click", (event) => this.#choose(this.#placeAt(name, event)));
    canvas.addEventListener("keydown", (event) => {
      if (this.#key(name, event.key)) event.preventDefault();
    });
    const stack = create("div", { class: "stack" }, canvas, overlay);
    const element = create("figure", { class: "layer" }, caption, stack);
    return { element, caption, canvas, overlay, layout: layout(layer.shape, this.#width) };
  }

  /** @param {Explanation | null} explanation */
  #draw(explanation) {
    if (!explanation) return;
    this.#drawLayers(explanation).catch((error) => this.#store.report(error)).finally(() => {
      if (this.#store.state.layers !== explanation) return;
      this.#light(this.#store.state); // the canvases may be new
      this.#store.set({ layersDrawn: explanation });
      this.#scroll();
    });
  }

  /** @param {Explanation} explanation Layer by layer; the pen may move in between. */
  async #drawLayers({ layers }) {
    const mode = /** @type {Scaling} */ (this.#scaling.value);
    const ranges = layers.map(({ values }) => range(values));
    const network = mode === "network" ? scale(range(ranges.flat())) : null;
    const figures = this.#figures;
    for (const [place, layer] of layers.entries()) {
      await pause();
      const shown = this.#store.state.layers?.layers === layers && figures === this.#figures;
      if (!shown) return; // a newer one is being drawn
      const figure = figures.get(layer.name);
      if (!figure) continue;
      describe(figure, layer);
      fit(figure);
      const whole = mode === "unit" ? null : network ?? scale(ranges[place]);
      drawLayer(figure.canvas, layer, figure.layout, whole);
    }
  }

  /** Bring the kind of layer into sight that a step of the tour is about. */
  #scroll() {
    const { scrollTo } = this.#store.state;
    if (!scrollTo) return;
    const layer = this.#list.querySelector(`[data-layer^="${scrollTo}"]`);
    layer?.scrollIntoView({ block: "nearest" });
    this.#store.set({ scrollTo: null });
  }

  // --- one place ---------------------------------------------------------------------------------

  /** @param {string} name @param {MouseEvent} event @returns {Place | null} */
  #placeAt(name, event) {
    const figure = this.#figures.get(name);
    if (!figure) return null;
    const box = figure.canvas.getBoundingClientRect();
    const place = figure.layout.at(event.clientX - box.left, event.clientY - box.top);
    return place && { layer: name, ...place };
  }

  /** @param {string} name @param {string} key @returns {boolean} true where it means something */
  #key(name, key) {
    const { layers, layerCursor } = this.#store.state;
    const layer = layers?.layers.find((other) => other.name === name);
    if (!layer) return false;
    const start = { layer: name, unit: 0, y: 0, x: 0 };
    const now = layerCursor?.layer === name ? layerCursor : start;
    if (key === "Enter" || key === " ") {
      this.#choose(now);
      return true;
    }
    const move = MOVES[key];
    if (!move) return false;
    const cursor = moved(now, layer, move);
    this.#store.set({ layerCursor: cursor, pointed: cursor });
    return true;
  }

  /** @param {Place | null} place */
  #choose(place) {
    if (!place) return;
    this.#store.set({ place, pointed: place });
    this.#explaining.showUnit(place);
  }

  /** @param {State} state Mark a number, and its receptive field in the layers below. */
  #light({ layers: explanation, pointed, place: chosen }) {
    for (const { overlay } of this.#figures.values()) {
      contextOf(overlay).clearRect(0, 0, overlay.width, overlay.height);
    }
    const place = pointed ?? chosen;
    const layer = explanation?.layers.find(({ name }) => name === place?.layer);
    if (!explanation || !place || !layer || !hasPosition(layer, place)) {
      this.#hover.textContent = "";
      return;
    }
    const { unit, y, x } = place;
    this.#outline(layer.name, { top: y, left: x, bottom: y, right: x }, unit);
    for (const [tensor, rectangle] of fields(explanation, layer, y, x)) {
      const below = explanation.byTensor.get(tensor);
      if (!below || below === explanation.input) continue;
      this.#outline(below.name, rectangle, readsOneUnit(layer, below) ? unit : null);
    }
    const value = number(at(layer, unit, y, x), 4), where = whereText(layer, place);
    this.#hover.textContent = t("inside.value", { layer: layer.name, unit, where, value });
  }

  /**
   * A rectangle on the map of one unit, or of all.
   *
   * @param {string} name
   * @param {Rectangle} rectangle
   * @param {number | null} only
   */
  #outline(name, { top, left, bottom, right }, only) {
    const figure = this.#figures.get(name);
    if (!figure) return;
    const { overlay, layout: { units, zoom, width, height, corner } } = figure;
    const context = contextOf(overlay);
    context.strokeStyle = MARK;
    context.lineWidth = only === null ? 1 : 2;
    const [x0, x1] = [left, right + 1].map((side) => clip(side, width) * zoom);
    const [y0, y1] = [top, bottom + 1].map((side) => clip(side, height) * zoom);
    const [w, h] = [Math.max(x1 - x0, 2) + 1, Math.max(y1 - y0, 2) + 1];
    for (let unit = 0; unit < units; unit++) {
      if (only !== null && unit !== only) continue;
      const [x, y] = corner(unit);
      context.strokeRect(x + x0 - 0.5, y + y0 - 0.5, w, h);
    }
  }
}

/** @type {Record<string, [number, number, number]>} by how many units, rows and columns */
const MOVES = {
  ArrowLeft: [0, 0, -1], ArrowRight: [0, 0, 1], ArrowUp: [0, -1, 0], ArrowDown: [0, 1, 0],
  PageUp: [-1, 0, 0], PageDown: [1, 0, 0],
};

/**
 * @param {Place} place
 * @param {Layer} layer
 * @param {[number, number, number]} move
 * @returns {Place}
 */
function moved(place, { shape }, [units, rows, columns]) {
  const [count, height = 1, width = 1] = shape;
  const flat = shape.length === 1; // there, left and right go from unit to unit
  return {
    layer: place.layer,
    unit: clip(place.unit + units + (flat ? columns : 0), count - 1),
    y: clip(place.y + rows, height - 1),
    x: clip(place.x + (flat ? 0 : columns), width - 1),
  };
}

/** @param {number} value @param {number} most */
const clip = (value, most) => Math.min(Math.max(value, 0), most);

/** @param {Figure} figure @param {Layer} layer */
function describe({ caption, canvas }, { name, kind, shape, active }) {
  const size = `${shape.join(" × ")}, ${number(active, 0)} % > 0. ${t(`kinds.${kind}`)}`;
  caption.replaceChildren(create("h3", {}, name), create("span", { class: "muted" }, size));
  canvas.setAttribute("aria-label", t("inside.layer", { name, units: shape[0] }));
}

/** @param {Figure} figure Give its canvases the size of its layout. */
function fit({ canvas, overlay, layout: { canvasWidth: width, canvasHeight: height } }) {
  if (canvas.width === width && canvas.height === height) return;
  canvas.width = overlay.width = width;
  canvas.height = overlay.height = height;
}

/**
 * True where a unit reads only the unit of its own number: ReLU, pooling, sums.
 *
 * @param {Layer} layer
 * @param {Layer} below
 */
const readsOneUnit = (layer, below) => layer.sources.includes(below.tensor)
  && !["convolution", "linear"].includes(layer.kind) && below.shape[0] === layer.shape[0];
