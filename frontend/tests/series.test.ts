import { describe, expect, it } from "vitest";
import { aggregated, bollinger, choices, ema, lengthOf, rsi } from "../src/chart/series";
import type { CandleRow } from "../src/protocol";

describe("intervals", () => {
  it("are offered where whole candles that are kept make them up", () => {
    expect(choices(["1m", "1h"]).map((one) => `${one.interval} of ${one.from}`)).toEqual([
      "1m of 1m",
      "5m of 1m",
      "15m of 1m",
      "1h of 1h",
      "4h of 1h",
    ]);
    expect(choices(["2m"]).map((one) => one.interval)).toEqual(["2m", "1h", "4h"]);
    expect(choices([])).toEqual([]);
  });
  it("have their length", () => expect([lengthOf("15m"), lengthOf("4h"), lengthOf("1M")]).toEqual([900_000, 14_400_000, 0]));
});

describe("aggregated", () => {
  const rows: CandleRow[] = [
    [240_000, 5, 6, 4, 5, 1],
    [300_000, 5, 9, 5, 8, 2],
    [360_000, 8, 8, 3, 4, 3],
  ];
  it("keeps the first open, the last close, the extremes and the whole volume", () => {
    expect(aggregated(rows, 300_000)).toEqual([
      [0, 5, 6, 4, 5, 1],
      [300_000, 5, 9, 3, 4, 5],
    ]);
  });
  it("changes nothing of what it is given", () => {
    aggregated(rows, 300_000);
    expect(rows[1]).toEqual([300_000, 5, 9, 5, 8, 2]);
  });
});

describe("indicators, by hand", () => {
  it("ema of 3", () => expect(ema([1, 2, 3, 5, 4], 3)).toEqual([null, null, 2, 3.5, 3.75]));
  it("bollinger of 2", () => {
    expect(bollinger([1, 3, 3], 2, 2)).toEqual([null, { middle: 2, upper: 4, lower: 0 }, { middle: 3, upper: 3, lower: 3 }]);
  });
  it("rsi of 2: mean gains 1 and 0.5, mean losses 0 and 0.5, then Wilder's", () => {
    expect(rsi([1, 2, 3, 2], 2)).toEqual([null, null, 100, 50]);
    expect(rsi([1, 1, 1], 2)).toEqual([null, null, 50]);
  });
});
