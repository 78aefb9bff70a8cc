// The trades from before we listened. The store has them, a second or more after the socket would have told of them.

import { get, type Listed } from "./rest";
import { fromStore, type Print, type StoredTrade } from "./tape";

const RECALLED_MS = 120_000;
/** So long after it is asked for, the socket tells of an instrument at the latest. */
const LISTENS_MS = 1_000;
const FIRST_WAIT_MS = 700, LONGEST_WAIT_MS = 5_000;
/** Where nothing at all happens, the store never says that it knows of the newest time. */
const PATIENCE_MS = 60_000;
const OVERLAP_MS = 5_000;

/**
 * Ask the store for the last minutes of an instrument, again until it has all from before we listened, as long as they
 * are `wanted`; `take` gets some twice. False where they are no longer wanted, or cannot be had.
 */
export async function recalled(id: string, now: () => number, wanted: () => boolean, take: (found: Print[]) => void): Promise<boolean> {
  const listening = now() + LISTENS_MS;
  let start = now() - RECALLED_MS;
  for (let wait = FIRST_WAIT_MS, waited = 0; ; wait = Math.min(wait * 1.5, LONGEST_WAIT_MS)) {
    try {
      const [found, until, through] = await stored(id, start, wanted);
      if (!wanted()) return false;
      take(found);
      if (through >= listening || waited >= PATIENCE_MS) return true;
      if (until) start = until - OVERLAP_MS; // by our clock, as the store has them in order: a venue's times may be years away
    } catch {
      return false; // the tape then begins with what comes
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
    waited += wait;
    if (!wanted()) return false;
  }
}

/** The stored trades from `start` on, when the last of them was received, and until when everything is among them (ms). */
async function stored(id: string, start: number, wanted: () => boolean): Promise<[Print[], number, number]> {
  const query = { symbol: id, kind: "trades", start: new Date(start).toISOString(), limit: 5000 };
  const found: StoredTrade[] = [];
  let cursor: string | null | undefined, through = 0;
  do {
    const page: Listed<StoredTrade> = await get("history", { ...query, ...(cursor ? { cursor } : {}) });
    found.push(...page.data);
    cursor = page.next;
    through = Date.parse(page.complete_through?.ts_engine ?? "") || 0;
  } while (cursor && wanted());
  return [found.map(fromStore), Date.parse(found.at(-1)?.ts_recv ?? "") || 0, through];
}
