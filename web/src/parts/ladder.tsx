// The book as a ladder: asks above, what lies between, bids below. Rows are made once and written again.

import { createSignal, For, onCleanup, Show, type JSX } from "solid-js";
import { rungs, shape, type Rung, type Shape } from "../core/books";
import * as format from "../core/format";
import { paint } from "../core/loop";
import type { Book } from "../core/protocol";

type Line = { element: HTMLElement; cells: HTMLElement[]; bar: HTMLElement };
const CELLS = ["total", "size", "price", "size", "total", "change"];
const HEADINGS = ["Sum", "Bid size", "Price", "Ask size", "Sum", "± 1 s"];
const LONGEST_MARK_MS = 1000;

export class LadderState {
  book: Book | null = null;
  at = 0;
  private before: { at: number; bids: Map<string, number>; asks: Map<string, number> }[] = [];

  take(book: Book | null, t: number): void {
    this.book = book;
    this.at = t;
    if (!book) return void (this.before = []);
    const sizes = (levels: Book["bids"]): Map<string, number> => new Map(levels.map(([price, size]) => [price, Number(size)]));
    this.before.push({ at: t, bids: sizes(book.bids), asks: sizes(book.asks) });
    while (this.before.length > 1 && this.before[1]!.at <= t - LONGEST_MARK_MS) this.before.shift();
  }

  /** The levels as they were a second ago. */
  earlier(side: "bids" | "asks"): Map<string, number> | null {
    return this.before.length > 1 ? this.before[0]![side] : null;
  }
}

export function Ladder(props: { state: LadderState; decimals: number }): JSX.Element {
  const [middle, setMiddle] = createSignal<Shape | null>(null);
  const [any, setAny] = createSignal(false);
  let asks!: HTMLDivElement, bids!: HTMLDivElement;
  const lines = { asks: [] as Line[], bids: [] as Line[] };

  const make = (box: HTMLElement, side: "asks" | "bids"): Line => {
    const element = document.createElement("div");
    element.className = `rung ${side}`;
    element.setAttribute("role", "row");
    const bar = document.createElement("i");
    bar.setAttribute("role", "presentation");
    const cells = CELLS.map((name) => {
      const cell = document.createElement("span");
      cell.className = name;
      cell.setAttribute("role", "cell");
      cell.append(document.createTextNode(""));
      element.append(cell);
      return cell;
    });
    cells[side === "bids" ? 1 : 3]!.append(bar);
    box.append(element);
    return { element, cells, bar };
  };

  const write = (line: Line, rung: Rung, side: "asks" | "bids"): void => {
    const size = format.short(rung.size), total = format.shortNumber(rung.total), bid = side === "bids";
    const mark = Math.abs(rung.change) < 1e-12 ? "" : (rung.change > 0 ? "+" : "−") + format.short(String(Number(Math.abs(rung.change).toPrecision(3))));
    [bid ? total : "", bid ? size : "", format.exact(rung.price), bid ? "" : size, bid ? "" : total, mark].forEach((word, at) => {
      const text = line.cells[at]!.firstChild as Text;
      if (text.data !== word) text.data = word;
    });
    line.bar.style.transform = `scaleX(${rung.share.toFixed(3)})`;
    line.cells[5]!.classList.toggle("plus", rung.change > 0);
  };

  const side = (name: "asks" | "bids", box: HTMLElement, levels: Book["bids"]): void => {
    const room = Math.min(levels.length, Math.max(0, Math.floor(box.clientHeight / 22)));
    const told = rungs(levels.slice(0, room), props.state.earlier(name));
    while (lines[name].length < room) lines[name].push(make(box, name));
    lines[name].forEach((line, at) => {
      line.element.hidden = at >= room;
      if (at < room) write(line, told[at]!, name);
    });
  };

  onCleanup(paint(() => {
    const { book } = props.state;
    setAny(book !== null && book.bids.length + book.asks.length > 0);
    if (!book || !asks?.clientHeight) return;
    side("asks", asks, book.asks);
    side("bids", bids, book.bids);
    setMiddle(shape(book));
  }));

  return (
    <div class="ladder ticks" role="table" aria-label="Order book, asks above bids">
      <div class="rung headings" role="row"><For each={HEADINGS}>{(name) => <span role="columnheader">{name}</span>}</For></div>
      <div class="side-asks" role="rowgroup" ref={asks} />
      <div class="middle" role="row">
        <For each={between(middle(), props.decimals)}>{([name, value, tone]) => <span role="cell" class={tone}><small>{name}</small>{value}</span>}</For>
      </div>
      <div class="side-bids" role="rowgroup" ref={bids} />
      <Show when={!any()}><div class="empty small"><b>No book yet</b><span>Levels appear here when the feed of this instrument sends a book.</span></div></Show>
    </div>
  );
}

/** What lies between the sides: name, value, colour. */
function between(found: Shape | null, decimals: number): [string, string, string][] {
  const price = (value: number | undefined, more = 0): string => format.fixed(value ?? NaN, decimals + more);
  const lean = found?.imbalance ?? NaN;
  return [
    ["spread", price(found?.spread), ""], ["bp", format.bps(found?.bps ?? NaN), ""], ["mid", price(found?.mid, 1), ""], ["microprice", price(found?.micro, 1), ""],
    ["imbalance", (lean > 0 ? "+" : "") + format.fixed(lean, 2), format.tone(lean)],
  ];
}
