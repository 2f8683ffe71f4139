// @ts-check
// Every request of the page. Names of the API appear here only; elsewhere the page's own are used.

import { askForKey } from "./key_dialog.js";
import { floats, greys } from "./packing.js";
import { pause } from "./timing.js";

/** @typedef {import("./net.js").Layer} Layer */
/** @typedef {import("./packing.js").Packed} Packed */
/** @typedef {{shape: number[], values: Float32Array}} Numbers */
/** @typedef {{shape: number[], values: Uint8Array}} Grey a picture, a byte for each pixel */
/** @typedef {[number, number, number, number]} Box x, y, width, height */
/** @typedef {{body: Blob | Uint8Array<ArrayBuffer>, type: string}} Sent a picture as it is sent */
/** @typedef {{digit: number, box: Box, probabilities: number[]}} Digit */
/** @typedef {{text: string, box: Box, filler?: boolean}} Character of a number */
/**
 * What was read in a picture.
 *
 * @typedef {object} Reading
 * @property {string} text
 * @property {number} confidence
 * @property {string | null} rejected the reason
 * @property {Digit[]} digits
 * @property {{characters: Character[]}[]} [numbers]
 * @property {number} [turned] degrees counter-clockwise by which the page was turned
 * @property {number} [pages] of the file; the first one was read
 */
/**
 * The answer of a network that reads one digit.
 *
 * @typedef {object} SingleAnswer
 * @property {string} model
 * @property {string | null} answer
 * @property {string | null} rejected the reason
 * @property {number[]} probabilities
 */
/**
 * @typedef {{key: string, description: string, applied: boolean, required: boolean,
 *   picture: Grey}} InputStep
 */
/**
 * How a network came to its answer.
 *
 * @typedef {SingleAnswer & {crop: Box | null, input: Layer, layers: Layer[],
 *   byTensor: Map<string, Layer>, steps: InputStep[], occlusionMap: Numbers | null,
 *   ablationCam: Numbers | null}} Explanation
 */
/** @typedef {{label: number, value: number, position: number[], digit: Grey}} Activation */
/**
 * Weights of a unit, and the training digits with the highest activations.
 *
 * @typedef {object} UnitDetails
 * @property {Numbers | null} weight
 * @property {number} bias
 * @property {Record<string, number> | null} statistics
 * @property {Activation[] | null} topActivations
 * @property {string | null} note why there are none
 */
/** @typedef {{name: string, about: string}} NetworkEntry */
/** @typedef {{accuracy: number, minutes: number}} Expected of a training */
/**
 * @typedef {{name: string, about: string, epochs: number, expected: Expected | null}} RecipeEntry
 */
/** @typedef {"running" | "stopped" | "finished" | "failed"} TrainingState */
/** @typedef {{name: string, state: TrainingState}} TrainingEntry */
/** @typedef {{step: number, loss: number, accuracy: number}} TrainingRow */
/**
 * How a training stands.
 *
 * @typedef {object} TrainingStatus
 * @property {TrainingState} state
 * @property {TrainingRow[]} rows the new ones
 * @property {{epoch: number, validation_accuracy: number}[]} metrics
 * @property {number[]} snapshots their steps
 * @property {string} reason of a failure
 */
/** @typedef {import("./state.js").Stroke} Stroke */

/** The server refused a request; the message is the server's. */
export class Refusal extends Error {
  /** @param {{detail?: string, hint?: string}} problem */
  constructor({ detail, hint }) {
    super([detail, hint].filter(Boolean).join(" "));
  }
}

const KEY = "numeye-key"; // kept for as long as this tab is open

let key = sessionStorage.getItem(KEY) ?? "";

/**
 * JSON from a path. Where the server asks for a key, the page asks its user and tries again.
 *
 * @param {string} path
 * @param {{method?: string, body?: BodyInit, headers?: Record<string, string>}} [options]
 * @returns {Promise<any>}
 */
