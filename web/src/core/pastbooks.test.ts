import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { pastBooks } from "./pastbooks";
import type { StoredBook } from "./seenbooks";

const T0 = Date.UTC(2026, 10, 28, 12);
const BEHIND_MS = 1_000;

function book(t: number): StoredBook {
  return { ts_recv: new Date(t).toISOString(), offset: t - T0, index: 0, state: "live", bid_prices: ["9.90"], bid_sizes: ["2"], ask_prices: [], ask_sizes: [] };
}

/** A store of these books, a second behind; returns what it is asked. */
function store(books: StoredBook[]): string[] {
  const asked: string[] = [];
  vi.stubGlobal("fetch", async (address: string, how: { body?: string }) => {
    const query = how.body ? (JSON.parse(how.body) as { query: string }).query : address;
    asked.push(query);
    const since = Date.parse(new URLSearchParams(address.split("?")[1]).get("start") ?? "");
    const data = how.body ? books.filter((each) => Date.parse(each.ts_recv) <= Number(/Milli\((\d+)\)/.exec(query)![1])).slice(-1) : books.filter((each) => Date.parse(each.ts_recv) >= since);
    return { ok: true, json: async () => ({ data, next: null, gaps: [], complete_through: { offset: 0, ts_engine: new Date(Date.now() - BEHIND_MS).toISOString() } }) };
  });
  return asked;
}

async function told(id: string, wanted: () => boolean = () => true): Promise<number[]> {
  const found: number[] = [];
  const done = pastBooks(id, 30_000, () => Date.now(), wanted, (books) => found.push(...books.map((each) => each.offset / 1000)));
  await vi.advanceTimersByTimeAsync(10_000);
  await done;
  return found;
}

describe("the books from before we looked", () => {
  beforeEach(() => void vi.useFakeTimers({ now: T0 }));
  afterEach(() => void (vi.useRealTimers(), vi.unstubAllGlobals()));

  it("are asked for once, where they changed all the while", async () => {
    const asked = store([-60, -29, -10].map((at) => book(T0 + at * 1000)));
    expect(await told("A.X")).toEqual([-29, -10]);
    expect(asked.length).toBe(1);
    expect(asked[0]).toContain("history?symbol=A.X&kind=books&columns=ts_recv%2Cstate");
  });

  it("are with the one that stood when they begin, where it rested", async () => {
    const asked = store([-7200, -60, -10].map((at) => book(T0 + at * 1000)));
    expect(await told("O'A.X")).toEqual([-10, -60]);
    expect(asked.length).toBe(2);
    expect(asked[1]).toContain(`where symbol = 'O\\'A' and venue = 'X' and ts_recv <= fromUnixTimestamp64Milli(${T0 - 30_000})`);
  });

  it("are not asked for by whoever only passes, and a store that refuses is no error", async () => {
    const asked = store([book(T0 - 10_000)]);
    expect(await told("A.X", () => false)).toEqual([]);
    expect(asked).toEqual([]);
    vi.stubGlobal("fetch", async () => ({ ok: false, status: 504, json: async () => ({ detail: "took too long" }) }));
    expect(await told("A.X")).toEqual([]);
  });
});
