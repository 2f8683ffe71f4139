// The tour: six steps over the same live picture.

import { $, element, t } from "./page.js";

export const STEPS = ["data", "convolution", "pooling", "decision", "training", "evaluation"];
// Where each step leads: a view, and a kind of layer to look at in it. All are told of the network classic.
const PLACES = {
  data: { view: "fed" },
  convolution: { view: "inside", kind: "convolution" },
  pooling: { view: "inside", kind: "pooling" },
  decision: { view: "inside", kind: "linear" },
  training: { view: "learn" },
  evaluation: { view: "fool" },
};

export class Tour {
  /** `went` is told of each step's place, and of the end (null); also whether somebody went there, or it was so. */
  constructor(went) {
    this.went = went;
    this.step = 0;
    $("tour-start").addEventListener("click", () => (this.step ? this.end() : this.go(1)));
  }

  go(step, tell = true) {
    this.step = Math.min(Math.max(step || 1, 1), STEPS.length);
    const name = STEPS[this.step - 1], place = $("tour");
    place.hidden = false;
    const move = (label, by, disabled) => element("button", { type: "button", disabled, onclick: () => this.go(this.step + by) }, t(label));
    place.replaceChildren(
      element("h2", { id: "tour-title", tabindex: "-1" }, `${this.step} / ${STEPS.length}: ${t(`tours.${name}.title`)}`),
      element("p", {}, t(`tours.${name}.text`)),
      element("div", { class: "row" }, move("tour-back", -1, this.step === 1), move("tour-next", 1, this.step === STEPS.length),
        element("button", { type: "button", onclick: () => this.end() }, t("tour-end")),
        element("a", { href: `guide/${t(`tours.${name}.more`)}`, target: "_blank", rel: "noopener" }, t("tour-more"))),
    );
    if (tell) $("tour-title").focus();
    this.went(PLACES[name], tell);
  }

  end() {
    this.step = 0;
    $("tour").hidden = true;
    this.went(null, true);
    $("tour-start").focus();
  }
}
