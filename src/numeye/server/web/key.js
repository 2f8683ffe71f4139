// A server that asks for a key: the page asks its user.

import { element, t } from "./page.js";

let asking = null; // the dialog that is open, if one is

/** The key, or null where it is not told. */
export function askForKey() {
  asking ??= new Promise((told) => {
    const input = element("input", { type: "password", id: "key", autocomplete: "off" });
    const dialog = element("dialog", {}, element("form", { method: "dialog" }, element("label", {}, `${t("key")} `, input), " ", element("button", { value: "use" }, t("key-use"))));
    dialog.addEventListener("close", () => {
      dialog.remove();
      asking = null;
      told(dialog.returnValue === "use" ? input.value : null);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
  return asking;
}
