import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { bind, listen } from "./keys";

describe("keys", () => {
  let page: EventTarget, now: number, pressed: number | undefined, done: (() => void)[];
  const heard: string[] = [];
  const press = (key: string, more: object = {}): boolean => {
    const event = Object.assign(new Event("keydown", { cancelable: true }), { key, ...more });
    return page.dispatchEvent(Object.defineProperty(event, "timeStamp", { value: pressed ?? now }));
  };

  beforeEach(() => {
    page = new EventTarget();
    now = 5;
    pressed = undefined;
    heard.length = 0;
    vi.stubGlobal("document", page);
    vi.stubGlobal("HTMLElement", class {});
    vi.stubGlobal("HTMLButtonElement", class {});
    vi.spyOn(performance, "now").mockImplementation(() => now);
    done = [listen(), bind(Object.fromEntries(["?", "m", "g m"].map((key) => [key, () => void heard.push(key)])))];
  });
  afterEach(() => {
    for (const end of done) end();
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
  });

  it("are heard from the first millisecond of a page", () => {
    press("?");
    expect(heard).toEqual(["?"]);
  });

  it("follow a g for 1.2 seconds, and only the next one does", () => {
    press("g");
    now += 1_199;
    press("m");
    press("m");
    press("g");
    now += 1_200;
    press("m");
    expect(heard).toEqual(["g m", "m", "m"]);
  });

  it("follow a g by when they were pressed, however late a busy page hears them", () => {
    press("g");
    pressed = now + 200;
    now += 5_000;
    press("m");
    expect(heard).toEqual(["g m"]);
  });

  it("go to the newest layer first, and to none with a modifier held", () => {
    const end = bind({ "?": () => void heard.push("newer") });
    press("?");
    end();
    press("?");
    press("?", { ctrlKey: true });
    expect(heard).toEqual(["newer", "?"]);
  });
});
