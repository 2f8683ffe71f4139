// @ts-check
// Work that must not hold up the pen.

const TURN_MS = 6; // of work, after which the pen and the screen have their turn

let pausedAt = 0;

/** Let the pen and the screen have their turn, where work has taken some milliseconds. */
export async function pause() {
  if (performance.now() - pausedAt < TURN_MS) return;
  await new Promise((resolve) => setTimeout(resolve));
  pausedAt = performance.now();
}

/**
 * A function that works on the latest arguments only: while it runs, newer calls wait, and the
 * newest of them replaces the others.
 *
 * @template {unknown[]} A
 * @param {(...given: A) => Promise<void>} work
 * @returns {(...given: A) => Promise<void>}
 */
export function latest(work) {
  let running = false;
  /** @type {A | null} */
  let next = null;
  return async (...given) => {
    next = given;
    if (running) return;
    running = true;
    try {
      while (next) {
        const now = next;
        next = null;
        await work(...now);
      }
    } finally {
      running = false;
    }
  };
}
