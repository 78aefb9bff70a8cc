// How old a book is. Being asked for again makes none younger: only another state of it does.

import { millisOf, type Book } from "./protocol";

export type Age = {
  ms: number;
  /** It may be older: the venue does not say when it was, and it is as it was when this page first saw it. */
  atLeast: boolean;
};

export class BookAge {
  private mark: string | null = null;
  private since = NaN;
  private at: number | null = null;
  private changed = false;

  /** Take a book that came at `t`, ms of the server's clock; null: of another instrument now. */
  take(book: Book | null, t: number): void {
    const mark = book && JSON.stringify([book.state, book.sequence, book.sequence === null ? [book.bids, book.asks] : null]);
    this.at = book?.ts_event == null ? null : millisOf(book.ts_event);
    if (mark === this.mark) return;
    this.changed = mark !== null && this.mark !== null;
    this.mark = mark;
    this.since = t;
  }

  of(now: number): Age {
    if (this.mark === null) return { ms: NaN, atLeast: false };
    return { ms: Math.max(0, now - (this.at ?? this.since)), atLeast: this.at === null && !this.changed };
  }
}

/** What to say of a book, in a word and its colour: it is live only if its feed is, and we hear of both. */
export function standing(book: Book, feed: string, cut: boolean): [word: string, tone: string] {
  if (cut) return ["cut off", "warn"];
  if (book.state !== "live") return [book.state, "warn"];
  return feed === "live" ? ["live", "ok"] : [`feed ${feed}`, "warn"];
}
