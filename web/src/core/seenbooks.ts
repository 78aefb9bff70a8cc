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
  /** While its feed was not live. */
  private deaf: GapSpan[] = [];
  /** Until when books were heard of, while none are. */
  private ended: number | null = null;
  /** Whether that is for its feed; else for our link to the server, and the store will know what was meanwhile. */
  private isDeaf = false;

  clear(): void {
    this.list = [];
    this.pushed.length = 0;
    this.stored.clear();
    this.holes.clear();
    this.deaf = [];
    this.ended = null;
    this.isDeaf = false;
  }

  /** Take a book that was pushed at `t`, of a feed that is live. */
  take(book: Book, t: number): void {
    if (this.isDeaf && this.ended !== null && this.ended < t) this.deaf = [...this.deaf.filter((hole) => hole.to > t - KEPT_MS), { from: this.ended, to: t, reason: "the feed was not live" }];
    this.ended = null;
    this.isDeaf = false;
    const seen = { t, until: t + HOLDS_MS, ...levels(book.bids, book.asks) };
    const last = this.list.at(-1);
    if (last) last.until = Math.min(last.until, t);
    for (const kept of [this.list, this.pushed]) {
      kept.push(seen);
      while (kept.length > 2 && kept[0]!.until < t - KEPT_MS) kept.shift();
    }
  }

  /**
   * Nothing is heard since `heard` (ms), for its feed is not live, or for our link to the server is `lost`: what has been
   * taken since is the book of then. Null: nobody knows when; then the newest book that we have of it is where it ends. The
   * first word counts until the next book, but for a feed's after a link's.
   */
  stop(heard: number | null, lost = false): void {
    const end = heard ?? this.list.at(-1)?.t;
    if ((this.ended !== null && (this.isDeaf || lost)) || end === undefined) return;
    this.ended = end;
    this.isDeaf = !lost;
    for (const kept of [this.list, this.pushed]) {
      while (kept.length && kept.at(-1)!.t >= end) kept.pop();
      const last = kept.at(-1);
      if (last) last.until = Math.min(last.until, end);
    }
  }

  /** The spans of which nobody can know the book: gaps on record, and while its feed was not live; until `now` if it still is not. */
  unseen(now: number, live: boolean): GapSpan[] {
    return [...this.holes.values(), ...this.deaf, ...(live ? [] : [{ from: this.ended ?? -Infinity, to: now, reason: "" }])];
  }

  /** Take what the store has of a symbol; all until `through` is in it. Some of it may have been taken before. */
  recall(symbol: string, books: readonly StoredBook[], gaps: readonly StoredGap[], through: number): void {
    for (const book of books) this.stored.set(key(book), [Date.parse(book.ts_recv), book]);
    for (const hole of spans(gaps, symbol)) this.holes.set(`${hole.from} ${hole.to}`, hole);
    const past = [...this.stored.values()].sort(([one], [other]) => one - other);
    while (past.length > 1 && past[1]![0] < through - KEPT_MS) this.stored.delete(key(past.shift()![1])); // the last one before may stand still
    const holes = [...this.holes.values(), ...this.deaf];
    const between: Seen[] = [];
    let live = 0;
    past.forEach(([t, book], at) => {
      if (book.state !== "live" || this.deaf.some((hole) => t >= hole.from && t < hole.to)) return; // a boundary is stored when nothing comes, too
      while (live < this.pushed.length && this.pushed[live]!.t <= t) live++;
      if (t < (this.pushed[live - 1]?.until ?? -Infinity)) return;
      const ends = [(this.isDeaf ? this.ended : null) ?? Infinity, past[at + 1]?.[0] ?? through, this.pushed[live]?.t ?? Infinity, ...holes.map((hole) => hole.from).filter((from) => from > t)];
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
