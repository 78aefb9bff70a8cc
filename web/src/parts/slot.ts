// One cell of a recycled row. It writes only what differs: a text node's data, and a class.

import { SPARK, type Market } from "../core/market";
import { exact } from "../core/format";

const FLASH_EVERY_MS = 500;
const still = matchMedia("(prefers-reduced-motion: reduce)");

export class Slot {
  private readonly text = document.createTextNode("");
  private tone = "";
  private hinted = "";
  private id = "";
  private shown: string | null = null;
  private flashed = 0;
  private wash: Animation | null = null;
  private canvas: HTMLCanvasElement | null = null;
  private drawn = "";

  constructor(readonly cell: HTMLElement) {
    cell.append(this.text);
  }

  put(text: string, tone = ""): void {
    if (this.text.data !== text) this.text.data = text;
    if (this.tone === tone) return;
    if (this.tone) this.cell.classList.remove(this.tone);
    if (tone) this.cell.classList.add(tone);
    this.tone = tone;
  }

  /** What is said of the cell to who points at it; nothing where empty. */
  hint(words: string): void {
    if (this.hinted === words) return;
    this.hinted = words;
    if (words) this.cell.title = words;
    else this.cell.removeAttribute("title");
  }

  /** A price, which flashes when it changed: at most twice a second, in two steps, and not where motion is unwanted. */
  price(text: string | null, id: string): void {
    this.put(exact(text), text == null ? "quiet" : "");
    if (id !== this.id) this.wash?.cancel();
    else if (text !== this.shown && text != null && this.shown != null && !still.matches) {
      const now = performance.now();
      if (now - this.flashed >= FLASH_EVERY_MS) {
        this.flashed = now;
        this.wash?.cancel();
        const wash = `var(--${Number(text) > Number(this.shown) ? "up" : "down"}-wash)`;
        this.wash = this.cell.animate([{ backgroundColor: wash }, { backgroundColor: "transparent" }], { duration: 600, easing: "steps(2, jump-none)" });
      }
    }
    this.id = id;
    this.shown = text;
  }

  /** A line of the last prices; drawn again when there is one more. */
  spark(market: Market, at: number): void {
    const key = `${at}:${market.sparkEnd}:${document.documentElement.dataset.theme}`;
    if (key === this.drawn) return;
    this.drawn = key;
    if (!this.canvas) {
      this.canvas = document.createElement("canvas");
      this.canvas.setAttribute("aria-hidden", "true");
      this.cell.append(this.canvas);
      this.cell.classList.add("spark");
    }
    const ratio = devicePixelRatio, width = 62, height = 16;
    const canvas = this.canvas;
    if (canvas.width !== width * ratio) (canvas.width = width * ratio), (canvas.height = height * ratio);
    const pen = canvas.getContext("2d")!;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    const prices: number[] = [];
    for (let back = Math.min(SPARK, market.sparkEnd); back > 0; back--) {
      const price = market.sparks[at * SPARK + ((market.sparkEnd - back) % SPARK)]!;
      if (!Number.isNaN(price)) prices.push(price);
    }
    if (prices.length < 2) return;
    const low = Math.min(...prices), high = Math.max(...prices), span = high - low || 1;
    // A young one takes the whole width: a fifth of an inch of line tells nothing.
    const step = (width - 4) / (Math.max(12, prices.length) - 1), first = width - 2 - (prices.length - 1) * step;
    const style = getComputedStyle(canvas);
    pen.strokeStyle = style.getPropertyValue(prices.at(-1)! > prices[0]! ? "--up" : prices.at(-1)! < prices[0]! ? "--down" : "--muted");
    pen.lineWidth = 1.2;
    pen.lineJoin = "round";
    pen.beginPath();
    prices.forEach((price, index) => {
      const x = first + index * step, y = high === low ? height / 2 : 2 + (height - 4) * (1 - (price - low) / span);
      if (index === 0) pen.moveTo(x, y);
      else pen.lineTo(x, y);
    });
    pen.stroke();
  }
}
