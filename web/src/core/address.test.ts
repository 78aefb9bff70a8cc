import { afterEach, describe, expect, it, vi } from "vitest";
import { meant } from "./address";
import { BarFeed } from "./barfeed";
import { follow } from "./books";
import type { Terminal } from "./terminal";

describe("the word of an address", () => {
  const ids = ["BTCUSDT.BINANCE", "BTC-USD.COINBASE", "BTC-USD.KRAKEN", "BRK.B.YAHOO", "B.X", "b.x"];
  it("is an id, an id in other letters, or a symbol, and then of each venue that has it", () => {
    expect(meant(ids, "BTCUSDT.BINANCE")).toEqual(["BTCUSDT.BINANCE"]);
    expect(meant(ids, "btcusdt.binance")).toEqual(["BTCUSDT.BINANCE"]);
    expect(meant(ids, "btcusdt")).toEqual(["BTCUSDT.BINANCE"]);
    expect(meant(ids, "BRK.B")).toEqual(["BRK.B.YAHOO"]);
    expect(meant(ids, "btc-usd")).toEqual(["BTC-USD.COINBASE", "BTC-USD.KRAKEN"]);
    expect(meant(ids, "b.x")).toEqual(["b.x"]);
    expect([meant(ids, "NOPE"), meant(ids, "BTCUSDT.KRAKEN"), meant([], "B.X")]).toEqual([[], [], []]);
  });
});

describe("a name that nobody here knows", () => {
  afterEach(() => void (vi.useRealTimers(), vi.unstubAllGlobals()));
  /** A server that knows no instrument, and a board that learns of one when a test says so. */
  function nowhere(status: number): { asked: string[]; place: Map<string, number>; terminal: Terminal } {
    vi.useFakeTimers();
    const asked: string[] = [], place = new Map([["OTHER.X", 0]]);
    vi.stubGlobal("window", globalThis);
    vi.stubGlobal("document", { hidden: false });
    vi.stubGlobal("fetch", async (path: string) => (asked.push(path.split("?")[0]!), { ok: false, status, json: async () => ({ detail: "no instrument 'NOPE.X' has been seen" }) }));
    const silent = (): (() => void) => () => undefined;
    const terminal = { isFrozen: false, now: () => Date.now(), tape: { prints: [] }, market: { place }, isKnown: () => place.has("NOPE.X"), onTrades: silent, onLost: silent, onBook: silent };
    return { asked, place, terminal: terminal as unknown as Terminal };
  }

  it.each([404, 422])("is asked for once, after %i, until the board tells of it", async (status) => {
    const { asked, place, terminal } = nowhere(status);
    const said: (string | undefined)[] = [];
    const feed = new BarFeed(terminal, "NOPE.X", "1s", () => undefined, (trouble) => said.push(trouble?.sentence));
    const stop = follow(terminal, "NOPE.X", () => undefined, (sentence) => said.push(sentence));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked).toEqual(["/api/v1/history", "/api/v1/book/NOPE.X"]);
    expect(said).toEqual(["no instrument 'NOPE.X' has been seen", "no instrument 'NOPE.X' has been seen"]);
    place.set("NOPE.X", 1);
    await vi.advanceTimersByTimeAsync(12_000);
    expect([asked.includes("/api/v1/history", 2), asked.filter((path) => path === "/api/v1/book/NOPE.X").length]).toEqual([true, 3]); // a book's absence is asked for seldom
    feed.close();
    stop();
  });
});
