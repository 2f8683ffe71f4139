// @ts-check
// Where the maps of a layer lie on its canvas, and how they are drawn.

import { colour, paint, range, scale } from "./colours.js";
import { contextOf } from "./dom.js";

/** @typedef {import("./net.js").Layer} Layer */
/** @typedef {import("./colours.js").Scale} Scale */
/**
 * @typedef {object} Layout
 * @property {number} units
 * @property {boolean} flat units have one number each
 * @property {number} zoom pixels a side of a number
 * @property {number} width numbers of a map
 * @property {number} height
 * @property {number} canvasWidth pixels
 * @property {number} canvasHeight
 * @property {(unit: number) => [number, number]} corner left and top of its map
 * @property {(x: number, y: number) => {unit: number, y: number, x: number} | null} at a pixel
 */

const MAP_PX = 56, GAP_PX = 4; // side of a map at least, and between two of them
const SQUARE_PX = 14, SQUARE_GAP_PX = 1; // the same for units with one number

/**
 * Where each unit's map lies on its layer's canvas.
 *
 * @param {number[]} shape
 * @param {number} room width in pixels
 * @returns {Layout}
 */
export function layout(shape, room) {
  const [units, height = 1, width = 1] = shape, flat = shape.length === 1;
  const zoom = flat ? SQUARE_PX : Math.max(1, Math.round(MAP_PX / Math.max(height, width)));
  const gap = flat ? SQUARE_GAP_PX : GAP_PX;
  const [cellX, cellY] = [width * zoom + gap, height * zoom + gap];
  const columns = Math.min(units, Math.max(1, Math.floor((room - 2) / cellX)));
  return {
    units, flat, zoom, width, height,
    canvasWidth: columns * cellX + 2,
    canvasHeight: Math.ceil(units / columns) * cellY + 2,
    corner: (unit) => [1 + (unit % columns) * cellX, 1 + Math.floor(unit / columns) * cellY],
    at(px, py) {
      const [column, row] = [Math.floor((px - 1) / cellX), Math.floor((py - 1) / cellY)];
      const unit = row * columns + column;
      const x = Math.floor((px - 1 - column * cellX) / zoom);
      const y = Math.floor((py - 1 - row * cellY) / zoom);
      const onMap = column >= 0 && column < columns && row >= 0 && unit < units;
      if (!onMap || x >= width || y >= height) return null;
      return { unit, y: Math.max(y, 0), x: Math.max(x, 0) };
    },
  };
}

/**
 * Draw all maps of a layer.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {Layer} layer
 * @param {Layout} place
 * @param {Scale | null} whole of all units; null for one of each unit's own
 */
export function drawLayer(canvas, { values }, place, whole) {
  const { units, flat, zoom, width, height, canvasWidth: stride, canvasHeight } = place;
  const context = contextOf(canvas);
  const picture = context.createImageData(stride, canvasHeight);
  const pixels = new Uint32Array(picture.data.buffer);
  const size = width * height;
  for (let unit = 0; unit < units; unit++) {
    const [left, top] = place.corner(unit), offset = unit * size;
    const colours = whole ?? scale(range(values.subarray(offset, offset + size)));
    if (flat) {
      const painted = colour(colours, values[unit]);
      for (let row = top; row < top + zoom; row++) {
        pixels.fill(painted, row * stride + left, row * stride + left + zoom);
      }
    } else {
      paint({ pixels, stride, left, top, zoom }, { values, offset, height, width }, colours);
    }
  }
  context.putImageData(picture, 0, 0);
}
