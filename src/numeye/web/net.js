// @ts-check
// How a layer computes, and what it sees. Read this file to learn how convolutional networks work.
//
// The result of a layer is an array of numbers: `shape` is [units, height, width], or [units] in
// fully connected layers, and `values` holds the numbers one after the other. All functions here
// are plain arithmetic on the network's own numbers.

/**
 * One layer of a network, with its numbers for one picture.
 *
 * @typedef {object} Layer
 * @property {string} name
 * @property {string} kind convolution, pooling, linear, ReLU, ...
 * @property {string} operation as ONNX calls it
 * @property {string} tensor that it makes
 * @property {string[]} sources tensors that it works on
 * @property {number[]} shape
 * @property {Float32Array} values
 * @property {number} active percent of the numbers that are above 0
 * @property {number} group
 * @property {number[]} kernel height and width
 * @property {number[]} strides
 * @property {number[]} dilations
 * @property {number[]} pads top and left
 * @property {boolean} [pads_count] a mean counts what lies outside of the map as zeros
 */
/** @typedef {{input: Layer, layers: Layer[], byTensor: Map<string, Layer>}} Net */
/** @typedef {{top: number, left: number, bottom: number, right: number}} Rectangle rows, columns */
/** @typedef {{unit: number, y?: number, x?: number}} Position of one number in its layer */
/** @typedef {{weight: import("./api.js").Numbers, bias: number}} Weights of one unit */
/** @typedef {{channel: number, patch: number[], kernel: number[], sum: number}} Channel */
/** @typedef {{index: number, input: number, weight: number, product: number}} Term */
/**
 * The arithmetic of one number. `value` is its result, to be compared with the network's own.
 *
 * @typedef {{kind: "convolution", value: number, rows: number, columns: number,
 *     channels: Channel[], bias: number}} ConvolutionSum
 * @typedef {{kind: "maximum" | "mean", value: number, columns: number, patch: number[]}} PoolingSum
 * @typedef {{kind: "ReLU", value: number, of: number}} ReluSum
 * @typedef {{kind: "sum", value: number, parts: number[]}} PartsSum
 * @typedef {{kind: "linear", value: number, terms: Term[], bias: number,
 *     position: (index: number) => Position}} LinearSum
 * @typedef {ConvolutionSum | PoolingSum | ReluSum | PartsSum | LinearSum} Sum
 */

/**
 * The number of a unit at row y and column x; 0 outside of the map.
 *
 * @param {Layer} layer
 * @param {number} unit
 * @param {number} [y]
 * @param {number} [x]
 * @returns {number}
 */
export function at(layer, unit, y = 0, x = 0) {
  if (layer.shape.length === 1) return layer.values[unit];
  return isInside(layer, y, x) ? layer.values[indexOf(layer, unit, y, x)] : 0;
}

/** @param {Layer} layer @param {number} unit @param {number} y @param {number} x */
function indexOf({ shape: [, height = 1, width = 1] }, unit, y, x) {
  return (unit * height + y) * width + x;
}

/** @param {Layer} layer @param {number} y @param {number} x */
const isInside = ({ shape: [, height, width] }, y, x) =>
  y >= 0 && x >= 0 && y < height && x < width;

/**
 * True where a layer has this position; another network may have fewer units, or smaller maps.
 *
 * @param {Layer} layer
 * @param {Position} position
 * @returns {boolean}
 */
export function hasPosition({ shape: [units, height = 1, width = 1] }, { unit, y = 0, x = 0 }) {
  const pairs = [[unit, units], [y, height], [x, width]];
  return pairs.every(([index, count]) => Number.isInteger(index) && index >= 0 && index < count);
}

/**
 * The receptive field of one number in the layer below.
 *
 * @param {Layer} layer
 * @param {number} y
 * @param {number} x
 * @param {Layer} below
 * @returns {Rectangle}
 */
export function field(layer, y, x, below) {
  if (layer.shape.length === 1 || below.shape.length === 1) return whole(below);
  // What a step between layers does is not known. Where sizes agree, it is taken to go number by
  // number.
  const sameSize = layer.shape[1] === below.shape[1] && layer.shape[2] === below.shape[2];
  if (layer.kind === "step" && !sameSize) return whole(below);
  const [kernelY, kernelX] = layer.kernel;
  const top = y * layer.strides[0] - layer.pads[0];
  const left = x * layer.strides[1] - layer.pads[1];
  return {
    top, left,
    bottom: top + (kernelY - 1) * layer.dilations[0],
    right: left + (kernelX - 1) * layer.dilations[1],
  };
}

/** @param {Layer} layer @returns {Rectangle} */
function whole(layer) {
  const [, height, width] = layer.shape.length === 1 ? [0, 1, 1] : layer.shape;
  return { top: 0, left: 0, bottom: height - 1, right: width - 1 };
}

/**
 * The receptive fields of one number in every layer below it and in the input, by their tensors.
 *
 * Layers stand in the order in which they work. So on the way down, all layers that read a layer
 * come before it.
 *
 * @param {Net} net
 * @param {Layer} layer
 * @param {number} y
 * @param {number} x
 * @returns {Map<string, Rectangle>}
 */
export function fields(net, layer, y, x) {
  const rectangles = new Map([[layer.tensor, { top: y, left: x, bottom: y, right: x }]]);
  for (const reader of [...net.layers].reverse()) {
    const rectangle = rectangles.get(reader.tensor);
    if (!rectangle) continue;
    for (const source of reader.sources) {
      const below = net.byTensor.get(source);
      if (!below) continue;
      const { top, left } = field(reader, rectangle.top, rectangle.left, below);
      const { bottom, right } = field(reader, rectangle.bottom, rectangle.right, below);
      rectangles.set(source, join(rectangles.get(source), { top, left, bottom, right }));
    }
  }
  rectangles.delete(layer.tensor);
  return rectangles;
}

