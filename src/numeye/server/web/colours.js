// Numbers as colours that colour-blind people tell apart too.

// Dark blue to yellow, after cividis (Nuñez, Anderton and Renslow 2018), and blue over white to orange for signed numbers.
const SEQUENTIAL = [[0, 32, 77], [58, 72, 109], [112, 113, 115], [167, 157, 117], [230, 205, 90], [255, 234, 70]];
const SIGNED = [[8, 64, 150], [107, 160, 214], [247, 247, 247], [240, 164, 90], [166, 72, 0]];

function table(anchors) {
  const colours = new Uint32Array(256);
  for (let level = 0; level < 256; level++) {
    const place = (level / 255) * (anchors.length - 1);
    const low = Math.min(Math.floor(place), anchors.length - 2);
    const [r, g, b] = anchors[low].map((one, channel) => Math.round(one + (anchors[low + 1][channel] - one) * (place - low)));
    colours[level] = (255 << 24) | (b << 16) | (g << 8) | r; // little endian: red first
  }
  return colours;
}

const TABLES = { sequential: table(SEQUENTIAL), signed: table(SIGNED), grey: table([[0, 0, 0], [255, 255, 255]]) };

/** The smallest and the largest of some numbers. */
export function range(values) {
  let low = Infinity, high = -Infinity;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

/** A scale for numbers between these two: from 0 where none is negative, else as far to both sides. */
export function scale([low, high]) {
  if (low < 0) {
    const most = Math.max(-low, high, 1e-9);
    return { name: "signed", low: -most, high: most };
  }
  return { name: "sequential", low: 0, high: Math.max(high, 1e-9) };
}

export const GREY = { name: "grey", low: 0, high: 1 };
export const BYTES = { name: "grey", low: 0, high: 255 };

/** The colour of a number, as four bytes of a picture. */
export function colour({ name, low, high }, value) {
  const level = Math.round(((value - low) / (high - low)) * 255);
  return TABLES[name][level < 0 ? 0 : level > 255 ? 255 : level];
}

/** Paint one map (height x width numbers from `offset`) into a picture of 32-bit pixels, each number `zoom` wide. */
export function paint(pixels, stride, left, top, values, offset, height, width, zoom, colours) {
  for (let y = 0; y < height; y++) {
    const start = (top + y * zoom) * stride + left;
    for (let x = 0; x < width; x++) {
      const painted = colour(colours, values[offset + y * width + x]);
      for (let column = 0; column < zoom; column++) pixels[start + x * zoom + column] = painted;
    }
    for (let row = 1; row < zoom; row++) pixels.copyWithin(start + row * stride, start, start + width * zoom);
  }
}

/** Draw one map on a canvas of its own, a pixel a number. */
export function drawMap(canvas, values, height, width, colours, offset = 0) {
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const picture = context.createImageData(width, height);
  paint(new Uint32Array(picture.data.buffer), width, 0, 0, values, offset, height, width, 1, colours);
  context.putImageData(picture, 0, 0);
  return canvas;
}
