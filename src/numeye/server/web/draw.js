// The sheet of paper: strokes by mouse, pen, finger or keyboard, or a picture of somebody's own.

import { npy } from "./api.js";
import { $, say, t } from "./page.js";

export const SIDE = 280; // pixels of the paper
const READ = 112; // pixels of it that are sent: all of them would take four times as long, and be read no better
const INK = "#17181c", PAPER = "#ffffff";
const NEAR = 2; // pixels; nearer points of a stroke are left out
const DRAWN = 6; // pixels on the screen; who moves so far over a picture draws instead of it

const SENT = /^image\/|^application\/pdf$/; // kinds of files that are named; of others the server finds out

/** Strokes: {width, erase, points: [x, y, x, y, ...]}. */
export class Paper {
  constructor(changed) {
    this.changed = changed;
    this.canvas = $("drawing");
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.strokes = [];
    this.picture = null; // {bitmap, sent, turned}: what was uploaded instead of drawn
    this.stroke = null; // the one that is being drawn
    this.begun = 0; // when the last one was begun
    this.pointer = null; // that draws; others are a palm, or a second finger
    this.pressed = null; // where it went down on a picture
    this.opened = 0; // counts what was put on the paper: a file that comes late must not replace what is newer
    this.erase = false;
    this.width = 18;
    this.cursor = { x: SIDE / 2, y: SIDE / 2, down: false };
    this.redraw();
    this.listen();
  }

  listen() {
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => {
      if (!event.isPrimary || event.button > 0 || this.pointer !== null) return;
      event.preventDefault();
      this.pointer = event.pointerId;
      this.cursor.down = false;
      canvas.focus({ preventScroll: true });
      canvas.setPointerCapture(event.pointerId);
      if (this.picture) this.pressed = [event.clientX, event.clientY]; // a click chooses one of its digits
      else this.begin(...this.place(event), event.timeStamp);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (event.pointerId !== this.pointer) return;
      if (this.pressed && Math.hypot(event.clientX - this.pressed[0], event.clientY - this.pressed[1]) > DRAWN) this.begin(...this.place(event), event.timeStamp);
      if (!this.stroke) return;
      const passed = event.getCoalescedEvents?.() ?? [];
      for (const one of passed.length ? passed : [event]) this.extend(...this.place(one));
      this.tell(event.timeStamp);
    });
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) canvas.addEventListener(name, (event) => {
      if (event.pointerId !== this.pointer) return;
      this.pointer = null;
      this.end(event.timeStamp);
    });
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("blur", (event) => { // whoever goes elsewhere has lifted the pen
      if (this.cursor.down) this.end(event.timeStamp);
      this.cursor.down = false;
    });
    for (const name of ["pointerdown", "blur"]) canvas.addEventListener(name, () => { $("cursor").hidden = true; });
  }

  /** Where on the paper a pointer is. */
  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * SIDE, ((event.clientY - box.top) / box.height) * SIDE];
  }

  begin(x, y, when) {
    if (this.picture) this.clear();
    this.opened++;
    this.pressed = null;
    this.stroke = { width: this.width, erase: this.erase, points: [x, y] };
    this.strokes.push(this.stroke);
    this.begun = performance.now();
    drawStroke(this.context, this.stroke);
    this.tell(when);
  }

  extend(x, y) {
    const { points } = this.stroke;
    const [lastX, lastY] = points.slice(-2);
    if (Math.hypot(x - lastX, y - lastY) < NEAR) return;
    points.push(x, y);
    drawStroke(this.context, { ...this.stroke, points: [lastX, lastY, x, y] });
  }

  end(when) {
    this.pressed = null;
    if (!this.stroke) return;
    this.stroke = null;
    this.redraw(); // in one go, as undo and a shared address draw it
    this.tell(when);
  }

  /** What is drawn is over, however it was drawn. */
  lift() {
    this.opened++;
    this.stroke = null;
    this.cursor.down = false;
  }

  /** Draw by keyboard: arrows move, space puts the pen down and lifts it. */
  key(event) {
    const step = event.shiftKey ? 4 : 12;
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    if (event.key === " " || event.key === "Enter") {
      const down = !this.cursor.down;
      if (down) this.begin(this.cursor.x, this.cursor.y, event.timeStamp);
      else this.end(event.timeStamp);
      this.cursor.down = down; // a picture that made room for the pen had lifted it
      say(t(this.cursor.down ? "pen-down" : "pen-up"));
    } else if (moves[event.key]) {
      this.cursor.x = Math.min(Math.max(this.cursor.x + moves[event.key][0], 0), SIDE);
      this.cursor.y = Math.min(Math.max(this.cursor.y + moves[event.key][1], 0), SIDE);
      if (this.cursor.down && this.stroke) {
        this.extend(this.cursor.x, this.cursor.y);
        this.tell(event.timeStamp);
      }
    } else return;
    event.preventDefault();
    this.showCursor();
  }

  /** Where the keyboard's pen is; filled where it is down. */
  showCursor() {
    const spot = $("cursor");
    spot.hidden = false;
    spot.classList.toggle("down", this.cursor.down);
    [spot.style.left, spot.style.top] = [this.cursor.x, this.cursor.y].map((one) => `${(one / SIDE) * 100}%`);
  }

  undo() {
    if (this.picture) return; // it has no strokes
    this.lift();
    this.strokes.pop();
    this.redraw();
    this.tell();
  }

  clear() {
    this.lift();
    this.strokes = [];
    this.picture = null;
    this.canvas.width = this.canvas.height = SIDE;
    this.redraw();
    this.tell();
  }

  show(strokes) {
    this.lift();
    this.picture = null;
    this.canvas.width = this.canvas.height = SIDE;
    this.strokes = strokes.map((stroke) => ({ ...stroke, points: [...stroke.points] })); // undo must not take from them
    this.redraw();
    this.tell();
  }

  /** Read a file as it is; what the browser can show of it is shown. */
  async open(file) {
    const mine = ++this.opened;
    const bitmap = await createImageBitmap(file).catch(() => null); // a PDF, say: the server may read it nevertheless
    if (mine !== this.opened) return;
    this.lift();
    this.strokes = [];
    this.picture = { bitmap, sent: { body: file, type: SENT.test(file.type) ? file.type : "application/octet-stream" }, turned: 0 };
    this.showPicture();
    this.tell();
  }

  /** Pictures are shown as large as they are, up to 1,000 pixels, and as the server turned them. */
  showPicture() {
    const { bitmap, turned } = this.picture;
    const [width, height] = bitmap ? (turned % 180 ? [bitmap.height, bitmap.width] : [bitmap.width, bitmap.height]) : [SIDE, SIDE];
    const shrunk = Math.min(1, 1000 / Math.max(width, height));
    this.canvas.width = Math.max(1, Math.round(width * shrunk));
    this.canvas.height = Math.max(1, Math.round(height * shrunk));
    this.picture.size = [width, height];
    const { context, canvas } = this;
    context.fillStyle = PAPER;
    context.fillRect(0, 0, canvas.width, canvas.height);
    if (!bitmap) return;
    context.save();
    context.scale(shrunk, shrunk);
    drawTurned(context, this.picture);
    context.restore();
  }

  /** False for a picture that the browser cannot show, though the server may read it. */
  get shown() {
    return !this.picture || Boolean(this.picture.bitmap);
  }

  get empty() {
    return !this.picture && !this.strokes.length;
  }

  /** Width and height of what is read, in its own pixels; boxes are told in these. */
  get size() {
    return this.picture ? this.picture.size : [READ, READ];
  }

  /** What is sent to be read: the file as it came, or the paper's pixels. */
  sent() {
    return this.picture ? this.picture.sent : this.part([0, 0, READ, READ]);
  }

  /** A part of it, x, y, width, height in its own pixels, to be looked into. */
  part([x, y, width, height]) {
    const [w, h] = [width, height].map((one) => Math.max(Math.round(one), 1));
    const copy = new OffscreenCanvas(w, h).getContext("2d", { willReadFrequently: true });
    copy.fillStyle = PAPER;
    copy.fillRect(0, 0, w, h);
    copy.imageSmoothingQuality = "high";
    copy.translate(-x, -y);
    if (this.picture?.bitmap) drawTurned(copy, this.picture); // as large as it is, not as it is shown
    else copy.drawImage(this.canvas, 0, 0, ...this.size);
    return npy(toGrey(copy.getImageData(0, 0, w, h).data), [h, w]);
  }

  redraw() {
    drawAll(this.context, this.strokes);
  }

  tell(when = performance.now()) {
    this.changed(when);
  }
}

