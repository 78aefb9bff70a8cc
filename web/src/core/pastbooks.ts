// The books from before we looked, as the store has them: the best levels at each boundary (`[engine] depth`).

import { quoted, sql } from "./asked";
import { named } from "./protocol";
import { recalled, type Told } from "./recall";
import type { StoredBook } from "./seenbooks";

/** So long after it has happened, about, the store has a thing. */
const SETTLES_MS = 2_500;
/** A book that has no row for so long stands: then the one before is asked for. */
const RESTS_MS = 2_000;
const COLUMNS = "ts_recv,state,bid_prices,bid_sizes,ask_prices,ask_sizes";

/**
 * Ask for the books of the last `spanMs`, as long as they are `wanted`. Mostly one question, once somebody stays and the
 * store has come so far: whoever looks through instruments with a key has so many a minute.
 */
export async function pastBooks(id: string, spanMs: number, now: () => number, wanted: () => boolean, take: Told<StoredBook>): Promise<void> {
  const since = now(), start = since - spanMs;
  await new Promise((resolve) => setTimeout(resolve, SETTLES_MS));
  if (!wanted()) return;
  let first = Infinity, reached = 0;
  const whole = await recalled<StoredBook>({ id, kind: "books", columns: COLUMNS }, start, now, wanted, (books, gaps, through) => {
    first = Math.min(first, Date.parse(books[0]?.ts_recv ?? "") || Infinity);
    reached = through;
    take(books, gaps, through);
  }, since);
  const before = whole && first > start + RESTS_MS ? await standing(id, start) : [];
  if (before.length && wanted()) take(before, [], reached);
}

/** The book that stood at `start`, a day old at most: the store has a row only where something changed. */
async function standing(id: string, start: number): Promise<StoredBook[]> {
  const [symbol, venue] = named(id).map(quoted), at = `fromUnixTimestamp64Milli(${Math.floor(start)})`;
  return sql<StoredBook>(
    `select offset, \`index\`, ${COLUMNS} from depth_snapshots where symbol = ${symbol} and venue = ${venue} ` +
    `and ts_recv <= ${at} and ts_recv > ${at} - toIntervalDay(1) order by ts_recv desc, offset desc limit 1`,
  ).catch(() => []);
}
