// The page: what is drawn is read at once, and every view shows the same picture.

import { DEFAULT, explain, latest, post } from "./api.js";
import { announce, Bars, clicked, drawBoxes, verdict, Which } from "./answer.js";
import { camera } from "./camera.js";
import { Paper, SIDE } from "./draw.js";
import { exportButtons } from "./export.js";
import { Fool } from "./fool.js";
import { Learn } from "./learn.js";
import { Looking } from "./looking.js";
import { addOwn, beside, choose, listNetworks, model } from "./networks.js";
import { $, busy, element, loadTexts, say, t, tell } from "./page.js";
import * as state from "./state.js";
import { Tour } from "./tour.js";

const VIEWS = ["fed", "inside", "fool", "learn"];

await loadTexts();
const begun = state.read();
let view = VIEWS.includes(begun.v) ? begun.v : "fed";
let reading = null; // the last answer
let chosen = 0; // which of its digits is looked into

// --- the answer -------------------------------------------------------------------------------------------------

const columns = element("div", { class: "columns" });
const [mine, other] = [element("div"), element("div", { class: "beside", hidden: true })];
columns.append(mine, other);
$("answer").append(columns, exportButtons("numeye-answer", () => ({ canvases: [paper.canvas], data: reading })));
const which = new Which(columns, lookAt);
const bars = new Bars(mine, ""), besideBars = new Bars(other, "");

/** One answer after the other; while one is awaited only the newest change waits. `when` is when the pen moved. */
const answer = latest(async (when) => {
  try {
    if (paper.empty) nothing(t("empty"));
    else await something(when).finally(paper.picture ? busy(t("busy.read")) : undefined);
    if (!paper.empty) tell(null);
  } catch (error) {
    nothing(""); // what was answered before was about something else
    tell(error);
  }
});

function nothing(said) {
  reading = null;
  bars.show(said, null, null);
  besideBars.show("", null, null);
  which.show([], 0);
  drawBoxes(paper, [], 0, null);
  say(said);
  looking.clear();
}

async function something(when) {
  const sent = paper.sent(), { picture } = paper;
  const said = model() === DEFAULT && !looking.steps.without.size ? firstPage((await post("v1/read", sent)).results) : await single(sent);
  if (picture !== paper.picture) return; // the answer to what is there now is on its way
  reading = said;
  if (picture && (reading.turned ?? 0) !== picture.turned) {
    picture.turned = reading.turned ?? 0;
    paper.showPicture();
  }
  chosen = Math.min(chosen, Math.max(reading.digits.length - 1, 0));
  showAnswer();
  document.dispatchEvent(new CustomEvent("numeye:answered", { detail: { when, shown: performance.now() } }));
  if (view === "fed" || view === "inside") looking.lookSoon();
  if (beside()) compare();
}

/** Of a file of several pages the first is shown. */
function firstPage([first, ...others]) {
  if (first.error) throw new Error(first.error);
  return { ...first, pages: others.length + 1 };
}

/** The answer of a network that reads one digit, in the shape of a reading. */
async function single(sent) {
  const said = await explain(sent, { model: model(), layers: false }, looking.steps.without);
  const best = said.probabilities.slice(0, 10);
  const box = said.window && said.window.map(Math.round);
  const digits = box ? [{ digit: best.indexOf(Math.max(...best)), box, probabilities: said.probabilities }] : [];
  return { text: said.rejected ? "" : said.answer, confidence: Math.max(...best), rejected: said.rejected, digits };
}

/** Look at one of several digits. */
function lookAt(place) {
  chosen = place;
  showAnswer();
  if (view === "fed" || view === "inside") looking.look();
  if (beside()) compare();
}

function showAnswer() {
  const digit = reading.digits[chosen];
  which.show(reading.digits, chosen);
  bars.title.textContent = beside() ? model() : "";
  bars.show(verdict(reading), reading.rejected, digit?.probabilities ?? null);
  drawBoxes(paper, reading.digits, chosen, null);
  if (!paper.stroke) announce(reading); // else each movement would be told
}

const compare = latest(async () => {
  try {
    const name = beside();
    const said = await explain(looking.part(), { model: name, layers: false }); // with all of its own steps
    if (paper.empty || name !== beside()) return;
    const confidence = Math.max(...said.probabilities);
    besideBars.title.textContent = beside();
    besideBars.show(verdict({ rejected: said.rejected, text: said.answer, confidence }), said.rejected, said.probabilities);
  } catch (error) {
    tell(error);
  }
});

// --- the views --------------------------------------------------------------------------------------------------

const paper = new Paper((when) => {
  remember();
  answer(when);
  if (paper.stroke) return; // the rest can wait for the end of the stroke
  if (view === "fool") fool.update();
  if (view === "learn") learn.ask();
});
const looking = new Looking(paper, () => ({ view, digits: reading?.digits ?? [], chosen }), {
  moved: remember,
  again: () => { remember(); answer(); },
});
const fool = new Fool(paper, model);
const learn = new Learn({
  paper,
  looked: (name) => { use("model", name); show("inside"); },
  beside: (name) => { use("beside", name); },
  ended: () => { listNetworks().catch(tell); },
});

/** Show a view, and bring a layer of some kind into sight. */
function show(name, kind = null) {
  view = name;
  looking.bringing = kind;
  for (const one of VIEWS) {
    $(`view-${one}`).hidden = one !== name;
    const tab = $(`tab-${one}`);
    tab.setAttribute("aria-selected", String(one === name));
    tab.tabIndex = one === name ? 0 : -1;
  }
  if (name === "fed" || name === "inside") looking.look();
  else looking.light(null);
  if (name === "fool") fool.update();
  if (name === "learn") learn.opened();
  remember();
}

