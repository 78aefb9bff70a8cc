import { describe, expect, it } from "vitest";
import { buckets, together } from "./lags";
import type { LagRow } from "./protocol";

const row = (feed: string, count: number, p50_ms: number, p95_ms: number, more: Partial<LagRow> = {}): LagRow => ({ venue: "", feed, hop: "network", provenance: "live", ts_recv: 0, count, p50_ms, p95_ms, p99_ms: 2 * p95_ms, max_ms: 100, min_ms: 0, clock_suspect: false, ...more });

describe("lags of all feeds", () => {
  it("have a median weighted by how many, and the worst tails", () => {
    const found = together([row("a", 30, 2, 10), row("b", 10, 6, 40), row("c", 9, 9, 99, { hop: "store" })], "network")!;
    expect([found.p50, found.p95, found.p99, found.count]).toEqual([3, 40, 80, 40]);
    expect(together([], "network")).toBeNull();
  });
});

describe("a distribution", () => {
  const bounds_ms = [0, 1, 2, 5, 10];
  const of = (...counts: number[][]) => buckets({ bounds_ms, data: counts.map((each, at) => ({ feed: String(at), provenance: "live", counts: each })) });
  it("adds feeds up, and is shown from where it begins to where it ends", () => {
    expect(of([0, 0, 3, 0, 0, 0], [0, 0, 0, 1, 0, 0])).toEqual([
      { label: "≤ 1", count: 0, share: 0 }, { label: "≤ 2", count: 3, share: 0.75 }, { label: "≤ 5", count: 1, share: 0.25 }, { label: "≤ 10", count: 0, share: 0 },
    ]);
  });
  it("names what came before it happened, and what is beyond the last bound", () => {
    expect(of([1, 0, 0, 0, 0, 1]).map((each) => each.label)).toEqual(["≤ 0", "≤ 1", "≤ 2", "≤ 5", "≤ 10", "> 10"]);
  });
  it("of nothing is empty", () => {
    expect([of(), of([0, 0, 0, 0, 0, 0])]).toEqual([[], []]);
  });
});
