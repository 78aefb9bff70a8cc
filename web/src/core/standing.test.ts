import { describe, expect, it } from "vitest";
import { kept, merged, ofDay, told } from "./alerts";
import { BookAge, standing } from "./bookage";
import { catchingUp, feedStates, heardAt, origin } from "./feeds";
import * as format from "./format";
import type { Alert, Book, Feed, Status } from "./protocol";
import { parse } from "./route";
import { wayIn } from "./session";

const book = (more: Partial<Book> = {}): Book => ({ id: "X.SIM", state: "live", sequence: 7, bids: [["10", "1"]], asks: [], ...more });

describe("a book", () => {
  it("is as old as its state, and not as the question for it", () => {
    const age = new BookAge();
    expect(age.of(0).ms).toBeNaN();
    age.take(book(), 1_000);
    age.take(book(), 9_000);
    expect(age.of(17_000)).toEqual({ ms: 16_000, atLeast: true }); // it was so when we came
    age.take(book({ sequence: 8 }), 17_500);
    age.take(book({ sequence: 8 }), 18_000);
    expect(age.of(18_500)).toEqual({ ms: 1_000, atLeast: false });
    age.take(null, 0);
    expect(age.of(18_500).ms).toBeNaN();
    age.take(book({ sequence: 8 }), 19_000);
    expect(age.of(19_500)).toEqual({ ms: 500, atLeast: true });
  });
  it("without a number is another when its levels are; with the venue's time, that is its age", () => {
    const age = new BookAge();
    age.take(book({ sequence: null }), 1_000);
    age.take(book({ sequence: null }), 2_000);
    age.take(book({ sequence: null, bids: [["10", "2"]] }), 3_000);
    expect(age.of(4_000)).toEqual({ ms: 1_000, atLeast: false });
    age.take(book({ state: "stale", ts_event: 1_704_110_400e9 }), 1_795_824_000_000);
    expect(age.of(1_795_824_000_000)).toEqual({ ms: 91_713_600_000, atLeast: false });
  });
  it("is live if its feed is, and we hear of both", () => {
    expect(standing(book(), "live", false)).toEqual(["live", "ok"]);
    expect(standing(book(), "stale", false)).toEqual(["feed stale", "warn"]);
    expect(standing(book({ state: "stale" }), "live", false)).toEqual(["stale", "warn"]);
    expect(standing(book(), "live", true)).toEqual(["cut off", "warn"]);
  });
});

describe("the status", () => {
  const status = (more: Partial<Status>): Status => ({ type: "status", t: 0, feed: "waiting", feeds: [], provenance: null, gaps: 0, instruments: 1, stream: 1, conflated: 0, dropped: 0, next: {}, ...more });
  const feed = (more: Partial<Feed>): Feed => ({ feed: "sim-0", source: 0, venue: "SIM", state: "live", age_ms: 0, rows: 1, gaps: 0, provenance: "live", aside: "", delayed: false, conflated: false, ...more });
  it("says how far the server is behind, until it is not", () => {
    expect(catchingUp(null)).toBeNull();
    expect(catchingUp(status({}))).toBeNull();
    expect(catchingUp(status({ ready: false, behind_frames: 3 }))).toBe(3);
    expect(catchingUp(status({ ready: false, behind_frames: 0 }))).toBeNull();
    expect(catchingUp(status({ ready: true, behind_frames: 800_000, feed: "stale" }))).toBe(800_000);
    expect(catchingUp(status({ ready: true, behind_frames: 300, feed: "stale" }))).toBeNull();
    expect(catchingUp(status({ ready: true, behind_frames: 800_000, feed: "live" }))).toBeNull();
  });
  it("takes no feed for a live one", () => {
    const states = feedStates(status({ feeds: [feed({}), feed({ venue: "ASIDE", aside: "flow", state: "down" }), feed({ venue: "OFF", state: "down" })] }));
    expect(["SIM", "ASIDE", "OFF", "GONE"].map(states)).toEqual(["live", "live", "down", "stale"]);
    expect(feedStates(null)("SIM")).toBe("stale");
  });
  it("says when a venue was heard last, by any of its feeds", () => {
    const told = status({ t: 100_000, feeds: [feed({ age_ms: 4_000 }), feed({ feed: "sim-1", age_ms: 9_000 }), feed({ venue: "OTHER" })] });
    expect([heardAt(told, "SIM"), heardAt(told, "OTHER"), heardAt(told, "GONE")]).toEqual([96_000, 100_000, null]);
  });
  it("says where rows without a feed come from", () => {
    expect(origin(null).text).toBe("NO DATA");
    expect(origin(status({})).text).toBe("NO DATA");
    expect(origin(status({ provenance: "replay" }))).toEqual({ kind: "replay", text: "REPLAY" });
    expect(origin(status({ provenance: "live", feeds: [feed({ delayed: true })] })).text).toBe("DELAYED");
  });
});

