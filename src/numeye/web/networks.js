// @ts-check
// Actions on networks: choose one, list those of the server, send an own one.

import { addNetwork, listNetworks } from "./api.js";
import { t } from "./texts.js";

/** @typedef {import("./state.js").Store} Store */

/** @param {Store} store @param {string} model */
export function useModel(store, model) {
  store.set({ model, leftOut: [] }); // another network may have other steps
}

/** @param {Store} store */
export async function loadNetworks(store) {
  store.set(await listNetworks());
}

/** @param {Store} store @param {File} file Send an own network to the server, and use it. */
export async function openNetwork(store, file) {
  try {
    const sending = addNetwork(file);
    const name = await store.whileBusy(t("busy.own", { name: file.name }), sending);
    await loadNetworks(store);
    useModel(store, name);
  } catch (error) {
    store.report(error);
  }
}
