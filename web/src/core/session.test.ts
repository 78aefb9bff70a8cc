import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

/** A WebSocket that a test opens and closes. */
class Socket {
  static OPEN = 1;
  static made: Socket[] = [];
  readyState = 0;
  onopen: (() => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  constructor() {
    Socket.made.push(this);
  }
  send(): void {}
  close(): void {}
}

describe("without a session", () => {
  let status: number, asked: string[];
  beforeEach(() => {
    vi.useFakeTimers();
    vi.resetModules(); // that it is over is known for as long as the page is open
    status = 401;
    asked = [];
    Socket.made = [];
    vi.stubGlobal("fetch", async (path: string) => (asked.push(path), { ok: status === 200, status, json: async () => ({ detail: "this needs a key" }) }));
    vi.stubGlobal("document", { hidden: false });
    vi.stubGlobal("window", globalThis);
    vi.stubGlobal("WebSocket", Socket);
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it("nothing is asked again", async () => {
    const { get, poll } = await import("./rest");
    const { sql } = await import("./asked");
    const failed: string[] = [];
    const stop = poll(250, () => get("book/X"), () => undefined, (error) => failed.push(error.message));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(asked).toEqual(["/api/v1/book/X"]);
    expect(failed).toEqual(["this needs a key"]);
    await expect(get("feeds")).rejects.toMatchObject({ status: 401 });
    await expect(sql("select 1")).rejects.toMatchObject({ status: 401 });
    expect(asked.length).toBe(1);
    stop();
  });

  it("no socket is opened again, though the server tells a page of a refused one nothing", async () => {
    const { Line } = await import("./line");
    const line = new Line("ws://x/ws/realtime", () => undefined);
    Socket.made[0]!.onclose!({ code: 1006 });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked).toEqual(["/api/v1/feeds"]);
    expect(line.state).toBe("refused");
    expect(Socket.made.length).toBe(1);
    line.close();
  });

  it("one that was open ends; and a server that only went away is looked for", async () => {
    const { Line } = await import("./line");
    const ended = new Line("ws://x/ws/realtime", () => undefined);
    Socket.made[0]!.onopen!();
    status = 200;
    Socket.made[0]!.onclose!({ code: 1012 });
    await vi.advanceTimersByTimeAsync(600);
    expect([asked.length, Socket.made.length, ended.state]).toEqual([0, 2, "connecting"]);
    Socket.made[1]!.onopen!();
    status = 401;
    Socket.made[1]!.onclose!({ code: 1008 });
    await vi.advanceTimersByTimeAsync(60_000);
    expect([asked.length, Socket.made.length, ended.state]).toEqual([1, 2, "refused"]);
    ended.close();
  });

  it("a server that does not answer is said to be that", async () => {
    vi.stubGlobal("fetch", async () => { throw new TypeError("Failed to fetch"); });
    const { get } = await import("./rest");
    await expect(get("feeds")).rejects.toThrow("the server does not answer");
  });
});
