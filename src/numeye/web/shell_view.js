// @ts-check
// What surrounds the views: tabs, messages, hidden controls, and files that are dropped or pasted.

import { cameraView } from "./camera.js";
import { $, create } from "./dom.js";
import { openNetwork } from "./networks.js";
import { VIEWS } from "./state.js";
import { t } from "./texts.js";

/** @typedef {import("./state.js").Store} Store */
/** @typedef {import("./drawing.js").Drawing} Drawing */

/** @param {Store} store */
export function messagesView(store) {
  const busy = create("div", { class: "busy", role: "status", hidden: true });
  document.body.append(busy);
  store.render(["error"], ({ error }) => {
    $("problem").hidden = error === null;
    $("problem").textContent = error ?? "";
  });
  store.render(["busy"], ({ busy: lines }) => {
    busy.hidden = !lines.length;
    busy.replaceChildren(...lines.map(({ text }) => create("p", {}, text)));
  });
}

/** @param {Store} store */
export function tabsView(store) {
  const tabs = VIEWS.map((view) => create("button", {
    type: "button", role: "tab", id: `tab-${view}`, "aria-controls": `view-${view}`,
    onclick: () => store.openView(view),
  }, t(`${view}.title`)));
  $("tabs").append(...tabs);
  $("tabs").addEventListener("keydown", (event) => {
    const now = VIEWS.indexOf(store.state.view);
    /** @type {Record<string, number>} */
    const places = { ArrowLeft: now - 1, ArrowRight: (now + 1) % VIEWS.length, Home: 0, End: -1 };
    const view = VIEWS.at(places[event.key] ?? NaN);
    if (!(event.key in places) || !view) return;
    event.preventDefault(); // Home and End would scroll
    store.openView(view);
    $(`tab-${view}`).focus();
  });
  store.render(["view"], ({ view: shown }) => {
    VIEWS.forEach((view, place) => {
      $(`view-${view}`).hidden = view !== shown;
      tabs[place].setAttribute("aria-selected", String(view === shown));
      tabs[place].tabIndex = view === shown ? 0 : -1;
    });
  });
}

/** @param {Store} store Hide all controls, for a lesson. */
export function bareView(store) {
  const leave = create("button", {
    type: "button", id: "leave-bare",
    onclick: () => {
      store.set({ bare: false });
      $("bare").focus();
    },
  }, t("show-controls"));
  document.body.append(leave);
  $("bare").addEventListener("click", () => {
    store.set({ bare: true });
    leave.focus();
  });
  store.render(["bare"], ({ bare }) => {
    document.body.classList.toggle("bare", bare);
    $("bare").setAttribute("aria-pressed", String(bare));
  });
}

/**
 * Pictures and networks may be chosen, dropped anywhere or pasted, and pictures taken.
 *
 * @param {Store} store
 * @param {Drawing} drawing
 */
export function filesView(store, drawing) {
  /** @param {File | null | undefined} file */
  const take = (file) => {
    if (file?.name?.endsWith(".onnx")) openNetwork(store, file);
    else if (file) drawing.open(file);
  };
  for (const id of ["upload", "own"]) {
    const input = $(id, HTMLInputElement);
    input.addEventListener("change", () => {
      take(input.files?.[0]);
      input.value = "";
    });
  }
  const paper = $("paper");
  addEventListener("dragover", (event) => {
    event.preventDefault();
    paper.classList.add("dropping");
  });
  addEventListener("dragleave", () => paper.classList.remove("dropping"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    paper.classList.remove("dropping");
    take(event.dataTransfer?.files[0]);
  });
  addEventListener("paste", ({ clipboardData }) => {
    const items = [...clipboardData?.items ?? []];
    take(items.find(({ kind }) => kind === "file")?.getAsFile());
  });
  cameraView((picture) => drawing.open(picture), (error) => store.report(error));
}

/** @param {Store} store @param {Drawing} drawing A button for each example. */
export function examplesView(store, drawing) {
  store.render(["examples"], ({ examples }) => {
    const buttons = Object.entries(examples).map(([digit, strokes]) => create("button", {
      type: "button", "aria-label": t("example", { digit }), onclick: () => drawing.show(strokes),
    }, digit));
    $("examples").replaceChildren(...buttons);
  });
}
