// @ts-check
// From strokes or an uploaded picture to the pixels that are shown, and to those that are sent.

import { offscreen } from "./dom.js";
import { npy } from "./packing.js";
import { CANVAS_PX } from "./state.js";

/** @typedef {import("./dom.js").Context} Context */
/** @typedef {import("./api.js").Box} Box */
/** @typedef {import("./api.js").Sent} Sent */
/** @typedef {import("./state.js").State} State */
/** @typedef {import("./state.js").Stroke} Stroke */
/** @typedef {import("./state.js").Picture} Picture */
/** @typedef {Pick<State, "strokes" | "picture">} Drawn */

const SENT_PX = 112; // side of a drawing as it is sent: 280 take four times as long, no better read
const SHOWN_PX = 1000; // longer side of a picture as it is shown
const INK = "#17181c", PAPER = "#ffffff";
const NAMED_TYPES = /^image\/|^application\/pdf$/; // of other files the server finds out the type

/**
 * A function that keeps its last result, for as long as its argument is the same object.
 *
 * @template {object} A
 * @template R
 * @param {(argument: A) => R} work
 * @returns {(argument: A) => R}
 */
function remembered(work) {
  /** @type {{argument: A, result: R} | null} */
  let last = null;
  return (argument) => {
    if (last?.argument !== argument) last = { argument, result: work(argument) };
    return last.result;
  };
}

/** @param {Context} context */
function fillWithPaper(context) {
  context.fillStyle = PAPER;
  context.fillRect(0, 0, context.canvas.width, context.canvas.height);
}

/**
 * Draw strokes on white paper.
 *
 * @param {readonly Stroke[]} strokes
 * @param {number} [thicker] factor of their width
 * @returns {OffscreenCanvas} of `CANVAS_PX` a side
 */
export function drawStrokes(strokes, thicker = 1) {
  const context = offscreen(CANVAS_PX, CANVAS_PX);
  fillWithPaper(context);
  for (const { width, erase, points } of strokes) {
    context.strokeStyle = erase ? PAPER : INK;
    context.lineWidth = width * thicker;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    context.moveTo(points[0], points[1]);
    if (points.length === 2) context.lineTo(points[0] + 0.01, points[1]);
    for (let n = 2; n < points.length; n += 2) context.lineTo(points[n], points[n + 1]);
    context.stroke();
  }
  return context.canvas;
}

const drawing = remembered((/** @type {readonly Stroke[]} */ strokes) => drawStrokes(strokes));

/**
 * A picture as it is shown: turned as the server turned it, and not larger than `SHOWN_PX`.
 */
const shownPicture = remembered((/** @type {Picture} */ picture) => {
  const [width, height] = pictureSize(picture);
  const shrunk = Math.min(1, SHOWN_PX / Math.max(width, height));
  const [w, h] = [width, height].map((side) => Math.max(1, Math.round(side * shrunk)));
  const context = offscreen(w, h);
  fillWithPaper(context);
  context.scale(shrunk, shrunk);
  drawPicture(context, picture);
  return context.canvas;
});

/** @param {Drawn} drawn @returns {OffscreenCanvas} what the canvas shows */
export const shownCanvas = ({ picture, strokes }) =>
  (picture ? shownPicture(picture) : drawing(strokes));

/** @param {Picture} picture @returns {[number, number]} width and height, as it is turned */
function pictureSize({ bitmap, turned }) {
  if (!bitmap) return [CANVAS_PX, CANVAS_PX];
  return turned % 180 ? [bitmap.height, bitmap.width] : [bitmap.width, bitmap.height];
}

/**
 * Draw a picture in its own pixels, from the corner on.
 *
 * @param {Context} context
 * @param {Picture} picture
 */
function drawPicture(context, picture) {
  const { bitmap, turned } = picture, [width, height] = pictureSize(picture);
  if (!bitmap) return;
  context.translate(width / 2, height / 2);
  context.rotate((-turned * Math.PI) / 180); // the server counts counter-clockwise
  context.drawImage(bitmap, -bitmap.width / 2, -bitmap.height / 2);
}

/** @param {Drawn} drawn @returns {[number, number]} size of what is read, as boxes have it */
export const readSize = ({ picture }) => (picture ? pictureSize(picture) : [SENT_PX, SENT_PX]);

/** @param {Drawn} drawn @returns {Sent} the file as it came, or the drawing's pixels */
export function toSend(drawn) {
  if (!drawn.picture) return crop(drawn, [0, 0, SENT_PX, SENT_PX]);
  const { file } = drawn.picture;
  return { body: file, type: NAMED_TYPES.test(file.type) ? file.type : "application/octet-stream" };
}

/**
 * A part of what is read.
 *
 * @param {Drawn} drawn
 * @param {Box} box in the pixels of `readSize`
 * @returns {Sent}
 */
export function crop(drawn, [x, y, width, height]) {
  const [w, h] = [width, height].map((side) => Math.max(Math.round(side), 1));
  const context = offscreen(w, h);
  fillWithPaper(context);
  context.imageSmoothingQuality = "high";
  context.translate(-x, -y);
  if (drawn.picture?.bitmap) drawPicture(context, drawn.picture); // as large as it is, not as shown
  else context.drawImage(shownCanvas(drawn), 0, 0, ...readSize(drawn));
  return npy(toGrey(context.getImageData(0, 0, w, h).data), [h, w]);
}

/** @param {Uint8ClampedArray} rgba @returns {Uint8Array<ArrayBuffer>} grey levels */
export function toGrey(rgba) {
  const grey = new Uint8Array(rgba.length / 4);
  for (let n = 0; n < grey.length; n++) {
    grey[n] = 0.299 * rgba[4 * n] + 0.587 * rgba[4 * n + 1] + 0.114 * rgba[4 * n + 2] + 0.5;
  }
  return grey;
}
