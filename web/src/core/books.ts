// The book of the chosen instrument as it goes by: pushed where the server pushes books, asked for four times a second where not.

import type { Book } from "./protocol";
import { get, isNoName, poll } from "./rest";
import type { Terminal } from "./terminal";

const EVERY_MS = 250;
export const DEPTH = 20;

/**
 * Have books of `id` until the answer is called. `fail` gets a sentence where there is none to be had: then it is asked for
 * seldom, and not at all as long as nobody here knows the instrument.
 */
export function follow(terminal: Terminal, id: string, take: (book: Book, t: number) => void, fail: (sentence: string) => void): () => void {
  let pushed = 0;
  let refused = false;
  const stopPush = terminal.onBook((book) => {
    pushed = performance.now();
    refused = false;
    take(book, terminal.now());
  });
  const stopPoll = poll(
    EVERY_MS,
    async (signal) => {
      const every = refused ? 5_000 : 2_000;
      if (performance.now() - pushed < every) return null;
      if (refused && !terminal.isKnown()) return null;
      if (refused) await new Promise((done) => setTimeout(done, every));
      return get<Book>(`book/${encodeURIComponent(id)}`, { depth: DEPTH }, signal);
    },
    (book) => {
      if (!book) return;
      refused = false;
      take(book, terminal.now());
    },
    (error) => {
      refused = isNoName(error);
      fail(error.message);
    },
  );
  return () => {
    stopPush();
    stopPoll();
  };
}

export type Shape = { spread: number; bps: number; mid: number; micro: number; imbalance: number };

/** What the top of a book says. Microprice: each side weighted by the other's size. Imbalance −1…+1 over the levels shown. */
export function shape(book: Book): Shape | null {
  const [bid, ask] = [book.bids[0], book.asks[0]];
  if (!bid || !ask) return null;
  const [b, bs, a, as] = [Number(bid[0]), Number(bid[1]), Number(ask[0]), Number(ask[1])];
  const sum = (levels: Book["bids"]): number => levels.reduce((total, level) => total + Number(level[1]), 0);
  const bids = sum(book.bids), asks = sum(book.asks);
  return {
    spread: a - b,
    bps: ((a - b) / (a + b)) * 2e4,
    mid: (a + b) / 2,
    micro: (b * as + a * bs) / (as + bs),
    imbalance: (bids - asks) / (bids + asks),
  };
}

export type Rung = { price: string; size: string; total: number; share: number; change: number };

/** The levels of one side with the sum up to each, its share of the largest, and the change of size against `before`. */
export function rungs(levels: Book["bids"], before: ReadonlyMap<string, number> | null): Rung[] {
  const largest = Math.max(...levels.map((level) => Number(level[1])), 0);
  let total = 0;
  return levels.map(([price, size]) => {
    const amount = Number(size);
    total += amount;
    return { price, size, total, share: largest ? amount / largest : 0, change: before ? amount - (before.get(price) ?? 0) : 0 };
  });
}
