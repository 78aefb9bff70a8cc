import { describe, expect, it } from "vitest";
import { added, ASKED, merged, ofDay, told as toldOf, type Told } from "./alerts";
import { coarser, type Bar } from "./bars";
import { compared, span, standing } from "./compare";
import { shifted, unshifted } from "./eastern";
import { Measuring, reading } from "./measure";
import { crossings, marks, saidOf, watches } from "./rules";
import { sessionOf, sessionSpans } from "./sessions";

const HOUR = 3_600_000, MINUTE = 60_000;
/** Wednesday 25 November 2026, 09:00 in New York. */
const NINE = Date.UTC(2026, 10, 25, 14);
const bar = (t: number, close: number, session = ""): Bar => ({ t, open: close, high: close + 1, low: close - 1, close, volume: 1, turnover: close, trades: 1, provisional: false, forming: false, completeness: 1, session });

describe("sessions", () => {
  it("are the store's of a bar, and the clock's where nothing was traded", () => {
    const bars = [bar(NINE, 1, "pre"), bar(NINE + 28 * MINUTE, 1, "pre"), bar(NINE + 32 * MINUTE, 1, "regular"), bar(NINE + 7 * HOUR + 2 * MINUTE, 1, "post")];
    expect(sessionSpans(bars, "1m")).toEqual([
      { from: NINE, to: NINE + 29 * MINUTE, shade: "pre" },
      { from: NINE + 7 * HOUR, to: NINE + 7 * HOUR + 2 * MINUTE, shade: "post" },
    ]);
  });
  it("of a half day are the store's, whatever the clock says", () => {
    expect(sessionSpans([bar(NINE + 5 * HOUR, 1, "post"), bar(NINE + 5 * HOUR + MINUTE, 1, "post")], "1m")).toEqual([{ from: NINE + 5 * HOUR, to: NINE + 5 * HOUR + MINUTE, shade: "post" }]);
  });
  it("are none of what trades around the clock, of days, and of what lies in two", () => {
    expect(sessionSpans([bar(NINE, 1), bar(NINE + MINUTE, 1)], "1m")).toEqual([]);
    expect(sessionSpans([bar(NINE, 1, "pre")], "1d")).toEqual([]);
    expect(sessionSpans([bar(NINE, 1, "mixed"), bar(NINE + HOUR, 1, "regular")], "1h")).toEqual([]);
    expect(coarser([bar(NINE, 1, "pre"), bar(NINE + 31 * MINUTE, 1, "regular")], "1h").map((each) => each.session)).toEqual(["mixed"]);
    expect(sessionOf(bar(NINE, 1), "1h")).toBe("mixed");
  });
  it("name a night, and give up after so many slots", () => {
    const night = [bar(NINE + 6.9 * HOUR, 1, "regular"), bar(NINE + 24.6 * HOUR, 1, "regular")];
    expect(sessionSpans(night, "1m").map((each) => each.shade)).toEqual(["post", "closed", "pre"]);
    expect(sessionSpans(night, "1m", 10).map((each) => [each.shade, each.to - each.from])).toEqual([["post", 4 * MINUTE]]);
  });
  it("stand on an axis that leads back to the instant", () => {
    for (const ms of [NINE, Date.UTC(2026, 2, 8, 6, 59), Date.UTC(2026, 2, 8, 7), Date.UTC(2026, 10, 1, 4, 59)]) expect(unshifted(shifted(ms))).toBe(ms);
  });
});

describe("rules on a chart", () => {
  const lists = [{ name: "majors", symbols: ["BTCUSDT.BINANCE", "*.KRAKEN"] }];
  it("watch what they name", () => {
    const at = (pattern: string): string[] => ["BTCUSDT.BINANCE", "XBT.KRAKEN", "BRK.B.NYSE"].filter((id) => watches([pattern], id, lists));
    expect([at("*"), at("*.NYSE"), at("BTCUSDT.BINANCE"), at("@majors"), at("@none"), at("B")]).toEqual([
      ["BTCUSDT.BINANCE", "XBT.KRAKEN", "BRK.B.NYSE"], ["BRK.B.NYSE"], ["BTCUSDT.BINANCE"], ["BTCUSDT.BINANCE", "XBT.KRAKEN"], [], [],
    ]);
  });
  it("are lines where they are on and wait for a price", () => {
    const rule = (name: string, more: object, enabled = true) => ({ name, enabled, rule: { kind: "cross", threshold: "100.5", symbols: ["A.X"], ...more } });
    const rules = [rule("up", { direction: "up" }), rule("off", {}, false), rule("rise", { kind: "rise" }), rule("else", { symbols: ["B.X"] }), rule("any", { symbols: null, threshold: 7 }), rule("none", { threshold: null })];
    expect(crossings(rules, "A.X", lists)).toEqual([{ price: 100.5, title: "up ↑" }, { price: 7, title: "any ↕" }]);
  });
  it("are marks on the bars in which they fired, but not where the trade was taken back", () => {
    const told = (key: string, ms: number, rule = "r", state = "fired", id = "A.X"): Told => ({ key, ms, firedMs: ms, lagMs: 0, id, symbol: "", venue: "", rule, sentence: "", severity: "", state, value: "", threshold: "" });
    const bars = [bar(0, 1), bar(MINUTE, 1)];
    const found = marks([told("4", 61_000, "q"), told("3", 5_000), told("2", 4_000, "q"), told("1", 3_000), told("3", 5_000), told("gone", 2_000), told("gone", 2_000, "r", "retracted"), told("x", 1, "r", "fired", "B.X"), told("y", 999_999)], "A.X", bars, "1m");
    expect(found).toEqual([{ t: 0, names: ["r", "q"], count: 3 }, { t: MINUTE, names: ["q"], count: 1 }]);
    expect(marks([told("1", 1_000), told("1", 1_000, "r", "retracted")], "A.X", bars, "1m")).toEqual([]);
    expect(found.map(saidOf)).toEqual(["r, q ×3", "q"]);
  });
});

