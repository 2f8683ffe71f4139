// @ts-check
// Save what is shown as a picture (PNG, SVG), and its numbers as JSON.

import { create, offscreen } from "./dom.js";
import { t } from "./texts.js";

/**
 * What is saved: canvases, or a drawing that is SVG already; and the numbers behind it.
 *
 * @typedef {{canvases?: HTMLCanvasElement[], svg?: SVGSVGElement, data: unknown}} Saved
 */
/** @typedef {{canvas: HTMLCanvasElement, x: number, y: number, w: number, h: number}} Placed */

const GAP_PX = 8, MOST_PX = 1200; // between canvases, and width of a row
const KEPT_MS = 10_000; // that a download's address is kept
const SVG = "http://www.w3.org/2000/svg";
const STYLES = ["fill", "stroke", "stroke-width", "stroke-dasharray", "font-size"];

/**
 * Three buttons.
 *
 * @param {string} name of the files
 * @param {() => Saved} saved
 */
export function exportButtons(name, saved) {
  /** @param {string} kind @param {(what: Saved, file: string) => unknown} save */
  const button = (kind, save) => {
    const onclick = () => save(saved(), name);
    return create("button", { type: "button", "data-export": kind, onclick }, kind.toUpperCase());
  };
  return create("div", { class: "row controls export", role: "group", "aria-label": t("export") },
    create("span", { class: "muted" }, t("export")),
    button("png", savePng), button("svg", saveSvg), button("json", saveJson));
}

/** @param {string} name @param {Blob} blob */
function download(name, blob) {
  const address = URL.createObjectURL(blob);
  create("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), KEPT_MS);
}

/** @param {HTMLCanvasElement[]} canvases Side by side, in rows. */
function arrange(canvases) {
  /** @type {Placed[]} */
  const placed = [];
  let x = GAP_PX, y = GAP_PX, row = 0, width = 0;
  for (const canvas of canvases) {
    const shown = canvas.getBoundingClientRect();
    const w = Math.round(shown.width) || canvas.width;
    const h = Math.round(shown.height) || canvas.height;
    if (x > GAP_PX && x + w > MOST_PX) [x, y, row] = [GAP_PX, y + row + GAP_PX, 0];
    placed.push({ canvas, x, y, w, h });
    x += w + GAP_PX;
    row = Math.max(row, h);
    width = Math.max(width, x);
  }
  return { placed, width, height: y + row + GAP_PX };
}

/** @param {Saved} saved @param {string} name */
async function savePng({ canvases = [], svg }, name) {
  const sheet = await (svg ? rasterize(svg) : compose(canvases));
  download(`${name}.png`, await sheet.convertToBlob({ type: "image/png" }));
}

/** @param {HTMLCanvasElement[]} canvases */
function compose(canvases) {
  const { placed, width, height } = arrange(canvases);
  const context = offscreen(width, height);
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingEnabled = false;
  for (const { canvas, x, y, w, h } of placed) context.drawImage(canvas, x, y, w, h);
  return context.canvas;
}

/** @param {SVGSVGElement} svg Twice as large, so that it stays sharp. */
async function rasterize(svg) {
  const { width, height } = svg.getBoundingClientRect();
  const picture = new Image();
  picture.src = `data:image/svg+xml,${encodeURIComponent(standalone(svg))}`;
  await picture.decode();
  const context = offscreen(width * 2, height * 2);
  context.drawImage(picture, 0, 0, width * 2, height * 2);
  return context.canvas;
}

/** @param {Saved} saved @param {string} name */
function saveSvg({ canvases = [], svg }, name) {
  const text = svg ? standalone(svg) : embedded(canvases);
  download(`${name}.svg`, new Blob([text], { type: "image/svg+xml" }));
}

/** @param {HTMLCanvasElement[]} canvases */
function embedded(canvases) {
  const { placed, width, height } = arrange(canvases);
  const images = placed.map(({ canvas, x, y, w, h }) =>
    `<image x="${x}" y="${y}" width="${w}" height="${h}" style="image-rendering:pixelated" `
    + `href="${canvas.toDataURL()}"/>`);
  return `<svg xmlns="${SVG}" width="${width}" height="${height}">${images.join("")}</svg>`;
}

/** @param {SVGSVGElement} svg With the colours that the page's style gives it. */
function standalone(svg) {
  const { width, height } = svg.getBoundingClientRect();
  const copy = /** @type {SVGSVGElement} */ (svg.cloneNode(true));
  const copied = [...copy.querySelectorAll("*")];
  [...svg.querySelectorAll("*")].forEach((part, place) => {
    const style = getComputedStyle(part);
    for (const name of STYLES) copied[place].setAttribute(name, style.getPropertyValue(name));
  });
  copy.setAttribute("xmlns", SVG);
  copy.setAttribute("width", String(width));
  copy.setAttribute("height", String(height));
  return new XMLSerializer().serializeToString(copy);
}

/** @param {Saved} saved @param {string} name */
function saveJson({ data }, name) {
  /** @type {(key: string, value: unknown) => unknown} JSON has no typed arrays. */
  const plain = (_, value) =>
    (value instanceof Float32Array || value instanceof Uint8Array ? Array.from(value) : value);
  const text = JSON.stringify(data, plain, 1);
  download(`${name}.json`, new Blob([text], { type: "application/json" }));
}
