// Bars as the store has them, of any of the intervals that are shown.

import { STORED, type Interval, type StoredBar } from "./bars";
import { get, type Listed } from "./rest";

const PAGE = 5_000;
/** What a `StoredBar` has. Each column costs the store more than its rows do. */
const COLUMNS = "ts_open,open,high,low,close,volume,vwap,trades,state,session,completeness,provenance";

/** The bars of the store from `start` on, in order: a whole page more than `most` at the worst. Some are parts of ours. */
export async function storedBars(id: string, interval: Interval, start: number, most: number, signal: AbortSignal): Promise<StoredBar[]> {
  const [kept, parts] = STORED[interval];
  const query = { symbol: id, kind: "bars", interval: kept, start: new Date(start).toISOString(), limit: PAGE, columns: COLUMNS };
  const found: StoredBar[] = [];
  let cursor: string | null | undefined;
  do {
    const page: Listed<StoredBar> = await get("history", { ...query, ...(cursor ? { cursor } : {}) }, signal);
    found.push(...page.data);
    cursor = page.next;
  } while (cursor && found.length < most * parts);
  return found;
}
