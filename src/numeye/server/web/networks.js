// Which network is asked, and which one beside it.

import { ask, DEFAULT, post } from "./api.js";
import { $, element, t } from "./page.js";

/** The names of the two; the second is empty for none. */
export const model = () => $("model").value || DEFAULT;
export const beside = () => $("beside").value;

/** Choose a network in one of the lists; one that is not listed, such as a snapshot, is added. */
export function choose(list, name) {
  if (name && ![...$(list).options].some((option) => option.value === name)) $(list).append(element("option", { value: name }, name));
  $(list).value = name;
}

/** Fill both lists; true where the server is on this very machine, for its user alone. */
export async function listNetworks() {
  const { networks, local } = await ask("page/networks");
  const options = () => networks.map(({ name, about }) => element("option", { value: name, title: about }, name.startsWith("own/") ? about : name));
  const [first, second] = [model(), beside()];
  $("model").replaceChildren(...options());
  $("beside").replaceChildren(element("option", { value: "" }, t("nobody")), ...options());
  choose("model", first);
  choose("beside", second);
  return local;
}

/** Let the server take a file of somebody's own, and return its name. */
export async function addOwn(file) {
  const asked = new URLSearchParams({ name: file.name.slice(0, 80) });
  const { name } = await post(`page/networks?${asked}`, { body: file, type: "application/octet-stream" });
  await listNetworks();
  return name;
}
