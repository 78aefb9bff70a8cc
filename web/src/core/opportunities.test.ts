import { describe, expect, it } from "vitest";
import { byRoute, LastHour, MOST, type Opportunity } from "./opportunities";

const NOW = Date.UTC(2026, 10, 27, 15);
const row = (id: string, agoMs: number, more: Partial<Opportunity> = {}): Opportunity => ({
  id, name: "A > B", kind: "cross_venue", state: "opened", cause: "", opened_ts: new Date(NOW - agoMs).toISOString(), ts_recv: new Date(NOW - agoMs).toISOString(), lifetime_ns: 1,
  currency: "USD", size: "1", gross: "1", fees: "0", net: "1", gross_bps: 1, fees_bps: 0, net_bps: 1, leg_prices: [], leg_ages_ns: [], provenance: "live", ...more,
});

describe("the opportunities of the last hour", () => {
  it("are asked for once each and not row by row, then those that came since", () => {
    const hour = new LastHour();
    expect(hour.question()).toMatch(/ where ts_recv > now\(\) - interval 1 hour order by .* limit 1 by id limit 20001$/);
    hour.take([row("b", 5_000), row("a", 60_000)], NOW);
    expect(hour.question()).toContain(`where ts_recv > fromUnixTimestamp64Milli(${NOW - 15_000}) order by`);
    expect(hour.take([row("c", 1_000), row("b", 2_000, { state: "closed", opened_ts: new Date(NOW - 5_000).toISOString() })], NOW).map((each) => [each.id, each.state])).toEqual([["c", "opened"], ["b", "closed"], ["a", "opened"]]);
  });
  it("are more than 2,000 rows, and all are counted", () => {
    const hour = new LastHour();
    hour.question();
    const found = hour.take(Array.from({ length: 5_000 }, (_, at) => row(`${at}`, at)), NOW);
    expect([found.length, hour.cut, byRoute(found)[0]!.count]).toEqual([5_000, false, 5_000]);
  });
  it("are the newest where there are too many, and that is known", () => {
    const hour = new LastHour();
    hour.question();
    const found = hour.take(Array.from({ length: MOST + 1 }, (_, at) => row(`${at}`, at)), NOW);
    expect([found.length, found[0]!.id, hour.cut]).toEqual([MOST, "0", true]);
  });
  it("are no longer there after an hour, and asked for anew each minute", () => {
    const hour = new LastHour();
    hour.question();
    hour.take([row("b", 5_000), row("a", 3_599_000)], NOW);
    const asked = Array.from({ length: 60 }, () => hour.question());
    expect(asked.map((each) => each.includes("interval 1 hour"))).toEqual([...Array<boolean>(59).fill(false), true]);
    hour.take([row("b", 5_000), row("a", 3_599_000)], NOW);
    hour.question();
    expect(hour.take([], NOW + 2_000).map((each) => each.id)).toEqual(["b"]);
  });
  it("are the same array where nothing is new", () => {
    const hour = new LastHour();
    hour.question();
    const first = hour.take([row("b", 5_000), row("a", 60_000)], NOW);
    hour.question();
    expect(hour.take([row("b", 5_000)], NOW)).toBe(first);
    expect(hour.take([row("b", 4_000, { state: "closed" })], NOW).map((each) => each.state)).toEqual(["closed", "opened"]);
    expect(hour.question()).toContain(`fromUnixTimestamp64Milli(${NOW - 14_000})`);
  });
  it("are asked for again as a whole where that failed", () => {
    const hour = new LastHour();
    hour.question();
    hour.take([row("b", 5_000)], NOW);
    const asked = Array.from({ length: 62 }, () => hour.question().includes("interval 1 hour"));
    expect(asked.slice(58)).toEqual([false, true, true, true]);
    hour.take([row("b", 5_000)], NOW);
    expect(hour.question()).not.toContain("interval 1 hour");
  });
});
