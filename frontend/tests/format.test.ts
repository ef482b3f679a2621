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

  it("durations", () => {
    expect([show.duration(42), show.duration(3700), show.duration(90_000), show.duration(-1)]).toEqual([
      "42 s",
      "1 h 1 min",
      "1 d 1 h",
      "–",
    ]);
  });
});
