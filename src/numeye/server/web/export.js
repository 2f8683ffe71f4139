// Anything seen as a picture (PNG, SVG), its numbers as JSON.

import { element, t } from "./page.js";

/** Three buttons. `seen` returns {canvases, data}, and `svg` where the picture is one already. */
export function exportButtons(name, seen) {
  const button = (kind, save) => element("button", { type: "button", "data-export": kind, onclick: () => save(seen(), name) }, kind.toUpperCase());
  return element("div", { class: "row controls export", role: "group", "aria-label": t("export") },
    element("span", { class: "muted" }, t("export")), button("png", savePng), button("svg", saveSvg), button("json", saveJson));
}

function download(name, blob) {
  const address = URL.createObjectURL(blob);
  element("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** Canvases side by side, in rows; where each lies. */
function laidOut(canvases) {
  const gap = 8, most = 1200, places = [];
  let x = gap, y = gap, row = 0, width = 0;
  for (const canvas of canvases) {
    const shown = canvas.getBoundingClientRect();
    const [w, h] = [Math.round(shown.width) || canvas.width, Math.round(shown.height) || canvas.height];
    if (x > gap && x + w > most) [x, y, row] = [gap, y + row + gap, 0];
    places.push({ canvas, x, y, w, h });
    x += w + gap;
    row = Math.max(row, h);
    width = Math.max(width, x);
  }
  return { places, width, height: y + row + gap };
}

function savePng({ canvases, svg }, name) {
  if (svg) return rasterise(svg, name);
  const { places, width, height } = laidOut(canvases);
  const sheet = new OffscreenCanvas(width, height);
  const context = sheet.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingEnabled = false;
  for (const { canvas, x, y, w, h } of places) context.drawImage(canvas, x, y, w, h);
  return sheet.convertToBlob({ type: "image/png" }).then((blob) => download(`${name}.png`, blob));
}

async function rasterise(svg, name) {
  const { width, height } = svg.getBoundingClientRect();
  const picture = new Image();
  picture.src = `data:image/svg+xml,${encodeURIComponent(standalone(svg, width, height))}`;
  await picture.decode();
  const sheet = new OffscreenCanvas(width * 2, height * 2);
  sheet.getContext("2d").drawImage(picture, 0, 0, width * 2, height * 2);
  download(`${name}.png`, await sheet.convertToBlob({ type: "image/png" }));
}

function saveSvg({ canvases, svg }, name) {
  if (svg) {
    const { width, height } = svg.getBoundingClientRect();
    return download(`${name}.svg`, new Blob([standalone(svg, width, height)], { type: "image/svg+xml" }));
  }
  const { places, width, height } = laidOut(canvases);
  const images = places.map(({ canvas, x, y, w, h }) => `<image x="${x}" y="${y}" width="${w}" height="${h}" style="image-rendering:pixelated" href="${canvas.toDataURL()}"/>`);
  const text = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${images.join("")}</svg>`;
  return download(`${name}.svg`, new Blob([text], { type: "image/svg+xml" }));
}

/** A drawing of the page with the colours that the page's style gives it. */
function standalone(svg, width, height) {
  const copy = svg.cloneNode(true);
  const [here, there] = [svg, copy].map((one) => [...one.querySelectorAll("*")]);
  here.forEach((one, place) => {
    const style = getComputedStyle(one);
    for (const name of ["fill", "stroke", "stroke-width", "stroke-dasharray", "font-size"]) there[place].setAttribute(name, style.getPropertyValue(name));
  });
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("width", width);
  copy.setAttribute("height", height);
  return new XMLSerializer().serializeToString(copy);
}

/** Arrays of numbers as JSON has them. */
const plain = (_, value) => (ArrayBuffer.isView(value) ? Array.from(value) : value);

function saveJson({ data }, name) {
  download(`${name}.json`, new Blob([JSON.stringify(data, plain, 1)], { type: "application/json" }));
}
