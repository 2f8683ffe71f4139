// @ts-check
// Starts, stops and watches trainings, and asks a snapshot about the drawing.

import {
  changeTraining, listRecipes, listTrainings, loadTraining, loadWeights, readSingle, startTraining,
} from "./api.js";
import { toSend } from "./pixels.js";
import { isEmpty, NO_TRAINING } from "./state.js";

/** @typedef {import("./state.js").Store} Store */
/** @typedef {import("./state.js").WatchedTraining} WatchedTraining */

const EVERY_MS = 600; // between two requests about a training
const RETRY_MS = 3000; // after one that failed
const FIRST_LAYER = "convolution 1";

/** @param {WatchedTraining} training @returns {string} the model's name of its snapshot */
export const snapshotModel = ({ name, step }) =>
  (step === null ? `run/${name}` : `run/${name}@${step}`);

/** Watches one training, and keeps it in the store. */
export class Training {
  #store;
  #ended;
  #questions = 0; // counts requests about snapshots: a newer one makes an older answer void
  #followed = 0; // the same about trainings
  #timer = 0;

  /**
   * @param {Store} store
   * @param {() => void} ended is called when a training has ended: there is a new network
   */
  constructor(store, ended) {
    this.#store = store;
    this.#ended = ended;
    store.on(["visits"], ({ view }) => {
      if (view === "learn") this.#opened();
    });
    store.on(["revision", "drawing"], ({ view, drawing }) => {
      if (view === "learn" && !drawing) this.#ask();
    });
  }

  /** @param {Partial<WatchedTraining>} changes */
  #set(changes) {
    this.#store.set({ training: { ...this.#store.state.training, ...changes } });
  }

  get #training() {
    return this.#store.state.training;
  }

  /** Load recipes and trainings; on other people's machines nothing can be trained. */
  async load() {
    if (!this.#store.state.local) return;
    this.#store.set({ recipes: await listRecipes() });
    await this.#list();
  }

  /** Trainings that were started elsewhere are shown, too. */
  #opened() {
    if (this.#store.state.local) this.#list().catch((error) => this.#store.report(error));
    this.#ask();
  }

  async #list() {
    const trainings = await listTrainings();
    this.#store.set({ trainings });
    const running = trainings.find(({ state }) => state === "running");
    if (!this.#training.name && running) await this.#choose(running.name);
  }

  /** @param {() => Promise<unknown>} action Do what a button says; its error is shown. */
  async #try(action) {
    this.#store.report(null);
    try {
      await action();
    } catch (error) {
      this.#store.report(error);
    }
  }

  /** @param {string} recipe @param {number} epochs */
  start(recipe, epochs) {
    return this.#try(async () => {
      await this.#choose(await startTraining(recipe, epochs));
      await this.#list();
    });
  }

  /** @param {"stop" | "resume"} action */
  change(action) {
    return this.#try(async () => {
      await changeTraining(this.#training.name ?? "", action);
      await this.#follow();
      await this.#list();
    });
  }

  /** @param {string} name of the training to watch; empty for none */
  choose(name) {
    return this.#try(() => this.#choose(name));
  }

  /** @param {string} name */
  async #choose(name) {
    clearTimeout(this.#timer);
    this.#questions++;
    this.#store.set({ training: { ...NO_TRAINING, name: name || null } });
    if (name) await this.#follow();
  }

  /** Ask how the training stands, again and again for as long as it runs. */
  async #follow() {
    clearTimeout(this.#timer);
    const { name, rows } = this.#training, turn = ++this.#followed;
    const isOld = () => turn !== this.#followed || name !== this.#training.name;
    if (!name) return;
    try {
      const status = await loadTraining(name, rows.at(-1)?.step ?? -1);
      if (isOld()) return;
      const before = this.#training.status?.state;
      this.#show(status);
      if (status.state === "running") this.#followIn(EVERY_MS);
      else if (before && before !== status.state) {
        await this.#list();
        this.#ended();
      }
    } catch (error) {
      this.#store.report(error);
      if (!isOld() && this.#training.status?.state === "running") this.#followIn(RETRY_MS);
    }
  }

  /** @param {number} ms */
  #followIn(ms) {
    this.#timer = setTimeout(() => this.#follow(), ms);
  }

  /** @param {import("./api.js").TrainingStatus} status */
  #show(status) {
    const { rows, step, newest } = this.#training;
    const last = status.snapshots.at(-1) ?? null;
    const followsNewest = step === null || step === newest;
    this.#set({ status, rows: [...rows, ...status.rows], newest: last });
    if (followsNewest && last !== null) this.pick(status.snapshots.length - 1);
  }

  /** @param {number} place of a snapshot to look at */
  pick(place) {
    const step = this.#training.status?.snapshots[place];
    if (step === undefined || step === this.#training.step) return;
    this.#set({ step });
    this.#ask();
  }

  /** Ask for the snapshot's filters, and for its answer to the drawing. */
  async #ask() {
    const { name, step } = this.#training, mine = ++this.#questions;
    if (!name || step === null) return;
    const model = snapshotModel(this.#training), { state } = this.#store;
    try {
      const filters = await loadWeights(model, FIRST_LAYER);
      const answer = isEmpty(state) ? null : await readSingle(toSend(state), model);
      if (mine === this.#questions) this.#set({ filters, answer });
    } catch (error) {
      this.#store.report(error);
    }
  }
}
