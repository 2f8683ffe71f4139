// @ts-check
// Actions on the drawing: strokes begin, grow and end; pictures are opened.

import { CANVAS_PX } from "./state.js";
import { t } from "./texts.js";

/** @typedef {import("./state.js").Store} Store */
/** @typedef {import("./state.js").Stroke} Stroke */

const NEAR_PX = 2; // nearer points of a stroke are left out
const STEP_PX = 12, SMALL_STEP_PX = 4; // of the keyboard's pen

/** Changes strokes and picture. */
export class Drawing {
  #store;
  #openings = 0; // a file that arrives late must not replace what is newer

  /** @param {Store} store */
  constructor(store) {
    this.#store = store;
  }

  /**
   * Change strokes or picture. A reading of another picture has its boxes elsewhere: it is removed.
   *
   * @param {Partial<import("./state.js").State>} changes
   * @param {number} [when]
   */
  #change(changes, when = performance.now()) {
    const { revision, picture } = this.#store.state;
    const other = "picture" in changes && changes.picture !== picture;
    const removed = other ? { reading: null, comparison: null, selected: 0 } : {};
    this.#store.set({ ...removed, ...changes, revision: revision + 1, changedAt: when });
  }

  /** End every way of drawing, and forget files that are still being opened. */
  #lift() {
    this.#openings++;
    return { drawing: false, pen: { ...this.#store.state.pen, down: false } };
  }

  /** @param {number} x @param {number} y @param {number} when @param {boolean} [byKey] */
  begin(x, y, when, byKey = false) {
    const { picture, strokes, erase, penWidth } = this.#store.state;
    const lifted = this.#lift(); // a picture makes room for the pen
    const stroke = { width: penWidth, erase, points: [x, y] };
    this.#change({
      ...lifted,
      pen: { ...lifted.pen, down: byKey },
      drawing: true,
      strokeBegan: performance.now(),
      picture: null,
      strokes: [...(picture ? [] : strokes), stroke],
    }, when);
  }

  /**
   * Add points to the stroke that is being drawn.
   *
   * @param {readonly [number, number][]} places
   * @param {number} when
   */
  extend(places, when) {
    const { drawing, strokes } = this.#store.state;
    const stroke = strokes.at(-1);
    if (!drawing || !stroke) return;
    const points = [...stroke.points];
    for (const [x, y] of places) {
      const [lastX, lastY] = points.slice(-2);
      if (Math.hypot(x - lastX, y - lastY) >= NEAR_PX) points.push(x, y);
    }
    const longer = { ...stroke, points };
    this.#change({ strokes: [...strokes.slice(0, -1), longer] }, when);
  }

  /** @param {number} when */
  end(when) {
    const { drawing, pen } = this.#store.state;
    if (drawing) this.#change({ drawing: false, pen: { ...pen, down: false } }, when);
  }

  undo() {
    const { picture, strokes } = this.#store.state;
    if (!picture) this.#change({ ...this.#lift(), strokes: strokes.slice(0, -1) });
  }

  clear() {
    this.show([]);
  }

  /** @param {Stroke[]} strokes to show instead of what is there */
  show(strokes) {
    this.#change({ ...this.#lift(), picture: null, strokes });
  }

  /** @param {Blob} file to read as it is; what the browser can show of it is shown */
  async open(file) {
    const mine = ++this.#openings;
    const bitmap = await createImageBitmap(file).catch(() => null); // the server may read a PDF
    if (mine !== this.#openings) return;
    this.#change({ ...this.#lift(), strokes: [], picture: { file, bitmap, turned: 0 } });
  }

  /**
   * Draw by keyboard: arrows move the pen, space puts it down and lifts it.
   *
   * @param {string} key
   * @param {boolean} small steps
   * @param {number} when
   * @returns {boolean} true where the key means something
   */
  key(key, small, when) {
    const step = small ? SMALL_STEP_PX : STEP_PX;
    if (key === " " || key === "Enter") this.#togglePen(when);
    else if (key === "ArrowLeft") this.#movePen(-step, 0, when);
    else if (key === "ArrowRight") this.#movePen(step, 0, when);
    else if (key === "ArrowUp") this.#movePen(0, -step, when);
    else if (key === "ArrowDown") this.#movePen(0, step, when);
    else return false;
    return true;
  }

  /** @param {number} when */
  #togglePen(when) {
    const { pen } = this.#store.state;
    this.#store.set({ pen: { ...pen, shown: true } });
    if (pen.down) this.end(when);
    else this.begin(pen.x, pen.y, when, true);
    this.#store.set({ announcement: t(pen.down ? "pen-up" : "pen-down") });
  }

  /** @param {number} right @param {number} down @param {number} when */
  #movePen(right, down, when) {
    const { pen } = this.#store.state;
    const [x, y] = [pen.x + right, pen.y + down].map((at) => Math.min(Math.max(at, 0), CANVAS_PX));
    this.#store.set({ pen: { ...pen, x, y, shown: true } });
    if (pen.down) this.extend([[x, y]], when);
  }

  /** Lift the keyboard's pen and hide it: its user went elsewhere. */
  leave() {
    const { pen } = this.#store.state;
    if (pen.down) this.end(performance.now());
    this.#store.set({ pen: { ...this.#store.state.pen, down: false, shown: false } });
  }

  /** @param {boolean} erase */
  useEraser(erase) {
    this.#store.set({ erase });
  }

  /** @param {number} penWidth */
  useWidth(penWidth) {
    this.#store.set({ penWidth });
  }
}
