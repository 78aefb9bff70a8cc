import { describe, expect, it } from "vitest";
import { frame } from "../parts/heatmap";
import type { Book } from "./protocol";
import { SeenBooks, type StoredBook } from "./seenbooks";

const T0 = Date.UTC(2026, 10, 28, 12);

function stored(t: number, bid: string, state = "live"): StoredBook {
  const live = state === "live";
  return { ts_recv: new Date(t).toISOString(), offset: t - T0, index: 0, state, bid_prices: live ? [bid, "9.5"] : [], bid_sizes: live ? ["2", "8"] : [], ask_prices: live ? ["10.25"] : [], ask_sizes: live ? ["4"] : [] };
}

function pushed(bid: string): Book {
  return { id: "A.X", state: "live", sequence: 1, bids: [[bid, "3"]], asks: [["10.25", "1"]] };
}

function pieces(seen: SeenBooks): [number, number, number | undefined][] {
  return seen.list.map(({ t, until, bids }) => [(t - T0) / 1000, (until - T0) / 1000, bids[0]]);
}

describe("the books of the last half hour", () => {
  it("hold until the next one, five seconds at most where they were pushed", () => {
    const seen = new SeenBooks();
    seen.take(pushed("10.00"), T0);
    seen.take(pushed("10.01"), T0 + 1_000);
    seen.take(pushed("10.02"), T0 + 9_000);
    expect(pieces(seen)).toEqual([[0, 1, 10], [1, 6, 10.01], [9, 14, 10.02]]);
    expect(seen.list[0]).toMatchObject({ most: 3, tick: 0.01 });
  });

  it("are the store's before we looked, and in the holes of what we saw", () => {
    const seen = new SeenBooks();
    seen.take(pushed("10.00"), T0);
    seen.take(pushed("10.01"), T0 + 60_000);
    const told = [stored(T0 - 30_000, "9.90"), stored(T0 - 10_000, "9.91"), stored(T0 + 2_000, "9.92"), stored(T0 + 20_000, "9.93"), stored(T0 + 61_000, "9.94")];
    seen.recall("A", told, [], T0 + 61_000);
    const all = [[-30, -10, 9.9], [-10, 0, 9.91], [0, 5, 10], [20, 60, 9.93], [60, 65, 10.01]];
    expect(pieces(seen)).toEqual(all);
    seen.recall("A", told.slice(3), [], T0 + 61_000); // what is asked for again overlaps
    expect(pieces(seen)).toEqual(all);
    seen.take(pushed("10.02"), T0 + 62_000);
    expect(pieces(seen).slice(-2)).toEqual([[60, 62, 10.01], [62, 67, 10.02]]);
  });

  it("do not reach into gaps on record, past what the store has, or over books that nobody believed", () => {
    const seen = new SeenBooks();
    const gap = { symbol: null, reason: "restart", state: "open", ts_from: new Date(T0 + 12_000).toISOString(), ts_to: new Date(T0 + 18_000).toISOString() };
    seen.recall("A", [stored(T0, "9.90"), stored(T0 + 5_000, "", "stale"), stored(T0 + 10_000, "9.91"), stored(T0 + 20_000, "9.92")], [gap, { ...gap, symbol: "B", ts_from: new Date(T0 + 1_000).toISOString() }], T0 + 24_000);
    expect(pieces(seen)).toEqual([[0, 5, 9.9], [10, 12, 9.91], [20, 24, 9.92]]);
    expect([...seen.list[0]!.bids, ...seen.list[0]!.asks, seen.list[0]!.most]).toEqual([9.9, 2, 9.5, 8, 10.25, 4, 8]);
  });

  it("end when its feed was heard last, and are seen again after it: between the two is a hole", () => {
    const seen = new SeenBooks(), hole = { from: T0 + 2_000, to: T0 + 30_000, reason: "the feed was not live" };
    seen.take(pushed("10.00"), T0);
    for (const at of [1_000, 2_000, 3_000, 9_000]) seen.take(pushed("10.01"), T0 + at); // asked for again and again it is the same
    expect(seen.unseen(T0 + 9_000, true)).toEqual([]);
    for (const heard of [T0 + 2_000, T0 + 2_400]) seen.stop(heard); // once a second: the first word counts
    expect(pieces(seen)).toEqual([[0, 1, 10], [1, 2, 10.01]]);
    expect(seen.unseen(T0 + 12_000, false)).toEqual([{ from: T0 + 2_000, to: T0 + 12_000, reason: "" }]);
    const told = [stored(T0 - 5_000, "9.90"), stored(T0 + 2_500, "9.91")];
    seen.recall("A", told, [], T0 + 20_000); // other feeds went on, and so did the store
    expect(pieces(seen)).toEqual([[-5, 0, 9.9], [0, 1, 10], [1, 2, 10.01]]);
    seen.take(pushed("10.02"), T0 + 30_000);
    expect(seen.unseen(T0 + 31_000, true)).toEqual([hole]);
    seen.recall("A", told.slice(0, 1), [], T0 + 31_000);
    expect(pieces(seen)).toEqual([[-5, 0, 9.9], [0, 1, 10], [1, 2, 10.01], [30, 35, 10.02]]);
  });

  it("are the store's for the time in which the server was lost to us, and not for one in which its feed was silent", () => {
    for (const lost of [true, false]) {
      const seen = new SeenBooks();
      seen.take(pushed("10.00"), T0);
      seen.stop(T0 + 1_000, lost);
      seen.stop(T0 + 1_200, true);
      const told = [stored(T0 + 10_000, "9.90"), stored(T0 + 20_000, "9.91")];
      seen.recall("A", told, [], T0 + 30_000); // reconnected, and no book yet
      expect(pieces(seen)).toEqual(lost ? [[0, 1, 10], [10, 20, 9.9], [20, 30, 9.91]] : [[0, 1, 10]]);
      seen.take(pushed("10.02"), T0 + 30_000);
      seen.recall("A", told, [], T0 + 31_000);
      expect(pieces(seen)).toEqual(lost ? [[0, 1, 10], [10, 20, 9.9], [20, 30, 9.91], [30, 35, 10.02]] : [[0, 1, 10], [30, 35, 10.02]]);
      expect(seen.unseen(T0 + 31_000, true)).toEqual(lost ? [] : [{ from: T0 + 1_000, to: T0 + 30_000, reason: "the feed was not live" }]);
    }
  });

  it("of a feed that was never heard are none, and all of the time is a hole", () => {
    const seen = new SeenBooks();
    seen.stop(null);
    expect(seen.unseen(T0, false)).toEqual([{ from: -Infinity, to: T0, reason: "" }]);
    seen.recall("A", [stored(T0 - 20_000, "9.90"), stored(T0 - 10_000, "9.91")], [], T0);
    seen.stop(null); // the store's newest is where it ends
    expect(pieces(seen)).toEqual([[-20, -10, 9.9]]);
    expect(seen.unseen(T0, false)).toEqual([{ from: T0 - 10_000, to: T0, reason: "" }]);
  });

  it("are let go of after half an hour, and with another instrument", () => {
    const seen = new SeenBooks();
    seen.recall("A", [stored(T0 - 60_000, "9.90")], [], T0 - 1_000);
    for (let at = 0; at <= 1_900; at += 4) seen.take(pushed("10.00"), T0 + at * 1000);
    expect(pieces(seen)[0]).toEqual([96, 100, 10]);
    seen.clear();
    seen.recall("A", [], [], T0);
    expect(seen.list).toEqual([]);
  });

  it("begin with the one that stood, however long it had", () => {
    const seen = new SeenBooks();
    for (let twice = 0; twice < 2; twice++) seen.recall("A", [stored(T0 - 7_200_000, "9.90"), stored(T0 + 10_000, "9.91")], [], T0 + 20_000);
    expect(pieces(seen)).toEqual([[-7200, 10, 9.9], [10, 20, 9.91]]);
  });

  it("of which the store told long ago are let go of", () => {
    const seen = new SeenBooks();
    seen.recall("A", [stored(T0, "9.90"), stored(T0 + 1_000, "9.91"), stored(T0 + 2_000, "9.92")], [], T0 + 3_000);
    seen.recall("A", [stored(T0 + 7_200_000, "9.93")], [], T0 + 7_201_000);
    expect(pieces(seen)).toEqual([[2, 7200, 9.92], [7200, 7201, 9.93]]);
  });

  it("are shown with all of the way that the best prices went", () => {
    const seen = new SeenBooks();
    seen.take(pushed("5.00"), T0);
    seen.take(pushed("10.00"), T0 + 1_000);
    const found = frame(seen.list, 500, T0 - 1_000, T0 + 2_000)!;
    expect(found.low).toBeLessThan(5);
    expect(found.high).toBeGreaterThan(10.25);
    expect(found.rows).toBeLessThanOrEqual(101);
    expect(found.high - found.low).toBeCloseTo(found.rows * found.step);
  });
});
