// @ts-check
// The answer: what is read, a bar for each digit's probability, and boxes on the drawing.

import { $, contextOf, create, percent } from "./dom.js";
import { exportButtons } from "./export.js";
import { inputField } from "./net.js";
import { readSize } from "./pixels.js";
import { selectAt } from "./reading.js";
import { isEmpty, isShown } from "./state.js";
import { t } from "./texts.js";

/** @typedef {import("./state.js").Store} Store */
/** @typedef {import("./state.js").State} State */
/** @typedef {import("./api.js").Reading} Reading */
/** @typedef {import("./api.js").SingleAnswer} SingleAnswer */
/** @typedef {import("./api.js").Box} Box */

const NO_DIGIT = 10; // the bar of no digit
const BASE_PX = 280; // side of a canvas on which lines are one pixel wide
const SELECTED = "#d9480f", OTHER = "#1f5fbf";

/** Bars that are made once and changed later. */
export class Bars {
  /** @param {HTMLElement} parent @param {string} [title] */
  constructor(parent, title = "") {
    this.title = create("h3", {}, title);
    this.verdict = create("div", { class: "verdict" });
    this.rows = Array.from({ length: 11 }, (_, digit) => {
      const bar = create("i");
      const label = create("span", {}, digit === NO_DIGIT ? t("none") : String(digit));
      const box = create("div", { "aria-hidden": "true" }, bar);
      return { label, bar, box, value: create("span") };
    });
    const cells = this.rows.flatMap(({ label, box, value }) => [label, box, value]);
    parent.append(this.title, this.verdict, create("div", { class: "bars" }, ...cells));
  }

  /**
   * Show ten or eleven probabilities, and a verdict above them.
   *
   * @param {(string | Node)[]} verdict
   * @param {string | null} rejected
   * @param {number[] | null} probabilities
   */
  show(verdict, rejected, probabilities) {
    this.verdict.classList.toggle("rejected", Boolean(rejected));
    this.verdict.replaceChildren(...verdict);
    const best = probabilities ? probabilities.indexOf(Math.max(...probabilities)) : -1;
    this.rows.forEach(({ label, bar, value, box }, digit) => {
      const shown = digit < NO_DIGIT || (probabilities?.length ?? 0) > NO_DIGIT;
      for (const part of [label, box, value]) part.hidden = !shown;
      const share = probabilities?.[digit] ?? 0;
      bar.style.transform = `scaleX(${share})`;
      value.textContent = probabilities ? percent(share) : "";
      for (const part of [label, value]) part.classList.toggle("best", digit === best);
    });
  }

  /** @param {SingleAnswer} answer of a network that reads one digit */
  showAnswer({ rejected, answer, probabilities }) {
    const confidence = Math.max(...probabilities);
    this.show(verdictOf({ rejected, text: answer ?? "", confidence }), rejected, probabilities);
  }
}

/**
 * An answer in words.
 *
 * @param {{rejected: string | null, text: string, confidence: number, pages?: number}} reading
 * @returns {(string | Node)[]}
 */
function verdictOf({ rejected, text, confidence, pages = 1 }) {
  if (rejected) return [t("rejected", { reason: rejected })];
  const small = [t("confidence", { confidence: percent(confidence) })];
  if (pages > 1) small.push(t("page", { pages }));
  return [text.replaceAll("\n", " / "), create("small", {}, ` ${small.join(", ")}`)];
}

/** @param {Store} store */
export function answerView(store) {
  const [first, second] = [create("div"), create("div", { class: "second" })];
  const columns = create("div", { class: "columns" }, first, second);
  const canvas = $("drawing", HTMLCanvasElement);
  const saved = () => ({ canvases: [canvas], data: store.state.reading });
  $("answer").append(columns, exportButtons("numeye-answer", saved));
  const buttons = digitButtons(store, columns);
  const [bars, secondBars] = [new Bars(first), new Bars(second)];

  store.render(["reading", "selected", "strokes", "picture"], (state) => {
    const { reading, selected } = state;
    buttons(reading?.digits ?? [], selected);
    if (!reading) bars.show(isEmpty(state) ? [t("empty")] : [], null, null);
    else {
      const probabilities = reading.digits[selected]?.probabilities ?? null;
      bars.show(verdictOf(reading), reading.rejected, probabilities);
    }
  });
  store.render(["comparison", "second", "model"], ({ comparison, second: name, model }) => {
    second.hidden = !name;
    bars.title.textContent = name ? model : "";
    secondBars.title.textContent = comparison?.model ?? "";
    if (comparison) secondBars.showAnswer(comparison);
    else secondBars.show([], null, null);
  });
  /** @type {import("./state.js").Key[]} */
  const keys = ["reading", "selected", "picture", "view", "layers", "place", "pointed", "offset"];
  store.render(keys, drawBoxes);
  store.render(["announcement"], ({ announcement }) => {
    $("announcement").textContent = announcement;
  });
  canvas.addEventListener("click", (event) => {
    const box = canvas.getBoundingClientRect();
    const right = (event.clientX - box.left) / box.width;
    selectAt(store, [right, (event.clientY - box.top) / box.height]);
  });
}

