// @ts-check
// Starts the page. The canvas takes strokes at once; texts, examples and networks may arrive later.

import { keepAddress, readAddress } from "./address.js";
import { Drawing } from "./drawing.js";
import { drawingView } from "./drawing_view.js";
import { Store } from "./state.js";

const store = new Store(readAddress(location.hash));
const drawing = new Drawing(store);
drawingView(store, drawing);
keepAddress(store);
addEventListener("hashchange", () => location.reload()); // somebody pasted another address

const { startViews } = await import("./views.js"); // the rest, which is larger
await startViews(store, drawing);
document.documentElement.dataset.ready = "true";
