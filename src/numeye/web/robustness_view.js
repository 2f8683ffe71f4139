// @ts-check
// Fool it: sliders that change the picture, and where along them the answer changes.

import { $, contextOf, create, number } from "./dom.js";
import { exportButtons } from "./export.js";
import { CHANGE_NAMES, CHANGED_PX, drawChanged, SLIDERS } from "./robustness.js";
import { isEmpty, isShown } from "./state.js";
import { t } from "./texts.js";

/** @typedef {import("./state.js").Store} Store */
/** @typedef {import("./state.js").Change} Change */
/** @typedef {import("./state.js").Changes} Changes */
/** @typedef {import("./state.js").Sweep} Sweep */
/** @typedef {import("./robustness.js").Robustness} Robustness */

/** @param {Store} store @param {Robustness} robustness */
export function robustnessView(store, robustness) {
  const size = { width: CHANGED_PX, height: CHANGED_PX };
  const canvas = create("canvas", {
    ...size, class: "pixel", role: "img", "aria-label": t("fool.picture"),
  });
  const context = contextOf(canvas, { willReadFrequently: true });
  const verdict = create("p", { class: "verdict", id: "changed-answer" });
  const rows = CHANGE_NAMES.map((name) => sliderRow(name, robustness));
  const cells = rows.flatMap(({ label, input, value, strip }) => [label, input, value, strip]);
  const onclick = () => robustness.reset();
  const reset = create("button", { type: "button", onclick }, t("fool.reset"));
  $("view-fool").append(
    create("h2", {}, t("fool.title")), create("p", { class: "muted" }, t("fool.about")),
    create("div", { class: "row" }, canvas, verdict, reset),
    create("div", { class: "fool" }, ...cells),
    exportButtons("numeye-robustness", () => ({ canvases: [canvas], data: toSave(store) })),
  );

  store.render(["changes", "picture"], ({ changes, picture }) => {
    for (const row of rows) row.show(changes, Boolean(picture));
  });
  store.render(["revision", "picture", "drawing", "changes", "visits"], (state) => {
    if (state.view === "fool" && !state.drawing) drawChanged(context, state, state.changes);
  });
  store.render(["robustness", "revision"], (state) => {
    if (isEmpty(state)) verdict.textContent = t("empty");
    else if (!isShown(state)) verdict.textContent = t("not-shown");
    else if (state.robustness) verdict.textContent = state.robustness.answer;
  });
  store.render(["robustness"], ({ robustness: answers }) => {
    for (const row of rows) row.mark(answers?.sweeps[row.name]);
  });
}

/** @param {Store} store */
function toSave(store) {
  const { robustness } = store.state;
  if (!robustness) return null;
  const { model, changes: values, answer, sweeps, fresh } = robustness;
  const sliders = Object.fromEntries(fresh.map((name) => {
    const { values: places = [], answers = [] } = sweeps[name] ?? {};
    return [name, places.map((value, place) => ({ value, answer: answers[place] }))];
  }));
  return { model, values, answer, sliders };
}

/** @param {Change} name @param {Robustness} robustness */
function sliderRow(name, robustness) {
  const { from, to, step, unit } = SLIDERS[name], id = `fool-${name}`;
  const input = create("input", {
    type: "range", id, min: String(from), max: String(to), step: String(step),
  });
  input.addEventListener("input", () => robustness.change(name, Number(input.value)));
  const value = create("span");
  const strip = create("div", { class: "strip", id: `strip-${name}`, role: "img" });
  /** @type {Sweep | undefined} */
  let marked;
  return {
    name, input, value, strip,
    label: create("label", { for: id }, t(`fool.${name}`)),
    /** @param {Changes} changes @param {boolean} isPicture */
    show(changes, isPicture) {
      if (Number(input.value) !== changes[name]) input.value = String(changes[name]);
      value.textContent = `${number(changes[name], unit === "×" ? 2 : 0)} ${unit}`;
      input.disabled = isPicture && name === "thick"; // a photo has no strokes to draw again
    },
    /** @param {Sweep | undefined} sweep */
    mark(sweep) {
      if (sweep !== marked) markSweep(strip, unit, sweep);
      marked = sweep;
    },
  };
}

/**
 * Mark where the answer along a slider differs from the one before.
 *
 * @param {HTMLElement} strip
 * @param {string} unit
 * @param {Sweep} [sweep]
 */
function markSweep(strip, unit, sweep) {
  const { values = [], answers = [], current = "" } = sweep ?? {};
  /** @param {number} place */
  const changes = (place) => place > 0 && answers[place] !== answers[place - 1];
  strip.replaceChildren(...answers.map((answer, place) => {
    const marks = [changes(place) ? "change" : "", answer === current ? "" : "other"];
    const title = `${number(values[place], 1)} ${unit}: ${answer}`;
    const text = answer.length === 1 ? answer : "–";
    return create("span", { class: marks.join(" "), title }, text);
  }));
  const places = values.filter((_, place) => changes(place)).map((value) => number(value, 1));
  const at = `${places.join(", ")} ${unit}`;
  if (!sweep) strip.removeAttribute("aria-label");
  else strip.setAttribute("aria-label", t(places.length ? "fool.changes" : "fool.stays", { at }));
}
