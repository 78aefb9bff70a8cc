import { describe, expect, it } from "vitest";
import { HOURS_LAST_MS, Market } from "./market";

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
