import { describe, expect, it } from "vitest";
import { ago, brief, bytes, count, duration, number, percent } from "./format";

describe("numbers for people", () => {
  it("have no more digits than they mean", () => {
    expect([number(1234.5), number(12.345), number(1.2345), number(0.12345), number(Number.NaN)]).toEqual(["1,235", "12.3", "1.23", "0.123", "–"]);
    expect([count(60279), brief(60279), brief(7)]).toEqual(["60,279", "60.3K", "7"]);
    expect([bytes(0), bytes(999), bytes(33_197_782), bytes(1e15)]).toEqual(["0 B", "999 B", "33.2 MB", "1000.0 TB"]);
  });

  it("never round a little to nothing, nor nearly all to all", () => {
    expect([percent(0), percent(0.0003), percent(0.00104), percent(0.5894), percent(0.9999), percent(1)]).toEqual(["0 %", "< 0.1 %", "0.1 %", "58.9 %", "> 99.9 %", "100 %"]);
  });

  it("say how long it took", () => {
    expect([duration(5), duration(180), duration(7200), duration(400_000)]).toEqual(["5 s", "3 min", "2 h", "5 d"]);
    expect(ago(0, 60_000)).toBe("60 s ago");
  });
});
