// The answer: what is read, ten bars for how probable each digit is, boxes on the paper.

import { $, element, number, percent, say, t } from "./page.js";

const NONE = 10; // the bar of no digit
const SIZE = 280; // pixels of a picture on which lines are one wide

/** Bars that are made once and moved after. */
export class Bars {
  constructor(place, name) {
    this.verdict = element("div", { class: "verdict" });
    this.rows = Array.from({ length: 11 }, (_, digit) => {
      const bar = element("i");
      const label = element("span", {}, digit === NONE ? t("none") : String(digit));
      const value = element("span");
      return { label, bar, box: element("div", { "aria-hidden": "true" }, bar), value };
    });
    this.grid = element("div", { class: "bars" }, ...this.rows.flatMap(({ label, box, value }) => [label, box, value]));
    this.title = element("h3", {}, name);
    place.append(this.title, this.verdict, this.grid);
  }

  /** Ten or eleven probabilities, and what is said above them. */
  show(said, rejected, probabilities) {
    this.verdict.classList.toggle("rejected", Boolean(rejected));
    this.verdict.replaceChildren(...(Array.isArray(said) ? said : [said]));
    const best = probabilities ? probabilities.indexOf(Math.max(...probabilities)) : -1;
    this.rows.forEach(({ label, bar, value, box }, digit) => {
      const shown = digit < NONE || probabilities?.length > NONE;
      for (const one of [label, box, value]) one.hidden = !shown;
      const share = probabilities?.[digit] ?? 0;
      bar.style.transform = `scaleX(${share})`;
      value.textContent = probabilities ? percent(share) : "";
      for (const one of [label, value]) one.classList.toggle("best", digit === best);
    });
  }
}

/** A button for each of several digits: one of them is looked into. */
export class Which {
  constructor(before, chosen) {
    this.chosen = chosen;
    this.row = element("div", { class: "row which", role: "group", "aria-label": t("which"), hidden: true });
    before.before(this.row);
  }

  show(digits, chosen) {
    this.row.hidden = digits.length < 2;
    const told = digits.map(({ digit }) => digit).join("");
    if (told !== this.told) {
      this.told = told;
      this.row.replaceChildren(...digits.map(({ digit }, place) => element("button", { type: "button", onclick: () => this.chosen(place) }, String(digit))));
    }
    [...this.row.children].forEach((button, place) => button.setAttribute("aria-pressed", String(place === chosen)));
  }
}

/** What the server read, in words for the verdict. */
export function verdict(reading) {
  if (reading.rejected) return [t("rejected", { reason: reading.rejected })];
  const sure = element("small", {}, ` ${t("sure", { sure: percent(reading.confidence) })}`);
  const page = reading.pages > 1 ? [element("small", {}, `, ${t("page", reading)}`)] : [];
  return [reading.text.replaceAll("\n", " / "), sure, ...page];
}

/** Boxes in reading order; the chosen digit's is drawn stronger. */
export function drawBoxes(paper, digits, chosen, window) {
  const marks = $("marks");
  const needed = paper.shown && (digits.length > 1 || window); // one digit alone needs no box
  if (!needed && marks.dataset.empty) return;
  marks.dataset.empty = needed ? "" : "yes";
  marks.width = paper.canvas.width;
  marks.height = paper.canvas.height;
  const shrunk = paper.canvas.width / paper.size[0];
  const context = marks.getContext("2d");
  const unit = Math.max(marks.width, marks.height) / SIZE;
  context.font = `600 ${12 * unit}px system-ui, sans-serif`;
  if (!needed) return;
  if (digits.length > 1) digits.forEach((digit, place) => {
    const [x, y, width, height] = digit.box.map((one) => one * shrunk);
    context.lineWidth = (place === chosen ? 3 : 1.5) * unit;
    context.strokeStyle = context.fillStyle = place === chosen ? "#d9480f" : "#1f5fbf";
    context.strokeRect(x, y, width, height);
    context.fillText(`${digit.digit}`, x + 1, Math.max(y - 3 * unit, 11 * unit));
  });
  if (!window) return;
  context.strokeStyle = "#d9480f";
  context.lineWidth = 2 * unit;
  context.setLineDash([5 * unit, 4 * unit]);
  context.strokeRect(...window.map((one) => one * shrunk));
  context.setLineDash([]);
}

/** The digit whose box a click falls into; -1 for none. */
export const clicked = (digits, [x, y]) =>
  digits.findIndex(({ box }) => x >= box[0] && y >= box[1] && x <= box[0] + box[2] && y <= box[1] + box[3]);

/** For those who hear the page. */
export function announce(reading) {
  say(reading.rejected ? t("rejected", { reason: reading.rejected }) : t("heard", { text: reading.text, sure: number(reading.confidence * 100, 0) }));
}
