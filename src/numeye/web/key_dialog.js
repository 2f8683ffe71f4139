// @ts-check
// Asks the user for the key that a server demands.

import { create } from "./dom.js";
import { t } from "./texts.js";

/** @type {Promise<string | null> | null} the answer of the dialog that is open */
let open = null;

/** @returns {Promise<string | null>} the key, or null where the user gives none */
export function askForKey() {
  open ??= new Promise((resolve) => {
    const input = create("input", { type: "password", id: "key", autocomplete: "off" });
    const label = create("label", {}, `${t("key")} `, input);
    const use = create("button", { value: "use" }, t("key-use"));
    const dialog = create("dialog", {}, create("form", { method: "dialog" }, label, " ", use));
    dialog.addEventListener("close", () => {
      dialog.remove();
      open = null;
      resolve(dialog.returnValue === "use" ? input.value : null);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
  return open;
}
