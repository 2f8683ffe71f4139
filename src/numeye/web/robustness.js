// @ts-check
// Changes the picture by sliders, and asks where along each of them the answer changes.

import { readSingle, readSingles } from "./api.js";
import { offscreen } from "./dom.js";
import { npy } from "./packing.js";
import { drawStrokes, shownCanvas, toGrey } from "./pixels.js";
import { CANVAS_PX, isEmpty, isShown, UNCHANGED } from "./state.js";
import { latest } from "./timing.js";

/** @typedef {import("./dom.js").Context} Context */
/** @typedef {import("./state.js").Store} Store */
/** @typedef {import("./state.js").State} State */
/** @typedef {import("./state.js").Change} Change */
/** @typedef {import("./state.js").Changes} Changes */
/** @typedef {{from: number, to: number, step: number, unit: string}} Slider */

export const CHANGED_PX = CANVAS_PX / 2; // side of the changed picture, as it is sent
const SAMPLES = 21; // along each slider
const SEED = 2463534242; // of the noise

/** @type {Record<Change, Slider>} */
export const SLIDERS = {
  right: { from: -100, to: 100, step: 1, unit: "%" },
  down: { from: -100, to: 100, step: 1, unit: "%" },
  turn: { from: -180, to: 180, step: 1, unit: "°" },
  thick: { from: 0.2, to: 3, step: 0.05, unit: "×" },
  noise: { from: 0, to: 100, step: 1, unit: "%" },
  hide: { from: 0, to: 100, step: 1, unit: "%" },
};

/** Their names, in the order in which they are shown. */
export const CHANGE_NAMES = /** @type {Change[]} */ (Object.keys(SLIDERS));

/** Reads the changed picture, and keeps the answers in the store. */
export class Robustness {
  #store;
  #turn = 0; // counts changes: answers to an older picture are not shown
  #read;

  /** @param {Store} store */
  constructor(store) {
    this.#store = store;
    this.#read = latest(() => this.#sweepAll().catch((error) => store.report(error)));
    store.on(["revision", "drawing", "model", "changes", "visits"], () => this.#update());
    this.#update();
  }

  /** @param {Change} name @param {number} value */
  change(name, value) {
    this.#store.set({ changes: { ...this.#store.state.changes, [name]: value } });
  }

  reset() {
    this.#store.set({ changes: { ...UNCHANGED } });
  }

  #update() {
    const { state } = this.#store;
    if (state.view !== "fool" || state.drawing) return;
    this.#turn++;
    if (isEmpty(state) || !isShown(state)) this.#store.set({ robustness: null });
    else this.#read();
  }

  /** Read the picture, then along each slider; the others stay as they are. */
  async #sweepAll() {
    const store = this.#store, turn = this.#turn, { changes, model } = store.state;
    const isOld = () => turn !== this.#turn;
    const [answer] = await this.#answers([changes]);
    if (isOld()) return;
    const sweeps = store.state.robustness?.sweeps ?? {};
    store.set({ robustness: { model, changes, answer, sweeps, fresh: [] } });
    for (const name of CHANGE_NAMES) {
      if (store.state.drawing) return; // the drawing comes first
      const { from, to } = SLIDERS[name];
      const values = Array.from({ length: SAMPLES }, (_, place) =>
        from + ((to - from) * place) / (SAMPLES - 1));
      const answers = await this.#answers(values.map((value) => ({ ...changes, [name]: value })));
      const now = store.state.robustness;
      if (isOld() || !now) return;
      const swept = { ...now.sweeps, [name]: { values, answers, current: answer } };
      store.set({ robustness: { ...now, sweeps: swept, fresh: [...now.fresh, name] } });
    }
  }

  /** @param {Changes[]} settings @returns {Promise<string[]>} */
  async #answers(settings) {
    const { state } = this.#store, { model } = state, size = CHANGED_PX * CHANGED_PX;
    const context = offscreen(CHANGED_PX, CHANGED_PX);
    const pictures = settings.map((changes) => {
      drawChanged(context, state, changes);
      return toGrey(context.getImageData(0, 0, CHANGED_PX, CHANGED_PX).data);
    });
    if (!model.includes("/")) {
      const all = new Uint8Array(pictures.length * size);
      pictures.forEach((picture, place) => all.set(picture, place * size));
      return readSingles(npy(all, [pictures.length, CHANGED_PX, CHANGED_PX]), model);
    }
    const answers = []; // runs and own networks take one picture at a time
    for (const picture of pictures) {
      const { rejected, answer } = await readSingle(npy(picture, [CHANGED_PX, CHANGED_PX]), model);
      answers.push(rejected ?? answer ?? "");
    }
    return answers;
  }
}

/**
 * Draw the picture changed: shifted, turned, with thicker strokes, with noise and a hidden middle.
 *
 * @param {Context} context
 * @param {State} state
 * @param {Changes} changes
 */
export function drawChanged(context, state, { right, down, turn, thick, noise, hide }) {
  const side = context.canvas.width;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.fillStyle = "#fff";
  context.fillRect(0, 0, side, side);
  const source = state.picture ? shownCanvas(state) : drawStrokes(state.strokes, thick);
  const fits = side / Math.max(source.width, source.height);
  const [width, height] = [source.width * fits, source.height * fits];
  context.translate(side / 2 + (right / 200) * side, side / 2 + (down / 200) * side);
  context.rotate((turn * Math.PI) / 180);
  context.drawImage(source, -width / 2, -height / 2, width, height);
  context.setTransform(1, 0, 0, 1, 0, 0);
  if (hide > 0) {
    const hole = (hide / 100) * side;
    context.fillRect((side - hole) / 2, (side - hole) / 2, hole, hole);
  }
  if (noise > 0) addNoise(context, (noise / 100) * 255);
}

/**
 * The same noise each time, so that only its strength changes (xorshift).
 *
 * @param {Context} context
 * @param {number} strength
 */
function addNoise(context, strength) {
  const { width, height } = context.canvas;
  const picture = context.getImageData(0, 0, width, height);
  let seed = SEED;
  for (let pixel = 0; pixel < picture.data.length; pixel += 4) {
    seed ^= seed << 13;
    seed ^= seed >>> 17;
    seed ^= seed << 5;
    const added = ((seed >>> 0) / 2 ** 31 - 1) * strength;
    for (let channel = 0; channel < 3; channel++) picture.data[pixel + channel] += added;
  }
  context.putImageData(picture, 0, 0);
}
