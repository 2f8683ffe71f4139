// Small things that every part of the page needs: elements, texts, numbers for people.

let texts = {};

export async function loadTexts() {
  texts = await (await fetch("texts.json")).json();
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", t(element.dataset.label));
}

/** A text by its key, with what stands in braces filled in. */
export function t(key, values = {}) {
  const text = key.split(".").reduce((table, part) => table?.[part], texts) ?? key;
  return typeof text === "string" ? text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "") : text;
}

export const $ = (id) => document.getElementById(id);

/** A new element with attributes (those that begin with on are listeners) and children. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key in made && typeof value !== "string") made[key] = value;
    else if (value !== undefined && value !== null) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** A number for people, with a proper minus sign. */
export function number(value, digits = 2) {
  if (!Number.isFinite(value)) return String(value);
  const rounded = value.toFixed(digits);
  return (Number(rounded) === 0 ? rounded.replace("-", "") : rounded).replace("-", "−");
}

export const percent = (share) => `${(share * 100).toFixed(1)}\u00a0%`;

/** What goes wrong stands on the page until something goes right. */
export function tell(error) {
  const place = $("problem");
  place.hidden = !error;
  place.textContent = error ? error.message || String(error) : "";
}

/** Says what takes a while, until the function that it returns is called. */
export function busy(text) {
  const line = element("p", { class: "busy", role: "status" }, text);
  document.body.append(line);
  return () => line.remove();
}

let breathed = 0;

/** Lets the pen and the screen have their turn, where somebody has worked for some milliseconds. */
export async function breathe() {
  if (performance.now() - breathed < 6) return;
  await new Promise((go) => setTimeout(go));
  breathed = performance.now();
}

/** For screen readers. */
export const say = (text) => { $("said").textContent = text; };
