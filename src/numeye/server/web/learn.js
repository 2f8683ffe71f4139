// Watch it learn: a training in a process of its own, its curves, its filters and what it says of the drawing.

import { ask, floats, post, postJson } from "./api.js";
import { Bars, verdict } from "./answer.js";
import { drawMap, range, scale } from "./colours.js";
import { exportButtons } from "./export.js";
import { $, element, number, t, tell } from "./page.js";

const EVERY = 600; // milliseconds between two questions about a training
const SVG = "http://www.w3.org/2000/svg";

export class Learn {
  /**
   * `looked` is told of the network that shall be looked into, `beside` of the one to be put beside it, and `ended` that
   * a training has ended: there is a new network.
   */
  constructor({ paper, looked, beside, ended }) {
    this.paper = paper;
    this.ended = ended;
    this.asked = 0; // counts questions about snapshots, and ...
    this.followed = 0; // ... about trainings: an answer to an older one is void
    this.rows = [];
    this.recipe = element("select", { id: "recipe", onchange: () => { this.epochs.value = this.recipe.selectedOptions[0].dataset.epochs; } });
    this.epochs = element("input", { type: "number", id: "epochs", min: "1", max: "50", value: "2" });
    this.runs = element("select", { id: "runs", onchange: () => this.choose(this.runs.value) });
    const button = (id, act) => element("button", { type: "button", id, onclick: () => this.try(act) }, t(`learn.${id}`));
    this.start = button("start", () => this.begin());
    this.stop = button("stop", () => this.post("stop"));
    this.resume = button("resume", () => this.post("resume"));
    this.said = element("p", { id: "training-said", role: "status" });
    this.chart = document.createElementNS(SVG, "svg");
    this.chart.setAttribute("class", "chart");
    this.chart.setAttribute("role", "img");
    this.chart.setAttribute("aria-label", t("learn.chart"));
    this.slider = element("input", { type: "range", id: "snapshot", min: "0", max: "0", value: "0", oninput: () => this.pick(Number(this.slider.value)) });
    this.at = element("span");
    this.filters = element("div", { class: "row", id: "filters" });
    const bars = element("div", { id: "learning-answer" });
    this.bars = new Bars(bars, t("learn.says"));
    this.looking = element("button", { type: "button", id: "look-into", onclick: () => looked(this.model) }, t("learn.look"));
    this.putting = element("button", { type: "button", id: "put-beside", onclick: () => beside(this.model) }, t("learn.beside"));
    this.body = element("div", {},
      element("div", { class: "row controls" }, element("label", {}, `${t("learn.recipe")} `, this.recipe), element("label", {}, `${t("learn.epochs")} `, this.epochs), this.start, this.stop, this.resume, element("label", {}, `${t("learn.runs")} `, this.runs)),
      this.said, this.chart,
      element("div", { class: "row" }, element("label", { for: "snapshot" }, t("learn.snapshot")), this.slider, this.at, this.looking, this.putting),
      element("div", { class: "columns" }, bars, element("div", {}, element("h3", {}, t("learn.filters")), this.filters)),
      exportButtons("numeye-training", () => ({ svg: this.chart, data: { run: this.name, rows: this.rows, metrics: this.status?.metrics } })));
    $("view-learn").append(element("h2", {}, t("learn.title")), element("p", { class: "muted" }, t("learn.about")), this.body);
  }

  /** Ask what there is; on other people's machines nothing can be trained. */
  async open(local) {
    this.local = local;
    if (!local) return this.body.replaceChildren(element("p", {}, t("learn.elsewhere")));
    const { recipes } = await ask("page/recipes");
    this.recipe.replaceChildren(...recipes.map(({ name, epochs, about, promise }) => element("option", { value: name, title: about, "data-epochs": String(epochs) }, promise ? t("learn.promise", { name, ...promise }) : name)));
    this.recipe.value = "classic";
    this.recipe.dispatchEvent(new Event("change"));
    return this.list();
  }

  /** The view is looked at: trainings that were started elsewhere are there, too. */
  opened() {
    if (this.local) this.list().catch(tell);
    return this.ask();
  }

  async list() {
    const { trainings } = await ask("page/trainings");
    const watched = trainings.filter((one) => one.watched);
    this.runs.replaceChildren(element("option", { value: "" }, t("learn.none")), ...watched.map(({ name, state }) => element("option", { value: name }, `${name} (${t(`learn.states.${state}`)})`)));
    const running = watched.find((one) => one.state === "running");
    if (!this.name && running) this.choose(running.name);
    else this.runs.value = this.name ?? "";
    this.buttons();
  }

  async try(act) {
    tell(null);
    try {
      await act();
    } catch (error) {
      tell(error);
    }
  }

  async begin() {
    const { name } = await postJson("page/trainings", { recipe: this.recipe.value, epochs: Number(this.epochs.value), seed: 0 });
    await this.choose(name);
    await this.list();
  }

  async post(what) {
    await postJson(`page/trainings/${this.name}/${what}`, {});
    await this.follow();
    await this.list();
  }

  async choose(name) {
    clearTimeout(this.timer);
    this.name = name || null;
    this.rows = [];
    this.status = null;
    this.step = this.newest = null;
    this.asked++;
    this.said.textContent = this.at.textContent = "";
    this.slider.max = "0";
    this.filters.replaceChildren();
    this.bars.show("", null, null);
    this.draw();
    this.buttons();
    return this.name ? this.follow() : undefined;
  }

