// @ts-check
// The one store: everything that the page shows. Views render from it; only actions change it.

/** @typedef {import("./api.js").Explanation} Explanation */
/** @typedef {import("./api.js").NetworkEntry} NetworkEntry */
/** @typedef {import("./api.js").TrainingEntry} TrainingEntry */
/** @typedef {import("./api.js").TrainingStatus} TrainingStatus */
/** @typedef {import("./api.js").RecipeEntry} RecipeEntry */
/** @typedef {import("./api.js").Reading} Reading */
/** @typedef {import("./api.js").SingleAnswer} SingleAnswer */
/** @typedef {import("./api.js").UnitDetails} UnitDetails */
/** @typedef {import("./api.js").Numbers} Numbers */

/** @typedef {"input" | "inside" | "fool" | "learn"} View */
/** @typedef {{width: number, erase: boolean, points: number[]}} Stroke points: x, y, x, y, ... */
/**
 * An uploaded picture.
 *
 * @typedef {object} Picture
 * @property {Blob} file as it came
 * @property {ImageBitmap | null} bitmap null for a file that the browser cannot show, such as a PDF
 * @property {number} turned degrees counter-clockwise, in quarters, by which it is shown turned
 */
/** @typedef {{x: number, y: number, down: boolean, shown: boolean}} PenCursor the keyboard's pen */
/** @typedef {{layer: string, unit: number, y: number, x: number}} Place one number of a layer */
/** @typedef {Explanation & {layers: import("./net.js").Layer[]}} LayerExplanation */
/**
 * What stands beside the layers: nothing, one unit, or the attribution maps.
 *
 * @typedef {{kind: "none"}
 *   | {kind: "unit", explanation: Explanation, place: Place, details: UnitDetails | null}
 *   | {kind: "attribution", explanation: Explanation}} Detail
 */
/** @typedef {"right" | "down" | "turn" | "thick" | "noise" | "hide"} Change */
/** @typedef {Record<Change, number>} Changes */
/** @typedef {{values: number[], answers: string[], current: string}} Sweep along one slider */
/**
 * Answers to the changed picture.
 *
 * @typedef {object} Robustness
 * @property {string} model
 * @property {Changes} changes
 * @property {string} answer
 * @property {Partial<Record<Change, Sweep>>} sweeps
 * @property {Change[]} fresh sweeps that belong to this answer; the others are of the one before
 */
/**
 * The training that is watched.
 *
 * @typedef {object} WatchedTraining
 * @property {string | null} name
 * @property {import("./api.js").TrainingRow[]} rows
 * @property {TrainingStatus | null} status
 * @property {number | null} step the snapshot that is shown
 * @property {number | null} newest the last snapshot
 * @property {SingleAnswer | null} answer what the snapshot reads; null for an empty canvas
 * @property {Numbers | null} filters of its first layer
 */
/**
 * All that the page shows.
 *
 * @typedef {object} State
 * @property {View} view
 * @property {number} visits counts openings of views: whoever opens a view again asks again
 * @property {boolean} bare controls are hidden
 * @property {number} tourStep 1 to 6; 0 outside of the tour
 * @property {string | null} error
 * @property {string} announcement for screen readers
 * @property {{text: string}[]} busy what takes a while
 * @property {Stroke[]} strokes
 * @property {Picture | null} picture shown instead of strokes
 * @property {number} revision counts changes of strokes and picture
 * @property {number} changedAt time of the last of them
 * @property {boolean} drawing a stroke is being drawn
 * @property {number} strokeBegan time when the last stroke began
 * @property {boolean} erase
 * @property {number} penWidth
 * @property {PenCursor} pen
 * @property {Record<string, Stroke[]>} examples strokes of each example digit
 * @property {NetworkEntry[]} networks
 * @property {boolean} local the server is on this machine, for its user alone
 * @property {string} model
 * @property {string} second the network to compare with; empty for none
 * @property {string[]} leftOut keys of input steps
 * @property {Reading | null} reading
 * @property {number} selected which digit of the reading is explained
 * @property {SingleAnswer | null} comparison answer of the second network
 * @property {Explanation | null} explanation the last one
 * @property {Explanation | null} layers the last one that came with its layers
 * @property {Explanation | null} layersDrawn the one whose layers are on the screen
 * @property {[number, number]} offset of the explained crop in the picture
 * @property {Place | null} place the number that was clicked
 * @property {Place | null} pointed the number under the pointer
 * @property {Place | null} layerCursor the number at the keyboard's cursor
 * @property {string | null} scrollTo a kind of layer to bring into sight
 * @property {Detail} detail
 * @property {Changes} changes
 * @property {Robustness | null} robustness
 * @property {RecipeEntry[]} recipes
 * @property {TrainingEntry[]} trainings
 * @property {WatchedTraining} training
 */
/** @typedef {keyof State} Key */
/** @typedef {(state: State, changed: ReadonlySet<Key>) => void} Listener */

export const DEFAULT_MODEL = "recognizer";
export const CANVAS_PX = 280; // side of the drawing canvas

/** @type {readonly View[]} */
export const VIEWS = ["input", "inside", "fool", "learn"];

/** @typedef {{name: string, view: View, kind: string | null}} TourStep */
/**
 * The tour: where each step leads, and the kind of layer that it is about. It explains `classic`.
 *
 * @type {readonly TourStep[]}
 */
