import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { BarFeed } from "./barfeed";
import type { Interval, StoredGap } from "./bars";
import { shifted, unshifted } from "./eastern";
import { OtherFeed } from "./otherfeed";
import type { Terminal } from "./terminal";

const MINUTE = 60_000, HOUR = 60 * MINUTE;
/** Monday 30 November 2026, 09:31 in New York. */
const MONDAY = Date.UTC(2026, 10, 30, 14, 31);
/** The last minute of the Friday before. */
const FRIDAY = Date.UTC(2026, 10, 27, 20, 59);

/** A store with a bar of a minute at each of these openings, and these gaps; what it is asked, and what it does not answer. */
function store(openings: number[], gaps: StoredGap[] = []): { asked: string[]; openings: number[]; gaps: StoredGap[]; away: string } {
  const kept = { asked: [] as string[], openings, gaps, away: "" };
  const told = (ms: number) => ({ ts_open: new Date(ms).toISOString(), open: "1", high: "1", low: "1", close: "1", volume: "1", vwap: "1", trades: 1, state: "final", completeness: 1, session: "", provenance: "live" });
  const answer = (address: string, query: string): unknown[] => {
    const [path, words] = address.replace("/api/v1/", "").split("?"), asked = new URLSearchParams(words);
    kept.asked.push(path!);
    if (path === "gaps") return kept.gaps.filter((gap) => gap.ts_from >= asked.get("start")!);
    if (path === "sql") {
      const [, end, limit] = /fromUnixTimestamp64Milli\((\d+)\).* limit (\d+)/.exec(query)!;
      const found = kept.openings.filter((ms) => ms < Number(end)).slice(-Number(limit));
      return [{ first: found[0] ?? 0, bars: found.length }];
    }
    if (asked.get("kind") !== "bars") return [];
    const start = Date.parse(asked.get("start")!), end = Date.parse(asked.get("end") ?? "9999-01-01");
    return kept.openings.filter((ms) => ms >= start && ms < end).map(told);
  };
  vi.stubGlobal("fetch", async (address: string, how: { body?: string }) => {
    if (kept.away && address.includes(kept.away)) return { ok: false, status: 503, json: async () => ({ detail: `no ${kept.away} now` }) };
    return { ok: true, status: 200, json: async () => ({ data: answer(address, how.body ?? ""), next: null }) };
  });
  return kept;
}

async function fed(interval: Interval = "1m", now = MONDAY): Promise<{ feed: BarFeed; lost: () => void; changes: string[]; terminal: { isFrozen: boolean }; troubles: string[] }> {
  let lost = (): void => undefined;
  const changes: string[] = [], troubles: string[] = [], began = Date.now();
  const terminal = { isFrozen: false, now: () => now + Date.now() - began, tape: { prints: [] }, onTrades: () => () => undefined, onLost: (listener: () => void) => ((lost = listener), () => undefined) };
  const feed = new BarFeed(terminal as unknown as Terminal, "AAPL.X", interval, (what) => changes.push(what), (trouble) => void (trouble && troubles.push(trouble.sentence)));
  await vi.advanceTimersByTimeAsync(0);
  return { feed, lost: () => lost(), changes, terminal, troubles };
}

const series = (last: number, count: number, step = MINUTE): number[] => Array.from({ length: count }, (_, at) => last - (count - 1 - at) * step);

