// The watchlist's columns: what each shows, how wide it is, and which go first when there is no room.

import * as format from "../core/format";
import { CONFLATED, DELAYED, type Market, type SortKey } from "../core/market";
import type { Slot } from "./slot";

export type Place = { market: Market; at: number; now: number; feed: string | undefined };

export type Column = {
  key: string;
  title: string;
  unit?: string;
  hint: string;
  sort: SortKey | null;
  width: number;
  /** What is left of a row's width goes to the columns with a share. */
  share: number;
  /** 0 stays always; the highest goes first. */
  rank: number;
  left?: boolean;
  write(slot: Slot, place: Place): void;
};

/** Whether something is silent, ms, for longer than it usually is, by its trades a minute while it was not. */
export function isLate(oldMs: number, usual: number): boolean {
  return oldMs > 5_000 && oldMs > (3 * 60_000) / usual;
}

const tinted = (value: number): string => format.tone(value);

export const COLUMNS: Column[] = [
  { key: "symbol", title: "Symbol", hint: "as its venue spells it", sort: "symbol", width: 80, share: 1, rank: 0, left: true,
    write: (slot, { market, at }) => slot.put(market.symbols[at]!, "name") },
  { key: "venue", title: "Venue", hint: "who lists it", sort: "venue", width: 72, share: 0.4, rank: 4, left: true,
    write: (slot, { market, at }) => slot.put(market.venues[at]!.replace("_", " "), "quiet") },
  { key: "last", title: "Last", hint: "price of the newest trade", sort: "price", width: 84, share: 0.6, rank: 0,
    write: (slot, { market, at }) => slot.price(market.texts.price[at]!, market.ids[at]!) },
  { key: "percent", title: "Chg %", hint: "since the previous close; where that is not known, or nothing ever closes, since the first trade of the UTC day. A figure says which", sort: "percent", width: 74, share: 0.2, rank: 0,
    write: (slot, { market, at }) => {
      slot.put(format.percent(market.columns.percent[at]!), tinted(market.columns.percent[at]!));
      slot.hint(market.changedSince(at));
    } },
  { key: "change", title: "Chg", hint: "since the previous close; where that is not known, or nothing ever closes, since the first trade of the UTC day. A figure says which", sort: "change", width: 74, share: 0.3, rank: 10,
    write: (slot, { market, at }) => {
      slot.put(format.signed(market.texts.change[at]), tinted(market.columns.change[at]!));
      slot.hint(market.changedSince(at));
    } },
  { key: "bid", title: "Bid", hint: "best bid", sort: "bid", width: 78, share: 0.5, rank: 3,
    write: (slot, { market, at }) => slot.put(format.exact(market.texts.bid[at]), market.texts.bid[at] == null ? "quiet" : "") },
  { key: "bidSize", title: "× Size", hint: "at the best bid", sort: "bidSize", width: 60, share: 0.2, rank: 11,
    write: (slot, { market, at }) => slot.put(format.short(market.texts.bidSize[at]), "quiet") },
  { key: "ask", title: "Ask", hint: "best offer", sort: "ask", width: 78, share: 0.5, rank: 3,
    write: (slot, { market, at }) => slot.put(format.exact(market.texts.ask[at]), market.texts.ask[at] == null ? "quiet" : "") },
  { key: "askSize", title: "× Size", hint: "at the best offer", sort: "askSize", width: 60, share: 0.2, rank: 11,
    write: (slot, { market, at }) => slot.put(format.short(market.texts.askSize[at]), "quiet") },
  { key: "spread", title: "Spr", unit: "bp", hint: "best offer less best bid, in basis points of their middle", sort: "spread", width: 48, share: 0.1, rank: 7,
    write: (slot, { market, at }) => {
      const wide = market.spreadBps(at);
      slot.put(Number.isNaN(wide) ? format.NONE : wide < 10 ? format.bps(wide) : format.fixed(wide, 0), wide <= 0 ? "warn" : "");
    } },
  { key: "volume", title: "Volume", hint: "of the day, in shares or coins", sort: "volume", width: 62, share: 0.3, rank: 6,
    write: (slot, { market, at }) => slot.put(format.short(market.texts.volume[at])) },
  { key: "pace", title: "Tr/min", hint: "trades a minute, over the last half minute", sort: "pace", width: 52, share: 0.1, rank: 9,
    write: (slot, { market, at }) => slot.put(Number.isNaN(market.columns.pace[at]) ? format.NONE : format.shortNumber(Math.round(market.columns.pace[at]!)), "quiet") },
  { key: "spark", title: "5 min", hint: "price of the last five minutes, as far as it is known", sort: null, width: 68, share: 0.2, rank: 5,
    write: (slot, { market, at }) => slot.spark(market, at) },
  { key: "lag", title: "Lag", unit: "ms", hint: "from the venue's clock to ours; negative means that one of them is wrong", sort: "lag", width: 56, share: 0.1, rank: 2,
    write: (slot, { market, at }) => {
      const lag = market.columns.lag[at]!;
      slot.put(format.millis(lag), lag < 0 ? "bad" : lag > 100 ? "warn" : "quiet");
    } },
  { key: "age", title: "Age", hint: "since its newest message; amber where its own pace says that it is late", sort: "recv", width: 56, share: 0.1, rank: 1,
    write: (slot, { market, at, now }) => {
      const old = now - market.columns.recv[at]!;
      slot.put(format.age(old), isLate(old, market.usual[at]!) ? "warn" : "quiet");
    } },
  { key: "flags", title: "", hint: "crossed, locked, delayed, conflated, or the state of its feed", sort: null, width: 48, share: 0, rank: 8,
    write: (slot, { market, at, feed }) => {
      const wide = market.spreadBps(at), flags = market.flags[at]!;
      const [word, tone] =
        feed && feed !== "live" ? [feed, feed === "down" ? "bad" : "warn"]
        : wide < 0 ? ["cross", "bad"] : wide === 0 ? ["lock", "warn"]
        : flags & DELAYED ? ["delay", "warn"] : flags & CONFLATED ? ["confl", "quiet"] : ["", ""];
      slot.put(word!, tone);
    } },
];

/** The columns that fit into a width, in their order: the lowest ranks first, those of one rank all or none. */
export function fitting(width: number, columns: Column[] = COLUMNS): Column[] {
  const kept = new Set<Column>();
  let left = width;
  for (const rank of [...new Set(columns.map((column) => column.rank))].sort((a, b) => a - b)) {
    const group = columns.filter((column) => column.rank === rank);
    const wide = group.reduce((sum, column) => sum + column.width, 0);
    if (rank > 0 && wide > left) continue;
    for (const column of group) kept.add(column);
    left -= wide;
  }
  return columns.filter((column) => kept.has(column));
}

export function template(columns: Column[]): string {
  return columns.map((column) => `minmax(${column.width}px, ${column.width + 60 * column.share}fr)`).join(" ");
}
