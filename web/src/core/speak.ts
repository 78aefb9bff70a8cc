// One polite region speaks what must be heard without being looked for: at most one sentence in five seconds, the newest.

const EVERY_MS = 5_000;
let region: HTMLElement | null = null;
let last = -Infinity;
let timer = 0;

export function speakInto(element: HTMLElement): void {
  region = element;
}

export function speak(sentence: string): void {
  clearTimeout(timer);
  const wait = Math.max(0, last + EVERY_MS - performance.now());
  timer = window.setTimeout(() => {
    last = performance.now();
    if (region) region.textContent = sentence;
  }, wait);
}
