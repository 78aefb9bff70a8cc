// The market as this page knows it: numbers in typed arrays by place, exact digits beside them. No signals here: ticks are
// painted by the frame loop, which looks at what is on screen and at nothing else.

import type { Prices } from "./pastprices";
import { millisOf, named, type ChangeFrom, type Row } from "./protocol";

const NUMBERS = ["price", "change", "percent", "bid", "ask", "bidSize", "askSize", "volume", "trades", "recv", "lag", "pace"] as const;
export type NumberColumn = (typeof NUMBERS)[number];
export type TextColumn = "price" | "change" | "bid" | "ask" | "bidSize" | "askSize" | "volume";

export const DELAYED = 1;
export const CONFLATED = 2;
/** One price each 5 s, so a spark tells of the last five minutes. */
export const SPARK = 60;
export const SPARK_EVERY_MS = 5_000;
export const PACE_EVERY_MS = 30_000;
/** Hours that were told longer ago than this may be over. */
export const HOURS_LAST_MS = 60_000;
const HOURS: Record<string, string> = { pre: "pre-market", post: "after hours", extended: "extended hours" };
const SINCE = { previous_close: "since the previous close", day_open: "since the first trade of the UTC day that we know" };

const number = (text: string | number | null | undefined): number => (text == null ? NaN : Number(text));

export class Market {
  readonly ids: string[] = [];
  readonly symbols: string[] = [];
  readonly venues: string[] = [];
  readonly place = new Map<string, number>();
  readonly columns = {} as Record<NumberColumn, Float64Array>;
  readonly texts: Record<TextColumn, (string | null)[]> = {
    price: [], change: [], bid: [], ask: [], bidSize: [], askSize: [], volume: [],
  };
  readonly provenance: string[] = [];
  readonly hours: (string | null)[] = [];
  private readonly since: ChangeFrom[] = [];
  flags = new Uint8Array(64);
  hints = new Uint8Array(64);
  /** Of each instrument: how often its row came; a painter compares, and flashes what changed. */
  revision = new Uint32Array(64);
  sparks = new Float32Array(64 * SPARK);
  sparkEnd = 0;
  private paceAt = new Float64Array(64);
  private paceFrom = new Float64Array(64);
  /** Trades a minute, counted when there are any over the time since there were any: what is usual, also in a silence. */
  usual = new Float64Array(64).fill(NaN);
  private busyAt = new Float64Array(64);

  constructor() {
    for (const name of NUMBERS) this.columns[name] = new Float64Array(64).fill(NaN);
    this.sparks.fill(NaN);
  }

  get size(): number {
    return this.ids.length;
  }

  /** The place of an instrument; a new one gets the next. */
  learn(id: string): number {
    const known = this.place.get(id);
    if (known !== undefined) return known;
    const place = this.ids.length;
    if (place >= this.flags.length) this.grow();
    const [symbol, venue] = named(id);
    this.place.set(id, place);
    this.ids.push(id);
    this.symbols.push(symbol);
    this.venues.push(venue);
    this.provenance.push("");
    this.hours.push(null);
    this.since.push(null);
    for (const texts of Object.values(this.texts)) texts.push(null);
    return place;
  }

  /** Take rows, which may have only some of the fields. */
  take(rows: Row[]): void {
    const { columns: c, texts: t } = this;
    for (const row of rows) {
      const at = this.learn(row.id);
      this.revision[at]! += 1;
      if (row.price !== undefined) (t.price[at] = row.price), (c.price[at] = number(row.price));
      if (row.change !== undefined) (t.change[at] = row.change), (c.change[at] = number(row.change));
      if (row.change_percent !== undefined) c.percent[at] = number(row.change_percent);
      if (row.bid !== undefined) (t.bid[at] = row.bid), (c.bid[at] = number(row.bid));
      if (row.ask !== undefined) (t.ask[at] = row.ask), (c.ask[at] = number(row.ask));
      if (row.bid_size !== undefined) (t.bidSize[at] = row.bid_size), (c.bidSize[at] = number(row.bid_size));
      if (row.ask_size !== undefined) (t.askSize[at] = row.ask_size), (c.askSize[at] = number(row.ask_size));
      if (row.volume !== undefined) (t.volume[at] = row.volume), (c.volume[at] = number(row.volume));
      if (row.trades !== undefined) c.trades[at] = number(row.trades);
      if (row.ts_recv !== undefined) c.recv[at] = millisOf(number(row.ts_recv));
      if (row.lag_ms !== undefined) c.lag[at] = number(row.lag_ms);
      if (row.price_hint != null) this.hints[at] = row.price_hint;
      if (row.provenance !== undefined) this.provenance[at] = row.provenance;
      if (row.market_hours !== undefined) this.hours[at] = row.market_hours;
      if (row.change_from !== undefined) this.since[at] = row.change_from;
      if (row.delayed !== undefined) this.flags[at] = (row.delayed ? DELAYED : 0) | (row.conflated ? CONFLATED : 0);
    }
  }

  /** What an instrument's change is against, in words; empty where it has none. */
  changedSince(at: number): string {
    const from = this.since[at];
    return from ? SINCE[from] : "";
  }

  /** The hours that an instrument is in now; null where nobody says, or nothing was heard for so long that they may be over. */
  hoursNow(at: number, now: number): string | null {
    const said = this.hours[at] ?? null;
    if (said === null || said === "24/7") return said;
    return now - this.columns.recv[at]! < HOURS_LAST_MS ? (HOURS[said] ?? said) : null;
  }

