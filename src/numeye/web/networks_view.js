// @ts-check
// Which network answers, and which one to compare it with.

import { $, create } from "./dom.js";
import { useModel } from "./networks.js";
import { DEFAULT_MODEL } from "./state.js";
import { t } from "./texts.js";

/** @typedef {import("./state.js").Store} Store */
/** @typedef {import("./state.js").State} State */

/** @param {Store} store */
export function networksView(store) {
  const first = $("model", HTMLSelectElement), second = $("second", HTMLSelectElement);
  const own = $("own", HTMLInputElement).closest("label");
  first.addEventListener("change", () => useModel(store, first.value || DEFAULT_MODEL));
  second.addEventListener("change", () => store.set({ second: second.value }));
  store.render(["networks", "model", "second"], (state) => {
    fill(first, state, state.model, []);
    fill(second, state, state.second, [create("option", { value: "" }, t("no-second"))]);
  });
  store.render(["local"], ({ local }) => {
    if (own) own.hidden = !local;
  });
}

/**
 * List all networks, and the chosen one where it is not listed, such as a snapshot.
 *
 * @param {HTMLSelectElement} list
 * @param {State} state
 * @param {string} chosen
 * @param {HTMLOptionElement[]} options that come first
 */
function fill(list, { networks }, chosen, options) {
  for (const { name, about } of networks) {
    const text = name.startsWith("own/") ? about : name;
    options.push(create("option", { value: name, title: about }, text));
  }
  if (!options.some(({ value }) => value === chosen)) {
    options.push(create("option", { value: chosen }, chosen));
  }
  list.replaceChildren(...options);
  list.value = chosen;
}
