// Fool it: change the picture by sliders, and see where the answer flips.

import { latest, npy, post } from "./api.js";
import { drawAll, SIDE, toGrey } from "./draw.js";
import { exportButtons } from "./export.js";
import { $, element, number, t, tell } from "./page.js";

const SMALL = SIDE / 2; // pixels a side of what is sent
const SAMPLES = 21; // along each slider

// Each slider: from, to, by how much, where it changes nothing, and how it is told.
const SLIDERS = {
  right: { from: -100, to: 100, step: 1, rest: 0, unit: "%" },
  down: { from: -100, to: 100, step: 1, rest: 0, unit: "%" },
  turn: { from: -180, to: 180, step: 1, rest: 0, unit: "°" },
  thick: { from: 0.2, to: 3, step: 0.05, rest: 1, unit: "×" },
  noise: { from: 0, to: 100, step: 1, rest: 0, unit: "%" },
  hide: { from: 0, to: 100, step: 1, rest: 0, unit: "%" },
};

export class Fool {
  constructor(paper, model) {
    this.paper = paper;
    this.model = model;
    this.turn = 0; // counts changes: answers to an older picture are not shown
    this.values = Object.fromEntries(Object.entries(SLIDERS).map(([name, { rest }]) => [name, rest]));
    this.canvas = element("canvas", { width: SMALL, height: SMALL, class: "pixel", role: "img", "aria-label": t("fool.picture") });
    this.said = element("p", { class: "verdict", id: "fooled" });
    this.rows = Object.fromEntries(Object.entries(SLIDERS).map(([name, slider]) => [name, this.row(name, slider)]));
    const table = element("div", { class: "fool" }, ...Object.values(this.rows).flatMap(({ label, input, value, strip }) => [label, input, value, strip]));
    const reset = element("button", { type: "button", onclick: () => this.reset() }, t("fool.reset"));
    $("view-fool").append(
      element("h2", {}, t("fool.title")), element("p", { class: "muted" }, t("fool.about")),
      element("div", { class: "row" }, this.canvas, this.said, reset), table,
      exportButtons("numeye-fooled", () => ({ canvases: [this.canvas], data: this.told })),
    );
    this.read = latest(async () => {
      try {
        await this.sweep();
      } catch (error) {
        tell(error);
      }
    });
  }

  row(name, { from, to, step, rest, unit }) {
    const value = element("span");
    const input = element("input", { type: "range", id: `fool-${name}`, min: String(from), max: String(to), step: String(step), value: String(rest) });
    input.addEventListener("input", () => {
      this.values[name] = Number(input.value);
      this.update();
    });
    const tell = () => { value.textContent = `${number(this.values[name], unit === "×" ? 2 : 0)} ${unit}`; };
    return { label: element("label", { for: `fool-${name}` }, t(`fool.${name}`)), input, value, tell, strip: element("div", { class: "strip", id: `strip-${name}`, role: "img" }) };
  }

  reset() {
    for (const [name, { rest }] of Object.entries(SLIDERS)) {
      this.values[name] = rest;
      this.rows[name].input.value = String(rest);
    }
    this.update();
  }

  /** The picture as it is now, and its answers. */
  update() {
    this.turn++;
    for (const { tell } of Object.values(this.rows)) tell();
    this.rows.thick.input.disabled = Boolean(this.paper.picture); // a photo's strokes cannot be drawn anew
    draw(this.canvas.getContext("2d", { willReadFrequently: true }), this.paper, this.values);
    if (this.paper.empty) return this.clear(t("empty"));
    if (!this.paper.shown) return this.clear(t("not-shown"));
    return this.read();
  }

  clear(said) {
    this.said.textContent = said;
    this.told = null;
    for (const { strip } of Object.values(this.rows)) strip.replaceChildren();
  }

  /** Read the picture, then along each slider, the others as they are. */
  async sweep() {
    const turn = this.turn;
    const [now] = await this.answers([this.values]);
    if (turn !== this.turn) return;
    this.said.textContent = now;
    this.told = { model: this.model(), values: { ...this.values }, answer: now, sliders: {} };
    for (const [name, slider] of Object.entries(SLIDERS)) {
      if (this.paper.stroke) return; // drawing goes on, and comes first
      const places = Array.from({ length: SAMPLES }, (_, place) => slider.from + ((slider.to - slider.from) * place) / (SAMPLES - 1));
      const answers = await this.answers(places.map((value) => ({ ...this.values, [name]: value })));
      if (turn !== this.turn) return;
      this.told.sliders[name] = places.map((value, place) => ({ value, answer: answers[place] }));
      this.mark(name, slider, places, answers, now);
    }
  }

