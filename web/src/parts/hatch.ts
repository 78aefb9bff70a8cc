// Gaps on a price chart: hatched spans behind the bars, with their reason. No line is ever drawn through one.

import { Layer, type Pen } from "./layer";

/** From the slot in which it begins to the one in which it ends, in the chart's own (shifted) seconds. */
export type Hatched = { from: number; to: number };

/**
 * Where a slot lies in pixels, also where the axis has it not, as after the newest bar. `slots` are those of the bars, in
 * order; `x` knows where each of them is, and where what lies between them is, if anything.
 */
export function placed(seconds: number, slots: readonly number[], step: number, spacing: number, x: (seconds: number) => number | null): number | null {
  const own = x(seconds);
  if (own !== null || !slots.length) return own;
  const first = slots[0]!, last = slots.at(-1)!;
  if (seconds < first || seconds > last) {
    const end = seconds < first ? first : last, there = x(end);
    return there === null ? null : there + ((seconds - end) / step) * spacing;
  }
  let low = 0, high = slots.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (slots[middle]! <= seconds) low = middle;
    else high = middle - 1;
  }
  return x(slots[low]!); // the nearest before it
}

/**
 * The pixels from which and to which a gap is hatched, none if it is not in sight. One that begins right of the pane, while
 * the newest bar is on it, is what is going on now: it is seen at the edge.
 */
export function hatching(from: number, to: number, newest: number, spacing: number, paneWidth: number): [left: number, right: number] | null {
  const edge = newest <= paneWidth ? paneWidth - 3 * spacing : Infinity;
  const left = Math.min(from - spacing / 2, Math.max(edge, newest + spacing / 2)), right = Math.max(to + spacing / 2, left + 3);
  return right < 0 || left > paneWidth ? null : [Math.max(-1, left), Math.min(paneWidth + 1, Math.max(right, left + 3))];
}

/** Hatch from `left` to `right`: nothing is known there. */
export function hatch(pen: Pen, left: number, right: number, height: number, colour: string): void {
  pen.save();
  pen.beginPath();
  pen.rect(left, 0, right - left, height);
  pen.clip();
  pen.fillStyle = colour;
  pen.globalAlpha = 0.08;
  pen.fillRect(left, 0, right - left, height);
  pen.globalAlpha = 0.5;
  pen.strokeStyle = colour;
  pen.lineWidth = 1;
  pen.beginPath();
  for (let x = left - height; x < right; x += 9) {
    pen.moveTo(x, height);
    pen.lineTo(x + height, 0);
  }
  pen.stroke();
  pen.restore();
}

export class Hatch extends Layer {
  private spans: Hatched[] = [];
  private colour = "#ffc857";
  private step = 60;
  private slots: readonly number[] = [];

  constructor() {
    super("bottom");
  }

  /** `slots` are those of the bars, in order. */
  set(spans: Hatched[], slots: readonly number[], step: number, colour: string): void {
    this.spans = spans;
    this.slots = slots;
    this.step = step;
    this.colour = colour;
    this.changed();
  }

  protected paint(pen: Pen, paneWidth: number, height: number): void {
    const place = (seconds: number): number | null => placed(seconds, this.slots, this.step, this.spacing, (at) => this.x(at));
    const newest = this.slots.length ? this.x(this.slots.at(-1)!) : null;
    for (const span of this.spans) {
      const from = place(span.from), to = place(span.to);
      if (from === null || to === null || newest === null) continue;
      const found = hatching(from, to, newest, this.spacing, paneWidth);
      if (!found) continue;
      const [left, right] = found;
      hatch(pen, left, right, height, this.colour);
    }
  }
}