for (const name of VIEWS) {
  $("tabs").append(element("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `view-${name}`, onclick: () => show(name) }, t(`${name}.title`)));
}
$("tabs").addEventListener("keydown", (event) => {
  const now = VIEWS.indexOf(view);
  const to = { ArrowLeft: now - 1, ArrowRight: (now + 1) % VIEWS.length, Home: 0, End: -1 }[event.key];
  if (to === undefined) return;
  event.preventDefault(); // Home and End would scroll
  show(VIEWS.at(to));
  $(`tab-${view}`).focus();
});

const tour = new Tour((place, moved) => {
  $("tour-start").setAttribute("aria-pressed", String(Boolean(place)));
  if (place && paper.empty) paper.show(examples["7"]);
  if (place && (moved || !begun.m) && model() === DEFAULT) use("model", "classic"); // the network that the tour tells of
  if (place && (moved || !begun.v)) show(place.view, place.kind); // else the address says what was looked at
  remember();
});

function bare(on) {
  document.body.classList.toggle("bare", on);
  $("bare").setAttribute("aria-pressed", String(on));
  remember();
}

function use(list, name) {
  if (list === "model") looking.steps.without.clear(); // another network may have other steps
  choose(list, name);
  changed();
}

function changed() {
  looking.forget();
  other.hidden = !beside();
  remember();
  answer();
  if (view === "fool") fool.update();
}

// --- what a person does -----------------------------------------------------------------------------------------

const examples = await (await fetch("examples.json")).json();
for (const digit of Object.keys(examples)) {
  $("examples").append(element("button", { type: "button", "aria-label": t("example", { digit }), onclick: () => paper.show(examples[digit]) }, digit));
}
function pen(erase) {
  paper.erase = erase;
  $("pen").setAttribute("aria-pressed", String(!erase));
  $("eraser").setAttribute("aria-pressed", String(erase));
}
$("pen").addEventListener("click", () => pen(false));
$("eraser").addEventListener("click", () => pen(true));
$("undo").addEventListener("click", () => paper.undo());
$("clear").addEventListener("click", () => paper.clear());
$("width").addEventListener("input", () => { paper.width = Number($("width").value); });
$("model").addEventListener("change", () => { looking.steps.without.clear(); changed(); });
$("beside").addEventListener("change", changed);
$("bare").addEventListener("click", () => { bare(true); $("leave-bare").focus(); });
document.body.append(element("button", { type: "button", id: "leave-bare", onclick: () => { bare(false); $("bare").focus(); } }, t("lesson-end")));
for (const id of ["upload", "own"]) $(id).addEventListener("change", () => { take($(id).files[0]); $(id).value = ""; });
camera((blob) => paper.open(blob));
paper.canvas.addEventListener("click", (event) => {
  if ((reading?.digits.length ?? 0) < 2 || !paper.picture) return;
  const box = paper.canvas.getBoundingClientRect();
  const at = clicked(reading.digits, [((event.clientX - box.left) / box.width) * paper.size[0], ((event.clientY - box.top) / box.height) * paper.size[1]]);
  if (at >= 0) lookAt(at);
});

/** Pictures and networks may be dropped anywhere, and pictures pasted. */
function take(file) {
  if (!file) return;
  if (file.name?.endsWith(".onnx")) addOwn(file).then((name) => use("model", name)).catch(tell).finally(busy(t("busy.own", { name: file.name })));
  else paper.open(file);
}
addEventListener("dragover", (event) => { event.preventDefault(); $("paper").classList.add("dropping"); });
addEventListener("dragleave", () => $("paper").classList.remove("dropping"));
addEventListener("drop", (event) => { event.preventDefault(); $("paper").classList.remove("dropping"); take(event.dataTransfer.files[0]); });
addEventListener("paste", (event) => take([...event.clipboardData.items].find((item) => item.kind === "file")?.getAsFile()));
addEventListener("hashchange", () => location.reload()); // somebody pasted another address
document.querySelector(".skip").addEventListener("click", (event) => { event.preventDefault(); $("answer").focus(); });
addEventListener("resize", () => looking.layers.resized());
addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "z" && !event.target.matches("input")) { event.preventDefault(); paper.undo(); }
});

// --- the address ------------------------------------------------------------------------------------------------

function remember() {
  if (!ready) return;
  state.write(() => {
    const place = looking.layers.focus;
    return {
      v: view, m: model() === DEFAULT && !tour.step ? "" : model(), c: beside(), w: [...looking.steps.without].join(), t: tour.step || "",
      b: document.body.classList.contains("bare") ? 1 : "", l: place ? [place.layer, place.unit, place.y ?? "", place.x ?? ""].join("~") : "",
      s: paper.picture ? "" : state.encodeStrokes(paper.strokes, SIDE),
    };
  });
}

let ready = false;
try {
  const local = await listNetworks();
  $("own").closest("label").hidden = !local;
  $("model").value = DEFAULT;
  if (begun.m) use("model", begun.m);
  if (begun.c) use("beside", begun.c);
  learn.open(local).catch(tell);
} catch (error) {
  tell(error);
}
for (const step of (begun.w ?? "").split(",")) if (t(`steps.${step}`) !== `steps.${step}`) looking.steps.without.add(step);
if (begun.l) {
  const [layer, unit, y, x] = begun.l.split("~");
  looking.layers.focus = { layer, unit: Number(unit), y: Number(y || 0), x: Number(x || 0) };
}
other.hidden = !beside();
paper.strokes = state.decodeStrokes(begun.s ?? "", SIDE);
paper.redraw();
show(view);
if (begun.b) bare(true);
if (begun.t) tour.go(Math.round(Number(begun.t)), false);
ready = true;
answer();
document.documentElement.dataset.ready = "true";
