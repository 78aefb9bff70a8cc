import { describe, expect, it } from "vitest";
import { COLUMNS, isLate } from "../parts/columns";
import type { Slot } from "../parts/slot";
import { HOURS_LAST_MS, Market, PACE_EVERY_MS } from "./market";

describe("an instrument's row", () => {
  it("says what its change is against, and keeps it where a row has only some fields", () => {
    const market = new Market();
    market.take([{ id: "AAPL.YAHOO", change: "1.50", change_from: "previous_close" }, { id: "BTCUSDT.BINANCE", change: "2", change_from: "day_open" }, { id: "NEW.X" }]);
    market.take([{ id: "AAPL.YAHOO", change: "1.60" }]);
    expect([0, 1, 2].map((at) => market.changedSince(at))).toEqual(["since the previous close", "since the first trade of the UTC day that we know", ""]);
  });
  it("says the hours it is in, as long as they were heard of lately", () => {
    const market = new Market(), heard = 1_000_000_000_000;
    const row = (id: string, market_hours: string | null): Parameters<Market["take"]>[0][number] => ({ id, market_hours, ts_recv: heard * 1e6 });
    market.take([row("A.X", "post"), row("B.X", "regular"), row("C.X", "24/7"), row("D.X", null)]);
    expect([0, 1, 2, 3].map((at) => market.hoursNow(at, heard + 1))).toEqual(["after hours", "regular", "24/7", null]);
    expect([0, 1, 2, 3].map((at) => market.hoursNow(at, heard + HOURS_LAST_MS))).toEqual([null, null, "24/7", null]);
  });
});

describe("the age of what an instrument said", () => {
  const begin = 1_000_000_000_000;
  /** A market in which so many trades came in each half minute, and what the Age column then says of an instrument's tone. */
  const after = (...counts: number[]): { market: Market; now: number; tone: string } => {
    const market = new Market();
    let trades = 100, now = begin, heard = begin, tone = "";
    for (const count of [0, ...counts]) {
      now += PACE_EVERY_MS;
      trades += count;
      if (count) heard = now;
      market.take([{ id: "A.X", trades, ts_recv: heard * 1e6 }]);
      market.measure(now);
    }
    const slot = { put: (_: string, how: string) => void (tone = how) } as unknown as Slot;
    COLUMNS.find((column) => column.key === "age")!.write(slot, { market, at: 0, now, feed: "live" });
    return { market, now, tone };
  };
  it("stays amber however long a silence is", () => {
    expect([after(30, 30).tone, after(30, 30, 0).tone, after(30, 30, 0, 0, 0, 0).tone]).toEqual(["quiet", "warn", "warn"]);
    expect(after(30, 0, 0).market.usual[0]).toBe(60);
  });
  it("is measured by the pace of a thin name, its silences counted", () => {
    const { market, tone } = after(1, ...Array<number>(19).fill(0), 1, 0, 0, 0, 0);
    expect([market.usual[0], market.columns.pace[0], tone]).toEqual([0.1, 0, "quiet"]);
    expect([isLate(1_700_000, 0.1), isLate(1_900_000, 0.1)]).toEqual([false, true]);
  });
  it("is never late where nothing was traded yet", () => {
    expect([after(0, 0, 0, 0).tone, isLate(9e9, NaN), isLate(4_000, 600)]).toEqual(["quiet", false, false]);
  });
});
