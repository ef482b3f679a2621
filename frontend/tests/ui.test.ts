import { describe, expect, it } from "vitest";
import { problem } from "../src/limits";
import { href, placeOf } from "../src/place";
import { sparkPath } from "../src/ui/sparkline";
import { inSight, sorted } from "../src/ui/sorting";

describe("problem", () => {
  it.each([
    ["5", { min: 1, max: 20, whole: true }, ""],
    ["1.5", { min: 1, max: 20, whole: true }, "Must be a whole number from 1 to 20."],
    ["21", { min: 1, max: 20, whole: true }, "Must be a whole number from 1 to 20."],
    ["0", { above: 0 }, "Must be a number above 0."],
    ["0,5", { above: 0 }, ""],
    ["abc", { above: 0 }, "Must be a number above 0."],
    ["Infinity", {}, "Must be a number."],
    [" ", {}, ""],
    [" ", { required: true }, "Needed."],
  ])("of %j within %j", (text, limits, said) => expect(problem(text, limits)).toBe(said));
});

describe("pages", () => {
  it.each(["", "#", "#/", "#/nowhere", "#/desk"])("%j is the desk", (hash) => expect(placeOf(hash).page).toBe("desk"));
  it("an address keeps what a page is asked for", () => {
    expect(placeOf(href("why", { id: "a:1 b", symbol: "BTCUSDT" }))).toEqual({ page: "why", query: { id: "a:1 b", symbol: "BTCUSDT" } });
  });
});

describe("rows", () => {
  const rows = [{ n: 2 }, { n: null }, { n: 10 }, { n: -1 }];
  it("are sorted as numbers, those without a value last either way", () => {
    expect(sorted(rows, (row) => row.n, false).map((row) => row.n)).toEqual([-1, 2, 10, null]);
    expect(sorted(rows, (row) => row.n, true).map((row) => row.n)).toEqual([10, 2, -1, null]);
  });
  it("are drawn only near what is in sight", () => {
    expect(inSight(10_000, 32, 3200, 640)).toEqual({ from: 92, to: 128 });
    expect(inSight(5, 32, 0, 640)).toEqual({ from: 0, to: 5 });
    expect(inSight(5, 32, 90_000, 640)).toEqual({ from: 5, to: 5 });
  });
});

describe("sparkPath", () => {
  it("goes from left to right, the lowest value at the bottom", () => {
    expect(sparkPath([1, 3, 2], 20, 12)).toBe("M0.0 11.0L10.0 1.0L20.0 6.0");
  });
  it("needs two values", () => expect(sparkPath([1], 20, 12)).toBe(""));
});
