// One dirty flag, one animation frame. Painters run only when something came, and never while the screen is frozen.

import { createMemo, createSignal } from "solid-js";

const painters = new Set<(now: number) => void>();
let dirty = true;
/** A signal, so that what is held by `held` is told when the screen moves again. */
const [frozen, setFrozen] = createSignal(false);
let frames = 0;
const lags = new Float64Array(512);
let lagCount = 0;
let newest = 0;

export function paint(painter: (now: number) => void): () => void {
  painters.add(painter);
  dirty = true;
  return () => painters.delete(painter);
}

export function touch(): void {
  dirty = true;
}

export function freeze(on: boolean): void {
  setFrozen(on);
  dirty = true;
}

export function isFrozen(): boolean {
  return frozen();
}

const [choices, setChoices] = createSignal(0);

/** Say that something else is to be shown: what a frozen screen holds is not that. */
export function choose(): void {
  setChoices((count) => count + 1);
}

/** How often something else was chosen to be shown, but for symbols and screens. */
export const chosen = choices;

/** What `read` says, but while the screen is frozen, what it said last. */
export function held<T>(read: () => T): () => T {
  const NOTHING = {};
  let last: T | typeof NOTHING = NOTHING;
  return createMemo(() => (frozen() && last !== NOTHING ? (last as T) : ((last = read()) as T)));
}

/** Note when the server handed over what the next frame paints, in ms of its wall clock. */
export function delivered(t: number): void {
  newest = Math.max(newest, t);
  dirty = true;
}

function frame(now: number): void {
  frames += 1;
  if (dirty && !frozen()) {
    dirty = false;
    for (const painter of painters) painter(now);
    if (newest) after(newest);
    newest = 0;
  }
  requestAnimationFrame(frame);
}

/** A message channel is served after the frame's layout and paint: the difference is what a person waits. */
const channel = new MessageChannel();
let waiting: number[] = [];
channel.port1.onmessage = () => {
  const now = performance.timeOrigin + performance.now();
  for (const t of waiting) lags[lagCount++ % lags.length] = now - t;
  waiting = [];
};
function after(t: number): void {
  waiting.push(t);
  channel.port2.postMessage(0);
}

export type Pace = { fps: number; paintP50: number; paintP95: number; paints: number };
let lastFrames = 0;
let lastAt = performance.now();

/** Frames a second since the last time that this was asked, and server to painted, in ms, of the last 512 paints. */
export function pace(): Pace {
  const now = performance.now();
  const fps = ((frames - lastFrames) * 1000) / (now - lastAt);
  lastFrames = frames;
  lastAt = now;
  const seen = Array.from(lags.subarray(0, Math.min(lagCount, lags.length))).sort((a, b) => a - b);
  const at = (share: number): number => seen[Math.min(seen.length - 1, Math.ceil(share * seen.length) - 1)] ?? NaN;
  return { fps, paintP50: at(0.5), paintP95: at(0.95), paints: lagCount };
}

export function forgetPace(): void {
  lagCount = 0;
}

requestAnimationFrame(frame);