describe("the bars of a chart", () => {
  beforeEach(() => void (vi.useFakeTimers(), vi.stubGlobal("window", globalThis)));
  afterEach(() => void (vi.useRealTimers(), vi.unstubAllGlobals()));

  it("are those of Friday, on a Monday morning", async () => {
    store([...series(FRIDAY, 1200), MONDAY - MINUTE]);
    const { feed } = await fed();
    expect([feed.bars.length, feed.bars[0]!.t, feed.bars.at(-1)!.t]).toEqual([901, FRIDAY - 899 * MINUTE, MONDAY - MINUTE]);
    expect([feed.loaded, feed.provenance]).toEqual([true, "live"]);
  });
  it("are those of a recording of long ago, as many as there are", async () => {
    const kept = store(series(Date.UTC(2024, 0, 5, 20), 40));
    const { feed } = await fed();
    expect([feed.bars.length, feed.bars.at(-1)!.t]).toEqual([40, Date.UTC(2024, 0, 5, 20)]);
    await feed.older();
    expect(feed.bars.length).toBe(40);
    kept.asked.length = 0;
    await feed.older(); // there is nothing before them, and that is known
    expect(kept.asked).toEqual([]);
  });
  it("are joined by those before them, with the gaps of then", async () => {
    const gap = { symbol: null, reason: "disconnect", state: "lost", ts_from: new Date(MONDAY - 1500 * MINUTE).toISOString(), ts_to: new Date(MONDAY - 1490 * MINUTE).toISOString() };
    store(series(MONDAY - MINUTE, 3000), [gap]);
    const { feed, changes } = await fed();
    expect([feed.bars.length, feed.gaps.length]).toEqual([900, 0]);
    changes.length = 0;
    await Promise.all([feed.older(), feed.older()]); // asked for twice, told once
    expect([feed.bars.length, feed.bars[0]!.t, feed.gaps.map((each) => each.reason), changes]).toEqual([1800, MONDAY - 1800 * MINUTE, ["disconnect"], ["all"]]);
    expect(new Set(feed.bars.map((bar) => bar.t)).size).toBe(1800);
  });
  it("are of five seconds from ones of one, each of them whole", async () => {
    const last = MONDAY - 2 * HOUR - 1000;
    store(series(last, 6000, 1000));
    const { feed } = await fed("5s");
    expect(feed.bars.length).toBe(900);
    expect(feed.bars.every((bar) => bar.trades === 5)).toBe(true);
  });
  it("are there of what it is compared with, too", async () => {
    store([...series(FRIDAY, 1200), MONDAY - MINUTE]);
    const other = new OtherFeed("AAPL.X", "1m", () => MONDAY, () => undefined, (trouble) => expect(trouble).toBeNull());
    await vi.advanceTimersByTimeAsync(0);
    expect([other.bars.length, other.bars[0]!.t]).toEqual([901, FRIDAY - 899 * MINUTE]);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(other.bars.length).toBe(901);
    other.close();
  });
  it("are shown anew where something is new, and only there", async () => {
    const kept = store(series(MONDAY - 10 * MINUTE, 900));
    const { feed, changes } = await fed();
    expect(changes).toEqual(["all"]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(changes).toEqual(["all"]);
    kept.openings = [...kept.openings, MONDAY - MINUTE];
    await vi.advanceTimersByTimeAsync(10_000);
    expect([changes, feed.bars.length]).toEqual([["all", "all"], 892]);
    kept.gaps = [{ symbol: "AAPL", reason: "disconnect", state: "lost", ts_from: new Date(MONDAY - MINUTE).toISOString(), ts_to: new Date(MONDAY).toISOString() }];
    await vi.advanceTimersByTimeAsync(60_000);
    expect([changes, feed.gaps.length]).toEqual([["all", "all", "all"], 1]);
  });
  it("are let go where there are too many, the oldest first, and can be had again", async () => {
    const kept = store(series(MONDAY - MINUTE, 900));
    const { feed } = await fed();
    kept.openings = series(MONDAY + 3000 * MINUTE, 3901);
    await vi.advanceTimersByTimeAsync(30_000);
    expect([feed.bars.length, feed.bars.at(-1)!.t]).toEqual([1800, MONDAY + 3000 * MINUTE]);
    await feed.older();
    expect([feed.bars.length, feed.bars[0]!.t]).toEqual([2700, MONDAY + 301 * MINUTE]);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(feed.bars.length).toBe(2700); // who went back keeps what is looked at
  });
  it("of days of New York open at its midnight, however they came, and each is there once", async () => {
    const opens = ["03", "04", "05", "06"].map((day) => Date.parse(`2014-03-${day}T05:00:00Z`));
    store(opens);
    const { feed } = await fed("1d");
    expect(feed.bars.map((bar) => bar.t)).toEqual(opens);
    await vi.advanceTimersByTimeAsync(15_000);
    expect(feed.bars.map((bar) => bar.t)).toEqual(opens);
    const other = new OtherFeed("AAPL.X", "1d", () => MONDAY, () => undefined, (trouble) => expect(trouble).toBeNull());
    await vi.advanceTimersByTimeAsync(15_000);
    expect(other.bars.map((bar) => bar.t)).toEqual(opens);
    other.close();
  });
  it("of days of New York are joined by those before them", async () => {
    const opens = series(Date.parse("2026-11-30T05:00:00Z"), 1500, 24 * HOUR).map((ms) => unshifted(Math.round(shifted(ms) / (24 * HOUR)) * 24 * HOUR));
    store(opens);
    const { feed } = await fed("1d");
    expect(feed.bars.length).toBeLessThan(1500);
    await feed.older();
    expect(feed.bars.map((bar) => bar.t)).toEqual(opens);
  });
  it("have no hole where the oldest were let go while those before them were on their way", async () => {
    const kept = store(series(MONDAY - MINUTE, 3000));
    const { feed } = await fed();
    await feed.older();
    await feed.older();
    const answer = globalThis.fetch;
    let go = (): void => undefined;
    vi.stubGlobal("fetch", async (address: string, how: RequestInit) => {
      if (address.includes("sql")) await new Promise<void>((resolve) => (go = resolve));
      return answer(address, how);
    });
    const asked = feed.older();
    kept.openings = [...kept.openings, ...series(MONDAY + 999 * MINUTE, 1000)];
    await vi.advanceTimersByTimeAsync(15_000);
    go();
    await asked;
    expect(feed.bars.slice(1).filter((bar, at) => bar.t !== feed.bars[at]!.t + MINUTE)).toEqual([]);
    expect([feed.bars.length, feed.bars.at(-1)!.t]).toEqual([2700, MONDAY + 999 * MINUTE]);
  });
  it("are told of though their gaps could not be had in the same round", async () => {
    const last = Math.floor(MONDAY / HOUR) * HOUR - HOUR, kept = store(series(last, 900, HOUR));
    const { feed, changes, troubles } = await fed("1h");
    changes.length = 0;
    kept.openings = [...kept.openings, last + HOUR];
    kept.away = "gaps";
    feed.missed();
    await vi.advanceTimersByTimeAsync(0);
    kept.away = "";
    await vi.advanceTimersByTimeAsync(30_000);
    expect([troubles, changes, feed.bars.at(-1)!.t]).toEqual([["no gaps now"], ["all"], last + HOUR]);
  });
  it("that were gone back to are told of though their gaps cannot be had", async () => {
    const kept = store(series(MONDAY - MINUTE, 3000));
    const { feed, changes } = await fed();
    changes.length = 0;
    kept.away = "gaps";
    await feed.older();
    expect([feed.bars.length, changes]).toEqual([1800, ["all"]]);
  });
  it("are counted anew at once where trades were lost, and every two seconds at the most", async () => {
    const kept = store(series(MONDAY - MINUTE, 5));
    const { lost } = await fed();
    const trades = () => kept.asked.filter((path) => path === "history").length;
    await vi.advanceTimersByTimeAsync(1);
    const before = trades();
    lost();
    await vi.advanceTimersByTimeAsync(0);
    expect(trades() - before).toBeGreaterThan(0);
    kept.asked.length = 0;
    for (let at = 0; at < 600; at++) {
      lost();
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(trades()).toBeLessThanOrEqual(3 * 31); // a recount, and the two questions of a round
    expect(trades()).toBeGreaterThan(30);
  });
  it("are not gone back to while the screen is frozen", async () => {
    const kept = store(series(MONDAY - MINUTE, 3000));
    const { feed, terminal } = await fed();
    terminal.isFrozen = true;
    kept.asked.length = 0;
    await feed.older();
    expect([kept.asked, feed.bars.length]).toEqual([[], 900]);
    terminal.isFrozen = false;
    await feed.older();
    expect(feed.bars.length).toBe(1800);
  });
});

describe("the gaps of a chart", () => {
  beforeEach(() => void (vi.useFakeTimers(), vi.stubGlobal("window", globalThis)));
  afterEach(() => void (vi.useRealTimers(), vi.unstubAllGlobals()));
  const gap = (to: number): StoredGap => ({ symbol: "AAPL", reason: "disconnect", state: "lost", ts_from: new Date(MONDAY - MINUTE).toISOString(), ts_to: new Date(to).toISOString() });

  it("are asked for when trades were lost, and until the store has them", async () => {
    const kept = store(series(MONDAY - MINUTE, 900));
    const { feed, lost } = await fed();
    await vi.advanceTimersByTimeAsync(3_000);
    expect(feed.gaps).toEqual([]);
    lost();
    await vi.advanceTimersByTimeAsync(1_000);
    kept.gaps = [gap(MONDAY - 1)];
    await vi.advanceTimersByTimeAsync(2_500);
    expect(feed.gaps.map((each) => each.to)).toEqual([MONDAY - 1]);
  });
  it("are asked for when more are on record, but not all the time", async () => {
    const kept = store(series(MONDAY - MINUTE, 900));
    const { feed } = await fed();
    const asked = (): number => kept.asked.filter((path) => path === "gaps").length;
    feed.missed();
    await vi.advanceTimersByTimeAsync(9_000);
    expect(asked()).toBe(5);
    await vi.advanceTimersByTimeAsync(9_000);
    expect(asked()).toBeLessThanOrEqual(6);
  });
  it("are asked for every two seconds at the most, however often it is heard of one", async () => {
    const kept = store(series(MONDAY - MINUTE, 900));
    const { feed } = await fed();
    await vi.advanceTimersByTimeAsync(3_000);
    kept.asked.length = 0;
    feed.missed();
    await vi.advanceTimersByTimeAsync(0);
    expect(kept.asked.filter((path) => path === "gaps").length).toBe(1); // the first time at once
    for (let at = 0; at < 599; at++) {
      await vi.advanceTimersByTimeAsync(100);
      feed.missed();
    }
    expect(kept.asked.filter((path) => path === "gaps").length).toBe(30);
  });
});
