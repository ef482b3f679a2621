import { describe, expect, it } from "vitest";
import * as show from "../src/format";

describe("numbers for people", () => {
  it.each([
    [97012.37, "97,012.37"],
    [2.4512, "2.4512"],
    [0.00001234, "0.00001234"],
    [Number.NaN, "–"],
    [undefined, "–"],
    [null, "–"],
  ])("price(%s)", (value, text) => expect(show.price(value)).toBe(text));

  it.each([
    [12.345, "+12.35"],
    [-0.5, "−0.50"],
    [-0.001, "0.00"],
    [0, "0.00"],
    [Infinity, "–"],
  ])("signed(%s)", (value, text) => expect(show.signed(value)).toBe(text));

  it.each([
    ["1,000.5", "1000.5"],
    ["1,000", "1000"],
    ["0,5", "0.5"],
    ["0,500", "0.500"],
    ["12,5", "12.5"],
    ["1 000", "1000"],
    ["1,000,000", "1000000"],
    ["  ", undefined],
    ["abc", "abc"], // the hub says what is wrong with it
  ])("typed(%s)", (text, plain) => expect(show.typed(text)).toBe(plain));

  it("shares are whole percents", () => {
    expect([show.wholePercent(0.5333), show.wholePercent(1), show.wholePercent(null)]).toEqual(["53", "100", "–"]);
  });

  it("prices for inputs hold no separators", () => {
    expect([show.plainPrice(67744.678), show.plainPrice(1.5199), show.plainPrice(undefined)]).toEqual(["67744.68", "1.5199", ""]);
  });

  it("costs show hundredths of a cent", () => {
    expect([show.cost(0.0166), show.cost(50), show.cost(0), show.cost(null)]).toEqual(["$0.0166", "$50.00", "$0.00", "–"]);
  });

  it("durations", () => {
    expect([show.duration(42), show.duration(3700), show.duration(90_000), show.duration(-1)]).toEqual([
      "42 s",
      "1 h 1 min",
      "1 d 1 h",
      "–",
    ]);
  });
});
