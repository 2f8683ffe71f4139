// @ts-check
// The canvas to draw on, by mouse, pen, finger or keyboard, and its tools.

import { $, contextOf } from "./dom.js";
import { shownCanvas } from "./pixels.js";
import { CANVAS_PX } from "./state.js";

/** @typedef {import("./state.js").Store} Store */
/** @typedef {import("./state.js").State} State */
/** @typedef {import("./drawing.js").Drawing} Drawing */

const MOVED_PX = 6; // on the screen; whoever moves so far over a picture draws instead of it

/**
 * Show the drawing, and draw. It needs no texts and no answer of the server, so that it works from
 * the start.
 *
 * @param {Store} store
 * @param {Drawing} drawing
 */
export function drawingView(store, drawing) {
  const canvas = $("drawing", HTMLCanvasElement);
  const context = contextOf(canvas, { willReadFrequently: true });
  store.render(["strokes", "picture"], (state) => {
    const shown = shownCanvas(state);
    if (canvas.width !== shown.width || canvas.height !== shown.height) {
      [canvas.width, canvas.height] = [shown.width, shown.height];
    }
    context.drawImage(shown, 0, 0);
  });
  store.render(["pen"], showPen);
  store.render(["erase"], ({ erase }) => {
    $("pen").setAttribute("aria-pressed", String(!erase));
    $("eraser").setAttribute("aria-pressed", String(erase));
  });
  listenToPointers(canvas, store, drawing);
  listenToKeys(canvas, drawing);
  listenToTools(drawing);
}

/** @param {State} state Where the keyboard's pen is; filled where it is down. */
function showPen({ pen }) {
  const cursor = $("cursor");
  cursor.hidden = !pen.shown;
  cursor.classList.toggle("down", pen.down);
  cursor.style.left = `${(pen.x / CANVAS_PX) * 100}%`;
  cursor.style.top = `${(pen.y / CANVAS_PX) * 100}%`;
}

/** @param {HTMLCanvasElement} canvas @param {Store} store @param {Drawing} drawing */
function listenToPointers(canvas, store, drawing) {
  /** @type {number | null} the pointer that draws; others are a palm, or a second finger */
  let pointer = null;
  /** @type {[number, number] | null} where it went down on a picture */
  let pressed = null;

  /** @param {PointerEvent} event @returns {[number, number]} */
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * CANVAS_PX;
    return [x, ((event.clientY - box.top) / box.height) * CANVAS_PX];
  };

  canvas.addEventListener("pointerdown", (event) => {
    drawing.leave();
    if (!event.isPrimary || event.button > 0 || pointer !== null) return;
    event.preventDefault();
    pointer = event.pointerId;
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    if (store.state.picture) pressed = [event.clientX, event.clientY]; // a click selects a digit
    else drawing.begin(...place(event), event.timeStamp);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pointer) return;
    if (pressed) {
      const far = Math.hypot(event.clientX - pressed[0], event.clientY - pressed[1]);
      if (far <= MOVED_PX) return;
      pressed = null;
      drawing.begin(...place(event), event.timeStamp);
    }
    const passed = event.getCoalescedEvents?.() ?? [];
    drawing.extend((passed.length ? passed : [event]).map(place), event.timeStamp);
  });
  for (const name of /** @type {const} */ (["pointerup", "pointercancel", "lostpointercapture"])) {
    canvas.addEventListener(name, (event) => {
      if (event.pointerId !== pointer) return;
      pointer = pressed = null;
      drawing.end(event.timeStamp);
    });
  }
}

/** @param {HTMLCanvasElement} canvas @param {Drawing} drawing */
function listenToKeys(canvas, drawing) {
  canvas.addEventListener("keydown", (event) => {
    if (drawing.key(event.key, event.shiftKey, event.timeStamp)) event.preventDefault();
  });
  canvas.addEventListener("blur", () => drawing.leave());
  addEventListener("keydown", (event) => {
    const inField = event.target instanceof HTMLInputElement;
    if (!(event.ctrlKey || event.metaKey) || event.key !== "z" || inField) return;
    event.preventDefault();
    drawing.undo();
  });
}

/** @param {Drawing} drawing */
function listenToTools(drawing) {
  $("pen").addEventListener("click", () => drawing.useEraser(false));
  $("eraser").addEventListener("click", () => drawing.useEraser(true));
  $("undo").addEventListener("click", () => drawing.undo());
  $("clear").addEventListener("click", () => drawing.clear());
  const width = $("width", HTMLInputElement);
  width.addEventListener("input", () => drawing.useWidth(Number(width.value)));
}
