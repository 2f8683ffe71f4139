// What is fed in: each step from the picture to the network's pixels, each of which can be left out.

import { drawMap, BYTES, GREY } from "./colours.js";
import { exportButtons } from "./export.js";
import { $, element, t } from "./page.js";

/** Shows the steps of an explanation; `toggled` is told which are left out now. */
export class Steps {
  constructor(toggled) {
    this.toggled = toggled;
    this.without = new Set();
    this.list = element("ol", { class: "steps" });
    this.about = element("p", { class: "muted" });
    $("view-fed").append(element("h2", {}, t("fed.title")), this.about, this.list);
    $("view-fed").append(exportButtons("numeye-steps", () => ({ canvases: [...this.list.querySelectorAll("canvas")], data: this.data() })));
  }

  data() {
    return this.shown && { model: this.shown.model, steps: this.shown.steps.map(({ key, about, done }) => ({ key, about, done })), shape: this.shown.input.shape, pixels: this.shown.input.values };
  }

  clear() {
    this.shown = null;
    this.about.textContent = "";
    this.list.replaceChildren();
  }

  show(explanation) {
    this.shown = explanation;
    this.about.textContent = explanation.rejected ? t("fed.rejected", { reason: explanation.rejected }) : t("fed.about", { model: explanation.model });
    const rows = explanation.steps.map((step) => this.row(step));
    const [, height, width] = explanation.input.shape;
    const fed = drawMap(element("canvas", { role: "img", "aria-label": t("fed.pixels") }), explanation.input.values, height, width, GREY);
    rows.push(element("li", {}, fed, element("label", {}, t("fed.last", { width, height }))));
    const focused = document.activeElement?.dataset?.key;
    this.list.replaceChildren(...rows);
    if (focused) this.list.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  }

  row({ key, about, done, needed, picture }) {
    const [height, width] = picture.shape;
    const canvas = drawMap(element("canvas", { role: "img", "aria-label": about }), picture.values, height, width, BYTES);
    const box = element("input", { type: "checkbox", checked: done, disabled: needed, "data-key": key, onchange: () => this.toggle(key) });
    const known = t(`steps.${key}`);
    return element("li", { class: done ? "" : "off" }, canvas, element("label", {}, box, element("span", {}, known === `steps.${key}` ? about : known)));
  }

  toggle(key) {
    if (!this.without.delete(key)) this.without.add(key);
    this.toggled();
  }
}