  spreadBps(at: number): number {
    const bid = this.columns.bid[at]!, ask = this.columns.ask[at]!;
    return ((ask - bid) / (ask + bid)) * 2e4;
  }

  /** Note the price of everything for the sparks. */
  sample(): void {
    const slot = this.sparkEnd++ % SPARK;
    for (let at = 0; at < this.size; at++) this.sparks[at * SPARK + slot] = this.columns.price[at]!;
  }

  /** Begin the sparks with what was before `now` (ms), and before this page noted anything. */
  recall(past: ReadonlyMap<string, Prices>, now: number): void {
    if (this.sparkEnd >= SPARK) return;
    for (const [id, prices] of past) {
      const at = this.place.get(id);
      if (at === undefined) continue;
      let next = 0;
      for (let back = SPARK; back > this.sparkEnd; back--) {
        while (next < prices.length && prices[next]![0] <= now - back * SPARK_EVERY_MS) next++;
        if (next) this.sparks[at * SPARK + ((this.sparkEnd + SPARK - back) % SPARK)] = prices[next - 1]![1];
      }
    }
    this.sparkEnd += SPARK; // each stays in its place
  }

  /** The prices that were noted of one, oldest first; those that were not known are left out. */
  lately(at: number): number[] {
    const prices: number[] = [];
    for (let back = Math.min(SPARK, this.sparkEnd); back > 0; back--) {
      const price = this.sparks[at * SPARK + ((this.sparkEnd - back) % SPARK)]!;
      if (!Number.isNaN(price)) prices.push(price);
    }
    return prices;
  }

  /** Say how many trades a minute came since this was asked last. */
  measure(now: number): void {
    const { trades, pace } = this.columns;
    for (let at = 0; at < this.size; at++) {
      const minutes = (now - this.paceAt[at]!) / 60_000, more = trades[at]! - this.paceFrom[at]!;
      // A day that begins counts anew: that is no pace.
      if (this.paceAt[at]! > 0 && minutes > 0 && more >= 0) pace[at] = more / minutes;
      if (this.busyAt[at]! > 0 && more > 0) this.usual[at] = (more * 60_000) / (now - this.busyAt[at]!);
      if (!(this.busyAt[at]! > 0) || more !== 0) this.busyAt[at] = now;
      this.paceAt[at] = now;
      this.paceFrom[at] = trades[at]!;
    }
  }

  private grow(): void {
    const room = this.flags.length * 2;
    const wider = <T extends Float64Array | Float32Array | Uint8Array | Uint32Array>(old: T, made: T): T => (made.set(old), made);
    for (const name of NUMBERS) this.columns[name] = wider(this.columns[name], new Float64Array(room).fill(NaN));
    this.flags = wider(this.flags, new Uint8Array(room));
    this.hints = wider(this.hints, new Uint8Array(room));
    this.revision = wider(this.revision, new Uint32Array(room));
    this.sparks = wider(this.sparks, new Float32Array(room * SPARK).fill(NaN));
    this.paceAt = wider(this.paceAt, new Float64Array(room));
    this.paceFrom = wider(this.paceFrom, new Float64Array(room));
    this.usual = wider(this.usual, new Float64Array(room).fill(NaN));
    this.busyAt = wider(this.busyAt, new Float64Array(room));
  }
}

export type SortKey = "symbol" | "venue" | NumberColumn | "spread";
export type Sort = { key: SortKey; down: boolean };

/** The places that a filter leaves, in order. What is unknown comes last whichever way it is sorted. */
export function ordered(market: Market, filter: string, sort: Sort, only?: ReadonlySet<string> | null): Uint32Array {
  const words = filter.toUpperCase().split(/\s+/).filter(Boolean);
  const found: number[] = [];
  for (let at = 0; at < market.size; at++) {
    const id = market.ids[at]!;
    if (only && !only.has(id) && !only.has(market.symbols[at]!)) continue;
    if (words.every((word) => id.toUpperCase().includes(word))) found.push(at);
  }
  const bySymbol = (a: number, b: number): number => compare(market.symbols[a]!, market.symbols[b]!) || compare(market.venues[a]!, market.venues[b]!);
  const turn = sort.down ? -1 : 1;
  if (sort.key === "symbol") found.sort((a, b) => turn * bySymbol(a, b));
  else if (sort.key === "venue") found.sort((a, b) => turn * compare(market.venues[a]!, market.venues[b]!) || bySymbol(a, b));
  else {
    const value = sort.key === "spread" ? (at: number): number => market.spreadBps(at) : ((column) => (at: number): number => column[at]!)(market.columns[sort.key]);
    found.sort((a, b) => {
      const x = value(a), y = value(b);
      if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y)) || bySymbol(a, b);
      return turn * (x - y) || bySymbol(a, b);
    });
  }
  return Uint32Array.from(found);
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export type Breadth = { up: number; down: number; flat: number; active: number; silent: number; known: number };

/** How the market stands: advancers, decliners, unchanged; active in the last minute, silent for ten. */
export function breadth(market: Market, now: number): Breadth {
  const { percent, recv } = market.columns;
  const found = { up: 0, down: 0, flat: 0, active: 0, silent: 0, known: 0 };
  for (let at = 0; at < market.size; at++) {
    const moved = percent[at]!, old = now - recv[at]!;
    if (!Number.isNaN(moved)) found[moved > 0 ? "up" : moved < 0 ? "down" : "flat"] += 1;
    if (!Number.isNaN(old)) found.known += 1;
    if (old < 60_000) found.active += 1;
    else if (old > 600_000) found.silent += 1;
  }
  return found;
}
