// @ts-check
// The input steps: from the picture to the network's pixels. Each can be left out.

import { $, create } from "./dom.js";
import { BYTE_GREY, drawMap, UNIT_GREY } from "./colours.js";
import { exportButtons } from "./export.js";
import { hasText, t } from "./texts.js";

/** @typedef {import("./state.js").Store} Store */
/** @typedef {import("./api.js").Explanation} Explanation */
/** @typedef {import("./api.js").InputStep} InputStep */

/** @param {Store} store */
export function stepsView(store) {
  const list = create("ol", { class: "steps" });
  const about = create("p", { class: "muted" });
  const saved = () => ({
    canvases: [...list.querySelectorAll("canvas")],
    data: toSave(store.state.explanation),
  });
  $("view-input").append(
    create("h2", {}, t("input.title")), about, list, exportButtons("numeye-steps", saved),
  );

  /** @param {string} key */
  const toggle = (key) => {
    const { leftOut } = store.state;
    const without = leftOut.filter((other) => other !== key);
    store.set({ leftOut: without.length < leftOut.length ? without : [...leftOut, key] });
  };

  store.render(["explanation", "view"], ({ explanation, view }) => {
    if (!explanation) {
      about.textContent = "";
      list.replaceChildren();
    } else if (view === "input") {
      const { rejected: reason, model } = explanation;
      about.textContent = reason ? t("input.rejected", { reason }) : t("input.about", { model });
      const focused = document.activeElement instanceof HTMLElement ? document.activeElement : null;
      const key = focused?.dataset.key;
      const rows = explanation.steps.map((step) => stepRow(step, toggle));
      list.replaceChildren(...rows, pixelsRow(explanation));
      /** @type {HTMLElement | null} */
      const again = key ? list.querySelector(`[data-key="${CSS.escape(key)}"]`) : null;
      again?.focus();
    }
  });
}

/** @param {Explanation | null} explanation */
function toSave(explanation) {
  if (!explanation) return null;
  const { model, steps, input: { shape, values } } = explanation;
  const named = steps.map(({ key, description, applied }) => ({ key, description, applied }));
  return { model, steps: named, shape: shape.slice(1), pixels: values };
}

/** @param {InputStep} step @param {(key: string) => void} toggle */
function stepRow({ key, description, applied, required, picture }, toggle) {
  const [height, width] = picture.shape;
  const canvas = create("canvas", { role: "img", "aria-label": description });
  const attributes = {
    type: "checkbox", checked: applied, disabled: required, "data-key": key,
    onchange: () => toggle(key),
  };
  const text = create("span", {}, hasText(`steps.${key}`) ? t(`steps.${key}`) : description);
  const label = create("label", {}, create("input", attributes), text);
  drawMap(canvas, { values: picture.values, height, width }, BYTE_GREY);
  return create("li", { class: applied ? "" : "off" }, canvas, label);
}

/** @param {Explanation} explanation */
function pixelsRow({ input: { shape: [, height, width], values } }) {
  const canvas = create("canvas", { role: "img", "aria-label": t("input.pixels") });
  drawMap(canvas, { values, height, width }, UNIT_GREY);
  return create("li", {}, canvas, create("label", {}, t("input.last", { width, height })));
}