  /** Ask again and again how the training stands, for as long as it runs. */
  async follow() {
    clearTimeout(this.timer);
    const name = this.name, turn = ++this.followed;
    const after = this.rows.at(-1)?.step ?? -1;
    try {
      const status = await ask(`page/trainings/${name}?after=${after}`);
      if (turn !== this.followed || name !== this.name) return;
      this.rows.push(...status.rows);
      const before = this.status?.state;
      this.status = status;
      this.show();
      if (status.state === "running") this.timer = setTimeout(() => this.follow(), EVERY);
      else if (before && before !== status.state) {
        await this.list();
        this.ended();
      }
    } catch (error) {
      tell(error);
      if (name === this.name && this.status?.state === "running") this.timer = setTimeout(() => this.follow(), 5 * EVERY);
    }
  }

  buttons() {
    const state = this.status?.state;
    this.stop.disabled = state !== "running";
    this.resume.disabled = !["stopped", "failed"].includes(state);
    this.start.disabled = state === "running";
    for (const one of [this.looking, this.putting]) one.disabled = !this.name || typeof this.step !== "number";
  }

  show() {
    const { status, rows } = this;
    const last = rows.at(-1);
    const now = last ? t("learn.now", { step: last.step, loss: number(last.loss, 3), accuracy: number(last.accuracy, 1) }) : "";
    const held = status.metrics.at(-1);
    const valid = held ? t("learn.held", { epoch: held.epoch, accuracy: number(held.validation_accuracy) }) : "";
    this.said.textContent = [t(`learn.states.${status.state}`), now, valid, status.state === "failed" ? status.said : ""].filter(Boolean).join(" · ");
    const steps = status.snapshots;
    const newest = this.step === null || this.step === this.newest;
    this.newest = steps.at(-1) ?? null;
    this.slider.max = String(Math.max(steps.length - 1, 0));
    if (newest && steps.length) this.pick(steps.length - 1);
    else this.draw();
    this.buttons();
  }

  /** Look at one of the snapshots. */
  pick(place) {
    const step = this.status?.snapshots[place];
    if (step === undefined) return;
    const changed = step !== this.step;
    this.step = step;
    this.slider.value = String(place);
    this.slider.setAttribute("aria-valuetext", t("learn.step", { step }));
    this.at.textContent = t("learn.step", { step });
    this.draw();
    if (changed) this.ask();
  }

  get model() {
    return this.step === null || this.step === undefined ? `run/${this.name}` : `run/${this.name}@${this.step}`;
  }

  /** What the snapshot says of the drawing, and its filters; a newer question makes an older one's answer void. */
  async ask() {
    if (!this.name || this.step === null) return;
    const model = this.model, mine = ++this.asked;
    try {
      const weights = await ask(`v1/units?${new URLSearchParams({ model, layer: "convolution 1" })}`);
      const said = this.paper.empty ? null : await post(`v1/explain?${new URLSearchParams({ model, layers: false })}`, this.paper.sent());
      if (mine !== this.asked) return;
      this.showFilters(floats(weights.weight));
      const confidence = said ? Math.max(...said.probabilities) : 0;
      if (said) this.bars.show(verdict({ rejected: said.rejected, text: said.answer, confidence }), said.rejected, said.probabilities);
      else this.bars.show(t("empty"), null, null);
    } catch (error) {
      tell(error);
    }
  }

  showFilters({ shape, values }) {
    const [units, inputs, rows, columns] = shape;
    const colours = scale(range(values)), size = inputs * rows * columns;
    this.filters.replaceChildren(...Array.from({ length: units }, (_, unit) => {
      const canvas = drawMap(element("canvas", { role: "img", "aria-label": t("sum.unit", { unit }) }), values, rows, columns, colours, unit * size);
      canvas.style.width = "3rem";
      canvas.style.imageRendering = "pixelated";
      return canvas;
    }));
  }

  /** Loss and accuracy over the steps, and where the slider stands. */
  draw() {
    const width = this.chart.clientWidth || 720, height = this.chart.clientHeight || 176; // a unit is a pixel
    this.chart.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const last = Math.max(this.rows.at(-1)?.step ?? 1, 1);
    const most = Math.max(2.5, ...this.rows.map((row) => row.loss));
    const x = (step) => 34 + (step / last) * (width - 70);
    const y = (share) => height - 20 - share * (height - 34);
    const line = (kind, share) => shape("polyline", { class: kind, points: this.rows.map((row) => `${x(row.step).toFixed(1)},${y(share(row)).toFixed(1)}`).join(" ") });
    const parts = [shape("line", { class: "axis", x1: 34, x2: width - 36, y1: y(0), y2: y(0) }), line("loss", (row) => row.loss / most), line("accuracy", (row) => row.accuracy / 100)];
    if (this.step !== null && this.step !== undefined) parts.push(shape("line", { class: "now", x1: x(this.step), x2: x(this.step), y1: y(0), y2: y(1) }));
    for (const [text, left, top, anchor] of [[t("learn.loss", { most: number(most, 1) }), 2, 12, "start"], ["0", 24, y(0), "end"], ["100 %", width - 2, y(1) + 4, "end"], ["0 %", width - 2, y(0), "end"], [t("learn.step", { step: last }), width - 36, height - 4, "end"]]) {
      const label = shape("text", { x: left, y: top, "text-anchor": anchor });
      label.textContent = text;
      parts.push(label);
    }
    this.chart.replaceChildren(...parts);
    this.chart.setAttribute("aria-label", [t("learn.chart"), this.said.textContent].filter(Boolean).join(": "));
  }
}

function shape(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
