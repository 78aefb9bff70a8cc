// One cell of a recycled row. It writes only what differs: a text node's data, and a class.

import type { Market } from "../core/market";
import { exact } from "../core/format";
import { HEIGHT, points, WIDTH } from "../core/spark";

const FLASH_EVERY_MS = 500;
const SVG = "http://www.w3.org/2000/svg";
const still = matchMedia("(prefers-reduced-motion: reduce)");

export class Slot {
  private readonly text = document.createTextNode("");
  private tone = "";
  private hinted = "";
  private id = "";
  private shown: string | null = null;
  private flashed = 0;
  private wash: Animation | null = null;
  private line: SVGPolylineElement | null = null;
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
    const key = `${at}:${market.sparkEnd}`;
    if (key === this.drawn) return;
    this.drawn = key;
    this.line ??= this.drawing();
    const prices = market.lately(at), change = prices.length < 2 ? 0 : prices.at(-1)! - prices[0]!;
    this.line.setAttribute("points", points(prices));
    this.line.setAttribute("class", change > 0 ? "up" : change < 0 ? "down" : "");
  }

  private drawing(): SVGPolylineElement {
    const picture = document.createElementNS(SVG, "svg"), line = document.createElementNS(SVG, "polyline");
    picture.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    picture.setAttribute("aria-hidden", "true");
    picture.append(line);
    this.cell.append(picture);
    this.cell.classList.add("spark");
    return line;
  }
}
