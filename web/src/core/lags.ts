// Lags of all feeds, hop by hop.

import * as format from "./format";
import type { LagRow } from "./protocol";

export const HOPS: [hop: string, name: string, colour: string][] = [
  ["network", "venue → received", "up"], ["journal", "received → durable", "accent"], ["engine", "durable → processed", "ok"], ["store", "processed → stored", "warn"], ["deliver", "received → this socket", "down"],
];

/** One number of all feeds for a hop: medians weighted by how many, tails the worst. */
export function together(rows: readonly LagRow[], hop: string): { p50: number; p95: number; p99: number; max: number; min: number; count: number; suspect: boolean } | null {
  const own = rows.filter((row) => row.hop === hop);
  const count = own.reduce((sum, row) => sum + row.count, 0);
  if (!count) return null;
  return {
    p50: own.reduce((sum, row) => sum + row.p50_ms * row.count, 0) / count,
    p95: Math.max(...own.map((row) => row.p95_ms ?? NaN)),
    p99: Math.max(...own.map((row) => row.p99_ms)),
    max: Math.max(...own.map((row) => row.max_ms)),
    min: Math.min(...own.map((row) => row.min_ms)),
    count,
    suspect: own.some((row) => row.clock_suspect),
  };
}

/** Lags of all feeds in one window, which ended at `t`, seconds since 1970. */
export type Point = { t: number; p50: number; p95: number; p99: number };

/** What the store keeps of a window, a row for each feed: no 95th percentile. */
export type StoredLag = { ts_recv: string; count: number | string; p50_ns: number | string; p99_ns: number | string };
export const LATELY = "select ts_recv, count, p50_ns, p99_ns from lag where hop = 'network' and ts_recv > now() - interval 10 minute order by ts_recv limit 20000";

/** The windows of stored rows, in order. */
export function windows(rows: readonly StoredLag[]): Point[] {
  const found = new Map<number, LagRow[]>();
  for (const row of rows) {
    const t = Date.parse(row.ts_recv) / 1000, told = found.get(t) ?? [];
    told.push({ venue: "", feed: "", hop: "network", provenance: "", ts_recv: t * 1e9, count: Number(row.count), p50_ms: Number(row.p50_ns) / 1e6, p99_ms: Number(row.p99_ns) / 1e6, max_ms: NaN, min_ms: NaN, clock_suspect: false });
    found.set(t, told);
  }
  return [...found].sort(([a], [b]) => a - b).flatMap(([t, told]) => {
    const all = together(told, "network");
    return all ? [{ t, p50: all.p50, p95: all.p95, p99: all.p99 }] : [];
  });
}

/** From when to when a time line goes, seconds, of which there is one point or none: it is in the middle of two minutes. */
export function around(point: Point | undefined): [from: number, to: number] {
  const t = point?.t ?? Date.now() / 1000;
  return [t - 60, t + 60];
}

/** What `lag/histogram` says of a hop: counts at or below each bound and above the one before; the last are above all. */
export type Distribution = { bounds_ms: number[]; data: { feed: string; provenance: string; counts: number[] }[] };
export type Bucket = { label: string; count: number; share: number };

/** The buckets of all feeds together, from the first to the last that has anything, with an empty one at either side. */
export function buckets({ bounds_ms, data }: Distribution): Bucket[] {
  const counts = [...bounds_ms, Infinity].map((_, at) => data.reduce((sum, one) => sum + (one.counts[at] ?? 0), 0));
  const all = counts.reduce((sum, count) => sum + count, 0);
  const first = counts.findIndex((count) => count > 0), last = counts.findLastIndex((count) => count > 0);
  const label = (at: number): string => (at < bounds_ms.length ? `≤ ${format.group(String(bounds_ms[at]))}` : `> ${format.group(String(bounds_ms.at(-1)))}`);
  return counts.map((count, at) => ({ label: label(at), count, share: count / all })).slice(Math.max(0, first - 1), last < 0 ? 0 : last + 2);
}

const MANY = 16;

/** A bucket's label where there is little room: "≤0.5", "≤2s", and among many "0.5" and "2s". */
export function brief(label: string, among = 1): string {
  const ms = Number(label.slice(2).replaceAll(",", "")), mark = among > MANY && label[0] === "≤" ? "" : label[0];
  return mark + (ms >= 1000 ? `${ms / 1000}s` : label.slice(2));
}
