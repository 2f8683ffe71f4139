// @ts-check
// Numbers as colours that colour-blind people can tell apart too.

import { contextOf } from "./dom.js";

/** @typedef {{name: "sequential" | "signed" | "grey", low: number, high: number}} Scale */
/** @typedef {ArrayLike<number>} Values */

// Dark blue to yellow, after cividis (Nuñez, Anderton and Renslow 2018).
const SEQUENTIAL = [
  [0, 32, 77], [58, 72, 109], [112, 113, 115], [167, 157, 117], [230, 205, 90], [255, 234, 70],
];
// Blue over white to orange, for numbers with a sign.
const SIGNED = [[8, 64, 150], [107, 160, 214], [247, 247, 247], [240, 164, 90], [166, 72, 0]];
const GREYS = [[0, 0, 0], [255, 255, 255]];
const NEAR_ZERO = 1e-9;

const TABLES = { sequential: table(SEQUENTIAL), signed: table(SIGNED), grey: table(GREYS) };

/** @type {Scale} */
export const UNIT_GREY = { name: "grey", low: 0, high: 1 };
/** @type {Scale} */
export const BYTE_GREY = { name: "grey", low: 0, high: 255 };

/** @param {number[][]} anchors @returns {Uint32Array} 256 colours */
function table(anchors) {
  const colours = new Uint32Array(256);
  for (let level = 0; level < 256; level++) {
    const place = (level / 255) * (anchors.length - 1);
    const low = Math.min(Math.floor(place), anchors.length - 2);
    const [r, g, b] = anchors[low].map((from, channel) =>
      Math.round(from + (anchors[low + 1][channel] - from) * (place - low)));
    colours[level] = (255 << 24) | (b << 16) | (g << 8) | r; // little endian: red first
  }
  return colours;
}

/**
 * The smallest and the largest number.
 *
 * @param {Iterable<number>} values
 * @returns {[number, number]}
 */
export function range(values) {
  let low = Infinity, high = -Infinity;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

/**
 * A scale for numbers in this range: from 0 where none is negative, else equally far to both sides.
 *
 * @param {[number, number]} range
 * @returns {Scale}
 */
export function scale([low, high]) {
  if (low >= 0) return { name: "sequential", low: 0, high: Math.max(high, NEAR_ZERO) };
  const most = Math.max(-low, high, NEAR_ZERO);
  return { name: "signed", low: -most, high: most };
}

/** @param {Scale} scale @param {number} value @returns {number} four bytes of a picture */
export function colour({ name, low, high }, value) {
  const level = Math.round(((value - low) / (high - low)) * 255);
  return TABLES[name][level < 0 ? 0 : level > 255 ? 255 : level];
}

/**
 * Paint one map into a picture of 32-bit pixels.
 *
 * @param {{pixels: Uint32Array, stride: number, left: number, top: number, zoom: number}} target
 *   `zoom` is the side of each number in pixels
 * @param {{values: Values, offset: number, height: number, width: number}} map
 * @param {Scale} colours
 */
export function paint(target, { values, offset, height, width }, colours) {
  const { pixels, stride, left, top, zoom } = target;
  for (let y = 0; y < height; y++) {
    const start = (top + y * zoom) * stride + left;
    for (let x = 0; x < width; x++) {
      const painted = colour(colours, values[offset + y * width + x]);
      for (let column = 0; column < zoom; column++) pixels[start + x * zoom + column] = painted;
    }
    for (let row = 1; row < zoom; row++) {
      pixels.copyWithin(start + row * stride, start, start + width * zoom);
    }
  }
}

/**
 * Draw one map on a canvas of its own, one pixel for each number.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {{values: Values, height: number, width: number, offset?: number}} map
 * @param {Scale} colours
 * @returns {HTMLCanvasElement}
 */
export function drawMap(canvas, { values, height, width, offset = 0 }, colours) {
  [canvas.width, canvas.height] = [width, height];
  const context = contextOf(canvas);
  const picture = context.createImageData(width, height);
  const pixels = new Uint32Array(picture.data.buffer);
  const target = { pixels, stride: width, left: 0, top: 0, zoom: 1 };
  paint(target, { values, offset, height, width }, colours);
  context.putImageData(picture, 0, 0);
  return canvas;
}