describe("stored alerts", () => {
  it("are kept once, the newest of them, and a retraction beside what it takes back", () => {
    const row = (alert_id: string, state = "fired") => ({ alert_id, state, rule: "r", symbol: "A", venue: "X", ts_event: 0 });
    const known = added([], [row("1"), row("2")], 3);
    expect(added(known, [row("2"), row("2", "retracted"), row("3")], 3).map((each) => [each.alert_id, each.state])).toEqual([["2", "fired"], ["2", "retracted"], ["3", "fired"]]);
  });
});

describe("alerts", () => {
  const noon = Date.UTC(2026, 10, 25, 17), day = 86_400_000;
  const row = (key: number, ms: number) => ({ alert_id: `${key}`, rule: "r", symbol: "A", venue: "X", ts_event: null, ts_recv: new Date(ms).toISOString() });
  it("have no lag where the venue does not say when it was", () => {
    expect(toldOf(row(1, noon))).toMatchObject({ ms: noon, lagMs: NaN });
    expect(toldOf({ ...row(1, noon), ts_event: (noon - 5) * 1e6 }).lagMs).toBe(5);
  });
  it("are the day's number only where the newest that were asked for reach back to its begin", () => {
    const many = Array.from({ length: ASKED }, (_, at) => row(at, noon - at));
    const counted = (stored: typeof many) => ofDay(merged([row(-1, noon)], stored), stored, noon);
    expect(counted(many)).toEqual({ count: ASKED + 1, whole: false });
    expect(counted(many.slice(1))).toEqual({ count: ASKED, whole: true });
    expect(counted([...many.slice(1), row(ASKED, noon - day)])).toEqual({ count: ASKED, whole: true });
    expect(ofDay(merged([row(-1, noon)], []), null, noon)).toEqual({ count: 1, whole: false });
  });
});

describe("a comparison", () => {
  const ours = [bar(0, 100), bar(1000, 110), bar(3000, 121)], others = [bar(500, 20), bar(1000, 10), bar(2000, 11), bar(3000, 9)];
  it("counts both from the first moment at which both had a price", () => {
    const found = compared(ours, others)!;
    expect([found.since, found.base, found.points.map((point) => [point.t, Math.round(point.value)])]).toEqual([500, 100, [[500, 0], [1000, -50], [2000, -45], [3000, -55]]]);
    expect(standing(found, ours, 2500).other).toBeCloseTo(-45);
    expect(standing(found, ours, 2500).ours).toBeCloseTo(10);
    expect(standing(found, ours, 0)).toEqual({ ours: NaN, other: NaN });
  });
  it("has one range for both axes, of what is shown", () => {
    const [low, high] = span(compared(ours, others)!, ours, 1000, 2000)!;
    expect([low, high].map((value) => Math.round(value))).toEqual([-50, 11]);
    expect(span(compared(ours, others)!, ours, 9000, 9999)).toBeNull();
  });
  it("is none of nothing, or of what costs nothing", () => {
    expect([compared([], others), compared(ours, []), compared(ours, [bar(0, 0)])]).toEqual([null, null, null]);
  });
});

describe("measuring", () => {
  const place = (ms: number, price: number) => ({ ms, price });
  it("is a drag, or two clicks between which the end follows", () => {
    const drag = new Measuring();
    drag.press(place(0, 1), 0, 0);
    drag.move(place(5, 2));
    drag.release(50, 0);
    drag.move(place(9, 9));
    expect([drag.follows, drag.stretch]).toEqual([false, { from: place(0, 1), to: place(5, 2) }]);
    const clicks = new Measuring();
    clicks.press(place(0, 1), 10, 10);
    clicks.release(11, 11);
    clicks.move(place(7, 3));
    expect([clicks.follows, clicks.stretch?.to]).toEqual([true, place(7, 3)]);
    clicks.press(place(8, 4), 10, 10);
    clicks.release(10, 10);
    expect([clicks.follows, clicks.stretch]).toEqual([false, { from: place(0, 1), to: place(8, 4) }]);
    clicks.clear();
    expect(clicks.stretch).toBeNull();
  });
  it("goes along the bars by keyboard, and stops at the first", () => {
    const keys = new Measuring(), bars = [bar(0, 10), bar(MINUTE, 11), bar(2 * MINUTE, 12)];
    keys.along(bars, 1);
    expect(reading(keys.stretch!, bars, 2)).toBe("+1.00 · ▲ 9.09% · 1 bar · 60 s");
    keys.along(bars, 9);
    expect(reading(keys.stretch!, bars, 2)).toBe("+2.00 · ▲ 20.00% · 2 bars · 2 m");
  });
  it("says what fell, and that it goes back", () => {
    expect(reading({ from: place(2 * HOUR, 12), to: place(0, 9) }, [bar(0, 9), bar(HOUR, 10), bar(2 * HOUR, 12)], 2)).toBe("−3.00 · ▼ 25.00% · 2 bars · −2 h 0 m");
  });
});
