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
