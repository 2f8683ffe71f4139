// @ts-check
// Explains the answer: input steps, layers, the arithmetic of one number, attribution maps.

import { describeUnit, explain } from "./api.js";
import { hasPosition } from "./net.js";
import { selectedCrop } from "./reading.js";
import { isEmpty, isShown, NO_DETAIL } from "./state.js";
import { t } from "./texts.js";
import { latest } from "./timing.js";

/** @typedef {import("./api.js").Explanation} Explanation */
/** @typedef {import("./api.js").UnitDetails} UnitDetails */
/** @typedef {import("./state.js").Store} Store */
/** @typedef {import("./state.js").State} State */
/** @typedef {import("./state.js").Place} Place */

const REST = 12; // while the pen moves, wait so many times as long as the last explanation took
const PAUSE_MS = 100; // after a stroke: the next one may begin before all is explained
const UNITS = 200; // that are kept

/** Details of units, kept for as long as the same model is shown. */
class UnitCache {
  /** @type {Map<string, Promise<UnitDetails>>} */
  #known = new Map();

  /** A run's weights change when it is trained further. */
  clear() {
    this.#known.clear();
  }

  /** @param {string} model @param {Place} place @param {boolean} topActivations */
  #key = (model, { layer, unit }, topActivations) =>
    [model, layer, unit, topActivations].join("\n");

  /** @param {string} model @param {Place} place @returns {boolean} with top activations */
  isComplete(model, place) {
    return this.#known.has(this.#key(model, place, true));
  }

  /**
   * @param {string} model
   * @param {Place} place
   * @param {boolean} topActivations
   * @returns {Promise<UnitDetails>}
   */
  get(model, place, topActivations) {
    const key = this.#key(model, place, topActivations);
    const known = this.#known.get(key);
    if (known) return known;
    if (this.#known.size > UNITS) this.#known.clear();
    const details = describeUnit(model, place.layer, place.unit, topActivations);
    this.#known.set(key, details); // at once, or it would be requested twice
    details.catch(() => this.#known.delete(key));
    return details;
  }
}

/** Requests explanations when they are needed, and puts them into the store. */
export class Explaining {
  #store;
  #units = new UnitCache();
  #explanations = 0; // counts them: one of an older picture is not shown
  #details = 0; // counts requests for what stands beside the layers
  #mapping = false; // attribution maps are being made
  #endedAt = 0; // time when the last explanation ended
  #tookMs = 0;
  #timer = 0;
  #update;

  /** @param {Store} store */
  constructor(store) {
    this.#store = store;
    this.#update = latest(() => this.#explain());
    store.on(["reading"], ({ reading }) => (reading ? this.#updateSoon() : this.#clear()));
    store.on(["selected", "visits"], () => {
      if (this.#isVisible()) this.#update();
    });
    store.on(["model"], () => this.#forgetUnits());
  }

  #isVisible() {
    return this.#store.state.view === "input" || this.#store.state.view === "inside";
  }

  #clear() {
    this.#details++;
    this.#explanations++;
    clearTimeout(this.#timer);
    this.#store.set({
      explanation: null, layers: null, layersDrawn: null, pointed: null, detail: NO_DETAIL,
    });
  }

  /** Another network has other units. */
  #forgetUnits() {
    this.#details++;
    this.#units.clear();
    this.#store.set({ detail: NO_DETAIL });
  }

  /** While the pen moves, the answer comes first, and explanations only now and then. */
  #updateSoon() {
    clearTimeout(this.#timer);
    if (!this.#isVisible()) return;
    const { drawing, strokeBegan } = this.#store.state;
    const wait = Math.max(this.#endedAt, strokeBegan) + REST * this.#tookMs - performance.now();
    this.#timer = setTimeout(this.#update, drawing ? Math.max(wait, 0) : PAUSE_MS);
  }

  async #explain() {
    const store = this.#store;
    if (isEmpty(store.state)) return;
    if (!isShown(store.state)) {
      this.#clear(); // what is there is of another picture
      store.report(t("not-shown"));
      return;
    }
    const beganAt = performance.now();
    if (store.state.detail.kind === "attribution") store.set({ detail: NO_DETAIL });
    try {
      await this.#show();
    } catch (error) {
      store.report(error);
    }
    this.#endedAt = performance.now();
    this.#tookMs = this.#endedAt - beganAt;
  }

  async #show() {
    const store = this.#store, mine = ++this.#explanations;
    const { sent, offset } = selectedCrop(store.state);
    const { model, view, leftOut } = store.state;
    const explanation = await explain(sent, model, { layers: view === "inside", leftOut });
    if (mine !== this.#explanations || isEmpty(store.state)) return; // it was cleared meanwhile
    if (!explanation.layers.length) return store.set({ explanation, offset });
    store.set({ explanation, layers: explanation, pointed: null, offset });
    await store.when(["layers", "layersDrawn"], ({ layers, layersDrawn }) =>
      layers !== explanation || layersDrawn === explanation);
    const { place } = store.state;
    if (place && !this.#mapping) this.showUnit(place); // the next stroke need not wait for it
  }

  /** @param {Place} place Show its arithmetic, and its unit's top activations when they arrive. */
  showUnit(place) {
    this.#showUnit(place).catch((error) => this.#store.report(error));
  }

  /** @param {Place} place */
  async #showUnit(place) {
    const store = this.#store, mine = ++this.#details;
    const { layers: explanation, model } = store.state;
    const layer = explanation?.layers.find(({ name }) => name === place.layer);
    const exists = layer && hasPosition(layer, place);
    if (!explanation || !exists) return store.set({ detail: NO_DETAIL });
    const complete = this.#units.isComplete(model, place);
    for (const topActivations of complete ? [true] : [false, true]) {
      const work = this.#units.get(model, place, topActivations);
      const slow = topActivations && !complete;
      const details = await (slow ? store.whileBusy(t("busy.activations"), work) : work);
      if (mine !== this.#details) return undefined;
      store.set({ detail: { kind: "unit", explanation, place, details } });
    }
    return undefined;
  }

  /** Show which parts of the picture the answer depends on. */
  showAttribution() {
    if (isEmpty(this.#store.state)) return;
    this.#showAttribution().catch((error) => this.#store.report(error));
  }

  async #showAttribution() {
    const store = this.#store, mine = ++this.#details;
    const { revision, model, leftOut } = store.state;
    const work = explain(selectedCrop(store.state).sent, model, { attribution: true, leftOut });
    this.#mapping = true;
    try {
      const explanation = await store.whileBusy(t("busy.maps"), work);
      if (mine !== this.#details || revision !== store.state.revision) return; // something newer
      store.set({ detail: { kind: "attribution", explanation } });
    } finally {
      this.#mapping = false;
    }
  }
}
