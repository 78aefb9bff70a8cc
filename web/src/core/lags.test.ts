import { describe, expect, it } from "vitest";
import { around, brief, buckets, together, windows } from "./lags";
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

describe("the time line of lags", () => {
  const stored = (ts_recv: string, count: number, p50: number, p99: number) => ({ ts_recv, count, p50_ns: p50 * 1e6, p99_ns: String(p99 * 1e6) });
  it("begins with the windows of the store, all feeds of one together", () => {
    expect(windows([stored("2026-11-28T00:31:10.000000000Z", 30, 2, 10), stored("2026-11-28T00:31:10.000000000Z", 10, 6, 40), stored("2026-11-28T00:31:00.000000000Z", 1, 5, 5)])).toEqual([
      { t: Date.UTC(2026, 10, 28, 0, 31) / 1000, p50: 5, p95: NaN, p99: 5 }, { t: Date.UTC(2026, 10, 28, 0, 31, 10) / 1000, p50: 3, p95: NaN, p99: 40 },
    ]);
    expect(windows([])).toEqual([]);
  });
  it("has two minutes where it has one point", () => {
    expect(around({ t: 1000, p50: 1, p95: 1, p99: 1 })).toEqual([940, 1060]);
  });
  it("and a distribution have short words where there is little room", () => {
    expect(["≤ 0", "≤ 0.05", "≤ 500", "≤ 1,000", "≤ 50,000", "> 100,000"].map((label) => brief(label))).toEqual(["≤0", "≤0.05", "≤500", "≤1s", "≤50s", ">100s"]);
    expect(["≤ 0.05", "≤ 5,000", "> 100,000"].map((label) => brief(label, 24))).toEqual(["0.05", "5s", ">100s"]);
  });
});