/** @param {Rectangle | undefined} a @param {Rectangle} b @returns {Rectangle} around both */
function join(a, b) {
  if (!a) return b;
  return {
    top: Math.min(a.top, b.top), left: Math.min(a.left, b.left),
    bottom: Math.max(a.bottom, b.bottom), right: Math.max(a.right, b.right),
  };
}

/**
 * The receptive field of one number in the input; null where the network has no such number.
 *
 * @param {Net} net
 * @param {import("./state.js").Place | null} place
 * @returns {Rectangle | null}
 */
export function inputField(net, place) {
  const layer = net.layers.find(({ name }) => name === place?.layer);
  if (!place || !layer || !hasPosition(layer, place)) return null;
  return fields(net, layer, place.y, place.x).get(net.input.tensor) ?? null;
}

/**
 * The arithmetic of one number, from the numbers below and the unit's weights.
 *
 * @param {Net} net
 * @param {Layer} layer
 * @param {Position} position
 * @param {Weights | null} weights null for layers that have none
 * @returns {Sum | null} null where it cannot be shown
 */
export function arithmetic(net, layer, { unit, y = 0, x = 0 }, weights) {
  if (layer.kind === "step") return null; // it does more than its name says
  const below = [];
  for (const source of layer.sources) below.push(net.byTensor.get(source));
  const [first] = below;
  if (!first) return null;
  if (layer.operation === "Conv") return weights && convolution(layer, first, unit, y, x, weights);
  if (layer.kind === "linear") return weights && linear(first, weights);
  if (layer.operation.endsWith("Pool")) return pooling(layer, first, unit, y, x);
  // The others work number by number, also where the numbers were reshaped before. A layer that
  // repeats numbers is not shown.
  const parts = [];
  for (const source of below) {
    if (source?.values.length !== layer.values.length) return null;
    parts.push(source.values[indexOf(layer, unit, y, x)]);
  }
  const [of] = parts;
  if (layer.operation === "Relu") return { kind: "ReLU", of, value: Math.max(0, of) };
  if (layer.operation !== "Add") return null;
  return { kind: "sum", parts, value: parts.reduce((a, b) => a + b, 0) };
}

/**
 * Eyes: multiply each input's patch by the kernel for it, and add up all products and the bias.
 *
 * @param {Layer} layer
 * @param {Layer} below
 * @param {number} unit
 * @param {number} y
 * @param {number} x
 * @param {Weights} weights
 * @returns {ConvolutionSum}
 */
function convolution(layer, below, unit, y, x, { weight, bias }) {
  const [inputs, rows, columns] = weight.shape; // (inputs, 3, 3)
  const { top, left } = field(layer, y, x, below);
  const firstInput = Math.floor(unit / (layer.shape[0] / layer.group)) * inputs; // of its group
  const channels = [];
  let value = bias;
  for (let channel = 0; channel < inputs; channel++) {
    const patch = [], kernel = [];
    let sum = 0;
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const belowY = top + row * layer.dilations[0], belowX = left + column * layer.dilations[1];
        const input = at(below, firstInput + channel, belowY, belowX);
        const factor = weight.values[(channel * rows + row) * columns + column];
        patch.push(input);
        kernel.push(factor);
        sum += input * factor;
      }
    }
    channels.push({ channel: firstInput + channel, patch, kernel, sum });
    value += sum;
  }
  return { kind: "convolution", rows, columns, channels, bias, value };
}

/**
 * Focus: of neighbours only the largest goes on, or their mean. What lies outside of the map is no
 * neighbour, so at the edge of the map a patch is smaller.
 *
 * @param {Layer} layer
 * @param {Layer} below
 * @param {number} unit
 * @param {number} y
 * @param {number} x
 * @returns {PoolingSum}
 */
function pooling(layer, below, unit, y, x) {
  const [rows, columns] = layer.kernel; // (2, 2)
  const { top, left } = field(layer, y, x, below);
  const patch = [];
  let width = 0; // numbers in the first row that has any
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const belowY = top + row * layer.dilations[0], belowX = left + column * layer.dilations[1];
      const counts = layer.pads_count || isInside(below, belowY, belowX);
      if (counts) patch.push(at(below, unit, belowY, belowX));
    }
    width ||= patch.length;
  }
  if (layer.operation.includes("Max")) {
    return { kind: "maximum", columns: width, patch, value: Math.max(...patch) };
  }
  const mean = patch.reduce((a, b) => a + b, 0) / patch.length;
  return { kind: "mean", columns: width, patch, value: mean };
}

/**
 * Decision: multiply every number below by its weight, and add up all products and the bias.
 *
 * @param {Layer} below
 * @param {Weights} weights
 * @returns {LinearSum}
 */
function linear(below, { weight, bias }) {
  const terms = Array.from(below.values, (input, index) => {
    const factor = weight.values[index];
    return { index, input, weight: factor, product: input * factor };
  });
  const value = terms.reduce((sum, { product }) => sum + product, bias);
  return { kind: "linear", terms, bias, value, position: (index) => positionOf(below, index) };
}

/** @param {Layer} layer @param {number} index @returns {Position} */
function positionOf({ shape }, index) {
  if (shape.length === 1) return { unit: index };
  const [, height, width] = shape; // (units, height, width)
  const unit = Math.floor(index / (height * width));
  return { unit, y: Math.floor(index / width) % height, x: index % width };
}
