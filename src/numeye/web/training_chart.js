// @ts-check
// Loss and accuracy of a training over its steps, and where the shown snapshot stands.

import { number } from "./dom.js";
import { t } from "./texts.js";

/** @typedef {import("./state.js").WatchedTraining} WatchedTraining */
/** @typedef {import("./api.js").TrainingRow} TrainingRow */

const SVG = "http://www.w3.org/2000/svg";
const WIDTH_PX = 720, HEIGHT_PX = 176; // before the chart is laid out
const LEFT_PX = 34, RIGHT_PX = 36, TOP_PX = 14, BOTTOM_PX = 20; // margins
const LEAST_LOSS = 2.5; // at the top

/** @returns {SVGSVGElement} */
export function newChart() {
  const chart = document.createElementNS(SVG, "svg");
  chart.setAttribute("class", "chart");
  chart.setAttribute("role", "img");
  return chart;
}

/**
 * @param {SVGSVGElement} chart
 * @param {WatchedTraining} training
 * @param {string} status in words
 */
export function drawChart(chart, { rows, step }, status) {
  const width = chart.clientWidth || WIDTH_PX, height = chart.clientHeight || HEIGHT_PX;
  const last = Math.max(rows.at(-1)?.step ?? 1, 1);
  const most = Math.max(LEAST_LOSS, ...rows.map(({ loss }) => loss));
  const right = width - RIGHT_PX;
  /** @param {number} at */
  const x = (at) => LEFT_PX + (at / last) * (right - LEFT_PX);
  /** @param {number} share */
  const y = (share) => height - BOTTOM_PX - share * (height - BOTTOM_PX - TOP_PX);
  /** @param {string} kind @param {(row: TrainingRow) => number} share */
  const curve = (kind, share) => {
    const points = rows.map((row) => `${x(row.step).toFixed(1)},${y(share(row)).toFixed(1)}`);
    return shape("polyline", { class: kind, points: points.join(" ") });
  };
  const parts = [
    shape("line", { class: "axis", x1: LEFT_PX, x2: right, y1: y(0), y2: y(0) }),
    curve("loss", ({ loss }) => loss / most),
    curve("accuracy", ({ accuracy }) => accuracy / 100),
    label(t("learn.loss", { most: number(most, 1) }), 2, 12, "start"),
    label("0", LEFT_PX - 10, y(0)),
    label("100 %", width - 2, y(1) + 4),
    label("0 %", width - 2, y(0)),
    label(t("learn.step", { step: last }), right, height - 4),
  ];
  if (step !== null) {
    parts.push(shape("line", { class: "now", x1: x(step), x2: x(step), y1: y(0), y2: y(1) }));
  }
  chart.setAttribute("viewBox", `0 0 ${width} ${height}`); // a unit is a pixel
  chart.replaceChildren(...parts);
  chart.setAttribute("aria-label", [t("learn.chart"), status].filter(Boolean).join(": "));
}

/** @param {string} text @param {number} x @param {number} y @param {string} [anchor] */
function label(text, x, y, anchor = "end") {
  const made = shape("text", { x, y, "text-anchor": anchor });
  made.textContent = text;
  return made;
}

/** @param {string} name @param {Record<string, string | number>} attributes */
function shape(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}
