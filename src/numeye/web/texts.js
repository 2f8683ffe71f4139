// @ts-check
// The page's texts, by their keys.

/** @typedef {{[key: string]: string | Texts}} Texts */

/** @type {Texts} */
let texts = {};

/**
 * Use these texts, also in the elements of index.html that name theirs.
 *
 * @param {Texts} loaded
 */
export function useTexts(loaded) {
  texts = loaded;
  for (const marked of document.querySelectorAll("[data-t], [data-label]")) {
    if (!(marked instanceof HTMLElement)) continue;
    const { t: key, label } = marked.dataset;
    if (key) marked.textContent = t(key);
    if (label) marked.setAttribute("aria-label", t(label));
  }
}

/**
 * A text by its key, with the values in braces filled in; the key itself where there is no text.
 *
 * @param {string} key parts are separated by dots
 * @param {Record<string, unknown>} [values]
 * @returns {string}
 */
export function t(key, values = {}) {
  /** @type {string | Texts | undefined} */
  let text = texts;
  for (const part of key.split(".")) text = typeof text === "object" ? text[part] : undefined;
  if (typeof text !== "string") return key;
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

/** @param {string} key @returns {boolean} true where there is a text */
export const hasText = (key) => t(key) !== key;