async function request(path, options = {}) {
  const used = key;
  const headers = new Headers(options.headers);
  if (used) headers.set("Authorization", `Bearer ${asHeader(used)}`);
  const response = await fetch(path, { ...options, headers });
  const body = await response.json();
  if (response.ok) return body;
  if (response.status !== 401) throw new Refusal(body);
  const given = used === key ? await askForKey() : key; // or another request has asked meanwhile
  if (given === null) throw new Refusal(body);
  key = given;
  sessionStorage.setItem(KEY, given);
  return request(path, options);
}

/**
 * Headers hold bytes: any text as the bytes of its UTF-8.
 *
 * @param {string} text
 */
const asHeader = (text) =>
  Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join("");

/** @param {string} path @param {Sent} sent */
const post = (path, { body, type }) =>
  request(path, { method: "POST", body, headers: { "Content-Type": type } });

/** @param {string} path @param {object} value */
const postJson = (path, value) =>
  post(path, { body: new Blob([JSON.stringify(value)]), type: "application/json" });

/** @param {Record<string, unknown>} values @returns {URLSearchParams} */
const query = (values) =>
  new URLSearchParams(Object.entries(values).map(([name, value]) => [name, String(value)]));

/** @param {string} path @returns {Promise<any>} */
async function file(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: the server answered ${response.status}`);
  return response.json();
}

/** @returns {Promise<import("./texts.js").Texts>} */
export const loadTexts = () => file("texts.json");

/** @returns {Promise<Record<string, Stroke[]>>} strokes of each example digit */
export const loadExamples = () => file("examples.json");

// --- reading -------------------------------------------------------------------------------------

/**
 * The numbers in a picture; of a file of several pages those of the first.
 *
 * @param {Sent} sent
 * @returns {Promise<Reading>}
 */
export async function read(sent) {
  const { results: [first, ...others] } = await post("v1/read", sent);
  if (first.error) throw new Error(first.error);
  return { ...first, pages: others.length + 1 };
}

/**
 * The answer of one network to a picture of one digit, without the explanation.
 *
 * @param {Sent} sent
 * @param {string} model
 * @param {readonly string[]} [leftOut] input steps
 * @returns {Promise<SingleAnswer & {crop: Box | null}>}
 */
export async function readSingle(sent, model, leftOut = []) {
  const { answer, rejected, probabilities, crop } = await postExplain(sent, leftOut, {
    model, layers: false,
  });
  return { model, answer, rejected, probabilities, crop };
}

/**
 * The answers to several pictures of one digit each, the reason where there is none.
 *
 * @param {Sent} sent
 * @param {string} model that is packaged
 * @returns {Promise<string[]>}
 */
export async function readSingles(sent, model) {
  const { results } = await post(`v1/read?${query({ single: true, model })}`, sent);
  return results.map((/** @type {Reading} */ { rejected, text }) => rejected ?? text);
}

// --- explaining ----------------------------------------------------------------------------------

/**
 * How a network that reads one digit comes to its answer.
 *
 * @param {Sent} sent
 * @param {string} model
 * @param {{layers?: boolean, attribution?: boolean, leftOut?: readonly string[]}} [options]
 * @returns {Promise<Explanation>}
 */
export async function explain(sent, model, options = {}) {
  const { layers = false, attribution = false, leftOut = [] } = options;
  const maps = attribution ? { occlusion_map: true, ablation_cam: true } : {};
  return unpack(await postExplain(sent, leftOut, { model, layers, ...maps }));
}

/**
 * @param {Sent} sent
 * @param {readonly string[]} leftOut
 * @param {Record<string, unknown>} options
 * @returns {Promise<any>}
 */
function postExplain(sent, leftOut, options) {
  const parameters = query(options);
  for (const step of leftOut) parameters.append("without", step);
  return post(`v1/explain?${parameters}`, sent);
}

/**
 * An explanation, its numbers unpacked. Layers can be found by the tensor that they make.
 *
 * @param {any} packed
 * @returns {Promise<Explanation>}
 */
async function unpack(packed) {
  const pixels = floats(packed.pixels);
  /** @type {Layer} */
  const input = {
    name: "input", kind: "input", operation: "", tensor: packed.input, sources: [], active: 0,
    group: 1, kernel: [1, 1], strides: [1, 1], dilations: [1, 1], pads: [0, 0],
    shape: [1, ...pixels.shape], values: pixels.values,
  };
  /** @type {Layer[]} */
  const layers = [];
  for (const layer of packed.layers) {
    await pause();
    layers.push({ ...layer, ...floats(layer.values) });
  }
  const { model, answer, rejected, probabilities, crop } = packed;
  return {
    model, answer, rejected, probabilities, crop, input, layers,
    byTensor: new Map([input, ...layers].map((layer) => [layer.tensor, layer])),
    steps: packed.steps.map((/** @type {any} */ step) =>
      ({ ...step, picture: greys(step.picture) })),
    occlusionMap: packed.occlusion_map && floats(packed.occlusion_map),
    ablationCam: packed.ablation_cam && floats(packed.ablation_cam),
  };
}

/**
 * Weights of a unit, and what activates it most where that is asked for.
 *
 * @param {string} model
 * @param {string} layer
 * @param {number} unit
 * @param {boolean} topActivations
 * @returns {Promise<UnitDetails>}
 */
export async function describeUnit(model, layer, unit, topActivations) {
  const parameters = query({ model, layer, unit, top_activations: topActivations });
  const { weight, bias, statistics, note, top_activations: packed } =
    await request(`v1/units?${parameters}`);
  const top = packed?.map((/** @type {any} */ activation) =>
    ({ ...activation, digit: greys(activation.digit) }));
  return { weight: weight && floats(weight), bias, statistics, topActivations: top ?? null, note };
}

/**
 * All weights of a layer.
 *
 * @param {string} model
 * @param {string} layer
 * @returns {Promise<Numbers>}
 */
export async function loadWeights(model, layer) {
  return floats((await request(`v1/units?${query({ model, layer })}`)).weight);
}

// --- networks and trainings ----------------------------------------------------------------------

/** @returns {Promise<{networks: NetworkEntry[], local: boolean}>} */
export const listNetworks = () => request("page/networks");

/**
 * Send an own ONNX file to the server.
 *
 * @param {File} own
 * @returns {Promise<string>} its name there
 */
export async function addNetwork(own) {
  const path = `page/networks?${query({ name: own.name.slice(0, 80) })}`;
  return (await post(path, { body: own, type: "application/octet-stream" })).name;
}

/** @returns {Promise<RecipeEntry[]>} */
export async function listRecipes() {
  const { recipes } = await request("page/recipes");
  return recipes.map((/** @type {any} */ { name, about, epochs, expected }) =>
    ({ name, about, epochs, expected }));
}

/** @returns {Promise<TrainingEntry[]>} those that keep snapshots */
export async function listTrainings() {
  const { trainings } = await request("page/trainings");
  return trainings.filter((/** @type {any} */ training) => training.watched);
}

/**
 * Start a training.
 *
 * @param {string} recipe
 * @param {number} epochs
 * @returns {Promise<string>} its name
 */
export async function startTraining(recipe, epochs) {
  return (await postJson("page/trainings", { recipe, epochs, seed: 0 })).name;
}

/** @param {string} name @param {"stop" | "resume"} action */
export const changeTraining = (name, action) => postJson(`page/trainings/${name}/${action}`, {});

/**
 * How a training stands.
 *
 * @param {string} name
 * @param {number} after the step after which rows are new
 * @returns {Promise<TrainingStatus>}
 */
export async function loadTraining(name, after) {
  const { message: reason, ...status } = await request(`page/trainings/${name}?after=${after}`);
  return { ...status, reason };
}
