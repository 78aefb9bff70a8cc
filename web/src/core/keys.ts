// The keyboard: single keys and `g` followed by a page. Off while somebody types, and with a modifier held.

export type Keys = Record<string, (event: KeyboardEvent) => void>;

const layers: Keys[] = [];
const NEVER = -Infinity;
const FOLLOWS_MS = 1200;
/** When `g` was heard. Not zero: the clock starts with the page, and its first second would all follow a `g`. */
let leader = NEVER;

/** Have these keys do this until the answer is called; a later layer goes first. */
export function bind(keys: Keys): () => void {
  layers.push(keys);
  return () => void layers.splice(layers.indexOf(keys), 1);
}

export function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

export function listen(): () => void {
  const heard = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (isTyping(event.target) && event.key !== "Escape") return;
    // Enter and space on a button press that button.
    if (event.target instanceof HTMLButtonElement && (event.key === "Enter" || event.key === " ")) return;
    // From when `g` was heard until this one was pressed: how long a busy page takes to hear them counts for neither.
    const follows = event.timeStamp - leader < FOLLOWS_MS;
    leader = NEVER;
    if (!follows && event.key === "g") {
      leader = performance.now();
      return;
    }
    const name = follows ? `g ${event.key}` : event.key;
    for (const keys of [...layers].reverse()) {
      const run = keys[name];
      if (run) {
        event.preventDefault();
        run(event);
        return;
      }
    }
  };
  document.addEventListener("keydown", heard);
  return () => document.removeEventListener("keydown", heard);
}
