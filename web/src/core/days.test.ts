import { describe, expect, it } from "vitest";
import { slot, slotOf, unslot } from "../parts/axis";
import type { Told } from "./alerts";
import { dateSaid, empties, spacious, take, type Bar } from "./bars";
import { marks } from "./rules";

const at = (iso: string): number => Date.parse(iso);
const bar = (iso: string): Bar => ({ t: at(iso), open: 1, high: 1, low: 1, close: 1, volume: 1, turnover: 1, trades: 1, provisional: false, forming: true, completeness: 1, session: "" });
const date = (seconds: number): string => new Date(seconds * 1000).toISOString();
/** A day of New York in winter, one in summer, and one of UTC. */
const WINTER = "2026-11-27T05:00:00Z", SUMMER = "2026-07-01T04:00:00Z", UTC = "2026-11-27T00:00:00Z";

describe("bars of days", () => {
  it("have the date of UTC where they open at its midnight, and New York's where they open at that", () => {
    expect([WINTER, SUMMER, UTC].map((iso) => dateSaid(at(iso)))).toEqual(["2026-11-27 ET", "2026-07-01 ET", "2026-11-27 UTC"]);
    expect([WINTER, SUMMER, UTC].map((iso) => date(slot(at(iso), "1d")))).toEqual(["2026-11-27T00:00:00.000Z", "2026-07-01T00:00:00.000Z", "2026-11-27T00:00:00.000Z"]);
    expect(date(slot(at(UTC), "1h"))).toBe("2026-11-26T19:00:00.000Z");
    for (const iso of [WINTER, SUMMER, UTC]) expect(unslot(slot(at(iso), "1d"), "1d", at(iso))).toBe(at(iso));
  });
  it("are where a moment of them is, whatever the date is elsewhere", () => {
    const evening = at("2026-11-28T00:30:00Z"); // 19:30 in New York
    expect([UTC, WINTER].map((beside) => date(slotOf(evening, "1d", at(beside))))).toEqual(["2026-11-28T00:00:00.000Z", "2026-11-27T00:00:00.000Z"]);
  });
  it("are never opened by a trade, nor grown by one", () => {
    const bars = [bar(WINTER)];
    expect(take(bars, at("2026-11-28T00:30:00Z"), 2, 1, "1d")).toBeNull();
    expect(take([], at("2026-11-28T00:30:00Z"), 2, 1, "1d")).toBeNull();
    expect(bars).toEqual([bar(WINTER)]);
  });
  it("have no day too many between them where the clocks changed", () => {
    const between = (...days: string[]): string[] => empties(days.map(bar), "1d").map((t) => date(slot(t, "1d")).slice(5, 10));
    expect(between("2026-10-30T04:00:00Z", "2026-11-02T05:00:00Z")).toEqual(["10-31", "11-01"]);
    expect(between("2026-03-06T05:00:00Z", "2026-03-09T04:00:00Z")).toEqual(["03-07", "03-08"]);
    expect(between("2026-11-25T00:00:00Z", "2026-11-27T00:00:00Z")).toEqual(["11-26"]);
  });
  it("are marked by what was told on them", () => {
    const told = (iso: string): Told => ({ key: iso, ms: at(iso), firedMs: at(iso), lagMs: 0, id: "A.X", symbol: "", venue: "", rule: "r", sentence: "", severity: "", state: "fired", value: "", threshold: "" });
    const marked = (opens: string, when: string): number[] => marks([told(when)], "A.X", [bar(opens)], "1d").map((mark) => mark.t);
    expect(marked(WINTER, "2026-11-27T15:00:00Z")).toEqual([at(WINTER)]);
    expect(marked(WINTER, "2026-11-28T04:59:59Z")).toEqual([at(WINTER)]);
    expect(marked(WINTER, "2026-11-28T05:00:00Z")).toEqual([]);
    expect(marked(UTC, "2026-11-27T23:59:59Z")).toEqual([at(UTC)]);
    expect(marked(UTC, "2026-11-28T00:00:00Z")).toEqual([]);
  });
  it("are so many that the time between them has room", () => {
    const bars = ["2026-11-20T00:00:00Z", "2026-11-25T00:00:00Z", UTC].map(bar);
    expect([2, 7, 1].map((most) => spacious(bars, "1d", most).length)).toEqual([2, 3, 1]);
    expect(spacious([], "1d", 5)).toEqual([]);
  });
});
