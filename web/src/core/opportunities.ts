// Opportunities as the engine told them: the newest row of each says how it stands.

export type Opportunity = {
  id: string;
  name: string;
  kind: string;
  state: "opened" | "updated" | "closed";
  cause: string;
  opened_ts: string;
  ts_recv: string;
  lifetime_ns: number;
  currency: string;
  size: string | null;
  gross: string;
  fees: string;
  net: string;
  gross_bps: number;
  fees_bps: number;
  net_bps: number;
  leg_prices: string[];
  leg_ages_ns: number[];
  provenance: string;
};

const COLUMNS =
  "id, name, kind, state, cause, opened_ts, ts_recv, lifetime_ns, currency, size, gross, fees, net, gross_bps, fees_bps, net_bps, leg_prices, leg_ages_ns, provenance";
const HOUR_MS = 3_600_000;
/** Of more in an hour, the newest are shown, and it is said. */
export const MOST = 20_000;
/** The hour is asked for anew once a minute: what was stored late is in it. Between, what came since, and a little more. */
const WHOLE_EVERY = 60;
const OVERLAP_MS = 10_000;

/** The opportunities of the last hour, each as its newest row says. */
export class LastHour {
  /** Each with when it was told, ms: a row is read once, however often it is asked for another. */
  private readonly found = new Map<string, { ms: number; row: Opportunity }>();
  private all: Opportunity[] = [];
  private newest = -Infinity;
  private rounds = 0;
  private whole = true;
  /** Whether there are more than are shown. */
  cut = false;

  /** What to ask next, in SQL. */
  question(): string {
    this.whole = this.rounds % WHOLE_EVERY === 0 || !this.found.size;
    if (!this.whole) this.rounds += 1; // a whole hour that fails is asked for again: it counts when it is taken
    const since = this.whole ? "now() - interval 1 hour" : `fromUnixTimestamp64Milli(${this.newest - OVERLAP_MS})`;
    return `select ${COLUMNS} from opportunities where ts_recv > ${since} order by ts_recv desc, offset desc, index desc limit 1 by id limit ${MOST + 1}`;
  }

  /**
   * Take the answer; return all, newest opportunity first, and the same array where nothing is new. An answer that failed
   * is taken by nobody, and asked for again.
   */
  take(rows: readonly Opportunity[], now: number): Opportunity[] {
    let fresh = this.whole;
    if (this.whole) {
      this.found.clear();
      this.newest = -Infinity;
      this.rounds += 1;
    }
    for (const row of rows) {
      const own = this.found.get(row.id)?.row;
      if (own && own.ts_recv === row.ts_recv && JSON.stringify(own) === JSON.stringify(row)) continue;
      const ms = Date.parse(row.ts_recv);
      this.found.set(row.id, { ms, row });
      this.newest = Math.max(this.newest, ms);
      fresh = true;
    }
    for (const [id, { ms }] of this.found) if (ms < now - HOUR_MS) fresh = this.found.delete(id) || fresh;
    if (!fresh) return this.all;
    this.cut = this.found.size > MOST;
    const sorted = [...this.found.values()].map(({ row }) => row).sort((a, b) => (a.opened_ts < b.opened_ts ? 1 : -1));
    return (this.all = sorted.slice(0, MOST));
  }
}

export type Filter = { net: number; size: number; age: number };

export function isWanted(row: Opportunity, filter: Filter): boolean {
  return row.net_bps >= filter.net && Number(row.size ?? 0) >= filter.size;
}

/** The age of the older leg, ms. */
export function oldest(row: Opportunity): number {
  return Math.max(0, ...row.leg_ages_ns) / 1e6;
}

export const LIVES = [10, 30, 100, 300, 1000, 3000, 10_000, Infinity] as const;

/** How many closed ones lived up to each of `LIVES`, ms. */
export function lives(rows: readonly Opportunity[]): number[] {
  const counts = LIVES.map(() => 0);
  for (const row of rows) if (row.state === "closed") counts[LIVES.findIndex((limit) => row.lifetime_ns / 1e6 <= limit)]! += 1;
  return counts;
}

export type Pair = { name: string; count: number; net: number; currency: string; best: number };

/** Count, sum and best of each route, the largest sum first. */
export function byRoute(rows: readonly Opportunity[]): Pair[] {
  const found = new Map<string, Pair>();
  for (const row of rows) {
    const pair = found.get(row.name) ?? { name: row.name, count: 0, net: 0, currency: row.currency, best: -Infinity };
    pair.count += 1;
    pair.net += Number(row.net);
    pair.best = Math.max(pair.best, row.net_bps);
    found.set(row.name, pair);
  }
  return [...found.values()].sort((a, b) => b.net - a.net);
}
