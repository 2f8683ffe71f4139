// A server that asks for a key: the page asks its user, once.

import { useKey } from "./api.js";
import { element, t } from "./page.js";

/** Ask for the key, and go on with `then`. */
export function askForKey(then) {
  if (document.querySelector("dialog[open]")) return;
  const input = element("input", { type: "password", id: "key", autocomplete: "off" });
  const dialog = element("dialog", {}, element("form", { method: "dialog" }, element("label", {}, `${t("key")} `, input), " ", element("button", {}, t("key-use"))));
  dialog.addEventListener("close", () => {
    useKey(input.value);
    dialog.remove();
    then();
  });
  document.body.append(dialog);
  dialog.showModal();
}
