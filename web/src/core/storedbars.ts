// Bars as the store has them, of any of the intervals that are shown.

import { quoted, sql } from "./asked";
import { opening, STORED, type Interval, type StoredBar } from "./bars";
import { named } from "./protocol";
import { get, type Listed } from "./rest";

const PAGE = 5_000;
/** What a `StoredBar` has. Each column costs the store more than its rows do. */
const COLUMNS = "ts_open,open,high,low,close,volume,vwap,trades,state,session,completeness,provenance";

/**
 * The bars of the store from `start` on and before `end`, in order: a whole page more than `most` at the worst. Some are
 * parts of ours.
 */
export async function storedBars(id: string, interval: Interval, start: number, most: number, signal: AbortSignal, end?: number): Promise<StoredBar[]> {
  const [kept, parts] = STORED[interval];
  const query = { symbol: id, kind: "bars", interval: kept, start: new Date(start).toISOString(), end: end === undefined ? undefined : new Date(end).toISOString(), limit: PAGE, columns: COLUMNS };
  const found: StoredBar[] = [];
  let cursor: string | null | undefined;
  do {
    const page: Listed<StoredBar> = await get("history", { ...query, ...(cursor ? { cursor } : {}) }, signal);
    found.push(...page.data);
    cursor = page.next;
  } while (cursor && found.length < most * parts);
  return found;
}

/** The newest `most` bars of the store before `end`, in order, however long ago they were. Some are parts of ours. */
export async function barsBefore(id: string, interval: Interval, end: number, most: number, signal: AbortSignal): Promise<StoredBar[]> {
  const [kept, parts] = STORED[interval];
  const [symbol, venue] = named(id).map(quoted);
  // Lists are told oldest first: where the newest of them begin is asked for in SQL.
  const [found] = await sql<{ first: number | string; bars: number | string }>(
    `select toUnixTimestamp64Milli(min(ts_open)) as first, count() as bars from (select ts_open from bars where symbol = ${symbol} and venue = ${venue} ` +
    `and interval = '${kept}' and ts_open < fromUnixTimestamp64Milli(${end}) order by ts_open desc limit ${most * parts})`, signal);
  if (!Number(found?.bars)) return [];
  const first = Number(found!.first);
  return storedBars(id, interval, opening(first, interval, first), most + 1, signal, end);
}