/** A picture in its own pixels, from the corner on; the server turns against the clock. */
function drawTurned(context, { bitmap, turned, size: [width, height] }) {
  context.translate(width / 2, height / 2);
  context.rotate((-turned * Math.PI) / 180);
  context.drawImage(bitmap, -bitmap.width / 2, -bitmap.height / 2);
}

/** Strokes on white paper; drawn `thicker` times as wide. */
export function drawAll(context, strokes, thicker = 1) {
  context.fillStyle = PAPER;
  context.fillRect(0, 0, context.canvas.width, context.canvas.height);
  for (const stroke of strokes) drawStroke(context, { ...stroke, width: stroke.width * thicker });
}

function drawStroke(context, { width, erase, points }) {
  context.strokeStyle = context.fillStyle = erase ? PAPER : INK;
  context.lineWidth = width;
  context.lineCap = context.lineJoin = "round";
  context.beginPath();
  context.moveTo(points[0], points[1]);
  if (points.length === 2) context.lineTo(points[0] + 0.01, points[1]);
  for (let n = 2; n < points.length; n += 2) context.lineTo(points[n], points[n + 1]);
  context.stroke();
}

/** Red, green, blue and alpha as grey levels. */
export function toGrey(data) {
  const grey = new Uint8Array(data.length / 4);
  for (let n = 0; n < grey.length; n++) {
    grey[n] = 0.299 * data[4 * n] + 0.587 * data[4 * n + 1] + 0.114 * data[4 * n + 2] + 0.5;
  }
  return grey;
}
