// Resting size over time: x is time, y is price, colour is size on a log scale. Nothing is drawn where no book was seen, and
// where nobody can have seen one it is hatched.

import type { GapSpan } from "../core/bars";
import type { Seen } from "../core/seenbooks";
import type { Print } from "../core/tape";
import { hatch } from "./hatch";

/** Dark, violet, orange, cream: the same in both themes, inside a dark frame. */
const STOPS: [number, number, number][] = [[13, 16, 28], [34, 22, 70], [86, 32, 112], [150, 50, 108], [210, 78, 78], [246, 132, 62], [252, 192, 108], [252, 244, 214]];
const RAMP = Uint32Array.from({ length: 256 }, (_, step) => {
  const at = (step / 255) * (STOPS.length - 1), low = Math.floor(at), share = at - low;
  const [a, b] = [STOPS[low]!, STOPS[Math.min(low + 1, STOPS.length - 1)]!];
  const [red, green, blue] = [0, 1, 2].map((part) => Math.round(a[part]! + (b[part]! - a[part]!) * share));
  return (255 << 24) | (blue! << 16) | (green! << 8) | red!;
});
const DARK = 0xff1c100d; // the ramp's first colour
const UNSEEN = 0; // nothing covers what is hatched

export type Frame = { low: number; high: number; rows: number; step: number; from: number; to: number };

/** The price window of a picture: about as far as the newest books' levels go, and wherever the best prices were. */
export function frame(seen: readonly Seen[], height: number, from: number, to: number): Frame | null {
  const newest = seen.at(-1);
  if (!newest?.bids.length || !newest.asks.length) return null;
  const mid = (newest.bids[0]! + newest.asks[0]!) / 2, tick = newest.tick;
  let reach = tick * 6;
  for (const { bids, asks } of seen.slice(-40)) {
    if (bids.length) reach = Math.max(reach, (mid - bids.at(-2)!) * 1.05);
    if (asks.length) reach = Math.max(reach, (asks.at(-2)! - mid) * 1.05);
  }
  let lowest = mid - reach, highest = mid + reach;
  for (const { bids, asks } of seen) {
    lowest = Math.min(lowest, (bids[0] ?? lowest) - reach / 4);
    highest = Math.max(highest, (asks[0] ?? highest) + reach / 4);
  }
  const room = Math.max(24, Math.floor(height / 5));
  const step = Math.max(tick, Math.ceil((highest - lowest) / room / tick) * tick);
  const low = Math.floor(lowest / step) * step;
  const rows = Math.max(1, Math.ceil((highest - low) / step));
  return { low, high: low + rows * step, rows, step, from, to };
}

/** The colour index, 0 to 255, of a size where the largest on screen is `most`. */
export function heat(size: number, most: number): number {
  if (!(size > 0) || !(most > 0)) return 0;
  return Math.max(18, Math.min(255, Math.round((Math.log1p((size / most) * 400) / Math.log1p(400)) * 255)));
}

/** The place of the first book that is seen after `from`. */
function first(seen: readonly Seen[], from: number): number {
  let low = 0, high = seen.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (seen[middle]!.until > from) high = middle;
    else low = middle + 1;
  }
  return low;
}

export class HeatMap {
  private readonly buffer = document.createElement("canvas");

  constructor(private readonly canvas: HTMLCanvasElement) {}

  draw(seen: readonly Seen[], unseen: readonly GapSpan[], spanMs: number, now: number, prints: readonly Print[], colours: { up: string; down: string; text: string; line: string; gap: string }, decimals: number): Frame | null {
    const ratio = devicePixelRatio, { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width || !height) return null;
    if (this.canvas.width !== Math.round(width * ratio)) this.canvas.width = Math.round(width * ratio);
    if (this.canvas.height !== Math.round(height * ratio)) this.canvas.height = Math.round(height * ratio);
    const pen = this.canvas.getContext("2d")!;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.fillStyle = "#0b0e14";
    pen.fillRect(0, 0, width, height);
    const axis = width > 300 ? 62 : 0, foot = height > 220 ? 18 : 0;
    const wide = width - axis, tall = height - foot;
    const shown = seen.slice(first(seen, now - spanMs));
    const found = frame(shown, tall, now - spanMs, now);
    const right = found ? wide : width; // without a price there is no axis
    const x = (t: number): number => Math.max(-1, (1 - (now - t) / spanMs) * right);
    for (const { from, to } of unseen) if (to > now - spanMs && from < now) hatch(pen, x(from), Math.min(right, x(to)), tall, colours.gap);
    if (!found) return null;
    this.cells(shown, found, Math.floor(Math.min(wide, 900)));
    pen.imageSmoothingEnabled = false;
    pen.drawImage(this.buffer, 0, 0, wide, tall);
    const y = (price: number): number => ((found.high - price) / (found.high - found.low)) * tall;
    pen.save();
    pen.beginPath();
    pen.rect(0, 0, wide, tall);
    pen.clip();
    this.tops(pen, shown, "asks", x, y, colours.down);
    this.tops(pen, shown, "bids", x, y, colours.up);
    this.bubbles(pen, prints, found, x, y, colours);
    pen.restore();
    if (axis) this.prices(pen, found, wide, tall, y, decimals);
    if (foot) this.times(pen, found, wide, tall);
    return found;
  }