export const TOUR = [
  { name: "data", view: "input", kind: null },
  { name: "convolution", view: "inside", kind: "convolution" },
  { name: "pooling", view: "inside", kind: "pooling" },
  { name: "decision", view: "inside", kind: "linear" },
  { name: "training", view: "learn", kind: null },
  { name: "evaluation", view: "fool", kind: null },
];

/** @type {Changes} Slider values that change nothing. */
export const UNCHANGED = { right: 0, down: 0, turn: 0, thick: 1, noise: 0, hide: 0 };

/** @type {WatchedTraining} */
export const NO_TRAINING = {
  name: null, rows: [], status: null, step: null, newest: null, answer: null, filters: null,
};

/** @type {Detail} */
export const NO_DETAIL = { kind: "none" };

/** @type {State} */
const INITIAL = {
  view: "input", visits: 0, bare: false, tourStep: 0, error: null, announcement: "", busy: [],
  strokes: [], picture: null, revision: 0, changedAt: 0, drawing: false, strokeBegan: 0,
  erase: false, penWidth: 18,
  pen: { x: CANVAS_PX / 2, y: CANVAS_PX / 2, down: false, shown: false },
  examples: {}, networks: [], local: false, model: DEFAULT_MODEL, second: "", leftOut: [],
  reading: null, selected: 0, comparison: null,
  explanation: null, layers: null, layersDrawn: null, offset: [0, 0],
  place: null, pointed: null, layerCursor: null, scrollTo: null, detail: NO_DETAIL,
  changes: UNCHANGED, robustness: null,
  recipes: [], trainings: [], training: NO_TRAINING,
};

/** Holds the state and calls listeners when parts of it change. */
export class Store {
  /** @type {State} */
  #state;
  /** @type {{keys: readonly Key[], listener: Listener}[]} */
  #listeners = [];
  /** @type {Set<Key>} */
  #changed = new Set();
  #notifying = false;

  /** @param {Partial<State>} [initial] */
  constructor(initial = {}) {
    this.#state = { ...INITIAL, ...initial };
  }

  get state() {
    return this.#state;
  }

  /**
   * Change some parts of the state, and call the listeners of those that differ. A change that a
   * listener makes is passed on after all have heard of the one before.
   *
   * @param {Partial<State>} changes
   */
  set(changes) {
    const keys = /** @type {Key[]} */ (Object.keys(changes));
    const different = keys.filter((key) => !Object.is(changes[key], this.#state[key]));
    if (!different.length) return;
    this.#state = { ...this.#state, ...changes };
    for (const key of different) this.#changed.add(key);
    if (!this.#notifying) this.#notify();
  }

  #notify() {
    this.#notifying = true;
    try {
      while (this.#changed.size) {
        const changed = this.#changed;
        this.#changed = new Set();
        for (const { keys, listener } of this.#listeners) {
          if (!keys.some((key) => changed.has(key))) continue;
          try {
            listener(this.#state, changed);
          } catch (error) {
            reportError(error); // the other views go on
          }
        }
      }
    } finally {
      this.#notifying = false;
    }
  }

  /**
   * Call a listener after each change of one of these parts.
   *
   * @param {readonly Key[]} keys
   * @param {Listener} listener
   */
  on(keys, listener) {
    this.#listeners.push({ keys, listener });
  }

  /**
   * Render now, and after each change of one of these parts.
   *
   * @param {readonly Key[]} keys
   * @param {Listener} render
   */
  render(keys, render) {
    this.on(keys, render);
    render(this.#state, new Set(keys));
  }

  /**
   * Wait until the state is so.
   *
   * @param {readonly Key[]} keys that this depends on
   * @param {(state: State) => boolean} condition
   * @returns {Promise<void>}
   */
  when(keys, condition) {
    if (condition(this.#state)) return Promise.resolve();
    return new Promise((resolve) => {
      /** @type {Listener} */
      const listener = (state) => {
        if (!condition(state)) return;
        this.#listeners = this.#listeners.filter((known) => known.listener !== listener);
        resolve();
      };
      this.on(keys, listener);
    });
  }

  /** @param {View} view @param {string | null} [scrollTo] a kind of layer */
  openView(view, scrollTo = null) {
    this.set({ view, scrollTo, visits: this.#state.visits + 1 });
  }

  /** @param {unknown} error shown on the page; null removes what is shown */
  report(error) {
    const message = error instanceof Error && error.message ? error.message : String(error);
    this.set({ error: error ? message : null });
  }

  /**
   * Show that something takes a while, for as long as it does.
   *
   * @template T
   * @param {string} text
   * @param {Promise<T>} work
   * @returns {Promise<T>}
   */
  async whileBusy(text, work) {
    const line = { text };
    this.set({ busy: [...this.#state.busy, line] });
    try {
      return await work;
    } finally {
      this.set({ busy: this.#state.busy.filter((other) => other !== line) });
    }
  }
}

/** @param {State} state @returns {boolean} true where there is nothing to read */
export const isEmpty = ({ picture, strokes }) => !picture && !strokes.length;

/** @param {State} state @returns {boolean} false for a picture that the browser cannot show */
export const isShown = ({ picture }) => !picture || Boolean(picture.bitmap);
