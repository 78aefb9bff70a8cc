import { afterEach, describe, expect, it, vi } from "vitest";
import { pastPrices } from "./pastprices";

/** A store that answers with these rows; returns what it is asked. */
function store(data: object[]): string[] {
  const asked: string[] = [];
  vi.stubGlobal("fetch", async (_: string, how: { body: string }) => {
    asked.push((JSON.parse(how.body) as { query: string }).query);
    return { ok: true, json: async () => ({ data }) };
  });
  return asked;
}

describe("the prices from before this page was opened", () => {
  afterEach(() => void vi.unstubAllGlobals());

  it("are those of five-second bars of the few that there are, by name", async () => {
    const asked = store([{ symbol: "BRK.A", venue: "IQFEED", ats: ["5000", 10000], prices: [1.5, 2] }]);
    expect(await pastPrices(["BRK.A.IQFEED", "O'X.Y"], 300_000, 1_000_000.7)).toEqual(new Map([["BRK.A.IQFEED", [[5000, 1.5], [10000, 2]]]]));
    expect(asked[0]).toContain("interval = '5s' and ts_open > fromUnixTimestamp64Milli(640000) and ts_close > fromUnixTimestamp64Milli(700000) and ts_open <= fromUnixTimestamp64Milli(1000000)");
    expect(asked[0]).toContain("(venue, symbol) in (('IQFEED','BRK.A'),('Y','O\\'X'))");
  });
  it("are those of minutes, where there are many, and of all", async () => {
    const asked = store([]);
    expect((await pastPrices(Array.from({ length: 301 }, (_, at) => `S${at}.X`), 300_000, 1e6)).size).toBe(0);
    expect(asked[0]).toContain("interval = '1m'");
    expect(asked[0]).not.toContain("S300");
  });
  it("are none of nobody, and then nothing is asked", async () => {
    const asked = store([]);
    expect((await pastPrices([], 300_000, 1e6)).size).toBe(0);
    expect(asked.length).toBe(0);
  });
});
