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
});
