import { describe, expect, it } from "vitest";
import { gainAt, levelProblem, levelsOf, withLevels } from "../src/chart/position_levels";
import { estimated, stepped, type Terms, walk, type Wanted } from "../src/estimate";
import type { Position } from "../src/protocol";

const ASKS = [
  [100, 1],
  [101, 2],
] as const;

describe("walk", () => {
  it("takes the best levels first", () => expect(walk(ASKS, { amount: 2 })).toEqual({ amount: 2, value: 201, mean: 100.5, whole: true }));
  it("spends a value", () => expect(walk(ASKS, { value: 201 })).toEqual({ amount: 2, value: 201, mean: 100.5, whole: true }));
  it("says when the levels are not enough", () => {
    expect(walk(ASKS, { amount: 4 })).toEqual({ amount: 4, value: 403, mean: 100.75, whole: false });
  });
  it("takes all there is", () => expect(walk(ASKS, { amount: 3 })?.whole).toBe(true));
  it("knows nothing of an empty book", () => expect(walk([], { amount: 1 })).toBeNull());
});

it("quantities are whole steps, rounded down", () => {
  expect([stepped(0.123456, 0.001), stepped(0.3, 0.1), stepped(5, null), stepped(1.9, 1)]).toEqual([0.123, 0.3, 5, 1]);
});

describe("estimated", () => {
  const terms: Terms = {
    taker_fee: 0.001,
    maker_fee: 0.0005,
    fallback_slippage_bps: 5,
    step_size: 0.1,
    min_notional: 5,
    bids: [[99, 10]],
    asks: ASKS,
  };
  const wanted: Wanted = { side: "buy", kind: "market", size: 2, unit: "base", price: 0, leverage: 2 };

  it("of a market order walks the book", () => {
    const found = estimated(wanted, terms, 100);
    expect(found).toEqual({ price: 100.5, amount: 2, value: 201, fee: 0.201, margin: 100.5, slippageBps: expect.closeTo(50), source: "book" });
  });
  it("of a sale counts what is worse as slippage too", () => {
    expect(estimated({ ...wanted, side: "sell" }, terms, 100)?.slippageBps).toBeCloseTo(100);
  });
  it("without a book slips as the desk would", () => {
    const found = estimated(wanted, { ...terms, asks: [] }, 100);
    expect([found?.price, found?.source]).toEqual([expect.closeTo(100.05), "quote"]);
  });
  it("of a limit order is at its price and pays the maker's fee", () => {
    const found = estimated({ ...wanted, kind: "limit", price: 90 }, terms, 100);
    expect([found?.price, found?.fee, found?.source]).toEqual([90, expect.closeTo(0.09), "order"]);
  });
  it.each([{ size: 0 }, { leverage: Number.NaN }, { kind: "stop" as const }])("is not there for %j", (part) => {
    expect(estimated({ ...wanted, ...part }, terms, 100)).toBeNull();
  });
});

describe("levels", () => {
  const long = {
    direction: "long",
    amount: 2,
    entry_price: 100,
    stop_loss: 90,
    take_profit: null,
    trailing_stop: 95,
    leverage: 1,
    liquidation_price: 1,
  } as Position;
  it("are those that are set", () => expect(levelsOf(long).map((level) => level.name)).toEqual(["entry", "trailing_stop", "stop_loss"]));
  it("say what reaching them gains", () => expect([gainAt(long, 90), gainAt({ ...long, direction: "short" }, 90)]).toEqual([-20, 20]));
  it("are kept in sight where they are near", () => {
    expect(withLevels({ minValue: 100, maxValue: 110 }, [95, 121, 105])).toEqual({ minValue: 95, maxValue: 110 });
  });
  it("stay on their side of the price", () => {
    expect(levelProblem(long, "stop_loss", 99, 100)).toBe("");
    expect(levelProblem(long, "stop_loss", 100, 100)).toContain("must be below");
    expect(levelProblem({ ...long, direction: "short" }, "take_profit", 101, 100)).toContain("must be below");
    expect(levelProblem(long, "take_profit", Number.NaN, 100)).toContain("above 0");
  });
});
