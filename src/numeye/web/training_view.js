// @ts-check
// Watch it learn: a training's curves, its filters, and what a snapshot reads in the drawing.

import { Bars } from "./answer_view.js";
import { drawMap, range, scale } from "./colours.js";
import { $, create, number } from "./dom.js";
import { exportButtons } from "./export.js";
import { t } from "./texts.js";
import { snapshotModel } from "./training.js";
import { drawChart, newChart } from "./training_chart.js";

/** @typedef {import("./api.js").Numbers} Numbers */
/** @typedef {import("./api.js").TrainingStatus} TrainingStatus */
/** @typedef {import("./state.js").Store} Store */
/** @typedef {import("./state.js").State} State */
/** @typedef {import("./state.js").WatchedTraining} WatchedTraining */
/** @typedef {import("./training.js").Training} Training */
/** @typedef {(model: string) => void} Use */
/** @typedef {{explain: Use, compare: Use}} Uses what the buttons do with a snapshot */

/** @param {Store} store @param {Training} training @param {Uses} uses */
export function trainingView(store, training, uses) {
  const body = create("div");
  const elsewhere = create("p", {}, t("learn.elsewhere"));
  $("view-learn").append(
    create("h2", {}, t("learn.title")), create("p", { class: "muted" }, t("learn.about")),
    body, elsewhere,
  );
  const status = create("p", { id: "training-status", role: "status" });
  const chart = newChart();
  body.append(
    controls(store, training), status, chart,
    snapshotRow(store, training, uses), columns(store),
    exportButtons("numeye-training", () => {
      const { name, rows, status: now } = store.state.training;
      return { svg: chart, data: { run: name, rows, metrics: now?.metrics } };
    }),
  );
  store.render(["local", "networks"], ({ local, networks }) => {
    body.hidden = !local;
    elsewhere.hidden = local || !networks.length; // not known before they are listed
  });
  store.render(["training", "visits"], (state) => {
    status.textContent = statusText(state.training);
    drawChart(chart, state.training, status.textContent);
  });
}

/** @param {string} id @param {() => unknown} onclick */
const button = (id, onclick) => create("button", { type: "button", id, onclick }, t(`learn.${id}`));

/** @param {string} key @param {HTMLElement} control */
const labelled = (key, control) => create("label", {}, `${t(`learn.${key}`)} `, control);

/** @param {Store} store @param {Training} training */
function controls(store, training) {
  const recipe = create("select", { id: "recipe" });
  const epochs = create("input", { type: "number", id: "epochs", min: "1", max: "50", value: "2" });
  const runs = create("select", { id: "runs", onchange: () => training.choose(runs.value) });
  const start = button("start", () => training.start(recipe.value, Number(epochs.value)));
  const stop = button("stop", () => training.change("stop"));
  const resume = button("resume", () => training.change("resume"));
  const suggestEpochs = () => {
    epochs.value = recipe.selectedOptions[0]?.dataset.epochs ?? epochs.value;
  };
  recipe.addEventListener("change", suggestEpochs);
  store.render(["recipes"], ({ recipes }) => {
    recipe.replaceChildren(...recipes.map(({ name, about, epochs: usual, expected }) => {
      const text = expected ? t("learn.expected", { name, ...expected }) : name;
      return create("option", { value: name, title: about, "data-epochs": String(usual) }, text);
    }));
    recipe.value = "classic";
    suggestEpochs();
  });
  store.render(["trainings", "training"], (state) => {
    showRuns(runs, state);
    const now = state.training.status?.state;
    start.disabled = now === "running";
    stop.disabled = now !== "running";
    resume.disabled = now !== "stopped" && now !== "failed";
  });
  return create("div", { class: "row controls" }, labelled("recipe", recipe),
    labelled("epochs", epochs), start, stop, resume, labelled("runs", runs));
}

/** @param {HTMLSelectElement} runs @param {State} state */
function showRuns(runs, { trainings, training: { name: chosen } }) {
  const texts = trainings.map(({ name, state }) =>
    [name, `${name} (${t(`learn.states.${state}`)})`]);
  const all = [["", t("learn.none")], ...texts];
  const shown = [...runs.options].map(({ value, text }) => [value, text]);
  if (String(shown) !== String(all)) { // an open list is left as it is
    runs.replaceChildren(...all.map(([value, text]) => create("option", { value }, text)));
  }
  runs.value = chosen ?? "";
}

/** @param {Store} store @param {Training} training @param {Uses} uses */
function snapshotRow(store, training, uses) {
  const slider = create("input", { type: "range", id: "snapshot", min: "0", max: "0", value: "0" });
  slider.addEventListener("input", () => training.pick(Number(slider.value)));
  const at = create("span");
  const explain = button("explain", () => uses.explain(snapshotModel(store.state.training)));
  const compare = button("compare", () => uses.compare(snapshotModel(store.state.training)));
  store.render(["training"], ({ training: { name, status, step } }) => {
    const snapshots = status?.snapshots ?? [];
    slider.max = String(Math.max(snapshots.length - 1, 0));
    explain.disabled = compare.disabled = !name || step === null;
    at.textContent = step === null ? "" : t("learn.step", { step });
    if (step === null) return;
    slider.value = String(snapshots.indexOf(step));
    slider.setAttribute("aria-valuetext", at.textContent);
  });
  const label = create("label", { for: "snapshot" }, t("learn.snapshot"));
  return create("div", { class: "row" }, label, slider, at, explain, compare);
}

/** @param {Store} store What the snapshot reads, and its filters. */
function columns(store) {
  const answer = create("div", { id: "training-answer" });
  const bars = new Bars(answer, t("learn.answer"));
  const filters = create("div", { class: "row", id: "filters" });
  /** @type {WatchedTraining | null} */
  let before = null;
  store.render(["training"], ({ training }) => {
    if (!training.filters) bars.show([], null, null);
    else if (training.answer) bars.showAnswer(training.answer);
    else bars.show([t("empty")], null, null);
    if (training.filters !== before?.filters) showFilters(filters, training.filters);
    before = training;
  });
  const title = create("h3", {}, t("learn.filters"));
  return create("div", { class: "columns" }, answer, create("div", {}, title, filters));
}

/** @param {HTMLElement} parent @param {Numbers | null} weights */
function showFilters(parent, weights) {
  if (!weights) {
    parent.replaceChildren();
    return;
  }
  const { shape: [units, inputs, height, width], values } = weights;
  const colours = scale(range(values)), size = inputs * height * width;
  parent.replaceChildren(...Array.from({ length: units }, (_, unit) => {
    const label = t("sum.unit", { unit });
    const canvas = create("canvas", { role: "img", "aria-label": label, class: "filter" });
    canvas.style.width = "3rem";
    return drawMap(canvas, { values, height, width, offset: unit * size }, colours);
  }));
}

/** @param {WatchedTraining} training @returns {string} how it stands */
function statusText({ status, rows }) {
  if (!status) return "";
  const parts = [t(`learn.states.${status.state}`)];
  const last = rows.at(-1), measured = status.metrics.at(-1);
  if (last) {
    const [loss, accuracy] = [number(last.loss, 3), number(last.accuracy, 1)];
    parts.push(t("learn.now", { step: last.step, loss, accuracy }));
  }
  if (measured) {
    const accuracy = number(measured.validation_accuracy);
    parts.push(t("learn.validation", { epoch: measured.epoch, accuracy }));
  }
  if (status.state === "failed") parts.push(status.reason);
  return parts.filter(Boolean).join(" · ");
}
