import { afterEach, describe, expect, it, vi } from "vitest";
import { recalled } from "./recall";
import type { StoredTrade } from "./tape";

/** A recording that is played again has the times of then. */
const YEAR_MS = 31_536_000_000;

/** A store that has come to `reach`, and knows the trades until then. */
function store(trades: number[], reach: () => number): string[] {
  const asked: string[] = [];
  vi.stubGlobal("fetch", async (address: string) => {
    asked.push(address);
    const start = Date.parse(new URLSearchParams(address.split("?")[1]).get("start")!);
    const data = trades.filter((ms) => ms >= start && ms <= reach()).map((ms) => ({ ts_event: new Date(ms - YEAR_MS).toISOString(), ts_recv: new Date(ms).toISOString(), price: "1", size: "1", side: "buy", offset: ms, index: 0, uncounted: "", flags: 0 }));
    return { ok: true, json: async () => ({ data, next: null, complete_through: { offset: 0, ts_engine: reach() ? new Date(reach()).toISOString() : null } }) };
  });
  return asked;
}

const TRADES = { id: "A.X", kind: "trades" } as const;

describe("the trades from before we listened", () => {
  afterEach(() => void (vi.useRealTimers(), vi.unstubAllGlobals()));

  it("are asked for until the store has all of them", async () => {
    vi.useFakeTimers();
    const now = 1_000_000, found = new Set<string>();
    let reach = now - 3_000;
    const asked = store([now - 60_000, now - 3_500, now - 2_000, now - 1_000], () => reach);
    const whole = recalled<StoredTrade>(TRADES, now - 120_000, () => now, () => true, (rows) => rows.forEach((row) => found.add(`${row.offset}:${row.index}`)));
    await vi.advanceTimersByTimeAsync(0);
    expect([...found]).toEqual([`${now - 60_000}:0`, `${now - 3_500}:0`]);
    for (let at = 0; at < 80; at++) (reach += 100), await vi.advanceTimersByTimeAsync(100);
    expect(await whole).toBe(true);
    expect(found.size).toBe(4);
    expect(asked.length).toBe(5); // at 0, 0.7, 1.75, 3.3 and 5.7 s, where it has come a second past the moment of asking
  });

  it("are asked for once by whoever has listened for longer than the store is behind", async () => {
    vi.useFakeTimers();
    const now = 1_000_000, asked = store([now - 60_000], () => now - 1_400);
    const whole = recalled(TRADES, now - 120_000, () => now, () => true, () => undefined, now - 2_500);
    await vi.advanceTimersByTimeAsync(0);
    expect([await whole, asked.length]).toEqual([true, 1]);
  });

  it("are not waited for where somebody has chosen another, or where nothing happens at all", async () => {
    vi.useFakeTimers();
    let wanted = true;
    const asked = store([], () => 0);
    const left = recalled(TRADES, 880_000, () => 1_000_000, () => wanted, () => void (wanted = false));
    await vi.advanceTimersByTimeAsync(60_000);
    expect([await left, asked.length]).toEqual([false, 1]);
    const quiet = recalled(TRADES, 880_000, () => 1_000_000, () => true, () => undefined);
    await vi.advanceTimersByTimeAsync(70_000);
    expect([await quiet, asked.length]).toEqual([true, 18]);
  });
});