/**
 * A button for each of several digits: one of them is explained.
 *
 * @param {Store} store
 * @param {HTMLElement} before what the buttons stand
 * @returns {(digits: Reading["digits"], selected: number) => void} shows them
 */
function digitButtons(store, before) {
  const row = create("div", { class: "row digits", role: "group", "aria-label": t("digits") });
  let shown = "";
  before.before(row);
  return (digits, selected) => {
    row.hidden = digits.length < 2;
    const text = digits.map(({ digit }) => digit).join("");
    if (text !== shown) {
      shown = text;
      row.replaceChildren(...digits.map(({ digit }, place) => {
        const onclick = () => store.set({ selected: place });
        return create("button", { type: "button", onclick }, String(digit));
      }));
    }
    [...row.children].forEach((button, place) => {
      button.setAttribute("aria-pressed", String(place === selected));
    });
  };
}

/**
 * What the number that is pointed at, or was clicked, sees of the picture.
 *
 * @param {State} state
 * @returns {Box | null}
 */
function highlightedBox({ view, layers, pointed, place, offset }) {
  const field = view === "inside" && layers?.crop && inputField(layers, pointed ?? place);
  if (!field || !layers?.crop) return null;
  const [x, y, width, height] = layers.crop, [, rows, columns] = layers.input.shape;
  return [
    offset[0] + x + (field.left / columns) * width,
    offset[1] + y + (field.top / rows) * height,
    ((field.right - field.left + 1) / columns) * width,
    ((field.bottom - field.top + 1) / rows) * height,
  ];
}

/**
 * The characters of all numbers that are neither digits nor filler strokes.
 *
 * @param {Reading | null} reading
 */
function signsOf(reading) {
  const characters = (reading?.numbers ?? []).flatMap((number) => number.characters);
  return characters.filter(({ text, filler }) => !filler && !/\d/.test(text));
}

/** @param {State} state Draw boxes in reading order; the selected digit's is drawn stronger. */
function drawBoxes(state) {
  const canvas = $("boxes", HTMLCanvasElement);
  const digits = state.reading?.digits ?? [], signs = signsOf(state.reading);
  const several = digits.length + signs.length > 1, highlight = highlightedBox(state);
  const needed = isShown(state) && (several || highlight); // one digit needs no box
  if (!needed && canvas.dataset.empty) return;
  canvas.dataset.empty = needed ? "" : "yes";
  const drawing = $("drawing", HTMLCanvasElement);
  [canvas.width, canvas.height] = [drawing.width, drawing.height];
  if (!needed) return;
  const shrunk = drawing.width / readSize(state)[0];
  const unit = Math.max(canvas.width, canvas.height) / BASE_PX;
  const context = contextOf(canvas);
  context.font = `600 ${12 * unit}px system-ui, sans-serif`;
  /** @param {Box} box @param {string} text @param {boolean} selected */
  const drawBox = (box, text, selected) => {
    const [x, y, width, height] = box.map((side) => side * shrunk);
    context.lineWidth = (selected ? 3 : 1.5) * unit;
    context.strokeStyle = context.fillStyle = selected ? SELECTED : OTHER;
    context.strokeRect(x, y, width, height);
    context.fillText(text, x + 1, Math.max(y - 3 * unit, 11 * unit));
  };
  if (several) {
    for (const { text, box } of signs) drawBox(box, text, false);
    digits.forEach(({ digit, box }, place) =>
      drawBox(box, String(digit), place === state.selected));
  }
  if (!highlight) return;
  const [x, y, width, height] = highlight.map((side) => side * shrunk);
  context.strokeStyle = SELECTED;
  context.lineWidth = 2 * unit;
  context.setLineDash([5 * unit, 4 * unit]);
  context.strokeRect(x, y, width, height);
}
