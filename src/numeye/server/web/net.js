// How a layer computes, and what it looks at. Read this file to see what a convolutional network does.
//
// Every layer is an array of numbers: `shape` is [units, height, width], or [units] behind the eyes, and `values` holds
// them one after the other. All functions here are plain arithmetic on the network's own numbers.

/** The number that a unit of a layer has at row y and column x; outside of the picture there is nothing: 0. */
export function at(layer, unit, y = 0, x = 0) {
  if (layer.shape.length === 1) return layer.values[unit];
  const [, height, width] = layer.shape; // (units, height, width)
  if (y < 0 || x < 0 || y >= height || x >= width) return 0;
  return layer.values[index(layer, unit, y, x)];
}

/** Where a number stands among the others of its layer. */
function index({ shape: [, height = 1, width = 1] }, unit, y, x) {
  return (unit * height + y) * width + x;
}

const inside = ({ shape: [, height, width] }, y, x) => y >= 0 && x >= 0 && y < height && x < width;

/** The rectangle of the layer below that a place of a layer looks at: rows top to bottom, columns left to right. */
export function field(layer, y, x, below) {
  if (layer.shape.length === 1 || below.shape.length === 1) return whole(below);
  // What a step, which is no layer, does is not known: where sizes agree it is taken to go number by number.
  if (layer.kind === "step" && !(layer.shape[1] === below.shape[1] && layer.shape[2] === below.shape[2])) return whole(below);
  const [kernelY, kernelX] = layer.kernel;
  const top = y * layer.strides[0] - layer.pads[0];
  const left = x * layer.strides[1] - layer.pads[1];
  return {
    top, left,
    bottom: top + (kernelY - 1) * layer.dilations[0],
    right: left + (kernelX - 1) * layer.dilations[1],
  };
}

function whole(layer) {
  const [, height, width] = layer.shape.length === 1 ? [0, 1, 1] : layer.shape;
  return { top: 0, left: 0, bottom: height - 1, right: width - 1 };
}

/**
 * All that a place looks at, in every layer below it and in the input: a map from tensors to rectangles.
 *
 * Layers stand in the order in which they work, so that from the last one down each has been looked at by all that do.
 */
export function fields(net, layer, y, x) {
  const found = new Map([[layer.tensor, { top: y, left: x, bottom: y, right: x }]]);
  for (const one of [...net.layers].reverse()) {
    const rectangle = found.get(one.tensor);
    if (!rectangle) continue;
    for (const name of one.sources) {
      const below = net.byTensor.get(name);
      if (!below) continue;
      const from = field(one, rectangle.top, rectangle.left, below);
      const to = field(one, rectangle.bottom, rectangle.right, below);
      found.set(name, join(found.get(name), { top: from.top, left: from.left, bottom: to.bottom, right: to.right }));
    }
  }
  found.delete(layer.tensor);
  return found;
}

function join(a, b) {
  if (!a) return b;
  return {
    top: Math.min(a.top, b.top), left: Math.min(a.left, b.left),
    bottom: Math.max(a.bottom, b.bottom), right: Math.max(a.right, b.right),
  };
}

/**
 * The arithmetic of one number: its parts and their sum, from the numbers below and the unit's weights.
 *
 * `weights` is {weight: {shape, values}, bias} as the server sends it, or null for layers that have none.
 * Returns {kind, value, ...}, where `value` is what comes out of the arithmetic, for comparison with the network's own.
 */
export function arithmetic(net, layer, unit, y, x, weights) {
  if (layer.kind === "step") return null; // it does more than its name says
  const below = layer.sources.map((name) => net.byTensor.get(name));
  if (below.some((one) => !one) || !below.length) return null;
  if (layer.operation === "Conv") return weights && convolution(layer, below[0], unit, y, x, weights);
  if (layer.kind === "linear") return weights && linear(below, weights);
  if (layer.operation.endsWith("Pool")) return pooling(layer, below[0], unit, y, x);
  // What follows goes number by number, also where they were laid out anew between; what is spread is not shown.
  if (below.some((one) => one.values.length !== layer.values.length)) return null;
  const parts = below.map((one) => one.values[index(layer, unit, y, x)]);
  if (layer.operation === "Relu") return { kind: "ReLU", of: parts[0], value: Math.max(0, parts[0]) };
  if (layer.operation === "Add") return { kind: "sum", parts, value: parts.reduce((a, b) => a + b, 0) };
  return null;
}

/** Eyes: each input's patch times the kernel for it, all added up, and the bias. */
function convolution(layer, below, unit, y, x, { weight, bias }) {
  const [inputs, rows, columns] = weight.shape; // (inputs, 3, 3)
  const { top, left } = field(layer, y, x, below);
  const group = Math.floor(unit / (layer.shape[0] / layer.group)) * inputs; // where its part of the inputs begins
  const channels = [];
  let value = bias;
  for (let channel = 0; channel < inputs; channel++) {
    const patch = [], kernel = [];
    let sum = 0;
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const seen = at(below, group + channel, top + row * layer.dilations[0], left + column * layer.dilations[1]);
        const weighs = weight.values[(channel * rows + row) * columns + column];
        patch.push(seen);
        kernel.push(weighs);
        sum += seen * weighs;
      }
    }
    channels.push({ channel: group + channel, patch, kernel, sum });
    value += sum;
  }
  return { kind: "convolution", rows, columns, channels, bias, value };
}

/** Focus: of four neighbours only the strongest goes on (or their mean); what lies outside of the maps is no neighbour. */
function pooling(layer, below, unit, y, x) {
  const [rows, columns] = layer.kernel;
  const { top, left } = field(layer, y, x, below);
  const patch = [];
  let wide = 0; // what lies outside of the map is left out, so that at its edge a patch is smaller
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const [y0, x0] = [top + row * layer.dilations[0], left + column * layer.dilations[1]];
      if (layer.pads_count || inside(below, y0, x0)) patch.push(at(below, unit, y0, x0));
    }
    wide ||= patch.length;
  }
  const best = Math.max(...patch);
  const most = layer.operation.includes("Max");
  return { kind: most ? "maximum" : "mean", columns: wide, patch, value: most ? best : patch.reduce((a, b) => a + b, 0) / patch.length };
}

/** Decision: everything that was seen, each times how much it speaks for this unit, all added up, and the bias. */
function linear(below, { weight, bias }) {
  const inputs = below[0];
  const terms = Array.from(inputs.values, (seen, number) => ({ number, seen, weighs: weight.values[number], product: seen * weight.values[number] }));
  const value = terms.reduce((sum, term) => sum + term.product, bias);
  return { kind: "linear", terms, bias, value, place: (number) => place(inputs, number) };
}

function place(layer, number) {
  if (layer.shape.length === 1) return { unit: number };
  const [, height, width] = layer.shape;
  return { unit: Math.floor(number / (height * width)), y: Math.floor(number / width) % height, x: number % width };
}