  /** Where the answer along a slider is another one than before. */
  mark(name, { unit }, places, answers, now) {
    const { strip } = this.rows[name];
    const cells = answers.map((answer, place) => {
      const flips = place > 0 && answer !== answers[place - 1];
      return element("span", { class: [flips ? "flip" : "", answer === now ? "" : "other"].join(" "), title: `${number(places[place], 1)} ${unit}: ${answer}` }, answer.length === 1 ? answer : "–");
    });
    const flips = places.filter((_, place) => place > 0 && answers[place] !== answers[place - 1]).map((value) => number(value, 1));
    strip.replaceChildren(...cells);
    strip.setAttribute("aria-label", flips.length ? t("fool.flips", { at: `${flips.join(", ")} ${unit}` }) : t("fool.holds"));
  }

  async answers(settings) {
    const sheet = new OffscreenCanvas(SMALL, SMALL).getContext("2d", { willReadFrequently: true });
    const pictures = new Uint8Array(settings.length * SMALL * SMALL);
    settings.forEach((values, place) => {
      draw(sheet, this.paper, values);
      pictures.set(toGrey(sheet.getImageData(0, 0, SMALL, SMALL).data), place * SMALL * SMALL);
    });
    const model = this.model();
    if (model.includes("/")) return this.oneByOne(model, pictures, settings.length);
    const { results } = await post(`v1/read?${new URLSearchParams({ single: true, model })}`, npy(pictures, [settings.length, SMALL, SMALL]));
    return results.map(({ rejected, text }) => rejected ?? text);
  }

  /** Networks that are not packaged are asked for each picture. */
  async oneByOne(model, pictures, count) {
    const found = [];
    for (let place = 0; place < count; place++) {
      const sent = npy(pictures.slice(place * SMALL * SMALL, (place + 1) * SMALL * SMALL), [SMALL, SMALL]);
      const { rejected, answer } = await post(`v1/explain?${new URLSearchParams({ model, layers: false })}`, sent);
      found.push(rejected ?? answer);
    }
    return found;
  }
}

/** The paper, changed: shifted, turned, drawn thicker, with noise over it and a hole in its middle. */
function draw(context, paper, { right, down, turn, thick, noise, hide }) {
  const side = context.canvas.width;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.fillStyle = "#fff";
  context.fillRect(0, 0, side, side);
  const source = paper.picture ? paper.canvas : strokesOnly(paper.strokes, thick);
  const fits = side / Math.max(source.width, source.height);
  context.translate(side / 2 + (right / 200) * side, side / 2 + (down / 200) * side);
  context.rotate((turn * Math.PI) / 180);
  context.drawImage(source, (-source.width * fits) / 2, (-source.height * fits) / 2, source.width * fits, source.height * fits);
  context.setTransform(1, 0, 0, 1, 0, 0);
  if (hide > 0) {
    const hole = (hide / 100) * side;
    context.fillRect((side - hole) / 2, (side - hole) / 2, hole, hole);
  }
  if (noise > 0) addNoise(context, (noise / 100) * 255);
}

function strokesOnly(strokes, thicker) {
  const sheet = new OffscreenCanvas(SIDE, SIDE);
  drawAll(sheet.getContext("2d"), strokes, thicker);
  return sheet;
}

/** The same noise each time, so that only its strength changes (xorshift). */
function addNoise(context, strength) {
  const { width, height } = context.canvas;
  const picture = context.getImageData(0, 0, width, height);
  let seed = 2463534242;
  for (let pixel = 0; pixel < picture.data.length; pixel += 4) {
    seed ^= seed << 13;
    seed ^= seed >>> 17;
    seed ^= seed << 5;
    const added = ((seed >>> 0) / 2 ** 31 - 1) * strength;
    for (let channel = 0; channel < 3; channel++) picture.data[pixel + channel] += added;
  }
  context.putImageData(picture, 0, 0);
}
