import { describe, expect, it } from "vitest";
import { coarser, joined, settled, spans, stateOf, take, type Bar } from "./bars";
import { offset, session } from "./eastern";
import * as format from "./format";
import { millisOf } from "./protocol";
import { fromSocket, Tape } from "./tape";

const bar = (t: number, close: number, provisional = false): Bar => ({ t, open: close, high: close, low: close, close, volume: 1, turnover: close, trades: 1, provisional, forming: provisional, completeness: 1, session: "" });

describe("figures", () => {
  it("keep their digits and their sign", () => {
    expect(format.group("-1234567.50")).toBe("−1,234,567.50");
    expect(format.padded("0.106", 5)).toBe("0.10600");
    expect(format.percent(-4)).toBe("▼ 4.00%");
    expect(format.signed("0.10")).toBe("+0.10");
    expect([1.526, 0.0032, -0.05, 0, NaN].map(format.bps)).toEqual(["1.53", "0.0032", "−0.0500", "0.00", "–"]);
  });
  it("of size fit a column of six characters", () => {
    expect(["336684", "12345678", "1234567890", "99999"].map(format.short)).toEqual(["336.7K", "12.35M", "1.235B", "99,999"]);
  });
});

describe("New York", () => {
  it("has another offset in winter, and sessions by its clock", () => {
    expect(offset(Date.UTC(2026, 6, 1))).toBe(-4 * 3_600_000);
    expect(offset(Date.UTC(2026, 11, 1))).toBe(-5 * 3_600_000);
    expect(session(Date.UTC(2026, 10, 25, 15))).toBe("regular");
    expect(session(Date.UTC(2026, 10, 28, 15))).toBe("closed");
  });
});

describe("bars", () => {
  it("of the store replace ours of the same opening, and nothing is appended twice", () => {
    expect(joined([bar(1000, 1, true), bar(2000, 2, true)], [bar(0, 9), bar(1000, 8)]).map((each) => each.close)).toEqual([9, 8, 2]);
  });
  it("grow by trades and open anew, but an older trade changes nothing", () => {
    const bars: Bar[] = [];
    take(bars, 1000, 10, 1, "1s");
    take(bars, 1500, 12, 2, "1s");
    take(bars, 2000, 11, 1, "1s");
    expect(take(bars, 1900, 99, 1, "1s")).toBeNull();
    expect(bars.map((each) => [each.t, each.high, each.close, each.volume])).toEqual([[1000, 12, 12, 3], [2000, 11, 11, 1]]);
  });
  it("take of a trade only what the store's bars do", () => {
    const bars = [bar(0, 10)];
    const trade = (flags: number, uncounted: string, ts_event: number | null = 1e9): number | null => {
      const print = fromSocket({ seq: 0, id: "X", price: "99", size: "5", side: null, trade_id: null, ts_event, ts_recv: 1e9, offset: 0, index: 0, uncounted, flags });
      return take(bars, print.ms, Number(print.price), Number(print.size), "1s", print.uncounted)?.trades ?? null;
    };
    expect([trade(2, ""), trade(256, ""), trade(1024, "open_close high_low volume"), trade(0, "", null)]).toEqual([null, null, null, null]);
    expect([trade(16384, "open_close high_low"), bars.length]).toEqual([null, 1]); // a bar begins with a price
    take(bars, 1000, 10, 1, "1s");
    expect([trade(16384, "open_close high_low"), trade(0, "open_close volume")]).toEqual([2, 3]);
    expect([bars[1]!.close, bars[1]!.high, bars[1]!.low, bars[1]!.volume]).toEqual([10, 99, 10, 6]);
  });
  it("make coarser ones", () => {
    expect(coarser([bar(0, 1), bar(4000, 3), bar(5000, 2)], "5s").map((each) => [each.t, each.close, each.volume])).toEqual([[0, 3, 2], [5000, 2, 1]]);
  });
  it("of which the store has a part only are ours to tell, where we have counted them", () => {
    const parts = [bar(0, 1), bar(4000, 3), bar(5000, 4), bar(9000, 5, true), bar(10_000, 6)];
    const told = (now: number, ...counted: number[]): number[][] => settled(parts, "5s", now, (t) => counted.includes(t)).map((each) => [each.t, each.close]);
    expect(told(13_000, 0, 5000, 10_000)).toEqual([[0, 3]]);
    expect(told(13_000)).toEqual([[0, 3], [5000, 4]]); // without one of ours, what there is
    expect(told(16_000, 5000, 10_000)).toEqual([[0, 3]]); // the last has just ended: a part of it may be on its way
    expect(told(17_000, 5000, 10_000)).toEqual([[0, 3], [10_000, 6]]);
  });
  it("have gaps that join where they touch", () => {
    const gap = (from: number, to: number): Parameters<typeof spans>[0][number] => ({ symbol: null, reason: "disconnect", state: "open", ts_from: new Date(from).toISOString(), ts_to: new Date(to).toISOString() });
    expect(spans([gap(5000, 7000), gap(1000, 5000), gap(9000, 9500)], "X").map((each) => [each.from, each.to])).toEqual([[1000, 7000], [9000, 9500]]);
  });
});

describe("a bar that the store has no end of", () => {
  const YEARS = 841 * 86_400_000;
  it("is forming as long as it may be, and unfinished for ever after", () => {
    const open = bar(0, 1, true);
    expect([stateOf(open, "1m", 59_000), stateOf(open, "1m", 180_000), stateOf(open, "1m", 180_001), stateOf(open, "1d", YEARS)]).toEqual(["forming", "forming", "unfinished", "unfinished"]);
    expect([stateOf(bar(0, 1), "1m", 59_000), stateOf(bar(0, 1), "1d", YEARS)]).toEqual(["final", "final"]);
  });
});

describe("the tape", () => {
  it("tells times by the millisecond that the server told, though its nanoseconds are more than a number holds", () => {
    for (const ms of [1_795_813_488_650, 1_795_813_488_000, 1_795_813_488_999]) expect(Math.floor(millisOf(JSON.parse(`${ms}000000`)))).toBe(ms);
    expect(Math.floor(1_795_813_488_650_000_000 / 1e6)).toBe(1_795_813_488_649);
  });
  it("has each trade once, and says where some were left out", () => {
    const tape = new Tape(3), print = (key: string) => ({ key, ms: 0, price: "1", size: "1", side: null, skipped: 0, uncounted: "" });
    tape.take([print("a"), print("b")]);
    tape.skip(4);
    expect(tape.take([print("b"), print("c")]).map((each) => [each.key, each.skipped])).toEqual([["c", 4]]);
    expect(tape.prints.map((each) => each.key)).toEqual(["a", "b", "c"]);
  });
  it("has what the store tells later before what came live, in the order of the journal", () => {
    const tape = new Tape(4), print = (key: string) => ({ key, ms: 0, price: "1", size: "1", side: null, skipped: 0, uncounted: "" });
    tape.take([print("100:0"), print("100:1")]);
    tape.recall([print("9:2"), print("20:0"), print("100:0")]);
    tape.recall([print("21:10"), print("21:9"), print("20:0")]); // and older ones go where there is no room
    expect(tape.prints.map((each) => each.key)).toEqual(["21:9", "21:10", "100:0", "100:1"]);
    expect(tape.take([print("9:2"), print("100:1")]).map((each) => each.key)).toEqual(["9:2"]);
  });
});
