// @ts-check
// Loads what the views need, and starts them.

import { answerView } from "./answer_view.js";
import { loadExamples, loadTexts } from "./api.js";
import { $ } from "./dom.js";
import { Explaining } from "./explaining.js";
import { layersView } from "./layers_view.js";
import { loadNetworks, useModel } from "./networks.js";
import { networksView } from "./networks_view.js";
import { startReading } from "./reading.js";
import { Robustness } from "./robustness.js";
import { robustnessView } from "./robustness_view.js";
import {
  bareView, examplesView, filesView, messagesView, tabsView,
} from "./shell_view.js";
import { stepsView } from "./steps_view.js";
import { hasText, useTexts } from "./texts.js";
import { tourView } from "./tour_view.js";
import { Training } from "./training.js";
import { trainingView } from "./training_view.js";

/** @typedef {import("./state.js").Store} Store */
/** @typedef {import("./drawing.js").Drawing} Drawing */

/**
 * Start all views. Examples and networks may arrive later than the texts; drawings are read
 * meanwhile.
 *
 * @param {Store} store
 * @param {Drawing} drawing
 */
export async function startViews(store, drawing) {
  messagesView(store);
  /** @param {unknown} error */
  const report = (error) => store.report(error);
  const examples = loadExamples().then((loaded) => store.set({ examples: loaded })).catch(report);
  await loadTexts().then(useTexts).catch(report);
  const { leftOut } = store.state;
  store.set({ leftOut: leftOut.filter((step) => hasText(`steps.${step}`)) });

  const training = startAll(store, drawing);
  const networks = loadNetworks(store).then(() => training.load()).catch(report);
  await Promise.all([networks, examples]);
}

/** @param {Store} store @param {Drawing} drawing @returns {Training} */
function startAll(store, drawing) {
  const listAgain = () => loadNetworks(store).catch((error) => store.report(error));
  const training = new Training(store, listAgain);
  const robustness = new Robustness(store);
  const explaining = new Explaining(store);
  tabsView(store);
  bareView(store);
  networksView(store);
  answerView(store);
  stepsView(store);
  layersView(store, explaining);
  robustnessView(store, robustness);
  trainingView(store, training, {
    explain(model) {
      useModel(store, model);
      store.openView("inside");
    },
    compare: (second) => store.set({ second }),
  });
  examplesView(store, drawing);
  filesView(store, drawing);
  $("skip").addEventListener("click", (event) => {
    event.preventDefault();
    $("answer").focus();
  });
  startReading(store);
  tourView(store, drawing);
  return training;
}
