// What the page shows, in its address: whoever is sent the link sees the same.

/** Strokes as text: of each its width and points, a byte for each coordinate. */
export function encodeStrokes(strokes, side) {
  const bytes = [];
  for (const { width, erase, points } of strokes) {
    const kept = points.length / 2;
    bytes.push(Math.min(Math.round(width), 127) | (erase ? 128 : 0), kept >> 8, kept & 255);
    for (const one of points) bytes.push(Math.min(Math.max(Math.round((one / side) * 255), 0), 255));
  }
  return btoa(bytes.map((one) => String.fromCharCode(one)).join("")).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** And back; what cannot be read is left out. */
export function decodeStrokes(text, side) {
  let plain;
  try {
    plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  } catch {
    return [];
  }
  const bytes = Array.from(plain, (one) => one.charCodeAt(0));
  const strokes = [];
  for (let at = 0; at + 3 <= bytes.length;) {
    const count = 2 * ((bytes[at + 1] << 8) | bytes[at + 2]);
    const points = bytes.slice(at + 3, at + 3 + count).map((one) => (one / 255) * side);
    if (points.length < 2 || points.length < count) break;
    strokes.push({ width: bytes[at] & 127, erase: bytes[at] > 127, points });
    at += 3 + count;
  }
  return strokes;
}

/** The address's state: a table of short names and texts. */
export const read = () => Object.fromEntries(new URLSearchParams(location.hash.slice(1)));

let waiting = null;

/** Put a state into the address, a moment after the last change; `state` tells it then. */
export function write(state) {
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    const told = new URLSearchParams(Object.entries(state()).filter(([, value]) => value !== "" && value !== null && value !== undefined));
    history.replaceState(null, "", `#${told}`);
  }, 250);
}
