import { describe, expect, it } from "vitest";
import { hatching, placed } from "./hatch";

describe("a gap", () => {
  // Bars each minute from 0 to 240 s, seven pixels wide, but for that of 120 s, which the axis has not.
  const slots = [0, 60, 180, 240], axis = (seconds: number): number | null => (slots.includes(seconds) ? 100 + 7 * slots.indexOf(seconds) : null);
  const at = (seconds: number): number | null => placed(seconds, slots, 60, 7, axis);
  it("is where its bars are, or would be before the first and after the newest", () => {
    expect([0, 60, 240].map(at)).toEqual([100, 107, 121]);
    expect([-60, 300, 600].map(at)).toEqual([93, 128, 163]);
  });
  it("is at the bar before where time without a trade has no width", () => {
    expect(at(120)).toBe(107);
  });
  it("is nowhere without a bar", () => {
    expect(placed(120, [], 60, 7, axis)).toBeNull();
  });
  it("is as wide as what it touches, and seen from where the pane begins to where it ends", () => {
    expect(hatching(20, 34, 100, 8, 200)).toEqual([16, 38]);
    expect(hatching(-5000, 34, 100, 8, 200)).toEqual([-1, 38]);
    expect(hatching(100, 9000, 100, 8, 200)).toEqual([96, 201]);
    expect(hatching(-90, -80, 100, 8, 200)).toBeNull();
  });
  it("that goes on is seen at the edge while the newest bar is, and not in the past", () => {
    expect(hatching(1800, 2000, 168, 8, 200)).toEqual([176, 201]);
    expect(hatching(1800, 2000, 196, 8, 200)).toEqual([200, 201]);
    expect(hatching(1800, 2000, 208, 8, 200)).toBeNull();
  });
});
