// The books of one instrument over the last half hour: those that were pushed while we looked, and where there were none the
// store's, which has the best levels at each boundary (`[engine] depth`).

import { spans, type GapSpan, type StoredGap } from "./bars";
import type { Book, Level } from "./protocol";

const KEPT_MS = 1_800_000;
/** So long without another a book that was pushed is still the book; then nobody knows. */
const HOLDS_MS = 5_000;

export type StoredBook = { ts_recv: string; offset: number; index: number; state: string; bid_prices: string[]; bid_sizes: string[]; ask_prices: string[]; ask_sizes: string[] };

/** A book from `t` until `until` (ms): of each side price and size in turn, the best first. */
export type Seen = { t: number; until: number; bids: Float64Array; asks: Float64Array; /** The largest size. */ most: number; /** The smallest step of its best price. */ tick: number };

export class SeenBooks {
  /** In order of time; none reaches into the next. Between two of them there may be a hole. */
  list: Seen[] = [];
  private readonly pushed: Seen[] = [];
  private readonly stored = new Map<string, [number, StoredBook]>();
  private readonly holes = new Map<string, GapSpan>();

  clear(): void {
    this.list = [];
    this.pushed.length = 0;
    this.stored.clear();
    this.holes.clear();
  }

  /** Take a book that was pushed at `t`. */
  take(book: Book, t: number): void {
    const seen = { t, until: t + HOLDS_MS, ...levels(book.bids, book.asks) };
    const last = this.list.at(-1);
    if (last) last.until = Math.min(last.until, t);
    for (const kept of [this.list, this.pushed]) {
      kept.push(seen);
      while (kept.length > 2 && kept[0]!.until < t - KEPT_MS) kept.shift();
    }
  }

  /** Take what the store has of a symbol; all until `through` is in it. Some of it may have been taken before. */
  recall(symbol: string, books: readonly StoredBook[], gaps: readonly StoredGap[], through: number): void {
    for (const book of books) this.stored.set(key(book), [Date.parse(book.ts_recv), book]);
    for (const hole of spans(gaps, symbol)) this.holes.set(`${hole.from} ${hole.to}`, hole);
    const past = [...this.stored.values()].sort(([one], [other]) => one - other);
    while (past.length > 1 && past[1]![0] < through - KEPT_MS) this.stored.delete(key(past.shift()![1])); // the last one before may stand still
    const holes = [...this.holes.values()];
    const between: Seen[] = [];
    let live = 0;
    past.forEach(([t, book], at) => {
      if (book.state !== "live") return;
      while (live < this.pushed.length && this.pushed[live]!.t <= t) live++;
      if (t < (this.pushed[live - 1]?.until ?? -Infinity)) return;
      const ends = [past[at + 1]?.[0] ?? through, this.pushed[live]?.t ?? Infinity, ...holes.map((hole) => hole.from).filter((from) => from > t)];
      const until = Math.min(...ends);
      if (until > t) between.push({ t, until, ...levels(zipped(book.bid_prices, book.bid_sizes), zipped(book.ask_prices, book.ask_sizes)) });
    });
    this.list = [...between, ...this.pushed].sort((one, other) => one.t - other.t);
  }
}

function key(book: StoredBook): string {
  return `${book.offset}:${book.index}`;
}

function zipped(prices: string[], sizes: string[]): Level[] {
  return prices.map((price, at) => [price, sizes[at]!]);
}

function levels(bids: readonly Level[], asks: readonly Level[]): Omit<Seen, "t" | "until"> {
  const [one, other] = [bids, asks].map((side) => Float64Array.from(side.flatMap(([price, size]) => [Number(price), Number(size)])));
  let most = 0;
  for (const side of [one!, other!]) for (let at = 1; at < side.length; at += 2) most = Math.max(most, side[at]!);
  const best = bids[0]?.[0] ?? "";
  return { bids: one!, asks: other!, most, tick: 10 ** -(best.includes(".") ? best.length - best.indexOf(".") - 1 : 0) };
}
