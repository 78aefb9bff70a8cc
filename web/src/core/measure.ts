// From here to there on a chart: by a drag, by two clicks, or along the bars by keyboard.

import type { Bar } from "./bars";
import * as format from "./format";

export type Place = { ms: number; price: number };
export type Stretch = { from: Place; to: Place };

/** A click that moved this little, in pixels, is the first of two. */
const STILL = 4;

export class Measuring {
  private from: Place | null = null;
  private to: Place | null = null;
  private begun: [x: number, y: number] = [0, 0];
  /** Whether the end follows the pointer. */
  follows = false;

  get stretch(): Stretch | null {
    return this.from && this.to ? { from: this.from, to: this.to } : null;
  }

  /** The pointer went down: the stretch begins here, or, after a click, ends here. */
  press(at: Place, x: number, y: number): void {
    if (this.follows) this.to = at;
    else this.from = this.to = at;
    this.begun = this.follows ? [NaN, NaN] : [x, y];
    this.follows = true;
  }

  move(at: Place): void {
    if (this.follows) this.to = at;
  }

  /** The pointer went up: the end of a drag and of a second click; after a first one the end still follows. */
  release(x: number, y: number): void {
    if (Math.hypot(x - this.begun[0], y - this.begun[1]) <= STILL) return;
    this.follows = false;
  }

  /** Both ends are bars: the keyboard's way. */
  along(bars: readonly Bar[], back: number): void {
    const last = bars.at(-1), first = bars[Math.max(0, bars.length - 1 - back)];
    if (!last || !first) return this.clear();
    this.from = { ms: first.t, price: first.close };
    this.to = { ms: last.t, price: last.close };
    this.follows = false;
  }

  clear(): void {
    this.from = this.to = null;
    this.follows = false;
  }
}

/** "+1.25 · ▲ 0.33% · 14 bars · 14 m": bars that there are, after the first place up to the last. */
export function reading({ from, to }: Stretch, bars: readonly Bar[], decimals: number): string {
  const moved = to.price - from.price;
  const low = Math.min(from.ms, to.ms), high = Math.max(from.ms, to.ms);
  const count = bars.filter((bar) => bar.t > low && bar.t <= high).length;
  return [
    format.signed(moved.toFixed(decimals)), format.percent(from.price ? (100 * moved) / from.price : NaN),
    `${format.count(count)} ${count === 1 ? "bar" : "bars"}`, (to.ms < from.ms ? "−" : "") + format.age(high - low),
  ].join(" · ");
}
