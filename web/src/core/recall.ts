// What was from before we listened. The store has it, a second or more after the socket would have told of it.

import type { StoredGap } from "./bars";
import { get, type Listed } from "./rest";

/** So long after it is asked for, the socket tells of an instrument at the latest. */
const LISTENS_MS = 1_000;
const FIRST_WAIT_MS = 700, LONGEST_WAIT_MS = 5_000;
/** Where nothing at all happens, the store never says that it knows of the newest time. */
const PATIENCE_MS = 60_000;
const OVERLAP_MS = 5_000;

/** What is asked for: of an instrument, rows of `history`. Each column costs the store more than its rows do. */
export type Past = { id: string; kind: "trades" | "books"; columns?: string };
/** Rows in order, the gaps on record among them, and until when (ms) everything is there. */
export type Told<Row> = (rows: Row[], gaps: StoredGap[], through: number) => void;
type Page<Row> = Listed<Row> & { gaps?: StoredGap[] };

/**
 * Ask the store for the rows since `start`, again until it has all from before we listened (`since`: asked the socket to
 * tell), as long as they are `wanted`; `take` gets some twice. False where they are no longer wanted, or cannot be had.
 */
export async function recalled<Row extends { ts_recv: string }>(past: Past, start: number, now: () => number, wanted: () => boolean, take: Told<Row>, since = now()): Promise<boolean> {
  const listening = since + LISTENS_MS;
  for (let wait = FIRST_WAIT_MS, waited = 0; ; wait = Math.min(wait * 1.5, LONGEST_WAIT_MS)) {
    try {
      const [rows, gaps, through] = await stored<Row>(past, start, wanted);
      if (!wanted()) return false;
      take(rows, gaps, through);
      if (through >= listening || waited >= PATIENCE_MS) return true;
      const until = Date.parse(rows.at(-1)?.ts_recv ?? "");
      if (until) start = until - OVERLAP_MS; // by our clock, as the store has them in order: a venue's times may be years away
    } catch {
      return false; // then it begins with what comes
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
    waited += wait;
    if (!wanted()) return false;
  }
}

/** The stored rows from `start` on, the gaps among them, and until when everything is there (ms). */
async function stored<Row>({ id, kind, columns }: Past, start: number, wanted: () => boolean): Promise<[Row[], StoredGap[], number]> {
  const query = { symbol: id, kind, columns, start: new Date(start).toISOString(), limit: 5000 };
  const found: Row[] = [], gaps: StoredGap[] = [];
  let cursor: string | null | undefined, through = 0;
  do {
    const page: Page<Row> = await get("history", { ...query, ...(cursor ? { cursor } : {}) });
    found.push(...page.data);
    gaps.push(...(page.gaps ?? []));
    cursor = page.next;
    through = Date.parse(page.complete_through?.ts_engine ?? "") || 0;
  } while (cursor && wanted());
  return [found, gaps, through];
}
