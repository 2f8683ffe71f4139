// @ts-check
// Reads what is drawn, after each movement of the pen, and lets a second network read it too.

import { read, readSingle } from "./api.js";
import { number } from "./dom.js";
import { crop, readSize, toSend } from "./pixels.js";
import { DEFAULT_MODEL, isEmpty, isShown } from "./state.js";
import { t } from "./texts.js";
import { latest } from "./timing.js";

/** @typedef {import("./api.js").Reading} Reading */
/** @typedef {import("./state.js").Store} Store */
/** @typedef {import("./state.js").State} State */
/** @typedef {import("./state.js").Picture} Picture */
/** @typedef {import("./api.js").Box} Box */

const CONTEXT = 1.5; // side of an explained crop over the longer side of its digit

/**
 * The part of the picture to be explained: all of it, or the selected one of several digits with
 * its surroundings.
 *
 * @param {State} state
 * @returns {{sent: import("./api.js").Sent, offset: [number, number]}}
 */
export function selectedCrop(state) {
  const digits = state.reading?.digits ?? [];
  if (digits.length < 2 || !isShown(state)) return { sent: toSend(state), offset: [0, 0] };
  const [x, y, width, height] = digits[state.selected].box;
  const side = CONTEXT * Math.max(width, height);
  /** @type {[number, number]} */
  const offset = [Math.round(x + width / 2 - side / 2), Math.round(y + height / 2 - side / 2)];
  return { sent: crop(state, [...offset, side, side]), offset };
}

/**
 * The answer of a network that reads one digit, in the shape of a reading.
 *
 * @param {State} state
 * @returns {Promise<Reading>}
 */
async function readOne(state) {
  const answer = await readSingle(toSend(state), state.model, state.leftOut);
  const { rejected, probabilities, crop: box } = answer;
  const ten = probabilities.slice(0, 10), confidence = Math.max(...ten);
  const digits = box ? [{ digit: ten.indexOf(confidence), box: rounded(box), probabilities }] : [];
  return { text: rejected ? "" : answer.answer ?? "", confidence, rejected, digits };
}

/** @param {Box} box @returns {Box} */
const rounded = ([x, y, width, height]) =>
  [Math.round(x), Math.round(y), Math.round(width), Math.round(height)];

/**
 * A reading whose boxes are those of the picture turned by quarters, as it is shown. The server's
 * are of the picture as stored.
 *
 * @param {Reading} reading
 * @param {Picture} picture
 * @param {number} quarters counter-clockwise
 * @returns {Reading}
 */
function turnedReading(reading, picture, quarters) {
  const size = readSize({ strokes: [], picture: { ...picture, turned: 0 } });
  /** @template {{box: Box}} T @param {T} part @returns {T} */
  const turn = (part) => ({ ...part, box: turnedBox(part.box, size, quarters) });
  const numbers = (reading.numbers ?? []).map((each) =>
    ({ ...each, characters: each.characters.map(turn) }));
  return { ...reading, digits: reading.digits.map(turn), numbers };
}

/**
 * @param {Box} box
 * @param {[number, number]} size width and height of the picture
 * @param {number} quarters counter-clockwise
 * @returns {Box}
 */
function turnedBox([x, y, width, height], [right, bottom], quarters) {
  if (!quarters) return [x, y, width, height];
  return turnedBox([y, right - x - width, height, width], [bottom, right], quarters - 1);
}

/** @param {Reading} reading @returns {string} for screen readers */
function announcementOf({ rejected, text, confidence }) {
  if (rejected) return t("rejected", { reason: rejected });
  return t("heard", { text, confidence: number(confidence * 100, 0) });
}

/** @param {Store} store */
export function startReading(store) {
  const compare = latest(async () => {
    try {
      await readSecond(store);
    } catch (error) {
      store.report(error);
    }
  });
  const update = latest(async () => {
    try {
      if (isEmpty(store.state)) forget(store, t("empty"));
      else await readFirst(store);
      if (isEmpty(store.state)) return;
      store.report(null);
      compare();
    } catch (error) {
      forget(store, ""); // the answer before was about something else
      store.report(error);
    }
  });
  store.on(["revision", "drawing", "model", "leftOut"], update);
  store.on(["selected"], compare);
  store.on(["second"], () => {
    store.set({ comparison: null });
    compare();
  });
  update();
}

/** @param {Store} store @param {string} announcement */
function forget(store, announcement) {
  store.set({ reading: null, comparison: null, selected: 0, announcement });
}

/** @param {Store} store */
async function readFirst(store) {
  const { state } = store, { picture, changedAt: when } = state;
  const whole = state.model === DEFAULT_MODEL && !state.leftOut.length;
  const work = whole ? read(toSend(state)) : readOne(state);
  const reading = await (picture ? store.whileBusy(t("busy.read"), work) : work);
  const now = store.state;
  // The answer to what is there now is on its way.
  if (isEmpty(now) || picture?.file !== now.picture?.file) return;
  const quarters = Math.round((reading.turned ?? 0) / 90) % 4, turned = 90 * quarters;
  const shown = now.picture;
  store.set({
    reading: shown && quarters ? turnedReading(reading, shown, quarters) : reading,
    picture: shown && shown.turned !== turned ? { ...shown, turned } : shown,
    selected: Math.min(now.selected, Math.max(reading.digits.length - 1, 0)),
    ...(now.drawing ? {} : { announcement: announcementOf(reading) }), // not at every movement
  });
  const detail = { when, shown: performance.now() };
  document.dispatchEvent(new CustomEvent("numeye:answered", { detail }));
}

/** @param {Store} store Let the second network read the selected digit, with all of its steps. */
async function readSecond(store) {
  const { state } = store, { second: model } = state;
  if (!model || isEmpty(state)) return;
  const comparison = await readSingle(selectedCrop(state).sent, model);
  if (!isEmpty(store.state) && model === store.state.second) store.set({ comparison });
}

/**
 * Select the digit at a place of what is read, if there are several.
 *
 * @param {Store} store
 * @param {[number, number]} place as shares of width and height
 */
export function selectAt(store, [right, down]) {
  const { reading, picture } = store.state;
  if (!picture || (reading?.digits.length ?? 0) < 2) return;
  const [width, height] = readSize(store.state), x = right * width, y = down * height;
  const at = reading?.digits.findIndex(({ box: [left, top, w, h] }) =>
    x >= left && y >= top && x <= left + w && y <= top + h) ?? -1;
  if (at >= 0) store.set({ selected: at });
}