  private cells(seen: readonly Seen[], found: Frame, columns: number): void {
    const { buffer } = this, rows = found.rows;
    if (buffer.width !== columns) buffer.width = columns;
    if (buffer.height !== rows) buffer.height = rows;
    const pen = buffer.getContext("2d")!;
    const image = pen.createImageData(columns, rows), cells = new Uint32Array(image.data.buffer);
    cells.fill(UNSEEN);
    const most = Math.max(...seen.map((each) => each.most), 0), sums = new Float64Array(rows);
    const column = (t: number): number => ((t - found.from) / (found.to - found.from)) * columns;
    const begin = (t: number): number => Math.max(0, Math.floor(column(t)));
    seen.forEach(({ t, until, bids, asks }, at) => {
      const left = begin(t), right = Math.min(columns, Math.ceil(column(until)));
      const next = seen[at + 1];
      if (right <= left || (next && begin(next.t) === left)) return; // of half an hour many books are of one column: the last is seen
      sums.fill(0);
      for (const side of [bids, asks]) for (let level = 0; level < side.length; level += 2) {
        const row = Math.floor((found.high - side[level]!) / found.step - 1e-6);
        if (row >= 0 && row < rows) sums[row]! += side[level + 1]!;
      }
      for (let row = 0; row < rows; row++) {
        const colour = sums[row]! > 0 ? RAMP[heat(sums[row]!, most)]! : DARK;
        cells.fill(colour, row * columns + left, row * columns + right);
      }
    });
    pen.putImageData(image, 0, 0);
  }

  private tops(pen: CanvasRenderingContext2D, seen: readonly Seen[], side: "bids" | "asks", x: (t: number) => number, y: (price: number) => number, colour: string): void {
    pen.strokeStyle = colour;
    pen.lineWidth = 1.4;
    pen.beginPath();
    let ended = -Infinity;
    for (const each of seen) {
      if (!each[side].length) continue;
      const level = y(each[side][0]!);
      if (each.t > ended) pen.moveTo(x(each.t), level);
      else pen.lineTo(x(each.t), level);
      pen.lineTo(x(each.until), level);
      ended = each.until;
    }
    pen.stroke();
  }

  private bubbles(pen: CanvasRenderingContext2D, prints: readonly Print[], found: Frame, x: (t: number) => number, y: (price: number) => number, colours: { up: string; down: string }): void {
    const shown = prints.filter((print) => print.ms >= found.from && print.size !== null);
    const most = Math.max(...shown.map((print) => Number(print.size)), 0);
    for (const print of shown) {
      const radius = Math.max(1.5, 9 * Math.sqrt(Number(print.size) / most));
      pen.globalAlpha = 0.75;
      pen.fillStyle = print.side === "sell" ? colours.down : print.side === "buy" ? colours.up : "#9aa6b8";
      pen.beginPath();
      pen.arc(x(print.ms), y(Number(print.price)), radius, 0, 7);
      pen.fill();
      pen.globalAlpha = 1;
      if (radius > 3) {
        pen.strokeStyle = "#0b0e14";
        pen.lineWidth = 1;
        pen.stroke();
      }
    }
  }

  private prices(pen: CanvasRenderingContext2D, found: Frame, wide: number, tall: number, y: (price: number) => number, decimals: number): void {
    const many = Math.max(2, Math.floor(tall / 44)), raw = (found.high - found.low) / many;
    const power = 10 ** Math.floor(Math.log10(raw)), step = [1, 2, 5, 10].map((times) => times * power).find((each) => each >= raw)!;
    pen.font = "11px ui-monospace, 'DejaVu Sans Mono', monospace";
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    for (let price = Math.ceil(found.low / step) * step; price < found.high; price += step) {
      const level = y(price);
      if (level < 8 || level > tall - 8) continue;
      pen.fillStyle = "#262d3b";
      pen.fillRect(wide, level, 4, 1);
      pen.fillStyle = "#9aa6b8";
      pen.fillText(price.toFixed(decimals), wide + 60, level);
    }
  }

  private times(pen: CanvasRenderingContext2D, found: Frame, wide: number, tall: number): void {
    const span = (found.to - found.from) / 1000;
    const step = [1, 5, 10, 15, 30, 60, 120, 300, 600].find((each) => (each / span) * wide > 70) ?? 600;
    pen.font = "11px ui-monospace, 'DejaVu Sans Mono', monospace";
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.fillStyle = "#9aa6b8";
    for (let back = step; back < span; back += step) {
      const place = wide - (back / span) * wide;
      if (place > 24 && place < wide - 24) pen.fillText(back < 60 ? `−${back} s` : back % 60 ? `−${Math.floor(back / 60)} m ${back % 60} s` : `−${back / 60} m`, place, tall + 10);
    }
  }
}
