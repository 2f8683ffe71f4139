// @ts-check
// The tour: six steps over the same live picture.

import { $, create } from "./dom.js";
import { useModel } from "./networks.js";
import { DEFAULT_MODEL, isEmpty, TOUR } from "./state.js";
import { t } from "./texts.js";

/** @typedef {import("./state.js").Store} Store */
/** @typedef {import("./drawing.js").Drawing} Drawing */

const TOUR_MODEL = "classic"; // the network that the tour explains
const EXAMPLE = "7";

/** @param {Store} store @param {Drawing} drawing */
export function tourView(store, drawing) {
  const drawExample = () => {
    const { examples: { [EXAMPLE]: example }, tourStep } = store.state;
    if (tourStep && example && isEmpty(store.state)) drawing.show(example);
  };
  /** @param {number} step */
  const go = (step) => {
    const { view, kind: scrollTo } = TOUR[step - 1];
    if (store.state.model === DEFAULT_MODEL) useModel(store, TOUR_MODEL);
    store.set({ tourStep: step });
    store.openView(view, scrollTo);
    drawExample();
    $("tour-title").focus();
  };
  const end = () => {
    store.set({ tourStep: 0 });
    $("tour-start").focus();
  };
  store.render(["examples"], drawExample); // an address may open the page in the tour
  $("tour-start").addEventListener("click", () => (store.state.tourStep ? end() : go(1)));
  store.render(["tourStep"], ({ tourStep }) => {
    $("tour-start").setAttribute("aria-pressed", String(Boolean(tourStep)));
    $("tour").hidden = !tourStep;
    if (tourStep) $("tour").replaceChildren(...stepParts(tourStep, go, end));
  });
}

/** @param {number} step @param {(step: number) => void} go @param {() => void} end */
function stepParts(step, go, end) {
  const name = `tours.${TOUR[step - 1].name}`;
  /** @param {string} key @param {number} to */
  const move = (key, to) => {
    const disabled = to < 1 || to > TOUR.length;
    return create("button", { type: "button", disabled, onclick: () => go(to) }, t(key));
  };
  const title = `${step} / ${TOUR.length}: ${t(`${name}.title`)}`;
  const more = { href: `guide/${t(`${name}.more`)}`, target: "_blank", rel: "noopener" };
  return [
    create("h2", { id: "tour-title", tabindex: "-1" }, title),
    create("p", {}, t(`${name}.text`)),
    create("div", { class: "row" },
      move("tour-back", step - 1), move("tour-next", step + 1),
      create("button", { type: "button", onclick: end }, t("tour-end")),
      create("a", more, t("tour-more"))),
  ];
}
