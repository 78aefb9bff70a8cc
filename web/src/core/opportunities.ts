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

export const QUERY =
  "select id, name, kind, state, cause, opened_ts, ts_recv, lifetime_ns, currency, size, gross, fees, net, gross_bps, fees_bps, net_bps, leg_prices, leg_ages_ns, provenance " +
  "from opportunities where ts_recv > now() - interval 1 hour order by ts_recv desc, offset desc, index desc limit 2000";

/** The newest row of each, newest opportunity first; rows come newest first. */
export function newest(rows: readonly Opportunity[]): Opportunity[] {
  const found = new Map<string, Opportunity>();
  for (const row of rows) if (!found.has(row.id)) found.set(row.id, row);
  return [...found.values()].sort((a, b) => (a.opened_ts < b.opened_ts ? 1 : -1));
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
