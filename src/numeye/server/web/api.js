// What the page asks the server, and how numbers travel.

import { askForKey } from "./key.js";
import { breathe } from "./page.js";

export const DEFAULT = "reader";

/** What went wrong, in the server's own words. */
export class Refusal extends Error {
  constructor({ detail, hint }) {
    super([detail, hint].filter(Boolean).join(" "));
  }
}

let key = sessionStorage.getItem("numeye-key") ?? ""; // kept as long as this tab is open

/** JSON from a path; a Refusal where the server says no. Where it asks for a key, so does the page, and goes on. */
export async function ask(path, options = {}) {
  const used = key;
  const headers = { ...options.headers, ...(used ? { Authorization: `Bearer ${asHeader(used)}` } : {}) };
  const response = await fetch(path, { ...options, headers });
  const body = await response.json();
  if (response.ok) return body;
  if (response.status !== 401) throw new Refusal(body);
  const given = used === key ? await askForKey() : key; // or another question has asked meanwhile
  if (given === null) throw new Refusal(body);
  key = given;
  sessionStorage.setItem("numeye-key", given);
  return ask(path, options);
}

/** Headers hold bytes: a text of any letters as those of its UTF-8. */
const asHeader = (text) => Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join("");

/** Post a picture: {body, type}. */
export const post = (path, sent) => ask(path, { method: "POST", body: sent.body, headers: { "Content-Type": sent.type } });
export const postJson = (path, value) => post(path, { body: JSON.stringify(value), type: "application/json" });

/** Grey pictures (n of height x width bytes) as numpy stores them. */
export function npy(bytes, shape) {
  const head = `{'descr': '|u1', 'fortran_order': False, 'shape': (${shape.join(", ")},), }`;
  const length = Math.ceil((head.length + 11) / 64) * 64 - 10; // magic, version, length and head: a multiple of 64
  const file = new Uint8Array(10 + length + bytes.length);
  file.set([0x93, 78, 85, 77, 80, 89, 1, 0, length & 255, length >> 8]);
  file.set(new TextEncoder().encode(head.padEnd(length - 1) + "\n"), 10);
  file.set(bytes, 10 + length);
  return { body: file, type: "application/x-npy" };
}

function bytes(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text); // new, and ten times as quick
  const plain = atob(text);
  const found = new Uint8Array(plain.length);
  for (let number = 0; number < plain.length; number++) found[number] = plain.charCodeAt(number);
  return found;
}

/** {shape, values} of float32 in base64 as numbers. */
export const floats = ({ shape, values }) => ({ shape, values: new Float32Array(bytes(values).buffer) });
/** {shape, values} of bytes in base64 as a picture. */
export const greys = ({ shape, values }) => ({ shape, values: bytes(values) });

/** What an explanation says, its numbers unpacked; layers can be found by the tensor that they make. */
export async function unpack(said) {
  const input = { name: "input", kind: "input", tensor: said.input, sources: [], ...floats(said.pixels) };
  input.shape = [1, ...input.shape];
  const layers = [];
  for (const layer of said.layers) {
    await breathe();
    layers.push({ ...layer, ...floats(layer.values) });
  }
  const byTensor = new Map([input, ...layers].map((layer) => [layer.tensor, layer]));
  const maps = Object.fromEntries(["hidden", "activation"].map((name) => [name, said[name] && floats(said[name])]));
  return { ...said, ...maps, input, layers, byTensor, steps: said.steps.map((step) => ({ ...step, picture: greys(step.picture) })) };
}

/** What a network sees in a picture: `asked` names it and what is wanted; some steps to it may be left out. */
export function explain(sent, asked, without = []) {
  const parameters = new URLSearchParams(asked);
  for (const step of without) parameters.append("without", step);
  return post(`v1/explain?${parameters}`, sent);
}

/** Calls a function with the latest arguments only: while it runs, those that come wait, and newer ones replace them. */
export function latest(work) {
  let running = false, next = null;
  return async function call(...given) {
    next = given;
    if (running) return;
    running = true;
    try {
      while (next) {
        const now = next;
        next = null;
        await work(...now);
      }
    } finally {
      running = false;
    }
  };
}
