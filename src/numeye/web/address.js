// @ts-check
// The address holds what the page shows: whoever opens a shared link sees the same.

import { CANVAS_PX, DEFAULT_MODEL, TOUR, VIEWS } from "./state.js";

/** @typedef {import("./state.js").State} State */
/** @typedef {import("./state.js").Stroke} Stroke */
/** @typedef {import("./state.js").Key} Key */

const WRITE_AFTER_MS = 250; // since the last change

/**
 * Strokes as text: of each its width and number of points, then a byte for each coordinate.
 *
 * @param {readonly Stroke[]} strokes
 * @returns {string}
 */
export function encodeStrokes(strokes) {
  const bytes = [];
  for (const { width, erase, points } of strokes) {
    const count = points.length / 2;
    bytes.push(Math.min(Math.round(width), 127) | (erase ? 128 : 0), count >> 8, count & 255);
    for (const coordinate of points) {
      bytes.push(Math.min(Math.max(Math.round((coordinate / CANVAS_PX) * 255), 0), 255));
    }
  }
  const text = btoa(bytes.map((byte) => String.fromCharCode(byte)).join(""));
  return text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/**
 * The strokes of a text; what cannot be read is left out.
 *
 * @param {string} text
 * @returns {Stroke[]}
 */
export function decodeStrokes(text) {
  let plain;
  try {
    plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  } catch {
    return [];
  }
  const bytes = Array.from(plain, (character) => character.charCodeAt(0));
  const strokes = [];
  for (let at = 0; at + 3 <= bytes.length;) {
    const count = 2 * ((bytes[at + 1] << 8) | bytes[at + 2]);
    const points = bytes.slice(at + 3, at + 3 + count).map((byte) => (byte / 255) * CANVAS_PX);
    if (points.length < 2 || points.length < count) break;
    strokes.push({ width: bytes[at] & 127, erase: bytes[at] > 127, points });
    at += 3 + count;
  }
  return strokes;
}

/** @param {string} text @returns {import("./state.js").Place | null} */
function decodePlace(text) {
  if (!text) return null;
  const [layer, unit, y, x] = text.split("~");
  return { layer, unit: Number(unit), y: Number(y || 0), x: Number(x || 0) };
}

/**
 * The part of the state that an address holds.
 *
 * @param {string} hash with or without #
 * @returns {Partial<State>}
 */
export function readAddress(hash) {
  const values = Object.fromEntries(new URLSearchParams(hash.replace(/^#/, "")));
  const known = VIEWS.find((view) => view === values.v);
  const step = Math.round(Number(values.t)) || 1;
  const tourStep = values.t ? Math.min(Math.max(step, 1), TOUR.length) : 0;
  const tour = tourStep ? TOUR[tourStep - 1] : null;
  return {
    view: (values.v ? known : tour?.view) ?? "input",
    scrollTo: values.v ? null : tour?.kind ?? null,
    model: values.m || (tour ? "classic" : DEFAULT_MODEL),
    second: values.c ?? "",
    leftOut: (values.w ?? "").split(",").filter(Boolean),
    tourStep,
    bare: Boolean(values.b),
    place: decodePlace(values.l ?? ""),
    strokes: decodeStrokes(values.s ?? ""),
  };
}

/**
 * The address of a state, without #.
 *
 * @param {State} state
 * @returns {string}
 */
export function addressOf(state) {
  const { view, model, second, leftOut, tourStep, bare, place, picture, strokes } = state;
  const values = Object.entries({
    v: view,
    m: model === DEFAULT_MODEL && !tourStep ? "" : model,
    c: second,
    w: leftOut.join(),
    t: tourStep ? String(tourStep) : "",
    b: bare ? "1" : "",
    l: place ? [place.layer, place.unit, place.y, place.x].join("~") : "",
    s: picture ? "" : encodeStrokes(strokes),
  });
  return String(new URLSearchParams(values.filter(([, value]) => value !== "")));
}

/** @type {readonly Key[]} */
const KEPT = ["view", "model", "second", "leftOut", "tourStep", "bare", "place", "revision"];

/**
 * Write the address a moment after each change.
 *
 * @param {import("./state.js").Store} store
 */
export function keepAddress(store) {
  let timer = 0;
  const write = () => history.replaceState(null, "", `#${addressOf(store.state)}`);
  store.on(KEPT, () => {
    clearTimeout(timer);
    timer = setTimeout(write, WRITE_AFTER_MS);
  });
}
