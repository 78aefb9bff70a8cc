import { describe, expect, it } from "vitest";
import { Market, SPARK } from "./market";
import { points } from "./spark";

describe("a row's line of prices", () => {
  it("ends at the right edge, the highest price at the top, and fills the width from twelve prices on", () => {
    expect(points([1, 3])).toBe("54.7,14.0 60.0,2.0");
    expect(points([5, 5, 5])).toBe("49.5,8.0 54.7,8.0 60.0,8.0");
    expect(points(Array.from({ length: SPARK }, (_, at) => at)).split(" ")[0]).toBe("2.0,14.0");
    expect([points([]), points([7])]).toEqual(["", ""]);
  });
  it("is of the newest prices, oldest first, without those that were not known", () => {
    const market = new Market(), at = 0;
    for (let price = 1; price <= SPARK + 5; price++) {
      if (price > 3) market.take([{ id: "A.X", price: String(price) }]);
      market.sample();
    }
    expect(market.lately(at)).toEqual(Array.from({ length: SPARK }, (_, back) => back + 6));
    const young = new Market();
    young.take([{ id: "A.X" }]);
    young.sample();
    young.take([{ id: "A.X", price: "4" }]);
    young.sample();
    expect(young.lately(0)).toEqual([4]);
  });
  it("begins with what was before the page noted anything, each price where it was then", () => {
    const market = new Market(), now = 1_000_000_000;
    market.take([{ id: "A.X", price: "9" }, { id: "B.X", price: "1" }]);
    market.sample();
    const ago = (s: number): number => now - s * 1000;
    market.recall(new Map([["A.X", [[ago(400), 4], [ago(40), 5], [ago(22), 6], [ago(20), 7], [ago(1), 8]]], ["NEW.X", [[ago(9), 3]]]]), now);
    expect(market.lately(0)).toEqual([...Array<number>(52).fill(4), ...Array<number>(4).fill(5), 7, 7, 7, 9]);
    expect(market.lately(1)).toEqual([1]);
    market.take([{ id: "B.X", price: "2" }, { id: "NEW.X", price: "3" }]);
    market.sample();
    expect([market.lately(0).at(-1), market.lately(0).length, market.lately(1), market.lately(2)]).toEqual([9, SPARK, [1, 2], [3]]);
  });
  it("has its own prices where it has noted for five minutes before the store answers", () => {
    const market = new Market();
    market.take([{ id: "A.X", price: "9" }]);
    for (let count = 0; count < SPARK; count++) market.sample();
    market.recall(new Map([["A.X", [[0, 4]]]]), 1_000_000);
    expect(new Set(market.lately(0))).toEqual(new Set([9]));
  });
});
