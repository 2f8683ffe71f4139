// Looking into an answer: how its digit was fed in, every layer, and beside them the sum of one place, or what mattered.

import { drawBoxes } from "./answer.js";
import { explain, latest, unpack } from "./api.js";
import { panel, Units } from "./arithmetic.js";
import { drawMap, scale } from "./colours.js";
import { exportButtons } from "./export.js";
import { has, Layers } from "./layers.js";
import { model } from "./networks.js";
import { busy, element, t, tell } from "./page.js";
import { Steps } from "./steps.js";

const REST = 12; // while the pen moves, looks wait so many times as long as the last one took
const PAUSE = 100; // milliseconds after a stroke in which the next one may begin, before all is looked at

export class Looking {
  /**
   * Looks at what is on a `paper`. `now` tells the view, the digits that were read and which of them is chosen;
   * `moved` is told when another place is looked at, and `again` when other steps are left out.
   */
  constructor(paper, now, { moved, again }) {
    this.paper = paper;
    this.now = now;
    this.moved = moved;
    this.explained = null; // what was seen of the chosen digit
    this.offset = [0, 0]; // of the part of the picture that was explained
    this.maps = false; // what mattered is shown
    this.mapping = false; // or asked for
    this.looks = 0; // counts looks: one at an older picture is not shown
    this.bringing = null; // a kind of layer to be brought into sight
    this.wanted = 0; // counts what is asked for beside the layers: an answer that comes late must not replace a newer one
    this.ended = this.took = 0; // when the last look ended, and how long it took
    this.units = new Units();
    this.steps = new Steps(again);
    this.layers = new Layers({
      chosen: (place) => { this.sum(place).catch(tell); },
      lit: (rectangle) => this.light(rectangle),
      mattered: () => { this.mattered().catch(tell); },
    });
    this.look = latest(() => this.lookOnce());
  }

  clear() {
    this.wanted++;
    this.looks++;
    this.explained = null;
    this.steps.clear();
    this.layers.clear();
  }

  /** Another network has other units and steps. */
  forget() {
    this.wanted++;
    this.units.forget();
    this.layers.detail.replaceChildren();
  }

  /** What is looked into: all of it, or the surroundings of the chosen digit of several. */
  part() {
    const { digits, chosen } = this.now();
    this.offset = [0, 0];
    if (digits.length < 2 || !this.paper.shown) return this.paper.sent();
    const [x, y, width, height] = digits[chosen].box;
    const side = 1.5 * Math.max(width, height);
    this.offset = [Math.round(x + width / 2 - side / 2), Math.round(y + height / 2 - side / 2)];
    return this.paper.part([...this.offset, side, side]);
  }

  explain(wanted) {
    return explain(this.part(), { model: model(), ...wanted }, this.steps.without);
  }

  async lookOnce() {
    if (this.paper.empty) return;
    if (!this.paper.shown) {
      this.clear(); // what is there is of another picture
      return tell(new Error(t("not-shown")));
    }
    const begun = performance.now();
    if (this.maps) this.layers.detail.replaceChildren(); // they are of another picture
    this.maps = false;
    try {
      await this.show();
    } catch (error) {
      tell(error);
    }
    this.ended = performance.now();
    this.took = this.ended - begun;
  }

  async show() {
    const mine = ++this.looks;
    const seen = await unpack(await this.explain({ layers: this.now().view === "inside" }));
    if (mine !== this.looks || this.paper.empty) return; // it was cleared meanwhile
    this.explained = seen;
    const { view } = this.now();
    if (view === "fed") this.steps.show(this.explained);
    if (view === "inside" && seen.layers.length) await this.inside();
  }

  async inside() {
    const { layers } = this;
    await layers.show(this.explained);
    if (layers.focus && !this.mapping) this.sum(layers.focus).catch(tell); // not awaited: the next stroke need not wait for it
    if (this.bringing) layers.list.querySelector(`[data-layer^="${this.bringing}"]`)?.scrollIntoView({ block: "nearest" });
    this.bringing = null;
  }

  /** While the pen moves the bars come first, and only now and then what is behind them. */
  lookSoon() {
    clearTimeout(this.waiting);
    const wait = Math.max(this.ended, this.paper.begun) + REST * this.took - performance.now();
    this.waiting = setTimeout(this.look, this.paper.stroke ? Math.max(wait, 0) : PAUSE);
  }

  /** The sum at once, and what excites its unit as soon as that is known. */
  async sum(place) {
    const mine = ++this.wanted;
    const { layers, units, explained } = this, layer = layers.layer(place.layer);
    if (!layer || !explained || !has(layer, place)) return layers.detail.replaceChildren();
    this.moved();
    for (const exciting of units.has(model(), layer.name, place.unit, true) ? [true] : [false, true]) {
      const done = exciting && !units.has(model(), layer.name, place.unit, true) ? busy(t("busy.exciting")) : () => null;
      const known = await units.get(model(), layer.name, place.unit, exciting).finally(done);
      if (mine !== this.wanted) return undefined;
      layers.detail.replaceChildren(...panel(explained, layer, place, known));
      layers.resized();
    }
    return undefined;
  }

  /** A rectangle of what the network was fed with, on the paper. */
  light(rectangle) {
    if (!this.explained?.window) return;
    const [x, y, width, height] = this.explained.window, [, rows, cols] = this.explained.input.shape;
    const [right, down] = this.offset, { digits, chosen } = this.now();
    const lit = rectangle && [
      right + x + (rectangle.left / cols) * width, down + y + (rectangle.top / rows) * height,
      ((rectangle.right - rectangle.left + 1) / cols) * width, ((rectangle.bottom - rectangle.top + 1) / rows) * height,
    ];
    drawBoxes(this.paper, digits, chosen, lit);
  }

  /** Which part of the picture the answer hangs on. */
  async mattered() {
    if (this.paper.empty) return;
    const mine = ++this.wanted, drawn = this.paper.opened, done = busy(t("busy.maps"));
    this.mapping = true;
    const said = await this.explain({ layers: false, hidden: true, activation: true }).then(unpack).finally(() => {
      this.mapping = false;
      done();
    });
    if (mine !== this.wanted || drawn !== this.paper.opened) return; // something newer is shown, or drawn
    this.maps = true;
    const { detail } = this.layers;
    const canvases = () => [...detail.querySelectorAll("canvas")];
    const data = () => ({ model: said.model, answer: said.answer, hidden: said.hidden, activation: said.activation });
    const shown = ["hidden", "activation"].flatMap((name) => map(name, said[name]));
    detail.replaceChildren(...shown, exportButtons("numeye-mattered", () => ({ canvases: canvases(), data: data() })));
    this.layers.resized();
  }
}

/** One map of what mattered, with its title; a line where there is none. */
function map(name, told) {
  if (!told) return [element("p", { class: "muted" }, t(`${name}.none`))];
  const { shape: [height, width], values } = told;
  const canvas = element("canvas", { class: "pixel", role: "img", "aria-label": t(`${name}.title`) });
  drawMap(canvas, values, height, width, scale([0, Math.max(...values)]));
  return [element("h3", {}, t(`${name}.title`)), canvas, element("p", { class: "muted" }, t(`${name}.about`))];
}