describe("alerts", () => {
  const one = (key: string, state: string): Alert => ({ alert_id: key, rule: "r", symbol: "X", venue: "SIM", ts_event: "2026-11-27T15:00:00Z", ts_recv: "2026-11-27T15:00:00Z", state, message: state });
  it("that were taken back are not counted, whichever row comes first and from where", () => {
    const fired = one("a", "fired"), back = one("a", "retracted"), other = one("b", "fired");
    for (const [live, stored] of [[[back, fired], [other]], [[fired], [back, other]], [[back], [fired, other]], [[], [fired, back, other]]] as [Alert[], Alert[]][]) {
      const all = merged(live, stored);
      expect(Object.fromEntries(all.map((each) => [each.key, each.state]))).toEqual({ a: "retracted", b: "fired" });
      expect(all.find((each) => each.key === "a")!.sentence).toBe("fired");
      expect(ofDay(all, stored, Date.parse("2026-11-27T16:00:00Z")).count).toBe(1);
    }
  });
});

describe("an alert", () => {
  const one = (more: Partial<Alert>): Alert => ({ alert_id: "a", rule: "gaps", symbol: "X", venue: "SIM", ts_event: null, ts_recv: "2026-11-27T15:00:00Z", ...more });
  it("of a whole source is of no instrument, wherever it comes from", () => {
    expect(told(one({ symbol: "" })).id).toBeNull(); // the store's
    expect(told(one({ symbol: "", instrument: ".SIM" })).id).toBeNull();
    expect(told(one({})).id).toBe("X.SIM");
    expect(told(one({ instrument: "X.SIM" })).id).toBe("X.SIM");
  });
  it("that is told again is the same one, as long as nothing of it is new", () => {
    const before = merged([], [one({}), one({ alert_id: "b" })]);
    const now = kept(before, merged([one({ alert_id: "c" })], [one({}), one({ alert_id: "b", state: "retracted" })]));
    expect(now.map((each) => [each.key, before.includes(each)])).toEqual([["c", false], ["a", true], ["b", false]]);
  });
});

describe("words", () => {
  it("of an address that is cut off in a letter are taken as they stand", () => {
    expect(parse("#/chart/%E0%A4")).toEqual({ page: "chart", symbol: "%E0%A4" });
    expect(parse("#/chart/BRK%2FB.X")).toEqual({ page: "chart", symbol: "BRK/B.X" });
  });
  it("of a small size are its digits", () => {
    expect(["0.00009", "0.00000001", "0.000012345", "0.0000000"].map(format.short)).toEqual(["0.00009", "0.00000001", "0.000012", "0.0000"]);
  });
  it("of the way in lead back to the screen", () => {
    expect(wayIn({ pathname: "/live/", search: "", hash: "#/depth/BTCUSDT.BINANCE" })).toBe("/login?next=/live/#/depth/BTCUSDT.BINANCE");
    expect(wayIn({ pathname: "/history", search: "?a=b&c", hash: "" })).toBe("/login?next=/history%3Fa%3Db%26c");
  });
});
