// Time & sales of one instrument: the newest trades, each once, however often the connection was cut.

import { millisOf, type Trade } from "./protocol";

export type Print = {
  /** Journal offset and index: what names a trade, in the socket's rows and in the store's. */
  key: string;
  ms: number;
  price: string;
  size: string | null;
  side: "buy" | "sell" | null;
  /** Trades that were left out before this one, where the server had to. */
  skipped: number;
  /** What it does not count for in bars: `open_close`, `high_low`, `volume`, with blanks between. */
  uncounted: string;
};

export type StoredTrade = {
  ts_event: string | null;
  ts_recv: string;
  price: string;
  size: string | null;
  side: string | null;
  offset: number;
  index: number;
  uncounted: string;
  flags: number;
};

/** It happened before we listened; it takes back another: no bar has them, nor one of which the venue does not say when it was. */
const LAST_KNOWN = 2, WITHDRAWN = 256;
export const NOTHING = "open_close high_low volume";

function uncounted(trade: Pick<StoredTrade, "uncounted" | "flags"> & { ts_event: unknown }): string {
  return trade.ts_event === null || trade.flags & (LAST_KNOWN | WITHDRAWN) ? NOTHING : trade.uncounted;
}

/** In the order of the journal. */
function byPlace(one: Print, other: Print): number {
  const [offset = 0, index = 0] = one.key.split(":").map(Number), [theirs = 0, at = 0] = other.key.split(":").map(Number);
  return offset - theirs || index - at;
}

export class Tape {
  /** Newest last. */
  readonly prints: Print[] = [];
  private readonly seen = new Set<string>();
  private missed = 0;

  constructor(private readonly room = 500) {}

  /** Take trades in their order; return those that are new. */
  take(trades: Iterable<Print>): Print[] {
    const fresh: Print[] = [];
    for (const print of trades) {
      if (this.seen.has(print.key)) continue;
      this.seen.add(print.key);
      const told = this.missed ? { ...print, skipped: this.missed } : print;
      this.missed = 0;
      this.prints.push(told);
      fresh.push(told);
    }
    this.trim();
    return fresh;
  }

  private trim(): void {
    for (const old of this.prints.splice(0, this.prints.length - this.room)) this.seen.delete(old.key);
  }

  /** Put trades in their places among those that are there: the store tells of the past after the socket has begun with what is new. */
  recall(trades: Iterable<Print>): void {
    for (const print of trades) {
      if (this.seen.has(print.key)) continue;
      this.seen.add(print.key);
      this.prints.push(print);
    }
    this.prints.sort(byPlace);
    this.trim();
  }

  /** Note that so many were left out here. */
  skip(count: number): void {
    this.missed += count;
  }

  clear(): void {
    this.prints.length = 0;
    this.seen.clear();
    this.missed = 0;
  }
}

export function fromSocket(trade: Trade): Print {
  return {
    key: `${trade.offset}:${trade.index}`,
    ms: millisOf(trade.ts_event ?? trade.ts_recv),
    price: trade.price,
    size: trade.size,
    side: trade.side,
    skipped: 0,
    uncounted: uncounted(trade),
  };
}

export function fromStore(trade: StoredTrade): Print {
  return {
    key: `${trade.offset}:${trade.index}`,
    ms: Date.parse(trade.ts_event ?? trade.ts_recv),
    price: trade.price,
    size: trade.size,
    side: trade.side === "buy" || trade.side === "sell" ? trade.side : null,
    skipped: 0,
    uncounted: uncounted(trade),
  };
}
